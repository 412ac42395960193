#include "core/signal/muc.h"

#include <algorithm>
#include <array>

namespace tacoma::muc {

namespace {
constexpr std::array kAffiliations = {"none", "outcast", "member", "admin", "owner"};  // in order of the enum
constexpr std::array kRoles = {"none", "visitor", "participant", "moderator"};
constexpr size_t kMaxAdminItems = 64;
constexpr size_t kMaxStatuses = 16;

template <typename Enum, size_t N>
std::optional<Enum> find_name(const std::array<const char*, N>& names, std::string_view name) {
  for (size_t i = 0; i < N; ++i)
    if (names[i] == name) return static_cast<Enum>(i);
  return std::nullopt;
}

std::optional<Jid> jid_of(const Element& item) {
  const std::string* text = item.find_attr("jid");
  return text ? Jid::parse(*text) : std::nullopt;
}

Element admin_set(const Jid& room, std::string_view id, Element*& item) {
  Element iq = make_iq("set", room, id);
  item = &iq.add("query", ns::kMucAdmin).add("item");
  return iq;
}

void add_field(Element& form, std::string_view var, std::string_view type, std::string_view value) {
  Element& field = form.add("field");
  field.set("var", var);
  if (!type.empty()) field.set("type", type);
  field.add_text("value", ns::kDataForms, value);
}

const Element* form_of(const Element& iq) {
  const Element* query = iq.child("query", ns::kMucOwner);
  return query ? query->child("x", ns::kDataForms) : nullptr;
}
}  // namespace

const char* name_of(Affiliation affiliation) { return kAffiliations[static_cast<size_t>(affiliation)]; }
const char* name_of(Role role) { return kRoles[static_cast<size_t>(role)]; }
std::optional<Affiliation> affiliation_of(std::string_view name) { return find_name<Affiliation>(kAffiliations, name); }
std::optional<Role> role_of(std::string_view name) { return find_name<Role>(kRoles, name); }

bool UserInfo::has_status(int code) const { return std::find(statuses.begin(), statuses.end(), code) != statuses.end(); }

Element make_join(const Jid& occupant, std::string_view password) {
  Element presence = make_presence({}, occupant);
  Element& x = presence.add("x", ns::kMuc);
  if (!password.empty()) x.add_text("password", ns::kMuc, password);
  return presence;
}

Element make_leave(const Jid& occupant) { return make_presence("unavailable", occupant); }

Element make_config(const Jid& room, std::string_view id, std::string_view secret) {
  Element iq = make_iq("set", room, id);
  Element& form = iq.add("query", ns::kMucOwner).add("x", ns::kDataForms);
  form.set("type", "submit");
  add_field(form, "FORM_TYPE", "hidden", ns::kMucRoomConfig);
  add_field(form, "muc#roomconfig_whois", {}, "anyone");
  if (!secret.empty()) add_field(form, "muc#roomconfig_roomsecret", {}, secret);
  return iq;
}

Element make_config_query(const Jid& room, std::string_view id) {
  Element iq = make_iq("get", room, id);
  iq.add("query", ns::kMucOwner);
  return iq;
}

Element make_kick(const Jid& room, std::string_view id, std::string_view nick, std::string_view reason) {
  Element* item;
  Element iq = admin_set(room, id, item);
  item->set("nick", nick).set("role", "none");
  if (!reason.empty()) item->add_text("reason", ns::kMucAdmin, reason);
  return iq;
}

Element make_grant(const Jid& room, std::string_view id, const Jid& who, Affiliation affiliation) {
  Element* item;
  Element iq = admin_set(room, id, item);
  item->set("jid", who.bare().to_string()).set("affiliation", name_of(affiliation));
  return iq;
}

bool is_join(const Element& presence) { return is_presence(presence) && !presence.find_attr("type") && presence.child("x", ns::kMuc); }

std::string_view join_password(const Element& presence) {
  const Element* x = presence.child("x", ns::kMuc);
  return x ? x->child_text("password", ns::kMuc) : std::string_view();
}

void add_user_info(Element& presence, const UserInfo& info) {
  Element& x = presence.add("x", ns::kMucUser);
  Element& item = x.add("item");
  item.set("affiliation", name_of(info.item.affiliation)).set("role", name_of(info.item.role));
  if (info.item.jid) item.set("jid", info.item.jid->to_string());
  if (!info.item.nick.empty()) item.set("nick", info.item.nick);
  if (!info.item.actor_nick.empty()) item.add("actor").set("nick", info.item.actor_nick);
  if (!info.item.reason.empty()) item.add_text("reason", ns::kMucUser, info.item.reason);
  for (const int code : info.statuses) x.add("status").set("code", static_cast<uint64_t>(code));
  if (info.destroyed) x.add("destroy");
}

std::optional<UserInfo> parse_user_info(const Element& presence) {
  const Element* x = presence.child("x", ns::kMucUser);
  if (!x) return std::nullopt;
  UserInfo info;
  info.destroyed = x->child("destroy") != nullptr;
  for (const Element& c : x->children) {
    if (c.name != "status" || info.statuses.size() >= kMaxStatuses) continue;
    const std::string_view code = c.attr("code");
    if (code.size() == 3 && code.find_first_not_of("0123456789") == std::string_view::npos)
      info.statuses.push_back((code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0'));
  }
  const Element* item = x->child("item");
  if (!item) return info;
  const auto affiliation = affiliation_of(item->attr("affiliation", "none"));
  const auto role = role_of(item->attr("role", "none"));
  if (!affiliation || !role) return std::nullopt;
  info.item.affiliation = *affiliation;
  info.item.role = *role;
  info.item.jid = jid_of(*item);
  info.item.nick = item->attr("nick");
  info.item.reason = item->child_text("reason", ns::kMucUser);
  if (const Element* actor = item->child("actor")) info.item.actor_nick = actor->attr("nick");
  return info;
}

std::optional<RoomConfig> parse_config(const Element& iq) {
  const Element* form = form_of(iq);
  if (!form || form->attr("type") == "cancel") return std::nullopt;
  RoomConfig config;
  std::optional<bool> is_protected;
  for (const Element& field : form->children) {
    if (!field.is("field", ns::kDataForms)) continue;
    const std::string_view var = field.attr("var");
    const std::string_view value = field.child_text("value", ns::kDataForms);
    const bool yes = value == "1" || value == "true";
    if (var == "muc#roomconfig_whois") config.whois_anyone = value == "anyone";
    if (var == "muc#roomconfig_roomsecret") config.secret = std::string(value);
    if (var == "muc#roomconfig_passwordprotectedroom") is_protected = yes;
    if (var == "muc#roomconfig_membersonly") config.members_only = yes;
  }
  if (is_protected == false) config.secret = std::string();
  return config;
}

bool is_config_cancel(const Element& iq) {
  const Element* form = form_of(iq);
  return form && iq.attr("type") == "set" && form->attr("type") == "cancel";
}

Element make_config_form(const Element& request, const RoomConfig& config) {
  Element iq = make_result(request);
  Element& form = iq.add("query", ns::kMucOwner).add("x", ns::kDataForms);
  form.set("type", "form");
  add_field(form, "FORM_TYPE", "hidden", ns::kMucRoomConfig);
  add_field(form, "muc#roomconfig_whois", "list-single", config.whois_anyone.value_or(false) ? "anyone" : "moderators");
  add_field(form, "muc#roomconfig_roomsecret", "text-private", config.secret.value_or(""));
  add_field(form, "muc#roomconfig_membersonly", "boolean", config.members_only.value_or(false) ? "1" : "0");
  return iq;
}

Result<std::vector<AdminItem>> parse_admin(const Element& iq) {
  const Element* query = iq.child("query", ns::kMucAdmin);
  if (!query) return fail("no muc#admin query");
  std::vector<AdminItem> items;
  for (const Element& c : query->children) {
    if (!c.is("item", ns::kMucAdmin)) continue;
    if (items.size() >= kMaxAdminItems) return fail("too many items");
    AdminItem item;
    if (const std::string* name = c.find_attr("affiliation")) {
      item.affiliation = affiliation_of(*name);
      if (!item.affiliation) return fail("unknown affiliation '" + *name + "'");
    }
    if (const std::string* name = c.find_attr("role")) {
      item.role = role_of(*name);
      if (!item.role) return fail("unknown role '" + *name + "'");
    }
    item.nick = c.attr("nick");
    item.reason = c.child_text("reason", ns::kMucAdmin);
    item.jid = jid_of(c);
    if (c.find_attr("jid") && !item.jid) return fail("malformed jid");
    items.push_back(std::move(item));
  }
  if (items.empty()) return fail("no items");
  return items;
}

}  // namespace tacoma::muc
