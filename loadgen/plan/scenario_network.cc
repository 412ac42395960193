// The network of a scenario: sites, access profiles, links that change by themselves, traffic beside the meetings.
#include <algorithm>
#include <filesystem>

#include "loadgen/plan/scenario_reader.h"

namespace tacoma {
namespace {

// Puts what was written over a profile's link: a rate that stands still ends what the profile it is like does over time.
void put_patch(const LinkPatch& patch, LinkConfig& link, std::shared_ptr<const LinkCourse>& course) {
  link = apply(patch, link);
  if (patch.course) {
    course = patch.course;
    link.trace = nullptr;
  } else if (patch.rate || patch.trace) {
    course = nullptr;
  }
}

void put_patches(const LinkPatch& up, const LinkPatch& down, AccessProfile& profile) {
  put_patch(up, profile.up, profile.up_course);
  put_patch(down, profile.down, profile.down_course);
}

uint64_t steps_within(const std::shared_ptr<const LinkCourse>& course, Duration length) {
  if (!course) return 0;
  const uint64_t rounds = course->period > Duration::zero() ? static_cast<uint64_t>(length / course->period) + 1 : 1;
  return rounds * course->steps.size();
}

YamlNode as_scalar(const YamlNode& map, size_t i) {
  YamlNode key;
  key.kind = YamlNode::Kind::scalar;
  key.place = map.key_places[i];
  key.scalar = map.keys[i];
  return key;
}

}  // namespace

AccessProfile server_link() {
  LinkConfig link;
  link.rate = DataRate::mbps(1000);
  link.delay = Duration::microseconds(200);
  link.queue = Duration::milliseconds(100);
  return {"link", link, link};
}

void ScenarioReader::read_sites(const YamlNode* node) {
  if (!node || node->kind == YamlNode::Kind::null || !is_map(*node, "sites", {})) return;
  if (node->keys.size() > kMaxSites) return error(node->place, "sites: at most " + std::to_string(kMaxSites) + " are allowed");
  for (size_t i = 0; i < node->keys.size(); ++i) {
    const YamlNode key = as_scalar(*node, i);
    SiteSpec made;
    made.link.name = node->keys[i];
    if (name(&key, "sites", made.link.name) && made.link.name == "none") error(key.place, "sites: 'none' is a word of the language, not a name");
    const std::string what = "sites." + made.link.name;
    LinkPatch up, down;
    read_link(node->items[i], what, "site", up, down);
    put_patches(up, down, made.link);
    if (const YamlNode* where = node->items[i].find("region")) region(where, what + ".region", made.region);
    else if (scenario_.regions.size() > 1) error(key.place, what + ": 'region' is missing; regions are: " + list_of(scenario_.regions));
    if (const YamlNode* behind = node->items[i].find("behind"); behind && site(behind, what + ".behind", made.behind) && made.behind) {
      if (scenario_.sites[*made.behind].wifi) error(behind->place, what + ".behind: a site with Wi-Fi holds people only");
      if (scenario_.sites[*made.behind].region != made.region) error(behind->place, what + ".behind: stands in another region");
      uint32_t depth = 1;
      for (std::optional<uint32_t> next = made.behind; next; next = scenario_.sites[*next].behind) ++depth;
      if (depth > 8) error(behind->place, what + ".behind: more than 8 sites, one behind the other");
    }
    if (const YamlNode* wifi = node->items[i].find("wifi")) {
      if (scenario_.ip == IpFamily::v6) error(wifi->place, what + ".wifi: carries IPv4 only, and this scenario says 'ip: v6'");
      read_wifi(*wifi, what + ".wifi", made.wifi.emplace());
    }
    scenario_.sites.push_back(std::move(made));
  }
}

void ScenarioReader::read_wifi(const YamlNode& node, const std::string& what, WifiCell& out) {
  if (!is_map(node, what, keys_of("wifi"))) return;
  uint64_t number = out.mcs;
  if (whole(node.find("mcs"), what + ".mcs", 0, WifiCell::kHighestMcs, number)) out.mcs = static_cast<uint8_t>(number);
  number = static_cast<uint64_t>(out.distance);
  if (whole(node.find("distance"), what + ".distance", 1, static_cast<uint64_t>(WifiCell::kLargestDistance), number)) out.distance = static_cast<double>(number);
  flag(node.find("aggregation"), what + ".aggregation", out.aggregation);
  Duration queue;
  if (const YamlNode* time = node.find("queue"); duration(time, what + ".queue", queue)) {
    if (queue < Duration::milliseconds(10) || queue > Duration::seconds(10)) error(time->place, what + ".queue: must be within 10ms and 10s");
    else out.queue = queue;
  }
}

bool ScenarioReader::site(const YamlNode* node, const std::string& what, std::optional<uint32_t>& out) {
  std::string text;
  if (!node || !scalar(*node, what, text)) return false;
  out = std::nullopt;
  if (text == "none") return true;
  std::vector<std::string> names;
  for (const SiteSpec& known : scenario_.sites) names.push_back(known.link.name);
  const auto found = std::find(names.begin(), names.end(), text);
  if (found != names.end()) out = static_cast<uint32_t>(found - names.begin());
  else error(node->place, what + ": no site is called " + in_quotes(text) + did_you_mean(text, names) + (names.empty() ? "; there are none" : "; sites are: " + list_of(names)));
  return out.has_value();
}

void ScenarioReader::check_site_region(const YamlNode& node, const std::string& what, const AccessProfile& link, std::optional<uint32_t> where) {
  if (!link.site) return;
  const SiteSpec& its = scenario_.sites[*link.site];
  if (scenario_.regions.size() > 1 && where != its.region)
    error(node.place, what + ": the site " + in_quotes(its.link.name) + " stands in region " + scenario_.regions[its.region] + ", so whoever is behind it does");
}

void ScenarioReader::read_access(const YamlNode* node) {
  scenario_.access = built_in_access();
  if (!node || node->kind == YamlNode::Kind::null || !is_map(*node, "access", {})) return;
  if (node->keys.size() > 1000) return error(node->place, "access: at most 1000 profiles are allowed");
  for (size_t i = 0; i < node->keys.size(); ++i) {
    const YamlNode key = as_scalar(*node, i);
    std::string profile_name = node->keys[i];
    name(&key, "access", profile_name);
    const std::string what = "access." + profile_name;
    AccessProfile profile{profile_name, LinkConfig(), LinkConfig()};
    LinkPatch up, down;
    read_link(node->items[i], what, "access", up, down);
    if (const YamlNode* like = node->items[i].find("like")) {
      std::string base;
      if (scalar(*like, what + ".like", base)) {
        const AccessProfile* found = named(scenario_.access, base);
        if (found) profile = *found;
        else error(like->place, what + ".like: no access profile is called " + in_quotes(base) +
            did_you_mean(base, names_of(scenario_.access)));
      }
    }
    profile.name = profile_name;
    site(node->items[i].find("site"), what + ".site", profile.site);
    put_patches(up, down, profile);
    AccessProfile* old = const_cast<AccessProfile*>(named(scenario_.access, profile_name));
    if (old) *old = profile;
    else scenario_.access.push_back(profile);
  }
}

void ScenarioReader::read_bridge_link(const YamlNode& node, const std::string& what, BridgeSpec& bridge) {
  LinkPatch up, down;
  const YamlNode* link = node.find("link");
  if (link) {
    read_link(*link, what + ".link", "link", up, down);
    site(link->find("site"), what + ".link.site", bridge.link.site);
  }
  DataRate rate;
  const YamlNode* uplink = node.find("uplink");
  if (uplink && link) error(uplink->place, what + ": 'uplink' and 'link' exclude each other");
  else if (value<DataRate>(uplink, what + ".uplink", parse_rate, rate)) up.rate = down.rate = rate;
  put_patches(up, down, bridge.link);
}

// --- What changes by itself ---

bool ScenarioReader::read_rates(const YamlNode& node, const std::string& what, std::vector<std::pair<Instant, DataRate>>& out) {
  if (!is_map(node, what, {})) return false;
  if (node.kind == YamlNode::Kind::null || node.keys.empty()) {
    error(node.place, what + ": write '{ 0s: 1Mbps, 40s: 2.5Mbps }'");
    return false;
  }
  for (size_t i = 0; i < node.keys.size(); ++i) {
    const YamlNode key = as_scalar(node, i);
    Duration at;
    DataRate rate;
    if (!duration(&key, what, at) || !value<DataRate>(&node.items[i], what + "." + key.scalar, parse_rate, rate)) return false;
    if (!out.empty() && Instant::at(at) <= out.back().first) {
      error(key.place, what + ": " + key.scalar + " is not later than the moment before it");
      return false;
    }
    out.push_back({Instant::at(at), rate});
  }
  return true;
}

void ScenarioReader::read_schedule(const YamlNode& node, const std::string& what, LinkPatch& out) {
  std::vector<std::pair<Instant, DataRate>> rates;
  if (!read_rates(node, what, rates)) return;
  if (rates.front().first != Instant()) return error(node.key_places.front(), what + ": must begin at 0s");
  auto course = std::make_shared<LinkCourse>();
  for (const auto& [at, rate] : rates) course->steps.push_back({at.since_start(), rate, std::nullopt, std::nullopt});
  out.course = std::move(course);
}

void ScenarioReader::read_trace(const YamlNode& node, const std::string& what, LinkPatch& out) {
  std::string path;
  if (!scalar(node, what, path)) return;
  const std::filesystem::path full = std::filesystem::path(file_).parent_path() / path;
  const Result<std::string> text = read_trace_file(full.string());
  if (!text) return error(node.place, what + ": " + text.error());
  if (full.extension() == ".csv") {
    const auto course = parse_trace_csv(*text, full.string());
    if (course) out.course = *course;
    else error(node.place, what + ": " + course.error());
  } else {
    const auto trace = parse_mahimahi(*text, full.string());
    if (trace) out.trace = *trace;
    else error(node.place, what + ": " + trace.error());
  }
}

void ScenarioReader::check_courses(const YamlNode& root) {
  if (!has_duration_) return;
  const auto of = [&](const AccessProfile& link) { return steps_within(link.up_course, scenario_.duration) + steps_within(link.down_course, scenario_.duration); };
  uint64_t steps = of(scenario_.signalling.link) * 2;
  for (const SiteSpec& one : scenario_.sites) steps += of(one.link);
  for (const BridgeSpec& bridge : scenario_.bridges) steps += of(bridge.link);
  for (const TrafficSpec& flow : scenario_.traffic) steps += flow.count * (of(scenario_.access[flow.from]) + of(scenario_.access[flow.to]));
  for (const ConferenceSpec& conference : scenario_.conferences)
    for (const GroupSpec& group : conference.people) steps += uint64_t{conference.count} * group.count * of(scenario_.access[group.access]);
  if (steps > kMaxCourseSteps)
    error(root.place, "schedules and traces change links " + std::to_string(steps) + " times; at most " + std::to_string(kMaxCourseSteps) +
        " are allowed (put a site with the trace before the people)");
}

void ScenarioReader::read_fair(const YamlNode* node, const std::string& what, ConferenceSpec& conference) {
  std::vector<std::pair<Instant, DataRate>> rates;
  if (!node || !read_rates(*node, what, rates)) return;
  for (const auto& [at, rate] : rates) {
    if (rate.is_infinite() || rate.bps() < 1000) return error(node->place, what + ": a share is a rate of at least 1kbps");
    conference.fair.push_back({at, rate});
  }
}

// --- Traffic ---

void ScenarioReader::read_traffic(const YamlNode* node) {
  each_item(node, "traffic", 1000, [this](const YamlNode& item, size_t i) { read_flow(item, i); });
  uint64_t flows = 0;
  for (const TrafficSpec& flow : scenario_.traffic) flows += flow.count;
  if (flows > kMaxFlows) error(node->place, "traffic: " + std::to_string(flows) + " flows; at most " + std::to_string(kMaxFlows) + " are allowed");
}

bool ScenarioReader::read_flow_end(const YamlNode* node, const std::string& what, uint32_t& access, uint32_t& where) {
  const YamlNode* profile = node;
  const bool is_here = scenario_.regions.size() == 1;
  if (node->kind == YamlNode::Kind::map) {
    is_map(*node, what, keys_of("flow end"));
    profile = node->find("access");
    if (node->find("region")) region(node->find("region"), what + ".region", where);
    else if (!is_here) error(node->place, what + ": 'region' is missing; regions are: " + list_of(scenario_.regions));
  } else if (!is_here) {
    error(node->place, what + ": write '{ access: ..., region: ... }'; regions are: " + list_of(scenario_.regions));
  }
  std::string text;
  if (!profile) error(node->place, what + ": 'access' is missing");
  if (!profile || !scalar(*profile, what, text)) return false;
  const AccessProfile* found = named(scenario_.access, text);
  if (!found) {
    error(profile->place, what + ": no access profile is called " + in_quotes(text) + did_you_mean(text, names_of(scenario_.access)));
    return false;
  }
  access = static_cast<uint32_t>(found - scenario_.access.data());
  check_site_region(*profile, what, *found, where);
  return true;
}

void ScenarioReader::read_flow(const YamlNode& item, size_t index) {
  const std::string what = "traffic[" + std::to_string(index) + "]";
  if (!is_map(item, what, keys_of("flow"))) return;
  TrafficSpec flow;
  flow.name = "flow-" + std::to_string(index + 1);
  name(item.find("name"), what + ".name", flow.name);
  for (const TrafficSpec& other : scenario_.traffic)
    if (other.name == flow.name) error(item.place, what + ": a second flow called " + in_quotes(flow.name));
  for (const char* key : {"kind", "from", "to"})
    if (!item.find(key)) error(item.place, what + ": '" + key + "' is missing");
  std::string word = "udp";
  if (one_of(item.find("kind"), what + ".kind", {"udp", "long-tcp", "short-tcp"}, word))
    flow.kind = word == "udp" ? TrafficSpec::Kind::udp : word == "long-tcp" ? TrafficSpec::Kind::long_tcp : TrafficSpec::Kind::short_tcp;
  const bool is_udp = flow.kind == TrafficSpec::Kind::udp;
  for (const char* key : {"rate", "schedule", "packet"})
    if (item.find(key) && !is_udp) error(item.find(key)->place, what + "." + key + ": is for udp; tcp takes what it gets");
  if (item.find("congestion") && is_udp) error(item.find("congestion")->place, what + ".congestion: is for tcp");
  if (item.find("starts_on") && flow.kind != TrafficSpec::Kind::short_tcp) error(item.find("starts_on")->place, what + ".starts_on: is for short-tcp");
  if (const YamlNode* from = item.find("from")) read_flow_end(from, what + ".from", flow.from, flow.from_region);
  if (const YamlNode* to = item.find("to")) read_flow_end(to, what + ".to", flow.to, flow.to_region);
  if (one_of(item.find("congestion"), what + ".congestion", {"new-reno", "cubic"}, word))
    flow.control = word == "cubic" ? FlowPlan::Control::cubic : FlowPlan::Control::new_reno;
  uint64_t number = 1;
  if (whole(item.find("count"), what + ".count", 1, kMaxFlows, number)) flow.count = static_cast<uint32_t>(number);
  flow.starts_on = flow.count;
  if (whole(item.find("starts_on"), what + ".starts_on", 0, flow.count, number)) flow.starts_on = static_cast<uint32_t>(number);
  if (whole(item.find("packet"), what + ".packet", 100, 1500, number)) flow.packet_bytes = static_cast<uint32_t>(number);
  moment(item.find("at"), what + ".at", flow.start);
  Duration until;
  if (duration(item.find("until"), what + ".until", until)) flow.stop = Instant::at(until);
  if (flow.stop && *flow.stop <= flow.start) error(item.find("until")->place, what + ".until: is not after 'at'");
  DataRate rate;
  std::vector<std::pair<Instant, DataRate>> rates;
  if (item.find("rate") && item.find("schedule")) error(item.place, what + ": 'rate' and 'schedule' exclude each other");
  if (const YamlNode* schedule = item.find("schedule")) read_rates(*schedule, what + ".schedule", rates);
  else if (value<DataRate>(item.find("rate"), what + ".rate", parse_rate, rate)) rates.push_back({flow.start, rate});
  else if (is_udp && !item.find("rate")) error(item.place, what + ": 'rate' or 'schedule' is missing");
  for (const auto& [at, speed] : rates) {
    if (speed.is_infinite() || speed > DataRate::mbps(10'000)) error(item.place, what + ": more than 10Gbps");
    flow.periods.push_back({std::max(at, flow.start), speed});
  }
  scenario_.traffic.push_back(std::move(flow));
}

}  // namespace tacoma
