// Scenario + seed -> Plan. Every person, turn and event draws from a generator split off by name, so that one more person
// does not shift what the others draw.
#pragma once

#include <string>

#include "loadgen/plan/plan.h"
#include "loadgen/plan/scenario.h"

namespace tacoma {

/// Draws the plan. Hosts stand in this order: router, focus, bridges, people.
Plan draw_plan(const Scenario& scenario);

/// The plan as text, one line a fact, for golden tests and for people (`tacoma validate --plan`).
std::string describe(const Plan& plan);

}  // namespace tacoma
