#include "core/signal/presence.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

namespace tacoma {

namespace {
// Reading needs maps: an ordered object looks each key up by a walk, which a stranger could make long.
using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

jingle::VideoType video_type_of(std::string_view name) {
  if (name == "camera") return jingle::VideoType::camera;
  if (name == "desktop") return jingle::VideoType::desktop;
  return jingle::VideoType::none;
}

void add_flag(Element& presence, std::string_view name, const std::optional<bool>& value) {
  if (value) presence.add_text(name, presence.ns, *value ? "true" : "false");
}
std::optional<bool> read_flag(const Element& presence, std::string_view name) {
  const Element* e = presence.child(name);
  if (!e) return std::nullopt;
  return e->text == "true";
}

std::string write_decimal(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, 4);
  return std::string(text, end.ptr);
}
double read_decimal(std::string_view text, double low, double high, double absent) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= low && value <= high)) return absent;
  return value;
}
}  // namespace

std::string write_source_info(const std::vector<SourceState>& sources) {
  OrderedJson all = OrderedJson::object();
  for (const SourceState& source : sources) {
    OrderedJson one = OrderedJson::object({{"muted", source.muted}});
    if (source.video_type != jingle::VideoType::none) one["videoType"] = jingle::name_of(source.video_type);
    all[source.name] = std::move(one);
  }
  return all.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

Result<std::vector<SourceState>> parse_source_info(std::string_view text) {
  const Json all = Json::parse(text, nullptr, false);
  if (!all.is_object()) return fail("SourceInfo is not a JSON object");
  if (all.size() > kMaxSourceStates) return fail("SourceInfo names too many sources");
  std::vector<SourceState> sources;
  for (const auto& [name, one] : all.items()) {
    if (!one.is_object()) return fail("SourceInfo of '" + name.substr(0, 40) + "' is not an object");
    SourceState source;
    source.name = name;
    const auto muted = one.find("muted");
    source.muted = muted == one.end() || !muted->is_boolean() || muted->get<bool>();
    const auto type = one.find("videoType");
    if (type != one.end() && type->is_string()) source.video_type = video_type_of(type->get_ref<const std::string&>());
    sources.push_back(std::move(source));
  }
  return sources;
}

void add_participant(Element& presence, const ParticipantPresence& p) {
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) presence.add_text(name, presence.ns, value);
  };
  if (!p.caps_ver.empty()) presence.add("c", ns::kCaps).set("hash", "sha-1").set("node", p.caps_node).set("ver", p.caps_ver);
  if (!p.display_name.empty()) presence.add_text("nick", ns::kNick, p.display_name);
  add("stats-id", p.stats_id);
  add("jitsi_participant_region", p.region);
  add("jitsi_participant_codecList", p.codecs);
  if (!p.sources.empty()) add("SourceInfo", write_source_info(p.sources));
  add_flag(presence, "audiomuted", p.audio_muted);
  add_flag(presence, "videomuted", p.video_muted);
  if (p.encrypted) add("jitsi_participant_e2ee.enabled", "true");
  if (p.features.empty()) return;
  Element& features = presence.add("features");
  for (const std::string& feature : p.features) features.add("feature").set("var", feature);
}

ParticipantPresence parse_participant(const Element& presence) {
  ParticipantPresence p;
  p.display_name = presence.child_text("nick", ns::kNick);
  p.stats_id = presence.child_text("stats-id", presence.ns);
  p.region = presence.child_text("jitsi_participant_region", presence.ns);
  p.codecs = presence.child_text("jitsi_participant_codecList", presence.ns);
  p.audio_muted = read_flag(presence, "audiomuted");
  p.video_muted = read_flag(presence, "videomuted");
  p.encrypted = presence.child_text("jitsi_participant_e2ee.enabled", presence.ns) == "true";
  if (const Element* info = presence.child("SourceInfo")) {
    auto sources = parse_source_info(info->text);
    if (sources) p.sources = std::move(*sources);
  }
  if (const Element* caps = presence.child("c", ns::kCaps)) {
    p.caps_node = caps->attr("node");
    p.caps_ver = caps->attr("ver");
  }
  if (const Element* features = presence.child("features"))
    for (const Element& f : features->children)
      if (f.name == "feature") p.features.emplace_back(f.attr("var"));
  return p;
}

void add_focus(Element& presence, const FocusPresence& focus) {
  if (!focus.properties.empty()) {
    Element& all = presence.add("conference-properties", ns::kFocus);
    for (const auto& [key, value] : focus.properties) all.add("property").set("key", key).set("value", value);
  }
  if (focus.bridge_not_available) presence.add("bridgeNotAvailable", ns::kFocus);
}

FocusPresence parse_focus(const Element& presence) {
  FocusPresence focus;
  if (const Element* all = presence.child("conference-properties", ns::kFocus))
    for (const Element& p : all->children)
      if (p.name == "property") focus.properties.emplace_back(p.attr("key"), p.attr("value"));
  focus.bridge_not_available = presence.child("bridgeNotAvailable", ns::kFocus) != nullptr;
  return focus;
}

void add_bridge_stats(Element& presence, const BridgeStats& s) {
  Element& stats = presence.add("stats", ns::kColibri);
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) stats.add("stat").set("name", name).set("value", value);
  };
  const auto flag = [](bool value) { return value ? "true" : "false"; };
  add("stress_level", write_decimal(s.stress));
  add("drain", flag(s.drain));
  add("graceful_shutdown", flag(s.graceful_shutdown));
  add("shutting_down", flag(s.shutting_down));
  if (s.healthy) add("healthy", flag(*s.healthy));
  add("version", s.version);
  add("release", s.release);
  add("region", s.region);
  add("relay_id", s.relay_id);
  add("endpoints", std::to_string(s.endpoints));
  add("conferences", std::to_string(s.conferences));
  for (const auto& [name, value] : s.others) add(name, value);
}

std::optional<BridgeStats> parse_bridge_stats(const Element& presence) {
  const Element* stats = presence.child("stats", ns::kColibri);
  if (!stats) return std::nullopt;
  BridgeStats s;
  size_t count = 0;
  for (const Element& stat : stats->children) {
    if (stat.name != "stat" || ++count > kMaxStats) continue;
    const std::string_view name = stat.attr("name"), value = stat.attr("value");
    const bool yes = value == "true";
    if (name == "stress_level") s.stress = read_decimal(value, 0, 100, 0);
    else if (name == "drain") s.drain = value != "false";
    else if (name == "graceful_shutdown") s.graceful_shutdown = yes;
    else if (name == "shutting_down") s.shutting_down = yes;
    else if (name == "healthy") s.healthy = yes;
    else if (name == "version") s.version = value;
    else if (name == "release") s.release = value;
    else if (name == "region") s.region = value;
    else if (name == "relay_id") s.relay_id = value;
    else if (name == "endpoints") s.endpoints = static_cast<uint32_t>(read_decimal(value, 0, 1e6, 0));
    else if (name == "conferences") s.conferences = static_cast<uint32_t>(read_decimal(value, 0, 1e6, 0));
    else s.others.emplace(name, value);
  }
  return s;
}

}  // namespace tacoma
