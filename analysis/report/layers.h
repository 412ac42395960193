// Who was shown which layer of whom, and why: the data of the report's chart.
#pragma once

#include <nlohmann/json.hpp>

#include "analysis/read/run.h"

namespace tacoma::analysis {

/// A row for each pair in Run::layers: {"viewer", "sender", "pieces": [[from bin, to bin, state, lines, sentence]]}. `state` is one of
/// the letters of kLayerStates.
nlohmann::json layers_json(const Run& run);

/// a: as asked for; l: fewer lines; h: held back by the bridge; n: not asked for.
inline constexpr const char* kLayerStates = "alhn";

}  // namespace tacoma::analysis
