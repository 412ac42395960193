#include "focus/engine/focus.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "core/base/deadlines.h"
#include "core/signal/deployment.h"
#include "core/signal/disco.h"
#include "focus/engine/room.h"

namespace tacoma {

using focus::Bridge;
using focus::BridgeId;
using focus::Pending;
using focus::Room;

FocusConfig FocusConfig::embedded(Rng rng) {
  FocusConfig config;
  config.domain = deployment::kDomain;
  config.secret = deployment::kComponentSecret;
  config.rng = rng;
  return config;
}

/// The stream, the brewery, and which room a stanza is for.
class Focus::Core {
 public:
  explicit Core(FocusConfig config);
  void connect(Instant now, Outbox& out);
  void on_stream(Instant now, const StreamEvent& event, Outbox& out);
  void on_deadline(Instant now, Outbox& out);
  Deadline deadline() const;
  bool ready() const { return in_brewery_; }
  uint64_t request_conference(Instant now, const ConferenceRequest& request, Outbox& out);
  std::optional<ConferenceAnswer> poll_answer();
  void leave(Instant now, Outbox& out);
  FocusStats stats() const;
  std::vector<std::string> rooms() const;

 private:
  struct RoomEntry {
    std::unique_ptr<Room> room;
    uint32_t slot = 0;  // its number among the deadlines
  };
  // The stream.
  void on_bytes(Instant now, BytesView bytes, Outbox& out);
  void flush(Outbox& out);
  void lost_stream(Instant now);
  void on_stanza(Instant now, const Element& stanza);
  void on_answer(Instant now, const Pending& pending, const Element* answer);
  // Requests to the focus itself.
  bool answer_common(const Element& iq);
  void on_request(Instant now, const Element& iq);
  void on_conference_request(Instant now, const Element& iq);
  // Bridges.
  void join_brewery(Instant now);
  void on_brewery(Instant now, const Jid& from, const Element& presence);
  // Rooms that we should be in.
  void look_for_rooms(Instant now);
  void on_rooms(Instant now, const Element* answer);
  /// Asks how many people a room holds. False when too much is under way.
  bool look_at(Instant now, const Jid& room);
  void on_room_info(Instant now, const Element* answer);
  /// Somebody is in a room that we do not know.
  void on_sign_of_room(Instant now, const Jid& room);
  void enter_lost_rooms(Instant now);
  void on_bridge_presence(Instant now, const std::string& jid, const Element& presence);
  void on_bridge_lost(Instant now, BridgeId bridge);
  void on_bridge_available(Instant now);
  void check_health(Instant now, Bridge& bridge, bool is_retry);
  void on_health(Instant now, const Pending& pending, const Element* answer);
  // Rooms.
  Room* find_room(const std::string& name);
  Room* find_room(uint64_t number);
  Room& make_room(const Jid& name);
  /// Takes the room's new deadline, or the room away when it is over.
  void settle(Room& room);

