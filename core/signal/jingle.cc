#include "core/signal/jingle.h"

#include <array>

#include "core/signal/text.h"

namespace tacoma::jingle {

namespace {
constexpr std::array kActions = {"session-initiate", "session-accept", "session-terminate", "session-info",
                                 "source-add", "source-remove", "transport-info"};  // in order of the enum
constexpr std::array kSenders = {"both", "initiator", "responder", "none"};
constexpr uint32_t kMaxLastN = 0x7fffffff;

template <size_t N>
std::optional<size_t> index_of(const std::array<const char*, N>& names, std::string_view name) {
  for (size_t i = 0; i < N; ++i)
    if (names[i] == name) return i;
  return std::nullopt;
}
std::string quoted(std::string_view text) { return "'" + std::string(text.substr(0, 40)) + "'"; }

Element content_element(const Content& content) {
  Element e("content", ns::kJingle);
  e.set("name", content.name).set("creator", "initiator").set("senders", kSenders[static_cast<size_t>(content.senders)]);
  if (content.media) {
    Element& description = e.add("description", ns::kJingleRtp);
    description.set("media", name_of(*content.media));
    if (content.max_ptime) description.set("maxptime", *content.max_ptime);
    add_formats(description, content.formats);
    if (content.rtcp_mux) description.add("rtcp-mux");
    add_sources(description, content.sources);
  }
  if (content.transport) e.add(to_element(*content.transport));
  if (content.initial_last_n) e.add("initial-last-n", ns::kColibri2).set("value", std::to_string(*content.initial_last_n));
  return e;
}

Result<void, std::string> read_description(const Element& e, Content& content) {
  const auto media = media_of(e.attr("media"));
  if (!media) return fail("unknown media " + quoted(e.attr("media")));
  content.media = *media;
  if (const std::string* ptime = e.find_attr("maxptime")) {
    const auto value = parse_number(*ptime, 1000);
    if (!value) return fail(bad_number("maxptime", *ptime, 1000));
    content.max_ptime = static_cast<uint32_t>(*value);
  }
  if (*media == Media::application) return {};
  auto formats = parse_formats(e);
  if (!formats) return fail(formats.error());
  content.formats = std::move(*formats);
  auto sources = parse_sources(e, kMaxOwners);
  if (!sources) return fail(sources.error());
  content.sources = std::move(*sources);
  content.rtcp_mux = e.child("rtcp-mux", ns::kJingleRtp) != nullptr;
  return {};
}

Result<void, std::string> read_last_n(const Element& parent, Content& content) {
  const Element* last_n = parent.child("initial-last-n", ns::kColibri2);
  if (!last_n) return {};
  const std::string_view text = last_n->attr("value");
  if (text == "-1") {  // no limit
    content.initial_last_n = -1;
    return {};
  }
  const auto value = parse_number(text, kMaxLastN);
  if (!value) return fail(bad_number("initial-last-n", text, kMaxLastN));
  content.initial_last_n = static_cast<int32_t>(*value);
  return {};
}

Result<Content> parse_content(const Element& e) {
  Content content;
  content.name = e.attr("name");
  if (content.name.empty() || content.name.size() > kMaxText) return fail("content without a name");
  const auto senders = index_of(kSenders, e.attr("senders", "both"));
  if (!senders) return fail("unknown senders " + quoted(e.attr("senders")));
  content.senders = static_cast<Senders>(*senders);
  auto last_n = read_last_n(e, content);
  if (!last_n) return fail(last_n.error());
  if (const Element* description = e.child("description", ns::kJingleRtp)) {
    const auto read = read_description(*description, content);
    if (!read) return fail("content " + quoted(content.name) + ": " + read.error());
    last_n = read_last_n(*description, content);
    if (!last_n) return fail(last_n.error());
  }
  if (const Element* transport = e.child("transport", ns::kIceUdp)) {
    auto read = parse_transport(*transport);
    if (!read) return fail("content " + quoted(content.name) + ": " + read.error());
    content.transport = std::move(*read);
  }
  return content;
}

Reason parse_reason(const Element& e) {
  Reason reason;
  for (const Element& c : e.children) {
    if (c.is("text", ns::kJingle)) reason.text = c.text;
    else if (c.ns == ns::kJingle && reason.condition.empty()) reason.condition = c.name;
  }
  return reason;
}

/// Everything of a <jingle/> but its contents and action.
Result<void, std::string> read_extensions(const Element& e, Jingle& jingle) {
  if (const Element* group = e.child("group", ns::kGrouping)) {
    if (group->attr("semantics") != "BUNDLE") return fail("unknown grouping " + quoted(group->attr("semantics")));
    for (const Element& c : group->children) {
      if (c.name != "content") continue;
      if (jingle.bundle.size() >= kMaxContents) return fail("too many contents in a group");
      jingle.bundle.emplace_back(c.attr("name"));
    }
  }
  if (const Element* session = e.child("bridge-session", ns::kFocus))
    jingle.bridge_session = BridgeSession{std::string(session->attr("id")), std::string(session->attr("region")),
                                          session->attr_bool("restart"), session->attr_bool("ice-restart")};
  if (const Element* reason = e.child("reason", ns::kJingle)) jingle.reason = parse_reason(*reason);
  if (const Element* state = e.child("ice-state", ns::kFocus)) jingle.ice_state = state->text;
  if (const Element* muted = e.child("startmuted", ns::kStartMuted))
    jingle.start_muted = StartMuted{muted->attr_bool("audio"), muted->attr_bool("video")};
  if (const Element* message = e.child("json-message", ns::kJitmeet)) {
    auto sources = parse_json_sources(message->text);
    if (!sources) return fail(sources.error());
    jingle.json_sources = std::move(*sources);
  }
  return {};
}

Content& content_for(Jingle& jingle, Media media) {
  for (Content& c : jingle.contents)
    if (c.name == name_of(media)) return c;
  Content made;
  made.name = name_of(media);
  made.media = media;
  jingle.contents.push_back(std::move(made));
  return jingle.contents.back();
}

Result<void, std::string> sort_by_owner(const Content& content, std::string_view default_owner, ConferenceSources& out) {
  std::map<Ssrc, std::string> owners;
  const bool audio = content.media == Media::audio;
  for (const Source& s : content.sources.sources) {
    const std::string owner = s.owner.empty() ? std::string(default_owner) : s.owner;
    owners[s.ssrc] = owner;
    SourceSet& set = out[owner];
    MediaSources& media = audio ? set.audio : set.video;
    if (media.sources.size() >= kMaxSourcesPerEndpoint) return fail("too many sources of " + quoted(owner));
    media.sources.push_back(s);
    media.sources.back().owner = owner;
  }
  for (const SourceGroup& group : content.sources.groups) {
    const auto found = owners.find(group.ssrcs.at(0));
    const std::string owner = found == owners.end() ? std::string(default_owner) : found->second;
    SourceSet& set = out[owner];
    MediaSources& media = audio ? set.audio : set.video;
    if (media.groups.size() >= kMaxGroupsPerEndpoint) return fail("too many source groups of " + quoted(owner));
    media.groups.push_back(group);
  }
  if (out.size() > kMaxOwners) return fail("too many owners of sources");
  return {};
}
}  // namespace

const char* name_of(Action action) { return kActions[static_cast<size_t>(action)]; }

const Content* Jingle::content(std::string_view name) const {
  for (const Content& c : contents)
    if (c.name == name) return &c;
  return nullptr;
}

const IceTransport* Jingle::transport() const {
  for (const Content& c : contents)
    if (c.transport) return &*c.transport;
  return nullptr;
}

Element to_element(const Jingle& j) {
  Element e("jingle", ns::kJingle);
  e.set("action", name_of(j.action)).set("sid", j.sid);
  if (!j.initiator.empty()) e.set("initiator", j.initiator);
  if (!j.responder.empty()) e.set("responder", j.responder);
  for (const Content& content : j.contents) e.add(content_element(content));
  if (j.reason) {
    Element& reason = e.add("reason");
    if (!j.reason->condition.empty()) reason.add(j.reason->condition);
    if (!j.reason->text.empty()) reason.add_text("text", ns::kJingle, j.reason->text);
  }
  if (!j.bundle.empty()) {
    Element& group = e.add("group", ns::kGrouping);
    group.set("semantics", "BUNDLE");
    for (const std::string& name : j.bundle) group.add("content").set("name", name);
  }
  if (j.ice_state) e.add_text("ice-state", ns::kFocus, *j.ice_state);
  if (j.bridge_session) {
    Element& session = e.add("bridge-session", ns::kFocus);
    session.set("id", j.bridge_session->id);
    if (!j.bridge_session->region.empty()) session.set("region", j.bridge_session->region);
    if (j.bridge_session->restart) session.set_bool("restart", true);
    if (j.bridge_session->ice_restart) session.set_bool("ice-restart", true);
  }
  if (j.start_muted) e.add("startmuted", ns::kStartMuted).set_bool("audio", j.start_muted->audio).set_bool("video", j.start_muted->video);
  if (j.json_sources) e.add_text("json-message", ns::kJitmeet, write_json_sources(*j.json_sources));
  return e;
}

bool is_jingle(const Element& iq) { return is_iq(iq) && iq.attr("type") == "set" && iq.child("jingle", ns::kJingle); }

Result<Jingle> parse(const Element& iq) {
  const Element* e = iq.child("jingle", ns::kJingle);
  if (!e) return fail("no jingle element");
  Jingle jingle;
  const auto action = index_of(kActions, e->attr("action"));
  if (!action) return fail("unknown action " + quoted(e->attr("action")));
  jingle.action = static_cast<Action>(*action);
  jingle.sid = e->attr("sid");
  if (jingle.sid.empty() || jingle.sid.size() > kMaxText) return fail("no session id");
  jingle.initiator = e->attr("initiator");
  jingle.responder = e->attr("responder");
  const bool is_transport = jingle.action == Action::transport_info;
  size_t seen = 0;
  for (const Element& c : e->children) {
    if (!c.is("content", ns::kJingle)) continue;
    if (++seen > (is_transport ? kMaxTransportContents : kMaxContents)) return fail("too many contents");
    if (is_transport && jingle.content(c.attr("name"))) continue;
    auto content = parse_content(c);
    if (!content) return fail(content.error());
    if (jingle.content(content->name)) return fail("content " + quoted(content->name) + " is given twice");
    if (jingle.contents.size() >= kMaxContents) return fail("too many contents");
    jingle.contents.push_back(std::move(*content));
  }
  const bool needs_contents = jingle.action == Action::session_initiate || jingle.action == Action::session_accept;
  if (needs_contents && jingle.contents.empty()) return fail(std::string(name_of(jingle.action)) + " without contents");
  const auto read = read_extensions(*e, jingle);
  if (!read) return fail(read.error());
  return jingle;
}

Result<ConferenceSources> sources_of(const Jingle& jingle, std::string_view default_owner) {
  if (jingle.json_sources) return *jingle.json_sources;
  ConferenceSources out;
  for (const Content& content : jingle.contents) {
    if (!content.media || *content.media == Media::application) continue;
    const auto sorted = sort_by_owner(content, default_owner, out);
    if (!sorted) return fail(sorted.error());
  }
  return out;
}

void put_sources(Jingle& jingle, const ConferenceSources& sources) {
  for (const auto& [owner, set] : sources) {
    for (const Media media : {Media::audio, Media::video}) {
      const MediaSources& from = media == Media::audio ? set.audio : set.video;
      if (from.empty()) continue;
      MediaSources& to = content_for(jingle, media).sources;
      for (Source source : from.sources) {
        source.owner = owner;
        to.sources.push_back(std::move(source));
      }
      to.groups.insert(to.groups.end(), from.groups.begin(), from.groups.end());
    }
  }
}

Element make_unknown_session(const Element& request) {
  return make_error(request, StanzaError{Condition::item_not_found, {}, {}, {Element("unknown-session", ns::kJingleErrors)}});
}

}  // namespace tacoma::jingle
