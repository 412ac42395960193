#include "core/signal/conference_request.h"

namespace tacoma {

namespace {
Element conference_element(const ConferenceRequest& c) {
  Element e("conference", ns::kFocus);
  e.set("room", c.room.to_string());
  const auto set = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) e.set(name, value);
  };
  set("machine-uid", c.machine_uid);
  set("token", c.token);
  set("session-id", c.session_id);
  set("identity", c.identity);
  set("vnode", c.vnode);
  return e;
}
void add_properties(Element& e, const ConferenceRequest& c) {
  for (const auto& [name, value] : c.properties) e.add("property").set("name", name).set("value", value);
}
}  // namespace

std::string_view ConferenceRequest::property(std::string_view name) const {
  for (const auto& [key, value] : properties)
    if (key == name) return value;
  return {};
}

Element make_conference_request(const Jid& focus, std::string_view id, const ConferenceRequest& request) {
  Element iq = make_iq("set", focus, id);
  add_properties(iq.add(conference_element(request)), request);
  return iq;
}

Element make_conference_answer(const Element& request, const ConferenceRequest& answer) {
  Element iq = make_result(request);
  Element& e = iq.add(conference_element(answer));
  e.set_bool("ready", answer.ready);
  if (!answer.focus_jid.empty()) e.set("focusjid", answer.focus_jid);
  add_properties(e, answer);
  return iq;
}

bool is_conference_request(const Element& iq) { return is_iq(iq) && iq.child("conference", ns::kFocus); }

Result<ConferenceRequest> parse_conference_request(const Element& iq) {
  const Element* e = is_iq(iq) ? iq.child("conference", ns::kFocus) : nullptr;
  if (!e) return fail("no conference element");
  ConferenceRequest c;
  const std::string* room = e->find_attr("room");
  if (!room) return fail("no room");
  auto jid = Jid::parse(*room);
  if (!jid || !jid->is_bare() || jid->node.empty()) return fail("'" + *room + "' is not a room");
  c.room = std::move(*jid);
  c.machine_uid = e->attr("machine-uid");
  c.token = e->attr("token");
  c.session_id = e->attr("session-id");
  c.identity = e->attr("identity");
  c.vnode = e->attr("vnode");
  c.ready = e->attr_bool("ready");
  c.focus_jid = e->attr("focusjid");
  for (const Element& p : e->children) {
    if (!p.is("property", ns::kFocus)) continue;
    if (c.properties.size() >= kMaxConferenceProperties) return fail("too many properties");
    c.properties.emplace_back(p.attr("name"), p.attr("value"));
  }
  return c;
}

}  // namespace tacoma
