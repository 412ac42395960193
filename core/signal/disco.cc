#include "core/signal/disco.h"

#include <algorithm>

#include "core/signal/scram.h"

namespace tacoma {

namespace {
bool carries(const Element& iq, std::string_view name, std::string_view ns) {
  return is_iq(iq) && iq.attr("type") == "get" && iq.child(name, ns);
}
}  // namespace

bool DiscoInfo::has(std::string_view feature) const { return std::find(features.begin(), features.end(), feature) != features.end(); }

Element make_disco_query(const Jid& to, std::string_view id, std::string_view node) {
  Element iq = make_iq("get", to, id);
  Element& query = iq.add("query", ns::kDiscoInfo);
  if (!node.empty()) query.set("node", node);
  return iq;
}

bool is_disco_query(const Element& iq) { return carries(iq, "query", ns::kDiscoInfo); }

Element make_disco_result(const Element& request, const DiscoInfo& info) {
  Element iq = make_result(request);
  Element& query = iq.add("query", ns::kDiscoInfo);
  if (const Element* asked = request.child("query", ns::kDiscoInfo))
    if (const std::string* node = asked->find_attr("node")) query.set("node", *node);
  for (const Identity& identity : info.identities) {
    Element& e = query.add("identity");
    e.set("category", identity.category).set("type", identity.type);
    if (!identity.name.empty()) e.set("name", identity.name);
  }
  for (const std::string& feature : info.features) query.add("feature").set("var", feature);
  if (info.room_info.empty()) return iq;
  Element& form = query.add("x", ns::kDataForms);
  form.set("type", "result");
  Element& form_type = form.add("field");
  form_type.set("var", "FORM_TYPE").set("type", "hidden");
  form_type.add_text("value", ns::kDataForms, ns::kMucRoomInfo);
  for (const auto& [var, value] : info.room_info) {
    Element& field = form.add("field");
    field.set("var", var);
    field.add_text("value", ns::kDataForms, value);
  }
  return iq;
}

Result<DiscoInfo> parse_disco(const Element& iq) {
  const Element* query = iq.child("query", ns::kDiscoInfo);
  if (!is_iq(iq) || iq.attr("type") != "result" || !query) return fail("no disco#info result");
  DiscoInfo info;
  for (const Element& c : query->children) {
    if (c.is("identity", ns::kDiscoInfo)) info.identities.push_back({std::string(c.attr("category")), std::string(c.attr("type")), std::string(c.attr("name"))});
    if (c.is("feature", ns::kDiscoInfo)) info.features.emplace_back(c.attr("var"));
    if (info.identities.size() > kMaxFeatures || info.features.size() > kMaxFeatures) return fail("too many features");
  }
  if (const Element* form = query->child("x", ns::kDataForms)) {
    for (const Element& field : form->children) {
      if (field.name != "field" || field.attr("var") == "FORM_TYPE") continue;
      if (info.room_info.size() >= kMaxFeatures) return fail("too many form fields");
      info.room_info.emplace_back(field.attr("var"), field.child_text("value", ns::kDataForms));
    }
  }
  return info;
}

Element make_disco_items_query(const Jid& to, std::string_view id) {
  Element iq = make_iq("get", to, id);
  iq.add("query", ns::kDiscoItems);
  return iq;
}

Result<std::vector<Jid>> parse_disco_items(const Element& iq) {
  const Element* query = iq.child("query", ns::kDiscoItems);
  if (!is_iq(iq) || iq.attr("type") != "result" || !query) return fail("no disco#items result");
  std::vector<Jid> items;
  for (const Element& item : query->children) {
    if (!item.is("item", ns::kDiscoItems) || items.size() >= kMaxItems) continue;
    if (const auto jid = Jid::parse(item.attr("jid"))) items.push_back(*jid);
  }
  return items;
}

std::string caps_verification(const DiscoInfo& info) {  // XEP-0115 section 5.1, without forms and languages
  std::vector<Identity> identities = info.identities;
  std::vector<std::string> features = info.features;
  std::sort(identities.begin(), identities.end());
  std::sort(features.begin(), features.end());
  std::string text;
  for (const Identity& identity : identities) text += identity.category + "/" + identity.type + "//" + identity.name + "<";
  for (const std::string& feature : features) text += feature + "<";
  return base64_encode(sha1(text));
}

Element make_ping(const Jid& to, std::string_view id) {
  Element iq = make_iq("get", to, id);
  iq.add("ping", ns::kPing);
  return iq;
}
bool is_ping(const Element& iq) { return carries(iq, "ping", ns::kPing); }

Element make_healthcheck(const Jid& to, std::string_view id) {
  Element iq = make_iq("get", to, id);
  iq.add("healthcheck", ns::kHealthcheck);
  return iq;
}
bool is_healthcheck(const Element& iq) { return carries(iq, "healthcheck", ns::kHealthcheck); }

}  // namespace tacoma
