// Inside of scenario.cc: walks the tree, collects errors with their places, fills a Scenario.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/plan/metrics.h"
#include "loadgen/plan/scenario.h"
#include "loadgen/plan/text_values.h"
#include "loadgen/plan/yaml_tree.h"

namespace tacoma {

/// Error places and typed reading of single values. After the first error of a value its default stands, so that the rest can
/// still be read and all errors are told at once.
class ScenarioReader {
 public:
  ScenarioReader(std::string_view file, const std::vector<std::string>& sets) : file_(file), sets_(sets) {}
  Result<Scenario, ScenarioErrors> read(std::string_view text);

 private:
  using Keys = std::vector<std::string>;

  // Errors.
  std::string where(const YamlPlace& place) const;
  void error(const YamlPlace& place, const std::string& message);

  // Values. Each reports under the name `what` and returns false (leaving `out`) when it cannot be read.
  bool is_map(const YamlNode& node, const std::string& what, const Keys& keys);
  bool is_list(const YamlNode& node, const std::string& what);
  bool scalar(const YamlNode& node, const std::string& what, std::string& out);
  template <typename T>
  bool value(const YamlNode* node, const std::string& what, Result<T> (*parse)(std::string_view), T& out);
  bool duration(const YamlNode* node, const std::string& what, Duration& out);
  bool moment(const YamlNode* node, const std::string& what, Instant& out);  // within the run
  bool whole(const YamlNode* node, const std::string& what, uint64_t low, uint64_t high, uint64_t& out);
  bool flag(const YamlNode* node, const std::string& what, bool& out);
  bool name(const YamlNode* node, const std::string& what, std::string& out);
  bool one_of(const YamlNode* node, const std::string& what, const Keys& words, std::string& out);
  bool region(const YamlNode* node, const std::string& what, uint32_t& out);
  /// Iterates the items of a list node, or the one map that stands in its place.
  void each_item(const YamlNode* node, const std::string& what, size_t most,
      const std::function<void(const YamlNode&, size_t)>& visit);

  // Sections.
  void read_top(const YamlNode& root);
  void read_regions(const YamlNode* node);
  void read_sites(const YamlNode* node);
  void read_access(const YamlNode* node);
  void read_traffic(const YamlNode* node);
  void read_flow(const YamlNode& item, size_t index);
  bool read_flow_end(const YamlNode* node, const std::string& what, uint32_t& access, uint32_t& region);
  void read_fair(const YamlNode* node, const std::string& what, ConferenceSpec& conference);
  void check_courses(const YamlNode& root);
  void read_bridges(const YamlNode* node);
  /// `signalling: prosody`: the people log in to a running Prosody, that of the deployment.
  static bool is_prosody(const YamlNode* node) { return node && node->kind == YamlNode::Kind::scalar && node->scalar == "prosody"; }
  void read_signalling(const YamlNode& root);
  void read_deployment(const YamlNode& root);
  void check_deployment(const YamlNode& root);
  void read_conferences(const YamlNode* node);
  void read_group(const YamlNode& node, ConferenceSpec& conference, bool is_first);
  void read_sends(const YamlNode* node, const std::string& what, GroupSpec& group);
  void read_video(const YamlNode& node, const std::string& what, const char* map, VideoFormat& video);
  void read_audio(const YamlNode* node, const std::string& what, GroupSpec& group);
  void read_priority(const YamlNode* node, const std::string& what, GroupSpec& group);
  void read_encryption(const YamlNode& node, const std::string& what, std::string& password);
  void read_pauses(const YamlNode* node, const std::string& what, GroupSpec& group);
  void read_screen(const YamlNode& node, const std::string& what, GroupSpec& group);
  void read_view(const YamlNode& node, const std::string& what, GroupSpec& group);
  void check_red(const YamlNode& people, const ConferenceSpec& conference);
  void check_pinned(const YamlNode& people, const ConferenceSpec& conference);
  void read_joins(const YamlNode* node, const std::string& what, uint64_t people, JoinsSpec& joins);
  void read_leaves(const YamlNode* node, const std::string& what, GroupSpec& group);
  void read_talk(const YamlNode* node, const std::string& what, ConferenceSpec& conference);
  void read_events(const YamlNode* node);
  void read_event(const YamlNode& node);
  void read_expectations(const YamlNode* node);
  void read_expectation(const YamlNode& node);

  // Links. A patch holds what was written; applying it to a base gives the link.
  /// `map` is "access", "link" or "set", which decides about the keys.
  void read_link(const YamlNode& node, const std::string& what, const char* map, LinkPatch& up, LinkPatch& down);
  void read_direction(const YamlNode& node, const std::string& what, bool may_set_disc, LinkPatch& out);
  void read_shared(const YamlNode& node, const std::string& what, bool may_set_disc, LinkPatch& out);
  void read_schedule(const YamlNode& node, const std::string& what, LinkPatch& out);
  /// A map of moments to rates, ascending.
  bool read_rates(const YamlNode& node, const std::string& what, std::vector<std::pair<Instant, DataRate>>& out);
  void read_trace(const YamlNode& node, const std::string& what, LinkPatch& out);
  bool site(const YamlNode* node, const std::string& what, std::optional<uint32_t>& out);
  void check_site_region(const YamlNode& node, const std::string& what, const AccessProfile& link, std::optional<uint32_t> region);
  void read_wifi(const YamlNode& node, const std::string& what, WifiCell& out);
  void read_bursts(const YamlNode& node, const std::string& what, LinkPatch& out);
  void read_bridge_link(const YamlNode& node, const std::string& what, BridgeSpec& bridge);

  const YamlNode* find_subject(const std::string& subject) const;
  std::vector<std::string> subjects() const;
  /// Whom a subject addresses, as a number of people; 0 when nothing is called so.
  uint64_t people_of(const std::string& subject) const;
  std::string describe_patch(const YamlNode& set) const;

  std::string file_;
  const std::vector<std::string>& sets_;
  ScenarioErrors errors_;
  size_t suppressed_ = 0;
  Scenario scenario_;
  bool has_duration_ = false;
};

/// The item of a list of named things, or nullptr.
template <typename T>
const T* named(const std::vector<T>& all, const std::string& name) {
  for (const T& one : all)
    if (one.name == name) return &one;
  return nullptr;
}
template <typename T>
std::vector<std::string> names_of(const std::vector<T>& all) {
  std::vector<std::string> names;
  for (const T& one : all) names.push_back(one.name);
  return names;
}

/// What a bridge and the signalling stand behind where nothing is said.
AccessProfile server_link();

/// The keys of one map of the language.
const std::vector<std::string>& keys_of(const char* map);

/// "join_time.p95 in standup/far < 2s"; fails with what is wrong.
Result<Expectation> parse_expectation(std::string_view text, const std::function<bool(const std::string&)>& is_subject,
                                      const std::vector<std::string>& subjects);

}  // namespace tacoma
