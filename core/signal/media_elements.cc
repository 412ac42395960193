// Media descriptions as elements: writing, and reading with every value checked.
#include <algorithm>

#include "core/signal/media_description.h"
#include "core/signal/text.h"

namespace tacoma::jingle {

namespace {
constexpr size_t kMaxFingerprints = 8;
constexpr size_t kMaxGroupSize = 20;

const char* name_of(Setup setup) {
  switch (setup) {
    case Setup::actpass: return "actpass";
    case Setup::active: return "active";
    case Setup::passive: return "passive";
  }
  return "?";
}
const char* name_of(CandidateType type) {
  switch (type) {
    case CandidateType::host: return "host";
    case CandidateType::srflx: return "srflx";
    case CandidateType::prflx: return "prflx";
    case CandidateType::relay: return "relay";
  }
  return "?";
}
const char* name_of(GroupSemantics semantics) { return semantics == GroupSemantics::sim ? "SIM" : "FID"; }

/// Reads attributes of one element and keeps the first complaint, so that a parser tests once at its end.
class Attributes {
 public:
  explicit Attributes(const Element& element) : element_(element) {}
  uint64_t number(std::string_view name, uint64_t max, std::optional<uint64_t> absent = std::nullopt) {
    const std::string* text = element_.find_attr(name);
    if (!text && absent) return *absent;
    const auto value = text ? parse_number(*text, max) : std::nullopt;
    if (!value) complain(text ? bad_number(name, *text, max) : "<" + element_.name + "/> has no " + std::string(name));
    return value.value_or(0);
  }
  std::string text(std::string_view name, bool required = false) {
    const std::string* value = element_.find_attr(name);
    if (!value && required) complain("<" + element_.name + "/> has no " + std::string(name));
    if (value && value->size() > kMaxText) complain(std::string(name) + " is too long");
    return value && value->size() <= kMaxText ? *value : std::string();
  }
  void complain(std::string what) {
    if (error_.empty()) error_ = std::move(what);
  }
  const std::string& error() const { return error_; }
  bool ok() const { return error_.empty(); }

