#include "core/signal/bridge_channel.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <type_traits>

namespace tacoma::channel {

namespace {
using Json = nlohmann::json;          // reading: maps, which a stranger cannot make slow
using Ordered = nlohmann::ordered_json;  // writing: members in the order of the code

constexpr std::string_view kClass = "colibriClass";
constexpr int64_t kMaxBandwidth = int64_t{1} << 40;

std::string dump(const Ordered& json) { return json.dump(-1, ' ', false, Ordered::error_handler_t::replace); }

const char* name_of(VideoType type) {
  switch (type) {
    case VideoType::camera: return "camera";
    case VideoType::desktop: return "desktop";
    case VideoType::desktop_high_fps: return "desktop_high_fps";
    case VideoType::none: return "none";
  }
  return "?";
}

/// A frame rate or height without a needless ".0".
Ordered number(double value) {
  if (value == std::floor(value)) return static_cast<int64_t>(value);
  return value;
}
Ordered to_json(const VideoConstraints& c) { return {{"maxHeight", c.max_height}, {"maxFrameRate", number(c.max_frame_rate)}}; }

// ---- writing: one function a class; the class name is the first member ----

Ordered of(const char* name) { return Ordered::object({{std::string(kClass), name}}); }

Ordered with_fields(Ordered json, const std::string& fields) {
  const Json parsed = Json::parse(fields, nullptr, false);
  if (parsed.is_object())
    for (const auto& [key, value] : parsed.items()) json[key] = value;
  return json;
}

Ordered json_of(const ClientHello&) { return of("ClientHello"); }
Ordered json_of(const ServerHello& m) {
  Ordered json = of("ServerHello");
  if (!m.version.empty()) json["version"] = m.version;
  return json;
}
Ordered json_of(const EndpointMessage& m) {
  Ordered json = of("EndpointMessage");
  if (!m.from.empty()) json["from"] = m.from;
  json["to"] = m.to;
  return with_fields(std::move(json), m.fields);
}
Ordered json_of(const EndpointStats& m) {
  Ordered json = of("EndpointStats");
  if (!m.from.empty()) json["from"] = m.from;
  return with_fields(std::move(json), m.fields);
}
Ordered json_of(const ReceiverVideoConstraints& m) {
  Ordered json = of("ReceiverVideoConstraints");
  if (m.last_n) json["lastN"] = *m.last_n;
  if (m.selected) json["selectedSources"] = *m.selected;
  if (m.on_stage) json["onStageSources"] = *m.on_stage;
  if (m.defaults) json["defaultConstraints"] = to_json(*m.defaults);
  if (m.constraints) {
    Ordered& named = json["constraints"] = Ordered::object();
    for (const auto& [source, constraints] : *m.constraints) named[source] = to_json(constraints);
  }
  if (m.assumed_bandwidth_bps) json["assumedBandwidthBps"] = *m.assumed_bandwidth_bps;
  return json;
}
Ordered json_of(const LastN& m) {
  Ordered json = of("LastNChangedEvent");
  json["lastN"] = m.last_n;
  return json;
}
Ordered json_of(const SourceVideoType& m) {
  Ordered json = of("SourceVideoTypeMessage");
  json["sourceName"] = m.source;
  json["videoType"] = name_of(m.type);
  if (!m.endpoint.empty()) json["endpointId"] = m.endpoint;
  return json;
}
Ordered json_of(const ReceiverAudioSubscription& m) {
  Ordered json = of("ReceiverAudioSubscription");
  json["all"] = m.all;
  json["include"] = m.include;
  json["exclude"] = m.exclude;
  return json;
}
Ordered json_of(const SenderSourceConstraints& m) {
  Ordered json = of("SenderSourceConstraints");
  json["sourceName"] = m.source;
  json["maxHeight"] = m.max_height;
  return json;
}
Ordered json_of(const DominantSpeaker& m) {
  Ordered json = of("DominantSpeakerEndpointChangeEvent");
  json["dominantSpeakerEndpoint"] = m.endpoint;
  json["previousSpeakers"] = m.previous;
  json["silence"] = m.silence;
  return json;
}
Ordered json_of(const ConnectivityStatus& m) {
  Ordered json = of("EndpointConnectivityStatusChangeEvent");
  json["endpoint"] = m.endpoint;
  json["active"] = m.active ? "true" : "false";
  return json;
}
Ordered json_of(const ForwardedSources& m) {
  Ordered json = of("ForwardedSources");
  json["forwardedSources"] = m.sources;
  return json;
}
Ordered json_of(const VideoSourcesMap& m) {
  Ordered json = of("VideoSourcesMap");
  Ordered& list = json["mappedSources"] = Ordered::array();
  for (const VideoMapping& one : m.mapped) {
    Ordered mapping = {{"source", one.source}, {"owner", one.owner}, {"ssrc", one.ssrc.value()}};
    if (one.rtx != Ssrc()) mapping["rtx"] = one.rtx.value();
    else mapping["rtx"] = -1;
    std::string type = name_of(one.type);
    for (char& c : type) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;  // here the reference bridge writes capitals
    mapping["videoType"] = type;
    if (!one.mid.empty()) mapping["mid"] = one.mid;
    list.push_back(std::move(mapping));
  }
  return json;
}
Ordered json_of(const AudioSourcesMap& m) {
  Ordered json = of("AudioSourcesMap");
  Ordered& list = json["mappedSources"] = Ordered::array();
  for (const AudioMapping& one : m.mapped) {
    Ordered mapping = {{"source", one.source}, {"owner", one.owner}, {"ssrc", one.ssrc.value()}};
    if (!one.mid.empty()) mapping["mid"] = one.mid;
    list.push_back(std::move(mapping));
  }
  return json;
}
Ordered json_of(const ConnectionStats& m) {
  Ordered json = of("ConnectionStats");
  json["estimatedDownlinkBandwidth"] = m.estimated_downlink_bps;
  return json;
}
Ordered json_of(const SyntheticSourceSending& m) {
  Ordered json = of("SyntheticSourceSendingChangeEvent");
  json["sourceName"] = m.source;
  json["sending"] = m.sending;
  json["timestamp"] = m.timestamp_ms;
  return json;
}
Ordered json_of(const AddReceiver& m) {
  Ordered json = of("AddReceiver");
  json["bridgeId"] = m.bridge;
  json["sourceName"] = m.source;
  json["videoConstraints"] = to_json(m.constraints);
  return json;
}
Ordered json_of(const RemoveReceiver& m) {
  Ordered json = of("RemoveReceiver");
  json["bridgeId"] = m.bridge;
  json["endpointId"] = m.endpoint;
  return json;
}

// ---- reading ----

/// Reads the members of one object and keeps the first complaint, so that a parser tests once at its end.
class Members {
 public:
  explicit Members(const Json& object) : object_(object) {}

