#include "core/signal/colibri2.h"

#include <algorithm>
#include <array>

#include "core/signal/text.h"

namespace tacoma::colibri2 {

namespace {
using jingle::Media;

constexpr std::array kReasons = {"", "conference_not_found", "conference_already_exists", "unknown_endpoint", "graceful_shutdown",
                                 "feature_not_implemented"};  // in order of the enum
constexpr size_t kMaxId = 256;

void set_flag(Element& e, std::string_view name, bool value) {
  if (value) e.set_bool(name, true);
}

Element to_element(const MediaSource& source) {
  Element e("media-source", ns::kColibri2);
  e.set("type", jingle::name_of(source.type));
  if (!source.id.empty()) e.set("id", source.id);
  jingle::add_sources(e, source.ssrcs);
  return e;
}

Element to_element(const Transport& transport) {
  Element e("transport", ns::kColibri2);
  if (transport.ice_controlling) e.set_bool("ice-controlling", *transport.ice_controlling);
  set_flag(e, "use-unique-port", transport.use_unique_port);
  set_flag(e, "ice-restart", transport.ice_restart);
  if (transport.ice) e.add(jingle::to_element(*transport.ice));
  if (transport.sctp) {
    Element& sctp = e.add("sctp");
    if (transport.sctp->role) sctp.set("role", *transport.sctp->role == SctpRole::client ? "client" : "server");
    if (transport.sctp->port) sctp.set("port", *transport.sctp->port);
  }
  return e;
}

void add_media_sources(Element& parent, const std::vector<MediaSource>& list) {
  Element& sources = parent.add("sources");
  for (const MediaSource& source : list) sources.add(to_element(source));
}

Element to_element(const Endpoint& endpoint) {
  Element e("endpoint", ns::kColibri2);
  e.set("id", endpoint.id);
  set_flag(e, "create", endpoint.create);
  set_flag(e, "expire", endpoint.expire);
  if (!endpoint.stats_id.empty()) e.set("stats-id", endpoint.stats_id);
  if (!endpoint.muc_role.empty()) e.set("muc-role", endpoint.muc_role);
  for (const std::string& capability : endpoint.capabilities) e.add("capability").set("name", capability);
  for (const MediaDescription& m : endpoint.media) {
    Element& media = e.add("media");
    media.set("type", jingle::name_of(m.type));
    jingle::add_formats(media, m.formats);
  }
  if (endpoint.transport) e.add(to_element(*endpoint.transport));
  if (endpoint.sources) add_media_sources(e, *endpoint.sources);
  if (endpoint.force_mute) e.add("force-mute").set_bool("audio", endpoint.force_mute->audio).set_bool("video", endpoint.force_mute->video);
  if (endpoint.initial_last_n) e.add("initial-last-n").set("value", std::to_string(*endpoint.initial_last_n));
  return e;
}

std::optional<Media> audio_or_video(const Element& e) {
  const auto media = jingle::media_of(e.attr("type"));
  return media == Media::application ? std::nullopt : media;
}

Result<std::string> parse_id(const Element& e) {
  std::string id(e.attr("id"));
  if (id.empty() || id.size() > kMaxId) return fail("<" + e.name + "/> without a valid id");
  return id;
}

Result<Transport> parse_transport(const Element& e) {
  Transport transport;
  if (e.find_attr("ice-controlling")) transport.ice_controlling = e.attr_bool("ice-controlling");
  transport.use_unique_port = e.attr_bool("use-unique-port");
  transport.ice_restart = e.attr_bool("ice-restart");
  if (const Element* ice = e.child("transport", ns::kIceUdp)) {
    auto read = jingle::parse_transport(*ice);
    if (!read) return fail(read.error());
    transport.ice = std::move(*read);
  }
  if (const Element* sctp = e.child("sctp")) {
    transport.sctp.emplace();
    if (const std::string* role = sctp->find_attr("role")) {
      if (*role != "client" && *role != "server") return fail("unknown sctp role '" + role->substr(0, 40) + "'");
      transport.sctp->role = *role == "client" ? SctpRole::client : SctpRole::server;
    }
    if (const std::string* port = sctp->find_attr("port")) {
      const auto number = parse_number(*port, 65535);
      if (!number) return fail(bad_number("sctp port", *port, 65535));
      transport.sctp->port = static_cast<uint16_t>(*number);
    }
  }
  return transport;
}

Result<std::vector<MediaSource>> parse_media_sources(const Element& sources) {
  std::vector<MediaSource> out;
  for (const Element& c : sources.children) {
    if (!c.is("media-source", ns::kColibri2)) continue;
    if (out.size() >= kMaxMediaSources) return fail("too many media sources");
    MediaSource source;
    const auto type = audio_or_video(c);
    if (!type) return fail("media-source of unknown type '" + std::string(c.attr("type").substr(0, 40)) + "'");
    source.type = *type;
    source.id = c.attr("id");
    if (source.id.size() > kMaxId) return fail("media-source id too long");
    auto ssrcs = jingle::parse_sources(c);
    if (!ssrcs) return fail(ssrcs.error());
    source.ssrcs = std::move(*ssrcs);
    out.push_back(std::move(source));
  }
  return out;
}

Result<void, std::string> read_endpoint_child(const Element& c, Endpoint& endpoint) {
  if (c.name == "capability") {
    if (endpoint.capabilities.size() >= kMaxCapabilities) return fail("too many capabilities");
    endpoint.capabilities.emplace_back(c.attr("name"));
  } else if (c.name == "media") {
    const auto type = audio_or_video(c);
    if (!type) return fail("media of unknown type '" + std::string(c.attr("type").substr(0, 40)) + "'");
    if (endpoint.formats(*type)) return fail("media of one type is given twice");
    auto formats = jingle::parse_formats(c);
    if (!formats) return fail(formats.error());
    endpoint.media.push_back({*type, std::move(*formats)});
  } else if (c.name == "transport") {
    auto transport = parse_transport(c);
    if (!transport) return fail(transport.error());
    endpoint.transport = std::move(*transport);
  } else if (c.name == "sources") {
    auto sources = parse_media_sources(c);
    if (!sources) return fail(sources.error());
    endpoint.sources = std::move(*sources);
  } else if (c.name == "force-mute") {
    endpoint.force_mute = ForceMute{c.attr_bool("audio"), c.attr_bool("video")};
  } else if (c.name == "initial-last-n") {
    const std::string_view text = c.attr("value");
    const auto number = parse_number(text, 0x7fffffff);
    if (!number && text != "-1") return fail(bad_number("initial-last-n", text, 0x7fffffff));
    endpoint.initial_last_n = number ? static_cast<int32_t>(*number) : -1;
  }
  return {};
}

Result<Endpoint> parse_endpoint(const Element& e) {
  Endpoint endpoint;
  auto id = parse_id(e);
  if (!id) return fail(id.error());
  endpoint.id = std::move(*id);
  endpoint.create = e.attr_bool("create");
  endpoint.expire = e.attr_bool("expire");
  if (endpoint.create && endpoint.expire) return fail("endpoint '" + endpoint.id + "' is to be created and expired");
  endpoint.stats_id = e.attr("stats-id");
  endpoint.muc_role = e.attr("muc-role");
  for (const Element& c : e.children) {
    if (c.ns != ns::kColibri2) continue;
    const auto read = read_endpoint_child(c, endpoint);
    if (!read) return fail("endpoint '" + endpoint.id + "': " + read.error());
  }
  return endpoint;
}
}  // namespace

bool Endpoint::has_capability(std::string_view name) const {
  return std::find(capabilities.begin(), capabilities.end(), name) != capabilities.end();
}

const jingle::MediaFormats* Endpoint::formats(Media type) const {
  for (const MediaDescription& m : media)
    if (m.type == type) return &m.formats;
  return nullptr;
}

Element to_element(const ConferenceModify& request) {
  Element e("conference-modify", ns::kColibri2);
  e.set("meeting-id", request.meeting_id);
  if (!request.name.empty()) e.set("name", request.name);
  set_flag(e, "create", request.create);
  set_flag(e, "expire", request.expire);
  set_flag(e, "rtcstats-enabled", request.rtcstats_enabled);
  for (const Endpoint& endpoint : request.endpoints) e.add(to_element(endpoint));
  for (const Relay& relay : request.relays) {
    Element& r = e.add("relay");
    r.set("id", relay.id);
    set_flag(r, "create", relay.create);
    set_flag(r, "expire", relay.expire);
    if (!relay.mesh_id.empty()) r.set("mesh-id", relay.mesh_id);
  }
  if (request.has_connects) e.add("connects");
  return e;
}

Element to_element(const ConferenceModified& answer) {
  Element e("conference-modified", ns::kColibri2);
  for (const Endpoint& endpoint : answer.endpoints) e.add(to_element(endpoint));
  if (!answer.sources.empty()) add_media_sources(e, answer.sources);
  return e;
}

Element make_request(const Jid& bridge, std::string_view id, const ConferenceModify& request) {
  Element iq = make_iq("get", bridge, id);
  iq.add(to_element(request));
  return iq;
}

Element make_answer(const Element& request, const ConferenceModified& answer) {
  Element iq = make_result(request);
  iq.add(to_element(answer));
  return iq;
}

bool is_request(const Element& iq) { return tacoma::is_request(iq) && iq.child("conference-modify", ns::kColibri2); }

Result<ConferenceModify> parse_request(const Element& iq) {
  const Element* e = iq.child("conference-modify", ns::kColibri2);
  if (!e) return fail("no conference-modify");
  ConferenceModify request;
  request.meeting_id = e->attr("meeting-id");
  if (request.meeting_id.empty() || request.meeting_id.size() > kMaxId) return fail("no valid meeting-id");
  request.name = e->attr("name");
  request.create = e->attr_bool("create");
  request.expire = e->attr_bool("expire");
  request.rtcstats_enabled = e->attr_bool("rtcstats-enabled");
  for (const Element& c : e->children) {
    if (request.endpoints.size() + request.relays.size() >= kMaxEndpoints) return fail("too many endpoints");
    if (c.is("endpoint", ns::kColibri2)) {
      auto endpoint = parse_endpoint(c);
      if (!endpoint) return fail(endpoint.error());
      request.endpoints.push_back(std::move(*endpoint));
    } else if (c.is("relay", ns::kColibri2)) {
      auto id = parse_id(c);
      if (!id) return fail(id.error());
      request.relays.push_back({std::move(*id), std::string(c.attr("mesh-id")), c.attr_bool("create"), c.attr_bool("expire")});
    } else if (c.is("connects", ns::kColibri2)) {
      request.has_connects = true;
    }
  }
  return request;
}

Result<ConferenceModified> parse_answer(const Element& iq) {
  const Element* e = iq.child("conference-modified", ns::kColibri2);
  if (!e) return fail("no conference-modified");
  ConferenceModified answer;
  for (const Element& c : e->children) {
    if (answer.endpoints.size() >= kMaxEndpoints) return fail("too many endpoints");
    if (c.is("endpoint", ns::kColibri2)) {
      auto endpoint = parse_endpoint(c);
      if (!endpoint) return fail(endpoint.error());
      answer.endpoints.push_back(std::move(*endpoint));
    } else if (c.is("sources", ns::kColibri2)) {
      auto sources = parse_media_sources(c);
      if (!sources) return fail(sources.error());
      answer.sources = std::move(*sources);
    }
  }
  return answer;
}

const char* name_of(Reason reason) { return kReasons[static_cast<size_t>(reason)]; }

Element make_error(const Element& request, const Error& error) {
  StanzaError out{error.condition, {}, error.text, {}};
  if (error.reason != Reason::none) {
    Element detail("error", ns::kColibri2);
    detail.set("reason", name_of(error.reason));
    if (!error.endpoint.empty()) detail.add("endpoint").set("id", error.endpoint);
    out.details.push_back(std::move(detail));
  }
  return tacoma::make_error(request, out);
}

Error parse_error(const Element& iq) {
  const StanzaError read = tacoma::parse_error(iq);
  Error error{read.condition, Reason::none, {}, read.text};
  for (const Element& detail : read.details) {
    if (!detail.is("error", ns::kColibri2)) continue;
    for (size_t i = 1; i < kReasons.size(); ++i)
      if (detail.attr("reason") == kReasons[i]) error.reason = static_cast<Reason>(i);
    if (const Element* endpoint = detail.child("endpoint")) error.endpoint = endpoint->attr("id");
  }
  return error;
}

std::vector<MediaSource> to_media_sources(const jingle::SourceSet& sources) {
  std::vector<MediaSource> out;
  for (const Media type : {Media::audio, Media::video}) {
    const jingle::MediaSources& media = type == Media::audio ? sources.audio : sources.video;
    const size_t first = out.size();
    std::map<Ssrc, size_t> place;
    for (const jingle::Source& source : media.sources) {
      auto at = std::find_if(out.begin() + static_cast<ptrdiff_t>(first), out.end(), [&](const MediaSource& m) { return m.id == source.name; });
      if (at == out.end()) at = out.insert(out.end(), MediaSource{type, source.name, {}});
      at->ssrcs.sources.push_back(source);
      place[source.ssrc] = static_cast<size_t>(at - out.begin());
    }
    for (const jingle::SourceGroup& group : media.groups) {
      const auto at = group.ssrcs.empty() ? place.end() : place.find(group.ssrcs[0]);
      if (at != place.end()) out[at->second].ssrcs.groups.push_back(group);
    }
  }
  return out;
}

jingle::SourceSet to_source_set(const std::vector<MediaSource>& sources, std::string_view owner) {
  jingle::SourceSet set;
  for (const MediaSource& from : sources) {
    jingle::MediaSources& to = from.type == Media::audio ? set.audio : set.video;
    for (jingle::Source source : from.ssrcs.sources) {
      source.owner = owner;
      if (source.name.empty()) source.name = from.id;
      to.sources.push_back(std::move(source));
    }
    to.groups.insert(to.groups.end(), from.ssrcs.groups.begin(), from.ssrcs.groups.end());
  }
  return set;
}

}  // namespace tacoma::colibri2
