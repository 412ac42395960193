#include "sim/router/muc_room.h"

#include <algorithm>
#include <utility>

#include "core/signal/scram.h"

namespace tacoma::router {
namespace {

using muc::Affiliation;
using muc::Role;

StanzaError error(Condition condition, std::string_view text = {}) {
  StanzaError e;
  e.condition = condition;
  e.text = text;
  return e;
}

Role role_for(Affiliation affiliation) {
  switch (affiliation) {
    case Affiliation::owner:
    case Affiliation::admin: return Role::moderator;
    case Affiliation::outcast: return Role::none;
    default: return Role::participant;
  }
}

/// Children of a presence that goes to a room. The room adds its own, and the sum must not end the receivers' streams.
constexpr size_t kMaxExtensions = 256;

/// The children that an occupant may say: the room's own words are left out, so that nobody can forge them. With too many
/// children the text is too long for any room.
std::string extensions_of(const Element& presence, const RouterLimits& limits) {
  std::string xml;
  if (presence.children.size() > kMaxExtensions) return std::string(limits.broadcast_bytes + 1, ' ');
  for (const Element& child : presence.children)
    if (child.ns != ns::kMuc && child.ns != ns::kMucUser) write_xml(child, ns::kClient, xml);
  return xml;
}


}  // namespace

Room::Room(Jid jid, const RouterLimits& limits, uint64_t id_key, Streams& streams, RouterStats& stats)
    : jid_(std::move(jid)), jid_text_(jid_.to_string()), limits_(limits), id_key_(id_key), streams_(streams), stats_(stats) {
  ++stats_.rooms;
  ++stats_.rooms_created;
}

Room::~Room() {
  stats_.occupants -= occupants_.size();
  --stats_.rooms;
}

Occupant* Room::by_nick(std::string_view nick) {
  const auto found = by_nick_.find(nick);
  return found == by_nick_.end() ? nullptr : found->second;
}

Occupant* Room::by_address(std::string_view address) {
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? nullptr : found->second;
}

Affiliation Room::affiliation(const Jid& bare) const {
  const auto found = affiliations_.find(bare.to_string());
  return found == affiliations_.end() ? Affiliation::none : found->second;
}

Result<void, StanzaError> Room::join(StreamId stream, const Jid& real, std::string_view nick, const Element& presence, bool admin,
                                     bool created) {
  const Jid bare = real.bare();
  Affiliation mine = admin || created ? Affiliation::owner : affiliation(bare);
  if (mine == Affiliation::outcast) return fail(error(Condition::forbidden));
  if (by_nick(nick)) return fail(error(Condition::conflict));
  const bool privileged = mine >= Affiliation::admin;
  if (members_only_ && mine < Affiliation::member) return fail(error(Condition::registration_required));
  if (!secret_.empty() && muc::join_password(presence) != secret_) return fail(error(Condition::not_authorized));
  if (occupants_.size() >= limits_.occupants_per_room && !privileged) return fail(error(Condition::service_unavailable));
  std::string extensions = extensions_of(presence, limits_);
  if (extensions.size() > limits_.broadcast_bytes) return fail(error(Condition::policy_violation, "Presence too long"));

  if (mine == Affiliation::owner) affiliations_[bare.to_string()] = Affiliation::owner;
  auto occupant = std::make_unique<Occupant>();
  Occupant& who = *occupant;
  who.nick = nick;
  who.jid = jid_.with_resource(nick).to_string();
  who.real = real;
  who.address = real.to_string();
  who.stream = stream;
  who.affiliation = mine;
  who.role = role_for(mine);
  renew(who, extensions);
  send_list(who);
  occupants_.push_back(std::move(occupant));
  by_nick_.emplace(who.nick, &who);
  by_address_.emplace(who.address, &who);
  ++stats_.occupants;
  ++stats_.joins;

  std::vector<int> statuses = {muc::kStatusNonAnonymous, muc::kStatusSelf};
  if (created) statuses.push_back(muc::kStatusCreated);
  announce(who, statuses);
  Element subject = make_message("groupchat", real);
  subject.set("from", jid_text_);
  subject.add_text("subject", ns::kClient, subject_);
  streams_.send(stream, subject);
  return {};
}

Result<void, StanzaError> Room::update(Occupant& who, const Element& presence, bool again) {
  std::string extensions = extensions_of(presence, limits_);
  if (extensions.size() > limits_.broadcast_bytes) return fail(error(Condition::policy_violation, "Presence too long"));
  renew(who, extensions);
  if (!again) {
    announce(who, {muc::kStatusSelf});
    return {};
  }
  send_list(who);
  announce(who, {muc::kStatusNonAnonymous, muc::kStatusSelf});
  return {};
}

void Room::leave(Occupant& who, const Element* said) {
  std::string extensions = said ? extensions_of(*said, limits_) : std::string();
  if (extensions.size() > limits_.broadcast_bytes) extensions.clear();
  who.role = Role::none;
  remove(who, {}, {}, {}, extensions);
}

Result<void, StanzaError> Room::message(Occupant& from, const Element& stanza, std::string_view to_nick) {
  const bool is_groupchat = stanza.attr("type") == "groupchat";
  if (!to_nick.empty()) {
    if (is_groupchat) return fail(error(Condition::bad_request));
    Occupant* to = by_nick(to_nick);
    if (!to) return fail(error(Condition::item_not_found));
    Element copy = stanza;
    copy.set("from", from.jid).set("to", to->address);
    streams_.send(to->stream, copy);
    return {};
  }
  if (!is_groupchat) return fail(error(Condition::service_unavailable));
  const Element* subject = stanza.child("subject", ns::kClient);
  if (subject && !stanza.child("body", ns::kClient)) {
    if (from.role != Role::moderator) return fail(error(Condition::forbidden));
    if (subject->text.size() > limits_.broadcast_bytes) return fail(error(Condition::policy_violation, "Subject too long"));
    subject_ = subject->text;
  }
  Element copy = stanza;
  copy.set("from", from.jid);
  const SharedStanza shared(copy);
  if (shared.head.size() + shared.tail.size() > limits_.broadcast_bytes)
    return fail(error(Condition::policy_violation, "Message too long"));
  broadcast(shared, nullptr);
  return {};
}

Result<void, StanzaError> Room::pass_request(Occupant& from, const Element& iq, std::string_view to_nick) {
  Occupant* to = by_nick(to_nick);
  if (!to) return fail(error(Condition::item_not_found));
  Element copy = iq;
  copy.set("from", from.jid).set("to", to->address).set("id", token(from, *to, iq.attr("id")));
  streams_.send(to->stream, copy);
  return {};
}

bool Room::pass_answer(Occupant& from, const Element& iq, std::string_view to_nick) {
  Occupant* to = by_nick(to_nick);
  const auto plain = base64_decode(iq.attr("id"));
  if (!to || !plain) return false;
  // answerer, id, mark of the one who asked; the id is what stands between the first and the last NUL
  const size_t first = plain->find('\0'), last = plain->rfind('\0');
  if (first == std::string::npos || first == last) return false;
  if (std::string_view(*plain).substr(0, first) != from.address) return false;
  if (std::string_view(*plain).substr(last + 1) != sender_mark(to->address)) return false;
  Element copy = iq;
  copy.set("from", from.jid).set("to", to->address).set("id", std::string_view(*plain).substr(first + 1, last - first - 1));
  streams_.send(to->stream, copy);
  return true;
}

std::string Room::token(const Occupant& from, const Occupant& to, std::string_view id) const {
  std::string plain = to.address;
  plain += '\0';
  plain += id;
  plain += '\0';
  plain += sender_mark(from.address);
  return base64_encode(plain);
}

std::string Room::sender_mark(std::string_view address) const {
  uint64_t hash = 0xcbf29ce484222325ull ^ id_key_;
  for (char c : address) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3ull;
  hash ^= hash >> 29;
  char bytes[8];
  for (char& byte : bytes) {
    byte = static_cast<char>(hash);
    hash >>= 8;
  }
  return hex_encode(std::string_view(bytes, sizeof bytes));
}

Result<void, StanzaError> Room::owner_request(StreamId stream, const Jid& from, const Element& iq) {
  if (affiliation(from.bare()) != Affiliation::owner) return fail(error(Condition::forbidden, "Only owners can configure rooms"));
  if (iq.attr("type") == "get") {
    muc::RoomConfig config;
    config.whois_anyone = true;
    config.secret = secret_;
    config.members_only = members_only_;
    streams_.send(stream, muc::make_config_form(iq, config));
    return {};
  }
  const Element* query = iq.child("query", ns::kMucOwner);
  if (query->child("destroy")) {
    streams_.send(stream, make_result(iq));
    destroy(*query);
    return {};
  }
  if (muc::is_config_cancel(iq)) {
    streams_.send(stream, make_result(iq));
    return {};
  }
  const std::optional<muc::RoomConfig> config = muc::parse_config(iq);
  if (!config) return fail(error(Condition::bad_request));
  // Real JIDs are always shown: a form that hides them cannot be honoured.
  if (config->whois_anyone && !*config->whois_anyone) return fail(error(Condition::not_acceptable, "Real JIDs are public here"));
  if (config->secret && config->secret->size() > limits_.broadcast_bytes) return fail(error(Condition::policy_violation));
  streams_.send(stream, make_result(iq));
  configure(*config);
  return {};
}

void Room::configure(const muc::RoomConfig& config) {
  if (config.secret) secret_ = *config.secret;
  if (config.members_only) members_only_ = *config.members_only;
  Element notice = make_message("groupchat", Jid());
  notice.remove_attr("to");
  notice.set("from", jid_text_);
  notice.add("x", ns::kMucUser).add("status").set("code", static_cast<uint64_t>(muc::kStatusConfigChanged));
  broadcast(SharedStanza(notice), nullptr);
}

void Room::destroy(const Element& query) {
  while (!occupants_.empty()) {
    Occupant& who = *occupants_.front();
    Element presence = make_presence("unavailable", who.real);
    presence.set("from", who.jid);
    who.role = Role::none;
    Element info = user_info(who, {muc::kStatusSelf});
    if (const Element* said = query.child("destroy")) {
      Element farewell = *said;
      farewell.ns = ns::kMucUser;
      for (Element& child : farewell.children) child.ns = ns::kMucUser;
      info.add(std::move(farewell));
    }
    presence.add(std::move(info));
    streams_.send(who.stream, presence);
    erase(who);
  }
}

Result<void, StanzaError> Room::admin_request(StreamId stream, const Jid& from, const Element& iq) {
  const Occupant* actor = by_address(from.to_string());
  const bool is_moderator = actor && actor->role == Role::moderator;
  if (!is_moderator && affiliation(from.bare()) < Affiliation::admin) return fail(error(Condition::forbidden));
  const auto items = muc::parse_admin(iq);
  if (!items) return fail(error(Condition::bad_request, items.error()));
  if (iq.attr("type") == "get") {
    Element answer = make_result(iq);
    Element& query = answer.add("query", ns::kMucAdmin);
    for (const auto& [bare, value] : affiliations_) {
      if (!(*items)[0].affiliation || *(*items)[0].affiliation != value) continue;
      query.add("item").set("affiliation", muc::name_of(value)).set("jid", bare);
    }
    streams_.send(stream, answer);
    return {};
  }
  const std::string actor_nick = actor ? actor->nick : std::string();
  for (const muc::AdminItem& item : *items)
    if (auto done = apply(item, from, actor_nick); !done) return done;
  streams_.send(stream, make_result(iq));
  return {};
}

Result<void, StanzaError> Room::apply(const muc::AdminItem& item, const Jid& actor, std::string_view actor_nick) {
  if (item.affiliation) {
    if (affiliation(actor.bare()) != Affiliation::owner) return fail(error(Condition::forbidden));
    return set_affiliation(item, actor_nick);
  }
  if (item.role) return set_role(item, actor_nick);
  return fail(error(Condition::bad_request));
}

Result<void, StanzaError> Room::set_role(const muc::AdminItem& item, std::string_view actor_nick) {
  Occupant* who = by_nick(item.nick);
  if (!who) return fail(error(Condition::item_not_found));
  if (who->affiliation >= Affiliation::admin && item.role != Role::moderator) return fail(error(Condition::not_allowed));
  who->role = *item.role;
  if (who->role == Role::none) {
    remove(*who, {muc::kStatusKicked}, item.reason, actor_nick, {});
    return {};
  }
  renew(*who);
  announce(*who, {muc::kStatusSelf});
  return {};
}

Result<void, StanzaError> Room::set_affiliation(const muc::AdminItem& item, std::string_view actor_nick) {
  Jid bare;
  if (item.jid) bare = item.jid->bare();
  else if (const Occupant* named = by_nick(item.nick)) bare = named->real.bare();
  if (bare.empty()) return fail(error(Condition::item_not_found));
  const std::string text = bare.to_string();
  if (*item.affiliation == Affiliation::none) {
    affiliations_.erase(text);
  } else {
    if (!affiliations_.contains(text) && affiliations_.size() >= limits_.affiliations_per_room)
      return fail(error(Condition::resource_constraint));
    affiliations_[text] = *item.affiliation;
  }
  std::vector<Occupant*> concerned;
  for (const auto& occupant : occupants_)
    if (occupant->real.node == bare.node && occupant->real.domain == bare.domain) concerned.push_back(occupant.get());
  for (Occupant* who : concerned) {
    who->affiliation = *item.affiliation;
    who->role = role_for(who->affiliation);
    if (who->role == Role::none) {
      remove(*who, {muc::kStatusBanned}, item.reason, actor_nick, {});
      continue;
    }
    renew(*who);
    announce(*who, {muc::kStatusSelf});
  }
  return {};
}

Element Room::user_info(const Occupant& who, std::vector<int> statuses, std::string_view reason, std::string_view actor) const {
  muc::UserInfo info;
  info.item.affiliation = who.affiliation;
  info.item.role = who.role;
  info.item.jid = who.real;
  info.item.reason = reason;
  info.item.actor_nick = actor;
  info.statuses = std::move(statuses);
  Element scratch("presence", ns::kClient);
  muc::add_user_info(scratch, info);
  return std::move(scratch.children.back());
}

void Room::renew(Occupant& who, std::string_view extensions) const {
  std::string children(extensions);
  write_xml(user_info(who, {}), ns::kClient, children);
  who.presence = SharedStanza("presence", who.jid, "", children);
  who.said = extensions.size();
}

void Room::send_list(Occupant& to) {
  for (const auto& other : occupants_)
    if (other.get() != &to) streams_.send(to.stream, to.address, other->presence);
}

void Room::announce(Occupant& who, const std::vector<int>& statuses_to_self) {
  broadcast(who.presence, &who);
  std::string children(who.extensions());
  write_xml(user_info(who, statuses_to_self), ns::kClient, children);
  streams_.send(who.stream, who.address, SharedStanza("presence", who.jid, "", children));
}

void Room::remove(Occupant& who, std::vector<int> statuses, std::string_view reason, std::string_view actor, std::string_view extensions) {
  std::string children(extensions);
  write_xml(user_info(who, statuses, reason, actor), ns::kClient, children);
  broadcast(SharedStanza("presence", who.jid, "unavailable", children), &who);
  statuses.push_back(muc::kStatusSelf);
  children = extensions;
  write_xml(user_info(who, std::move(statuses), reason, actor), ns::kClient, children);
  streams_.send(who.stream, who.address, SharedStanza("presence", who.jid, "unavailable", children));
  erase(who);
}

void Room::erase(Occupant& who) {
  departed_.emplace_back(who.stream, who.address);
  by_nick_.erase(who.nick);
  by_address_.erase(who.address);
  const auto place = std::find_if(occupants_.begin(), occupants_.end(), [&](const auto& o) { return o.get() == &who; });
  TACOMA_ASSERT(place != occupants_.end());
  occupants_.erase(place);
  --stats_.occupants;
}

void Room::broadcast(const SharedStanza& stanza, const Occupant* except) {
  for (const auto& occupant : occupants_)
    if (occupant.get() != except) streams_.send(occupant->stream, occupant->address, stanza);
}

}  // namespace tacoma::router