  std::string text(const char* key, bool required = true, size_t longest = kMaxName) {
    const Json* value = find(key, required);
    if (!value) return {};
    if (!value->is_string() || value->get_ref<const std::string&>().size() > longest) return complain(key, "is no short text"), std::string();
    return value->get<std::string>();
  }
  bool flag(const char* key, bool absent, bool required = false) {
    const Json* value = find(key, required);
    if (!value) return absent;
    if (value->is_boolean()) return value->get<bool>();
    // Some senders write booleans as text.
    if (*value == "true") return true;
    if (*value == "false") return false;
    complain(key, "is not true or false");
    return absent;
  }
  double real(const char* key, double least, double most, double absent, bool required = true) {
    const Json* value = find(key, required);
    if (!value) return absent;
    const double number = value->is_number() ? value->get<double>() : least - 1;
    if (!(number >= least && number <= most)) return complain(key, "is no number of the allowed range"), absent;
    return number;
  }
  int64_t integer(const char* key, int64_t least, int64_t most, int64_t absent, bool required = true) {
    return static_cast<int64_t>(std::llround(real(key, static_cast<double>(least), static_cast<double>(most), static_cast<double>(absent), required)));
  }
  int32_t small(const char* key, int32_t most, int32_t absent, bool required = true) {
    return static_cast<int32_t>(integer(key, -1, most, absent, required));
  }
  Ssrc ssrc(const char* key) { return Ssrc(static_cast<uint32_t>(integer(key, 1, 0xffffffff, 1))); }
  std::vector<std::string> names(const char* key, bool required = false) {
    std::vector<std::string> out;
    const Json* list = find(key, required);
    if (!list) return out;
    if (!list->is_array() || list->size() > kMaxNames) return complain(key, "is no list of allowed length"), out;
    for (const Json& one : *list) {
      if (!one.is_string() || one.get_ref<const std::string&>().size() > kMaxName) return complain(key, "holds something that is no name"), out;
      out.push_back(one.get<std::string>());
    }
    return out;
  }
  const Json* list(const char* key) {
    const Json* value = find(key, true);
    if (value && (!value->is_array() || value->size() > kMaxNames)) return complain(key, "is no list of allowed length"), nullptr;
    return value;
  }
  const Json* object(const char* key, bool required) {
    const Json* value = find(key, required);
    if (value && (!value->is_object() || value->size() > kMaxNames)) return complain(key, "is no object of allowed size"), nullptr;
    return value;
  }
  bool has(const char* key) const { return find_quietly(key) != nullptr; }
  void complain(std::string_view key, std::string_view what) {
    if (error_.empty()) error_ = std::string(key) + " " + std::string(what);
  }
  const std::string& error() const { return error_; }

