// The reader, the schema for editors and the documentation know the same keys; the scenarios that we ship are read.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "loadgen/plan/draw_plan.h"
#include "loadgen/plan/metrics.h"
#include "loadgen/plan/text_values.h"
#include "tests/support/files.h"

using namespace tacoma;

namespace {

using test::text_of;

}  // namespace

TEST_CASE("the schema for editors has the keys that the reader takes, and no others") {
  const auto schema = nlohmann::json::parse(text_of("scenarios/schema.json"));
  for (const KeySet& set : scenario_keys()) {
    CAPTURE(set.map);
    const auto& map = set.map == "scenario" ? schema : schema["$defs"][set.map];
    REQUIRE(map.is_object());
    CHECK(map["additionalProperties"] == false);
    std::vector<std::string> in_schema, in_reader = set.keys;
    for (const auto& [key, value] : map["properties"].items()) in_schema.push_back(key);
    std::sort(in_reader.begin(), in_reader.end());
    CHECK(in_schema == in_reader);
  }
}

TEST_CASE("every key, profile and metric is documented") {
  const std::string language = text_of("docs/scenario.md"), results = text_of("docs/results.md");
  for (const KeySet& set : scenario_keys())
    for (const std::string& key : set.keys) {
      CAPTURE(set.map, key);
      CHECK((language.find("`" + key + "`") != std::string::npos || language.find("`" + key + ":") != std::string::npos ||
             language.find(" " + key + ":") != std::string::npos));
    }
  for (const AccessProfile& profile : built_in_access()) CHECK(language.find("| `" + profile.name + "` |") != std::string::npos);
  for (const MetricKind& kind : metric_kinds()) {
    CAPTURE(kind.name);
    const std::string name = kind.name;
    CHECK(results.find(name.rfind("join_", 0) == 0 && name != "join_time" ? "`join_<step>`" : "`" + name +
        "`") != std::string::npos);
  }
}

TEST_CASE("every scenario that we ship is read, has an about line and something to expect") {
  size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("scenarios")) {
    if (entry.path().extension() != ".yaml") continue;
    CAPTURE(entry.path().string());
    const auto scenario = read_scenario_file(entry.path().string());
    if (!scenario) FAIL(list_of(scenario.error(), "\n"));
    CHECK((scenario->name == entry.path().stem() || scenario->name == entry.path().parent_path().filename().string() + "-" + entry.path().stem().string()));
    CHECK_FALSE(scenario->about.empty());
    CHECK_FALSE(scenario->expectations.empty());
    CHECK_FALSE(draw_plan(*scenario).people.empty());
    ++count;
  }
  CHECK(count >= 15);
}