 private:
  const Element& element_;
  std::string error_;
};

void add_parameters(Element& parent, const std::vector<Parameter>& parameters) {
  for (const Parameter& p : parameters) parent.add("parameter").set("name", p.name).set("value", p.value);
}

Result<PayloadType> parse_payload_type(const Element& e) {
  Attributes in(e);
  PayloadType type;
  type.id = static_cast<uint8_t>(in.number("id", 127));
  type.name = in.text("name");
  type.clockrate = static_cast<uint32_t>(in.number("clockrate", 1'000'000, 0));
  type.channels = static_cast<uint8_t>(in.number("channels", 8, 1));
  for (const Element& c : e.children) {
    if (type.parameters.size() >= kMaxParameters || type.feedback.size() >= kMaxParameters) return fail("too many parameters of a payload type");
    Attributes child(c);
    if (c.is("parameter", ns::kJingleRtp)) type.parameters.push_back({child.text("name"), child.text("value")});
    if (c.is("rtcp-fb", ns::kRtcpFeedback)) type.feedback.push_back({child.text("type", true), child.text("subtype")});
    if (!child.ok()) return fail(child.error());
  }
  if (!in.ok()) return fail(in.error());
  return type;
}

Result<HeaderExtension> parse_extension(const Element& e) {
  Attributes in(e);
  HeaderExtension extension;
  extension.id = static_cast<uint8_t>(in.number("id", 255));
  extension.uri = in.text("uri", true);
  if (extension.id == 0) in.complain("header extension id 0 is reserved");
  if (!in.ok()) return fail(in.error());
  return extension;
}

Result<Source> parse_source(const Element& e) {
  Attributes in(e);
  Source source;
  source.ssrc = Ssrc(static_cast<uint32_t>(in.number("ssrc", 0xffffffff)));
  source.name = in.text("name");
  const std::string_view type = e.attr("videoType");
  if (type == "camera") source.video_type = VideoType::camera;
  if (type == "desktop") source.video_type = VideoType::desktop;
  for (const Element& c : e.children) {
    Attributes child(c);
    if (c.is("parameter", ns::kSources) && c.attr("name") == "msid") source.msid = child.text("value");
    if (c.is("ssrc-info", ns::kJitmeet)) source.owner = child.text("owner");
    if (!child.ok()) return fail(child.error());
  }
  if (source.ssrc == Ssrc()) in.complain("ssrc 0 is no source");
  if (!in.ok()) return fail(in.error());
  return source;
}

Result<SourceGroup> parse_group(const Element& e) {
  SourceGroup group;
  const std::string_view semantics = e.attr("semantics");
  if (semantics == "SIM") group.semantics = GroupSemantics::sim;
  else if (semantics != "FID") return fail("unknown group semantics '" + std::string(semantics.substr(0, 40)) + "'");
  for (const Element& c : e.children) {
    if (!c.is("source", ns::kSources)) continue;
    if (group.ssrcs.size() >= kMaxGroupSize) return fail("too many sources in a group");
    Attributes in(c);
    group.ssrcs.emplace_back(static_cast<uint32_t>(in.number("ssrc", 0xffffffff)));
    if (!in.ok()) return fail(in.error());
  }
  if (group.ssrcs.empty()) return fail("empty source group");
  return group;
}

/// nullopt for a candidate that ICE would ignore as well: not UDP, or with a name in place of an address.
Result<std::optional<Candidate>> parse_candidate(const Element& e) {
  const std::string_view protocol = e.attr("protocol");
  const auto ip = IpAddress::parse(e.attr("ip"));
  if (!(protocol == "udp" || protocol == "UDP") || !ip) return std::optional<Candidate>();
  Attributes in(e);
  Candidate c;
  c.foundation = in.text("foundation");
  c.id = in.text("id");
  c.component = static_cast<uint8_t>(in.number("component", 255, 1));
  c.priority = static_cast<uint32_t>(in.number("priority", 0xffffffff, 0));
  c.generation = static_cast<uint32_t>(in.number("generation", 0xffffffff, 0));
  c.address = {*ip, static_cast<uint16_t>(in.number("port", 65535))};
  if (in.ok() && c.address.port == 0) in.complain("port 0 is no place to send to");
  const std::string_view type = e.attr("type", "host");
  bool known = false;
  for (const CandidateType t : {CandidateType::host, CandidateType::srflx, CandidateType::prflx, CandidateType::relay}) {
    if (type != name_of(t)) continue;
    c.type = t;
    known = true;
  }
  if (!known) in.complain("unknown candidate type '" + std::string(type.substr(0, 40)) + "'");
  const auto related = IpAddress::parse(e.attr("rel-addr"));
  if (related) c.related = SocketAddress{*related, static_cast<uint16_t>(in.number("rel-port", 65535, 0))};
  if (!in.ok()) return fail(in.error());
  return std::optional<Candidate>(std::move(c));
}

Result<Fingerprint> parse_fingerprint(const Element& e) {
  Fingerprint f;
  f.hash = e.attr("hash");
  const std::string_view setup = e.attr("setup", "actpass");
  if (setup == "active") f.setup = Setup::active;
  else if (setup == "passive") f.setup = Setup::passive;
  else if (setup != "actpass") return fail("unknown fingerprint setup '" + std::string(setup.substr(0, 40)) + "'");
  if (f.hash.empty() || f.hash.size() > 16) return fail("fingerprint without a known hash");
  for (size_t i = 0; i < e.text.size(); ++i) {
    const char c = e.text[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
    if (i % 3 == 2 ? c != ':' : !hex) return fail("fingerprint is not pairs of hex digits");
    f.value += c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  const size_t octets = (f.value.size() + 1) / 3;
  if (f.value.size() % 3 != 2 || octets < 16 || octets > 64 || (f.hash == "sha-256" && octets != 32)) return fail("fingerprint has the wrong length");
  return f;
}

/// ice-char of RFC 8839 section 5.4, up to 256 of them.
bool is_ice_text(std::string_view text) {
  return text.size() <= 256 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '+' || c == '/';
         });
}
}  // namespace

Element to_element(const PayloadType& type) {
  Element e("payload-type", ns::kJingleRtp);
  e.set("id", type.id).set("name", type.name).set("clockrate", type.clockrate);
  if (type.channels != 1) e.set("channels", type.channels);
  add_parameters(e, type.parameters);
  for (const RtcpFeedback& f : type.feedback) {
    Element& fb = e.add("rtcp-fb", ns::kRtcpFeedback);
    fb.set("type", f.type);
    if (!f.subtype.empty()) fb.set("subtype", f.subtype);
  }
  return e;
}

Element to_element(const HeaderExtension& extension) {
  Element e("rtp-hdrext", ns::kRtpHeaderExtensions);
  e.set("id", extension.id).set("uri", extension.uri);
  return e;
}

Element to_element(const Source& source) {
  Element e("source", ns::kSources);
  e.set("ssrc", source.ssrc.value());
  if (!source.name.empty()) e.set("name", source.name);
  if (source.video_type != VideoType::none) e.set("videoType", jingle::name_of(source.video_type));
  if (!source.msid.empty()) add_parameters(e, {{"msid", source.msid}});
  if (!source.owner.empty()) e.add("ssrc-info", ns::kJitmeet).set("owner", source.owner);
  return e;
}

Element to_element(const SourceGroup& group) {
  Element e("ssrc-group", ns::kSources);
  e.set("semantics", name_of(group.semantics));
  for (const Ssrc ssrc : group.ssrcs) e.add("source").set("ssrc", ssrc.value());
  return e;
}

Element to_element(const IceTransport& t) {
  Element e("transport", ns::kIceUdp);
  if (t.ice_generation) e.set("ice-generation", *t.ice_generation);
  if (!t.ufrag.empty()) e.set("ufrag", t.ufrag).set("pwd", t.pwd);
  if (t.rtcp_mux) e.add("rtcp-mux");
  for (const Fingerprint& f : t.fingerprints) e.add_text("fingerprint", ns::kDtls, f.value).set("hash", f.hash).set("setup", name_of(f.setup));
  if (t.sctp_map)
    e.add("sctpmap", ns::kSctpMap).set("number", t.sctp_map->port).set("protocol", "webrtc-datachannel").set("streams", t.sctp_map->streams);
  for (const Candidate& c : t.candidates) {
    Element& candidate = e.add("candidate");
    candidate.set("foundation", c.foundation).set("component", c.component).set("protocol", "udp").set("priority", c.priority);
    candidate.set("ip", c.address.ip.to_string()).set("port", c.address.port).set("type", name_of(c.type));
    candidate.set("generation", c.generation).set("id", c.id);
    if (c.related) candidate.set("rel-addr", c.related->ip.to_string()).set("rel-port", c.related->port);
  }
  if (t.web_socket) e.add("web-socket", ns::kColibri).set("url", *t.web_socket);
  return e;
}

void add_formats(Element& parent, const MediaFormats& formats) {
  for (const PayloadType& type : formats.payload_types) parent.add(to_element(type));
  for (const HeaderExtension& extension : formats.header_extensions) parent.add(to_element(extension));
  if (formats.extmap_allow_mixed) parent.add("extmap-allow-mixed", ns::kRtpHeaderExtensions);
}

void add_sources(Element& parent, const MediaSources& sources) {
  for (const Source& source : sources.sources) parent.add(to_element(source));
  for (const SourceGroup& group : sources.groups) parent.add(to_element(group));
}

Result<MediaFormats> parse_formats(const Element& parent) {
  MediaFormats formats;
  for (const Element& c : parent.children) {
    if (c.is("payload-type", ns::kJingleRtp)) {
      auto type = parse_payload_type(c);
      if (!type) return fail(type.error());
      for (const PayloadType& other : formats.payload_types)
        if (other.id == type->id) return fail("payload type " + std::to_string(type->id) + " is given twice");
      if (formats.payload_types.size() >= kMaxPayloadTypes) return fail("too many payload types");
      formats.payload_types.push_back(std::move(*type));
    } else if (c.is("rtp-hdrext", ns::kRtpHeaderExtensions)) {
      auto extension = parse_extension(c);
      if (!extension) return fail(extension.error());
      for (const HeaderExtension& other : formats.header_extensions)
        if (other.id == extension->id) return fail("header extension id " + std::to_string(extension->id) + " is given twice");
      if (formats.header_extensions.size() >= kMaxHeaderExtensions) return fail("too many header extensions");
      formats.header_extensions.push_back(std::move(*extension));
    } else if (c.is("extmap-allow-mixed", ns::kRtpHeaderExtensions)) {
      formats.extmap_allow_mixed = true;
    }
  }
  return formats;
}

Result<MediaSources> parse_sources(const Element& parent, size_t max_owners) {
  MediaSources out;
  for (const Element& c : parent.children) {
    if (c.is("source", ns::kSources)) {
      auto source = parse_source(c);
      if (!source) return fail(source.error());
      if (out.sources.size() >= max_owners * kMaxSourcesPerEndpoint) return fail("too many sources");
      out.sources.push_back(std::move(*source));
    } else if (c.is("ssrc-group", ns::kSources)) {
      auto group = parse_group(c);
      if (!group) return fail(group.error());
      if (out.groups.size() >= max_owners * kMaxGroupsPerEndpoint) return fail("too many source groups");
      out.groups.push_back(std::move(*group));
    }
  }
  return out;
}

Result<IceTransport> parse_transport(const Element& e) {
  if (!e.is("transport", ns::kIceUdp)) return fail("<" + e.name + "/> is no ICE transport");
  Attributes in(e);
  IceTransport t;
  t.ufrag = in.text("ufrag");
  t.pwd = in.text("pwd");
  if (!is_ice_text(t.ufrag) || !is_ice_text(t.pwd) || t.ufrag.empty() != t.pwd.empty()) return fail("malformed ICE ufrag or pwd");
  if (e.find_attr("ice-generation")) t.ice_generation = static_cast<uint32_t>(in.number("ice-generation", 0xffffffff));
  for (const Element& c : e.children) {
    if (c.is("candidate", ns::kIceUdp)) {
      auto candidate = parse_candidate(c);
      if (!candidate) return fail(candidate.error());
      if (*candidate && t.candidates.size() >= kMaxCandidates) return fail("too many candidates");
      if (*candidate) t.candidates.push_back(std::move(**candidate));
    } else if (c.is("fingerprint", ns::kDtls)) {
      auto fingerprint = parse_fingerprint(c);
      if (!fingerprint) return fail(fingerprint.error());
      if (t.fingerprints.size() >= kMaxFingerprints) return fail("too many fingerprints");
      t.fingerprints.push_back(std::move(*fingerprint));
    } else if (c.is("rtcp-mux", ns::kIceUdp)) {
      t.rtcp_mux = true;
    } else if (c.is("web-socket", ns::kColibri) && !t.web_socket) {
      t.web_socket = Attributes(c).text("url");
    } else if (c.is("sctpmap", ns::kSctpMap)) {
      Attributes map(c);
      t.sctp_map = SctpMap{static_cast<uint16_t>(map.number("number", 65535)), static_cast<uint16_t>(map.number("streams", 65535, 1024))};
      if (!map.ok()) return fail(map.error());
    }
  }
  if (!in.ok()) return fail(in.error());
  return t;
}

}  // namespace tacoma::jingle
