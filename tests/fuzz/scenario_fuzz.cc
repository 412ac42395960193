// links: tacoma_plan tacoma_base
// Any bytes as a scenario: read or refused with at least one sentence, never thrown, never without an end. The first line may be a
// --set assignment.
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/assert.h"
#include "loadgen/plan/draw_plan.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 8192) return 0;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> sets;
  if (text.rfind("#set ", 0) == 0) sets.emplace_back(text.substr(5, text.find('\n') == std::string_view::npos ? text.size() : text.find('\n') - 5));
  const auto scenario = tacoma::read_scenario(text, "fuzz.yaml", sets);
  if (!scenario) {
    TACOMA_ASSERT(!scenario.error().empty() && scenario.error().size() <= tacoma::kMaxScenarioErrors + 1);
    return 0;
  }
  // Only small plans: the fuzzer looks for wrong reading, and large plans are slow by intention.
  uint64_t people = 0;
  for (const auto& conference : scenario->conferences)
    for (const auto& group : conference.people) people += uint64_t{conference.count} * group.count;
  if (people <= 50 && scenario->duration <= tacoma::Duration::seconds(600)) TACOMA_ASSERT(tacoma::draw_plan(*scenario).people.size() == people);
  return 0;
}