  FocusConfig config_;
  std::string component_, muc_domain_;
  Jid brewery_, own_in_brewery_;
  FocusStats stats_;
  focus::Line line_;
  focus::BridgeSelector bridges_;
  std::map<std::string, focus::Features, std::less<>> features_;
  StreamId stream_;
  uint32_t streams_opened_ = 0;
  Duration backoff_;
  Instant login_until_ = Instant::never();  // a server that takes the connection and stays silent is left
  Instant reconnect_at_ = Instant::never();
  bool in_brewery_ = false;
  Instant brewery_retry_at_ = Instant::never();
  std::set<std::pair<Instant, uint32_t>> health_due_;  // by bridge
  std::map<uint64_t, RoomEntry> rooms_;                // by number: in order of creation
  std::map<std::string, uint64_t, std::less<>> names_;
  std::vector<uint64_t> slots_;                        // the room of each slot
  std::vector<uint32_t> free_slots_;
  Deadlines room_deadlines_;
  uint64_t last_room_ = 0;
  uint64_t last_outside_ = 0;
  std::set<std::string> lost_rooms_;                   // to be entered: bare JIDs, at most limits.conferences
  Instant look_again_at_ = Instant::never();           // then
};

Focus::Core::Core(FocusConfig config)
    : config_(std::move(config)),
      component_(config_.component.empty() ? "focus." + config_.domain : config_.component),
      muc_domain_(config_.muc_domain.empty() ? "conference." + config_.domain : config_.muc_domain),
      brewery_{config_.brewery, config_.brewery_domain.empty() ? "internal.auth." + config_.domain : config_.brewery_domain, {}},
      own_in_brewery_(brewery_.with_resource(deployment::kFocusNick)),
      line_(Jid{"focus", component_, "focus"}),
      bridges_(config_.limits.bridges, config_.overloaded_stress),
      backoff_(config_.times.reconnect) {}

void Focus::Core::connect(Instant now, Outbox& out) {
  login_until_ = now + config_.times.login;
  stream_ = StreamId(++streams_opened_);
  line_.attach(XmppComponent(component_, config_.secret, config_.rng.split("stream", streams_opened_)));
  out.open_stream(stream_, std::string(deployment::kComponentService));
}

void Focus::Core::on_stream(Instant now, const StreamEvent& event, Outbox& out) {
  if (event.id != stream_ || !line_.stream()) {
    if (event.kind == StreamEvent::Kind::accepted) out.close_stream(event.id);  // it offers no service
    return;
  }
  switch (event.kind) {
    case StreamEvent::Kind::opened: line_.stream()->start(); break;
    case StreamEvent::Kind::data: on_bytes(now, event.data, out); break;
    case StreamEvent::Kind::closed: lost_stream(now); break;
    case StreamEvent::Kind::accepted: break;
  }
  flush(out);
}

void Focus::Core::on_bytes(Instant now, BytesView bytes, Outbox& out) {
  line_.stream()->on_bytes(bytes);
  while (auto event = line_.stream()->poll()) {
    switch (event->kind) {
      case XmppEvent::Kind::ready:
        backoff_ = config_.times.reconnect;
        login_until_ = Instant::never();
        join_brewery(now);
        break;
      case XmppEvent::Kind::stanza: on_stanza(now, event->stanza); break;
      case XmppEvent::Kind::failed: stats_.drops.count(Drop::signalling_malformed); [[fallthrough]];
      case XmppEvent::Kind::closed:
        flush(out);
        out.close_stream(stream_);
        return lost_stream(now);
    }
  }
}

void Focus::Core::flush(Outbox& out) {
  if (line_.stream() && line_.stream()->has_output()) out.write_stream(stream_, line_.stream()->take_output());
}

void Focus::Core::lost_stream(Instant now) {
  // The rooms have seen us leave: nothing that was there goes on. People may still be there: it comes back to them.
  while (!rooms_.empty()) {
    RoomEntry& entry = rooms_.begin()->second;
    lost_rooms_.insert(entry.room->jid().to_string());
    room_deadlines_.set(entry.slot, Instant::never());
    rooms_.erase(rooms_.begin());
  }
  names_.clear();
  slots_.clear();
  free_slots_.clear();
  health_due_.clear();
  bridges_ = focus::BridgeSelector(config_.limits.bridges, config_.overloaded_stress);
  in_brewery_ = false;
  brewery_retry_at_ = login_until_ = look_again_at_ = Instant::never();
  line_.detach();
  ++stats_.reconnects;
  reconnect_at_ = now + backoff_;
  backoff_ = std::min(backoff_ * 2, Duration::seconds(32));
}

void Focus::Core::on_stanza(Instant now, const Element& stanza) {
  if (is_answer(stanza)) {
    if (const auto pending = line_.requests().match(stanza)) on_answer(now, *pending, &stanza);
    return;  // others answer what was sent by notify()
  }
  const Jid from = from_of(stanza);
  if (from.empty()) return stats_.drops.count(Drop::signalling_malformed);
  if (is_iq(stanza) && answer_common(stanza)) return;
  if (from.domain == muc_domain_) {
    Room* room = find_room(from.bare().to_string());
    if (!room) {
      // The service takes us for an occupant: a focus before us was one. Its rooms may be hidden, but not from whom is in them.
      const bool is_sign = !from.resource.empty() && from.resource != deployment::kFocusNick && stanza.attr("type") != "error" &&
                           stanza.attr("type") != "unavailable";
      if (is_sign) on_sign_of_room(now, from.bare());
      if (is_iq(stanza)) return line_.send(make_error(stanza, Condition::item_not_found));
      return stats_.drops.count(Drop::signalling_unexpected);
    }
    if (is_presence(stanza)) room->on_presence(now, from, stanza);
    else if (is_iq(stanza)) room->on_iq(now, from, stanza);
    return settle(*room);
  }
  if (from.bare() == brewery_ && is_presence(stanza)) return on_brewery(now, from, stanza);
  if (is_request(stanza)) on_request(now, stanza);
}

void Focus::Core::on_answer(Instant now, const Pending& pending, const Element* answer) {
  if (pending.kind == Pending::Kind::health) return on_health(now, pending, answer);
  if (pending.kind == Pending::Kind::rooms) return on_rooms(now, answer);
  if (pending.kind == Pending::Kind::room_info) return on_room_info(now, answer);
  Room* room = find_room(pending.room);
  if (!room) return;
  room->on_answer(now, pending, answer);
  settle(*room);
}

bool Focus::Core::answer_common(const Element& iq) {
  if (is_ping(iq)) {
    line_.send(make_result(iq));
    return true;
  }
  if (!is_disco_query(iq)) return false;
  DiscoInfo info;
  info.identities = {{"component", "generic", "Tacoma focus"}};
  info.features = {std::string(ns::kFocus), std::string(ns::kJingle), std::string(ns::kDiscoInfo), std::string(ns::kPing)};
  line_.send(make_disco_result(iq, info));
  return true;
}

void Focus::Core::on_request(Instant now, const Element& iq) {
  if (is_conference_request(iq)) return on_conference_request(now, iq);
  line_.send(make_error(iq, Condition::service_unavailable));
}

void Focus::Core::on_conference_request(Instant now, const Element& iq) {
  const auto request = parse_conference_request(iq);
  if (!request) return line_.send(make_error(iq, Condition::bad_request, request.error()));
  if (request->room.domain != muc_domain_ || request->room.node.empty())
    return line_.send(make_error(iq, Condition::bad_request, "The room is not on " + muc_domain_));
  Room* room = find_room(request->room.to_string());
  if (!room) {
    if (!in_brewery_) return line_.send(make_error(iq, Condition::service_unavailable, "The focus is starting"));
    if (rooms_.size() >= config_.limits.conferences) {
      stats_.drops.count(Drop::signalling_limit);
      return line_.send(make_error(iq, Condition::resource_constraint, "Too many conferences"));
    }
    room = &make_room(request->room);
    room->join(now);
  }
  room->on_request(now, iq, *request);
  settle(*room);
}

uint64_t Focus::Core::request_conference(Instant now, const ConferenceRequest& request, Outbox& out) {
  const Jid from = line_.outside(++last_outside_);
  Element iq = make_conference_request(Jid{{}, component_, {}}, "outside", request);
  iq.set("from", from.to_string());
  if (line_.is_ready()) {
    on_conference_request(now, iq);
  } else {
    Element refusal = make_error(iq, Condition::service_unavailable, "The focus is not connected");
    line_.answers().push_back(std::move(refusal));
  }
  flush(out);
  return last_outside_;
}

void Focus::Core::leave(Instant now, Outbox& out) {
  if (line_.stream()) {
    // The server tells all rooms that its component is gone.
    line_.stream()->close();
    flush(out);
    out.close_stream(stream_);
  }
  lost_stream(now);
  lost_rooms_.clear();
  reconnect_at_ = Instant::never();
}

std::optional<ConferenceAnswer> Focus::Core::poll_answer() {
  std::vector<Element>& answers = line_.answers();
  if (answers.empty()) return std::nullopt;
  const Element stanza = std::move(answers.front());
  answers.erase(answers.begin());
  const uint64_t number = std::stoull(to_of(stanza).resource);
  if (stanza.attr("type") == "error") return ConferenceAnswer{number, fail(parse_error(stanza))};
  const auto answer = parse_conference_request(stanza);
  if (!answer) {
    StanzaError error;
    error.condition = Condition::internal_server_error;
    error.text = answer.error();
    return ConferenceAnswer{number, fail(std::move(error))};
  }
  return ConferenceAnswer{number, *answer};
}

void Focus::Core::join_brewery(Instant now) {
  Element presence = muc::make_join(own_in_brewery_);
  line_.send(std::move(presence));
  brewery_retry_at_ = now + config_.times.iq_timeout;
}

void Focus::Core::on_brewery(Instant now, const Jid& from, const Element& presence) {
  const std::string_view type = presence.attr("type");
  if (from == own_in_brewery_) {
    // Errors and removal: it comes again when the time of the last attempt is over.
    if (in_brewery_ && type.empty()) return;  // what we have published ourselves
    in_brewery_ = type.empty();
    if (in_brewery_) brewery_retry_at_ = Instant::never();
    if (in_brewery_) {
      enter_lost_rooms(now);
      look_for_rooms(now);
    }
    else if (brewery_retry_at_.is_never()) brewery_retry_at_ = now + config_.times.iq_timeout;
    return;
  }
  if (type.empty()) return on_bridge_presence(now, from.to_string(), presence);
  if (type != "unavailable") return;
  const Bridge* bridge = bridges_.find(from.to_string());
  if (!bridge) return;
  const BridgeId id = bridge->id;
  bridges_.remove(from.to_string());
  ++stats_.lost_bridges;
  on_bridge_lost(now, id);
}

void Focus::Core::enter_lost_rooms(Instant now) {
  look_again_at_ = Instant::never();
  for (const std::string& name : std::exchange(lost_rooms_, {})) {
    if (find_room(name) || rooms_.size() >= config_.limits.conferences) continue;
    Room& room = make_room(*Jid::parse(name));
    ++stats_.rooms_found;
    room.join(now);
    settle(room);
  }
}

void Focus::Core::look_for_rooms(Instant now) {
  Pending pending;
  pending.kind = Pending::Kind::rooms;
  line_.request(make_disco_items_query(Jid{{}, muc_domain_, {}}, ""), now + config_.times.iq_timeout, pending);
  for (const std::string& room : std::exchange(config_.rooms_before, {}))
    if (const auto name = Jid::parse(room)) look_at(now, *name);
}

void Focus::Core::on_rooms(Instant now, const Element* answer) {
  const auto items = answer ? parse_disco_items(*answer) : Result<std::vector<Jid>>(fail("no answer"));
  if (!items) return;  // a service that tells nobody: signs of rooms are left
  for (const Jid& room : *items)
    if (!look_at(now, room)) return;
}

bool Focus::Core::look_at(Instant now, const Jid& room) {
  if (room.domain != muc_domain_ || room.node.empty() || !room.is_bare() || find_room(room.to_string())) return true;
  Pending pending;
  pending.kind = Pending::Kind::room_info;
  return line_.request(make_disco_query(room, ""), now + config_.times.iq_timeout, pending);
}

void Focus::Core::on_room_info(Instant now, const Element* answer) {
  const auto info = answer ? parse_disco(*answer) : Result<DiscoInfo>(fail("no answer"));
  if (!info) return;
  for (const auto& [name, value] : info->room_info)
    if (name == "muc#roominfo_occupants" && value == "0") return;
  on_sign_of_room(now, from_of(*answer).bare());
}

void Focus::Core::on_sign_of_room(Instant now, const Jid& room) {
  const std::string name = room.to_string();
  if (room.node.empty() || find_room(name)) return;
  if (lost_rooms_.size() >= config_.limits.conferences) return stats_.drops.count(Drop::signalling_limit);
  lost_rooms_.insert(name);
  // Not at once: what a room still sends us while we leave it is no reason to come back, and many come together.
  if (in_brewery_ && look_again_at_.is_never()) look_again_at_ = now + config_.times.rediscovery;
}

void Focus::Core::on_bridge_presence(Instant now, const std::string& jid, const Element& presence) {
  auto said = parse_bridge_stats(presence);
  if (!said) return;  // no bridge, or one that has not said anything yet
  const Bridge* known = bridges_.find(jid);
  const bool is_new = known == nullptr;
  const bool was_usable = known && focus::BridgeSelector::is_usable(*known, now);
  const bool was_dying = known && known->stats.shutting_down;
  Bridge* bridge = bridges_.update(jid, std::move(*said));
  if (!bridge) return stats_.drops.count(Drop::signalling_limit);
  if (is_new) health_due_.emplace(now + config_.times.health_check, bridge->id.value());
  if (bridge->stats.shutting_down && !was_dying) {
    ++stats_.lost_bridges;
    return on_bridge_lost(now, bridge->id);
  }
  if (!was_usable && focus::BridgeSelector::is_usable(*bridge, now)) on_bridge_available(now);
}

void Focus::Core::on_bridge_lost(Instant now, BridgeId bridge) {
  for (auto next = rooms_.begin(); next != rooms_.end();) {
    Room& room = *(next++)->second.room;
    room.on_bridge_lost(now, bridge);
    settle(room);
  }
}

void Focus::Core::on_bridge_available(Instant now) {
  for (auto next = rooms_.begin(); next != rooms_.end();) {
    Room& room = *(next++)->second.room;
    if (!room.waits_for_bridge()) continue;
    room.on_bridge_available(now);
    settle(room);
  }
}

void Focus::Core::check_health(Instant now, Bridge& bridge, bool is_retry) {
  Pending pending;
  pending.kind = Pending::Kind::health;
  pending.bridge = bridge.id;
  pending.is_retry = is_retry;
  const Jid to = Jid::parse(bridge.jid).value_or(Jid());
  if (!line_.request(make_healthcheck(to, ""), now + config_.times.iq_timeout, pending))
    health_due_.emplace(now + config_.times.health_check, bridge.id.value());
}

void Focus::Core::on_health(Instant now, const Pending& pending, const Element* answer) {
  Bridge* bridge = bridges_.find(pending.bridge);
  if (!bridge) return;
  if (!answer && !pending.is_retry) return check_health(now, *bridge, true);
  health_due_.emplace(now + config_.times.health_check, bridge->id.value());
  if (answer && answer->attr("type") == "result") return;
  const bool was_operational = bridge->failed_until <= now;
  bridges_.fail(*bridge, now + config_.times.bridge_recovery);
  if (!was_operational) return;
  ++stats_.lost_bridges;
  // One that says it is ill loses its participants; one that is silent gets no new ones: its media may well flow.
  if (answer) on_bridge_lost(now, bridge->id);
}

void Focus::Core::on_deadline(Instant now, Outbox& out) {
  if (login_until_ <= now) {
    out.close_stream(stream_);
    lost_stream(now);
  }
  if (reconnect_at_ <= now) {
    reconnect_at_ = Instant::never();
    connect(now, out);
  }
  if (brewery_retry_at_ <= now) join_brewery(now);
  if (look_again_at_ <= now) enter_lost_rooms(now);
  while (const auto pending = line_.requests().pop_expired(now)) on_answer(now, *pending, nullptr);
  while (!health_due_.empty() && health_due_.begin()->first <= now) {
    const BridgeId id(health_due_.begin()->second);
    health_due_.erase(health_due_.begin());
    if (Bridge* bridge = bridges_.find(id)) check_health(now, *bridge, false);
  }
  bool recovered = false;
  while (bridges_.pop_recovered(now)) recovered = true;
  if (recovered) on_bridge_available(now);
  uint32_t slot = 0;
  while (room_deadlines_.pop_due(now, slot)) {
    Room& room = *rooms_.find(slots_[slot])->second.room;
    room.on_deadline(now);
    settle(room);
  }
  flush(out);
}

Deadline Focus::Core::deadline() const {
  Deadline next{reconnect_at_, "reconnect"};
  const auto consider = [&](Instant at, const char* reason) {
    if (at < next.at) next = {at, reason};
  };
  consider(login_until_, "login timeout");
  consider(brewery_retry_at_, "brewery");
  consider(look_again_at_, "rooms found");
  consider(line_.requests().earliest(), "request timeout");
  if (!health_due_.empty()) consider(health_due_.begin()->first, "health check");
  consider(bridges_.next_recovery(), "bridge recovery");
  consider(room_deadlines_.earliest(), "room");
  return next;
}

Room* Focus::Core::find_room(const std::string& name) {
  const auto found = names_.find(name);
  return found == names_.end() ? nullptr : find_room(found->second);
}

Room* Focus::Core::find_room(uint64_t number) {
  const auto found = rooms_.find(number);
  return found == rooms_.end() ? nullptr : found->second.room.get();
}

Room& Focus::Core::make_room(const Jid& name) {
  const uint64_t number = ++last_room_;
  RoomEntry& entry = rooms_[number];
  focus::Shared shared{config_, line_, bridges_, stats_, features_};
  entry.room = std::make_unique<Room>(shared, number, name, config_.rng.split("room", number));
  if (free_slots_.empty()) {
    entry.slot = static_cast<uint32_t>(slots_.size());
    slots_.push_back(number);
  } else {
    entry.slot = free_slots_.back();
    free_slots_.pop_back();
    slots_[entry.slot] = number;
  }
  names_.emplace(name.to_string(), number);
  return *entry.room;
}

void Focus::Core::settle(Room& room) {
  const auto found = rooms_.find(room.number());
  const uint32_t slot = found->second.slot;
  if (!room.is_over()) return room_deadlines_.set(slot, room.deadline());
  room_deadlines_.set(slot, Instant::never());
  free_slots_.push_back(slot);
  names_.erase(room.jid().to_string());
  rooms_.erase(found);
}

FocusStats Focus::Core::stats() const {
  FocusStats stats = stats_;
  stats.bridges = bridges_.size();
  return stats;
}

std::vector<std::string> Focus::Core::rooms() const {
  std::vector<std::string> rooms;
  for (const auto& [number, entry] : rooms_) rooms.push_back(entry.room->jid().to_string());
  return rooms;
}

Focus::Focus(FocusConfig config) : core_(std::make_unique<Core>(std::move(config))) {}
Focus::~Focus() = default;

void Focus::start(Instant now, Outbox& out) { core_->connect(now, out); }
void Focus::on_datagrams(Instant, Span<Datagram>, Outbox&) {}  // signalling only: nothing comes to its port
void Focus::on_stream(Instant now, const StreamEvent& event, Outbox& out) { core_->on_stream(now, event, out); }
void Focus::on_deadline(Instant now, Outbox& out) { core_->on_deadline(now, out); }
Deadline Focus::deadline() const { return core_->deadline(); }
uint64_t Focus::request_conference(Instant now, const ConferenceRequest& request, Outbox& out) {
  return core_->request_conference(now, request, out);
}
void Focus::leave(Instant now, Outbox& out) { core_->leave(now, out); }
std::optional<ConferenceAnswer> Focus::poll_answer() { return core_->poll_answer(); }
bool Focus::ready() const { return core_->ready(); }
FocusStats Focus::stats() const { return core_->stats(); }
std::vector<std::string> Focus::rooms() const { return core_->rooms(); }

}  // namespace tacoma
