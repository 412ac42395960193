#include "core/signal/colibri2_json.h"

#include <nlohmann/json.hpp>

namespace tacoma::colibri2 {

namespace {
using Json = nlohmann::json;
using Ordered = nlohmann::ordered_json;

constexpr size_t kMaxDepth = 16;
constexpr size_t kMaxItems = 4096;  // of one list or object

/// An element that may stand in the JSON form: its key there, its name and namespace in XML, and the element it stands in.
struct Kind {
  std::string_view key, name, ns, parent;
  bool is_list = false;
};
constexpr Kind kKinds[] = {
    {"endpoints", "endpoint", ns::kColibri2, "conference-modify", true},
    {"endpoints", "endpoint", ns::kColibri2, "conference-modified", true},
    {"relays", "relay", ns::kColibri2, "conference-modify", true},
    {"connects", "connects", ns::kColibri2, "conference-modify"},
    {"medias", "media", ns::kColibri2, "endpoint", true},
    {"transport", "transport", ns::kColibri2, "endpoint"},
    {"force-mute", "force-mute", ns::kColibri2, "endpoint"},
    {"initial-last-n", "initial-last-n", ns::kColibri2, "endpoint"},
    {"payload-types", "payload-type", ns::kJingleRtp, "media", true},
    {"rtp-hdrexts", "rtp-hdrext", ns::kRtpHeaderExtensions, "media", true},
    {"extmap-allow-mixed", "extmap-allow-mixed", ns::kRtpHeaderExtensions, "media"},
    {"rtcp-fbs", "rtcp-fb", ns::kRtcpFeedback, "payload-type", true},
    {"transport", "transport", ns::kIceUdp, "transport"},
    {"sctp", "sctp", ns::kColibri2, "transport"},
    {"candidates", "candidate", ns::kIceUdp, "transport", true},
    {"fingerprints", "fingerprint", ns::kDtls, "transport", true},
    {"web-sockets", "web-socket", ns::kColibri, "transport", true},
    {"rtcp-mux", "rtcp-mux", ns::kIceUdp, "transport"},
    {"sources", "source", ns::kSources, "media-source", true},
    {"ssrc-groups", "ssrc-group", ns::kSources, "media-source", true},
    {"sources", "source", ns::kSources, "ssrc-group", true},
};

const Kind* kind_of_key(std::string_view parent, std::string_view key) {
  for (const Kind& kind : kKinds)
    if (kind.parent == parent && kind.key == key) return &kind;
  return nullptr;
}
const Kind* kind_of(std::string_view parent, const Element& element) {
  for (const Kind& kind : kKinds)
    if (kind.parent == parent && kind.name == element.name && kind.ns == element.ns) return &kind;
  return nullptr;
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

Result<void, std::string> fill(Element& element, const Json& object, size_t depth);

Result<void, std::string> add_child(Element& parent, const Kind& kind, const Json& value, size_t depth) {
  if (value.is_boolean() && !value.get<bool>()) return {};
  Element& child = parent.add(kind.name, kind.ns);
  if (value.is_boolean()) return {};
  if (value.is_number_unsigned() && kind.name == "source") {  // an SSRC alone
    child.set("ssrc", value.get<uint64_t>());
    return {};
  }
  if (value.is_number() && kind.name == "initial-last-n") {
    child.set("value", text_of(value));
    return {};
  }
  if (!value.is_object()) return fail(std::string(kind.key) + " is no object");
  return fill(child, value, depth + 1);
}

/// An endpoint's sources, or the answer's: media-source elements in one of `sources`.
Result<void, std::string> add_sources(Element& parent, const Json& list, size_t depth) {
  Element& sources = parent.add("sources", ns::kColibri2);
  if (!list.is_array() || list.size() > kMaxItems) return fail("sources is no list of allowed length");
  for (const Json& one : list) {
    if (!one.is_object()) return fail("a source is no object");
    if (auto filled = fill(sources.add("media-source", ns::kColibri2), one, depth + 2); !filled) return filled;
  }
  return {};
}

Result<void, std::string> fill(Element& element, const Json& object, size_t depth) {
  if (depth > kMaxDepth) return fail("nested too deeply");
  if (object.size() > kMaxItems) return fail(element.name + " has too many members");
  for (const auto& [key, value] : object.items()) {
    if (value.is_null()) continue;
    if (element.is("endpoint", ns::kColibri2) && key == "sources") {
      if (auto added = add_sources(element, value, depth); !added) return added;
    } else if (element.is("endpoint", ns::kColibri2) && key == "capabilities") {
      if (!value.is_array() || value.size() > kMaxItems) return fail("capabilities is no list of allowed length");
      for (const Json& one : value) element.add("capability", ns::kColibri2).set("name", text_of(one));
    } else if (key == "parameters" && (element.name == "payload-type" || element.name == "source")) {
      if (!value.is_object() || value.size() > kMaxItems) return fail("parameters is no object of allowed size");
      for (const auto& [name, one] : value.items()) element.add("parameter").set("name", name).set("value", text_of(one));
    } else if (element.name == "fingerprint" && key == "fingerprint") {
      element.text = text_of(value);
    } else if (const Kind* kind = kind_of_key(element.name, key)) {
      if (kind->is_list != value.is_array()) return fail(key + (kind->is_list ? " is no list" : " is a list"));
      if (!kind->is_list) {
        if (auto added = add_child(element, *kind, value, depth); !added) return added;
        continue;
      }
      if (value.size() > kMaxItems) return fail(key + " is too long");
      for (const Json& one : value)
        if (auto added = add_child(element, *kind, one, depth); !added) return added;
    } else if (value.is_primitive()) {
      element.set(key, text_of(value));
    } else {
      return fail("there is no " + key.substr(0, 100) + " in " + element.name);
    }
  }
  return {};
}

Ordered value_of(const Attribute& attribute) {
  constexpr std::string_view kNumbers[] = {"clockrate", "channels", "port", "priority", "component", "generation", "rel-port", "ssrc"};
  if (attribute.value == "true") return true;
  if (attribute.value == "false") return false;
  for (const std::string_view name : kNumbers)
    if (attribute.name == name && !attribute.value.empty() && attribute.value.size() < 16) return std::strtoull(attribute.value.c_str(), nullptr, 10);
  return attribute.value;
}

Ordered object_of(const Element& element) {
  Ordered object = Ordered::object();
  for (const Attribute& attribute : element.attributes) object[attribute.name] = value_of(attribute);
  if (element.name == "fingerprint") object["fingerprint"] = element.text;
  for (const Element& child : element.children) {
    if (child.is("sources", ns::kColibri2)) {
      Ordered& list = object["sources"] = Ordered::array();
      for (const Element& source : child.children) list.push_back(object_of(source));
    } else if (child.name == "parameter") {
      object["parameters"][std::string(child.attr("name"))] = child.attr("value");
    } else if (const Kind* kind = kind_of(element.name, child)) {
      if (kind->is_list) object[std::string(kind->key)].push_back(object_of(child));
      else if (child.attributes.empty() && child.children.empty() && kind->name != "sctp") object[std::string(kind->key)] = true;
      else object[std::string(kind->key)] = object_of(child);
    }
  }
  return object;
}

bool too_deep(std::string_view text) {
  size_t depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\') ++i;
    else if (c == '"') quoted = !quoted;
    else if (!quoted && (c == '{' || c == '[') && ++depth > kMaxDepth) return true;
    else if (!quoted && (c == '}' || c == ']') && depth > 0) --depth;
  }
  return false;
}
}  // namespace

Result<ConferenceModify> parse_json_request(std::string_view text, std::string_view meeting_id) {
  if (too_deep(text)) return fail("the body is nested too deeply");
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return fail("the body is no JSON object");
  Element iq = make_iq("set", Jid(), "rest");
  Element& modify = iq.add("conference-modify", ns::kColibri2);
  if (auto filled = fill(modify, json, 0); !filled) return fail(filled.error());
  if (!meeting_id.empty()) modify.set("meeting-id", meeting_id);
  return parse_request(iq);
}

std::string write_json(const ConferenceModified& answer) {
  return object_of(to_element(answer)).dump(2, ' ', false, Ordered::error_handler_t::replace);
}

}  // namespace tacoma::colibri2