 private:
  // null counts as absent: that is how some libraries write optional members.
  const Json* find_quietly(const char* key) const {
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  const Json* find(const char* key, bool required) {
    const Json* found = find_quietly(key);
    if (!found && required) complain(key, "is missing");
    return found;
  }
  const Json& object_;
  std::string error_;
};

VideoType video_type(Members& in, const char* key) {
  std::string name = in.text(key);
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (const VideoType type : {VideoType::camera, VideoType::desktop, VideoType::desktop_high_fps, VideoType::none})
    if (name == name_of(type)) return type;
  in.complain(key, "is an unknown kind of video");
  return VideoType::camera;
}

VideoConstraints constraints_of(Members& outer, const char* where, const Json& json) {
  Members in(json);
  VideoConstraints c;
  if (!json.is_object()) in.complain("it", "is no object");
  c.max_height = in.small("maxHeight", kMaxHeight, -1, false);
  c.max_frame_rate = in.real("maxFrameRate", -1, kMaxFrameRate, -1, false);
  if (!in.error().empty()) outer.complain(where, "is malformed: " + in.error());
  return c;
}

std::string other_fields(const Json& object, std::initializer_list<const char*> known) {
  Json rest = object;
  for (const char* key : known) rest.erase(key);
  return rest.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Message read_endpoint_message(Members& in, const Json& json) {
  return EndpointMessage{in.text("from", false), in.text("to"), other_fields(json, {kClass.data(), "from", "to"})};
}
Message read_endpoint_stats(Members& in, const Json& json) {
  return EndpointStats{in.text("from", false), other_fields(json, {kClass.data(), "from"})};
}
Message read_receiver_constraints(Members& in, const Json&) {
  ReceiverVideoConstraints m;
  if (in.has("lastN")) m.last_n = in.small("lastN", 1 << 20, -1);
  if (in.has("selectedSources")) m.selected = in.names("selectedSources");
  if (in.has("onStageSources")) m.on_stage = in.names("onStageSources");
  if (const Json* defaults = in.object("defaultConstraints", false)) m.defaults = constraints_of(in, "defaultConstraints", *defaults);
  if (const Json* named = in.object("constraints", false)) {
    auto& all = m.constraints.emplace();
    for (const auto& [source, one] : named->items()) {
      if (source.size() > kMaxName) in.complain("constraints", "names a source too long");
      all.emplace(source, constraints_of(in, "constraints", one));
    }
  }
  if (in.has("assumedBandwidthBps")) m.assumed_bandwidth_bps = in.integer("assumedBandwidthBps", -1, kMaxBandwidth, -1);
  return m;
}
Message read_video_map(Members& in, const Json&) {
  VideoSourcesMap m;
  const Json* list = in.list("mappedSources");
  if (!list) return m;
  for (const Json& one : *list) {
    Members entry(one);
    VideoMapping mapping;
    mapping.source = entry.text("source");
    mapping.owner = entry.text("owner");
    mapping.ssrc = entry.ssrc("ssrc");
    const int64_t rtx = entry.integer("rtx", -1, 0xffffffff, -1, false);
    if (rtx > 0) mapping.rtx = Ssrc(static_cast<uint32_t>(rtx));
    mapping.type = video_type(entry, "videoType");
    mapping.mid = entry.text("mid", false);
    if (!entry.error().empty()) in.complain("mappedSources", "is malformed: " + entry.error());
    m.mapped.push_back(std::move(mapping));
  }
  return m;
}
Message read_audio_map(Members& in, const Json&) {
  AudioSourcesMap m;
  const Json* list = in.list("mappedSources");
  if (!list) return m;
  for (const Json& one : *list) {
    Members entry(one);
    m.mapped.push_back({entry.text("source"), entry.text("owner"), entry.ssrc("ssrc"), entry.text("mid", false)});
    if (!entry.error().empty()) in.complain("mappedSources", "is malformed: " + entry.error());
  }
  return m;
}
Message read_add_receiver(Members& in, const Json&) {
  AddReceiver m{in.text("bridgeId"), in.text("sourceName"), {}};
  if (const Json* constraints = in.object("videoConstraints", true)) m.constraints = constraints_of(in, "videoConstraints", *constraints);
  return m;
}

struct Reader {
  const char* name;
  Message (*read)(Members& in, const Json& json);
};
const Reader kReaders[] = {
    {"ClientHello", [](Members&, const Json&) -> Message { return ClientHello(); }},
    {"ServerHello", [](Members& in, const Json&) -> Message { return ServerHello{in.text("version", false)}; }},
    {"EndpointMessage", read_endpoint_message},
    {"EndpointStats", read_endpoint_stats},
    {"ReceiverVideoConstraints", read_receiver_constraints},
    {"LastNChangedEvent", [](Members& in, const Json&) -> Message { return LastN{in.small("lastN", 1 << 20, -1)}; }},
    {"SourceVideoTypeMessage",
     [](Members& in, const Json&) -> Message { return SourceVideoType{in.text("sourceName"), video_type(in, "videoType"), in.text("endpointId", false)}; }},
    {"ReceiverAudioSubscription",
     [](Members& in, const Json&) -> Message {
       return ReceiverAudioSubscription{in.flag("all", true), in.names("include"), in.names("exclude")};
     }},
    {"SenderSourceConstraints",
     [](Members& in, const Json&) -> Message { return SenderSourceConstraints{in.text("sourceName"), in.small("maxHeight", kMaxHeight, -1)}; }},
    {"DominantSpeakerEndpointChangeEvent",
     [](Members& in, const Json&) -> Message {
       return DominantSpeaker{in.text("dominantSpeakerEndpoint"), in.names("previousSpeakers"), in.flag("silence", false)};
     }},
    {"EndpointConnectivityStatusChangeEvent",
     [](Members& in, const Json&) -> Message { return ConnectivityStatus{in.text("endpoint"), in.flag("active", true, true)}; }},
    {"ForwardedSources", [](Members& in, const Json&) -> Message { return ForwardedSources{in.names("forwardedSources", true)}; }},
    {"VideoSourcesMap", read_video_map},
    {"AudioSourcesMap", read_audio_map},
    {"ConnectionStats",
     [](Members& in, const Json&) -> Message { return ConnectionStats{in.integer("estimatedDownlinkBandwidth", 0, kMaxBandwidth, 0)}; }},
    {"SyntheticSourceSendingChangeEvent",
     [](Members& in, const Json&) -> Message {
       return SyntheticSourceSending{in.text("sourceName"), in.flag("sending", false, true), in.integer("timestamp", 0, kMaxBandwidth * 16, 0, false)};
     }},
    {"AddReceiver", read_add_receiver},
    {"RemoveReceiver", [](Members& in, const Json&) -> Message { return RemoveReceiver{in.text("bridgeId"), in.text("endpointId")}; }},
};

/// Parsing and writing recurse with the depth of the text.
bool too_deep(std::string_view text) {
  size_t depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      else if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}
}  // namespace

std::string write(const Message& message) {
  return dump(std::visit([](const auto& m) { return json_of(m); }, message));
}

Result<Message> parse(std::string_view text) {
  if (text.size() > kMaxMessage) return fail("message is longer than " + std::to_string(kMaxMessage) + " bytes");
  if (too_deep(text)) return fail("message is nested too deeply");
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return fail("message is not a JSON object");
  Members in(json);
  const std::string name = in.text(kClass.data());
  if (!in.error().empty()) return fail(in.error());
  for (const Reader& reader : kReaders) {
    if (name != reader.name) continue;
    Message message = reader.read(in, json);
    if (!in.error().empty()) return fail(name + ": " + in.error());
    return message;
  }
  return fail("unknown colibriClass '" + name.substr(0, 64) + "'");
}

namespace {
// RFC 3986: what is not unreserved is percent-encoded.
void append_encoded(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kHex[static_cast<uint8_t>(c) >> 4];
      out += kHex[static_cast<uint8_t>(c) & 15];
    }
  }
}
std::optional<std::string> decoded(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3 || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0) return std::nullopt;
    out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
    i += 2;
  }
  return out;
}
}  // namespace

