#include "sim/router/muc_service.h"

#include <utility>

#include "core/signal/disco.h"

namespace tacoma::router {
namespace {

StanzaError error(Condition condition, std::string_view text = {}) {
  StanzaError e;
  e.condition = condition;
  e.text = text;
  return e;
}

}  // namespace

MucService::MucService(Config config, const RouterLimits& limits, const Rng& rng, Streams& streams, RouterStats& stats)
    : config_(std::move(config)), limits_(limits), id_key_(rng.split("muc " + config_.domain).u64()), streams_(streams), stats_(stats) {}

bool MucService::is_admin(const Jid& who) const {
  return config_.admins.contains(who.bare().to_string()) || (!config_.admin_domain.empty() && who.domain == config_.admin_domain);
}

Room* MucService::find(const Jid& to) {
  const auto found = rooms_.find(to.node);
  return found == rooms_.end() ? nullptr : found->second.get();
}

void MucService::settle(Room& room) {
  for (const auto& [stream, address] : room.take_departed()) {
    const auto found = memberships_.find(stream);
    if (found == memberships_.end()) continue;
    found->second.erase({room.jid().node, address});
    if (found->second.empty()) memberships_.erase(found);
  }
  if (room.empty()) rooms_.erase(rooms_.find(room.jid().node));
}

void MucService::refuse(StreamId stream, const Element& stanza, const StanzaError& why) {
  if (stanza.attr("type") == "error" || (is_iq(stanza) && !is_request(stanza))) return;  // RFC 6120 section 8.3.1: no error to an error
  streams_.send(stream, make_error(stanza, why));
}

void MucService::handle(StreamId stream, const Jid& from, const Jid& to, const Element& stanza) {
  if (is_iq(stanza)) return on_iq(stream, from, to, stanza);
  if (to.node.empty()) return refuse(stream, stanza, error(Condition::service_unavailable));
  if (is_presence(stanza)) return on_presence(stream, from, to, stanza);
  on_message(stream, from, to, stanza);
}

void MucService::stream_closed(StreamId stream) {
  const auto found = memberships_.find(stream);
  if (found == memberships_.end()) return;
  const auto places = found->second;  // a copy: leaving changes it
  for (const auto& [node, address] : places) {
    Room& room = *rooms_.find(node)->second;
    Occupant* who = room.by_address(address);
    TACOMA_ASSERT(who);
    room.leave(*who, nullptr);
    settle(room);
  }
}

void MucService::on_presence(StreamId stream, const Jid& from, const Jid& to, const Element& presence) {
  const std::string_view type = presence.attr("type");
  Room* room = find(to);
  Occupant* who = room ? room->by_address(from.to_string()) : nullptr;
  if (type == "unavailable" || type == "error") {
    if (!who) return;
    room->leave(*who, type == "unavailable" ? &presence : nullptr);
    return settle(*room);
  }
  if (!type.empty()) return refuse(stream, presence, error(Condition::bad_request));
  Result<void, StanzaError> done;
  if (to.resource.empty()) done = fail(error(Condition::jid_malformed, "A nickname is needed"));
  else if (!who) done = join(stream, from, to, presence);
  else if (who->nick != to.resource) done = fail(error(Condition::not_acceptable, "Nicknames cannot be changed here"));
  else done = room->update(*who, presence, muc::is_join(presence));
  if (!done) refuse(stream, presence, done.error());
}

Result<void, StanzaError> MucService::join(StreamId stream, const Jid& from, const Jid& to, const Element& presence) {
  if (!muc::is_join(presence)) return fail(error(Condition::not_acceptable, "You are not currently connected to this chat"));
  const auto known = memberships_.find(stream);
  if (known != memberships_.end() && known->second.size() >= limits_.rooms_per_stream &&
      streams_.kind_of(stream) == XmppServerStream::Kind::client)
    return fail(error(Condition::resource_constraint, "In too many rooms"));
  Room* room = find(to);
  const bool created = room == nullptr;
  const bool admin = is_admin(from);
  if (created) {
    if (!admin) return fail(error(Condition::not_allowed, "Room creation is restricted"));
    if (rooms_.size() >= limits_.rooms) return fail(error(Condition::resource_constraint, "Too many rooms"));
    room = rooms_.emplace(to.node, std::make_unique<Room>(to.bare(), limits_, id_key_, streams_, stats_)).first->second.get();
  }
  auto joined = room->join(stream, from, to.resource, presence, admin, created);
  if (joined) memberships_[stream].emplace(to.node, from.to_string());
  settle(*room);
  return joined;
}

void MucService::on_message(StreamId stream, const Jid& from, const Jid& to, const Element& message) {
  Room* room = find(to);
  Occupant* who = room ? room->by_address(from.to_string()) : nullptr;
  if (message.attr("type") == "error") return;  // what could not be delivered is not handed back to a room
  Result<void, StanzaError> done;
  if (!room) done = fail(error(Condition::item_not_found));
  else if (!who) done = fail(error(Condition::not_acceptable, "You are not currently connected to this chat"));
  else done = room->message(*who, message, to.resource);
  if (!done) refuse(stream, message, done.error());
}

void MucService::on_iq(StreamId stream, const Jid& from, const Jid& to, const Element& iq) {
  if (to.node.empty()) {
    if (!is_request(iq)) return;
    if (auto done = service_request(stream, iq); !done) refuse(stream, iq, done.error());
    return;
  }
  Room* room = find(to);
  if (!is_request(iq)) {
    Occupant* who = room ? room->by_address(from.to_string()) : nullptr;
    if (!who || !room->pass_answer(*who, iq, to.resource)) stats_.drops.count(Drop::signalling_unexpected);
    return;
  }
  Result<void, StanzaError> done;
  if (!room) done = fail(error(Condition::item_not_found));
  else if (to.resource.empty()) done = room_request(stream, from, *room, iq);
  else if (Occupant* who = room->by_address(from.to_string())) done = room->pass_request(*who, iq, to.resource);
  else done = fail(error(Condition::not_acceptable));
  if (!done) refuse(stream, iq, done.error());
  if (room) settle(*room);
}

Result<void, StanzaError> MucService::room_request(StreamId stream, const Jid& from, Room& room, const Element& iq) {
  if (iq.child("query", ns::kMucOwner)) return room.owner_request(stream, from, iq);
  if (iq.child("query", ns::kMucAdmin)) return room.admin_request(stream, from, iq);
  if (is_ping(iq)) {
    streams_.send(stream, make_result(iq));
    return {};
  }
  if (is_disco_query(iq)) {
    DiscoInfo info;
    info.identities = {{"conference", "text", room.jid().node}};
    info.features = {std::string(ns::kMuc), std::string(ns::kDiscoInfo), "muc_temporary", "muc_public", "muc_nonanonymous", "muc_unmoderated",
                     room.has_password() ? "muc_passwordprotected" : "muc_unsecured", room.is_members_only() ? "muc_membersonly" : "muc_open"};
    info.room_info = {{"muc#roominfo_occupants", std::to_string(room.occupants().size())}};
    streams_.send(stream, make_disco_result(iq, info));
    return {};
  }
  return fail(error(Condition::service_unavailable));
}

Result<void, StanzaError> MucService::service_request(StreamId stream, const Element& iq) {
  if (is_ping(iq)) {
    streams_.send(stream, make_result(iq));
    return {};
  }
  if (is_disco_query(iq)) {
    DiscoInfo info;
    info.identities = {{"conference", "text", "Rooms"}};
    info.features = {std::string(ns::kMuc), std::string(ns::kDiscoInfo), std::string(ns::kDiscoItems), std::string(ns::kPing)};
    streams_.send(stream, make_disco_result(iq, info));
    return {};
  }
  if (iq.child("query", ns::kDiscoItems)) {
    Element answer = make_result(iq);
    Element& query = answer.add("query", ns::kDiscoItems);
    for (const auto& [node, room] : rooms_) query.add("item").set("jid", room->jid().to_string());
    streams_.send(stream, answer);
    return {};
  }
  return fail(error(Condition::service_unavailable));
}

}  // namespace tacoma::router
