// Whole-run figures of adaptation, from a run's database: what people were shown of what they asked for, and how rates moved.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

struct sqlite3;

namespace tacoma {

/// Of each person that has one: the values that the distributions of docs/results.md are made of, by metric.
using PersonValues = std::map<std::string, std::map<int64_t, double>>;
/// False when the database cannot be read. `end`: how far the run got, in nanoseconds.
bool load_layer_values(sqlite3* db, int64_t end, PersonValues& out);

}  // namespace tacoma