std::string to_string(const Target& target) {
  std::string out(kTargetPrefix.substr(0, kTargetPrefix.size() - 1));
  for (const std::string* part : {&target.server, &target.conference, &target.endpoint}) {
    out += '/';
    append_encoded(out, *part);
  }
  out += "?pwd=";
  append_encoded(out, target.password);
  return out;
}

Result<Target> parse_target(std::string_view text) {
  if (text.substr(0, kTargetPrefix.size()) != kTargetPrefix) return fail("path does not begin with " + std::string(kTargetPrefix));
  text.remove_prefix(kTargetPrefix.size());
  const size_t question = text.find('?');
  std::string_view path = text.substr(0, question), query = question == std::string_view::npos ? std::string_view() : text.substr(question + 1);
  Target target;
  for (std::string* part : {&target.server, &target.conference, &target.endpoint}) {
    const size_t end = path.find('/');
    if ((end == std::string_view::npos) != (part == &target.endpoint)) return fail("path is not /colibri-ws/SERVER/CONFERENCE/ENDPOINT");
    auto plain = decoded(path.substr(0, end));
    if (!plain || plain->empty() || plain->size() > kMaxName) return fail("path has an empty, overlong or malformed part");
    *part = std::move(*plain);
    path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
  }
  if (query.substr(0, 4) != "pwd=") return fail("query does not begin with pwd=");
  query.remove_prefix(4);
  auto password = decoded(query.substr(0, query.find('&')));
  if (!password || password->size() > kMaxName) return fail("password is overlong or malformed");
  target.password = std::move(*password);
  return target;
}

}  // namespace tacoma::channel
