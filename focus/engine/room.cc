// Entering and leaving the room, its members, and what the focus says of itself. Invitations are in room_invites.cc, what
// members say by Jingle in room_jingle.cc.
#include "focus/engine/room.h"

#include <algorithm>
#include <utility>

#include "core/signal/deployment.h"
#include "core/signal/disco.h"
#include "core/signal/text.h"

namespace tacoma::focus {

namespace {
/// Requests that wait for the focus to enter a room; more are refused.
constexpr size_t kMaxWaitingRequests = 2'000;
}  // namespace

Room::Room(Shared shared, uint64_t number, Jid room, Rng rng)
    : shared_(shared),
      number_(number),
      jid_(std::move(room)),
      own_(jid_.with_resource(deployment::kFocusNick)),
      rng_(std::move(rng)),
      sources_(shared_.config.limits.sources_per_member) {
  ++shared_.stats.conferences;
  ++shared_.stats.conferences_created;
}

Room::~Room() {
  for (auto& [number, member] : members_) end_jingle(*member, nullptr);
  shared_.stats.participants -= members_.size();
  --shared_.stats.conferences;
}

void Room::join(Instant now, std::string_view password) {
  Element presence = muc::make_join(own_, password);
  published_ = this->presence();
  add_focus(presence, published_);
  shared_.line.send(std::move(presence));
  give_up_at_ = now + shared_.config.times.iq_timeout;
}

void Room::on_request(Instant now, const Element& iq, const ConferenceRequest& request) {
  // Who creates the conference says it; what others say later does not change it.
  if (phase_ == Phase::joining && requests_.empty()) {
    audio_muted_beyond_ = parse_number(request.property("startAudioMuted"), 1'000'000);
    video_muted_beyond_ = parse_number(request.property("startVideoMuted"), 1'000'000);
  }
  if (phase_ == Phase::ready) {
    // Who asks comes soon: the room is not left before that.
    if (members_.empty()) leave_at_ = now + shared_.config.times.empty_room;
    return answer(iq, request);
  }
  if (requests_.size() >= kMaxWaitingRequests) return refuse(iq, Condition::resource_constraint);
  requests_.emplace_back(iq, request);
}

void Room::answer(const Element& iq, const ConferenceRequest& request) {
  ConferenceRequest reply;
  reply.room = request.room;
  reply.ready = true;
  reply.focus_jid = shared_.line.own().bare().to_string();
  reply.properties = {{"authentication", "false"}};
  shared_.line.send(make_conference_answer(iq, reply));
}

void Room::on_presence(Instant now, const Jid& from, const Element& presence) {
  if (from.resource.empty() || phase_ == Phase::over) return;
  if (from == own_) return on_own_presence(now, presence);
  if (presence.attr("type") == "error") return;  // one of our presences did not reach this one: it will be gone soon
  on_member_presence(now, from, presence);
}

void Room::on_own_presence(Instant now, const Element& presence) {
  const std::string_view type = presence.attr("type");
  if (type == "error") {
    // Locked by people who are in it. Who owns all rooms may read what opens this one.
    if (phase_ == Phase::joining && !was_locked_out_ && parse_error(presence).condition == Condition::not_authorized) {
      was_locked_out_ = true;
      return ask_config(now);
    }
    return give_up(Condition::internal_server_error, "The focus could not enter the room");
  }
  if (type == "unavailable") return stop(false);
  const bool is_first = phase_ == Phase::joining;
  if (is_first) phase_ = Phase::configuring;
  const auto info = muc::parse_user_info(presence);
  // It must be able to configure the room and to appoint owners.
  if (!info || info->item.affiliation != muc::Affiliation::owner)
    return give_up(Condition::internal_server_error, "The focus does not own the room");
  if (is_first) ask_config(now);
}

void Room::ask_config(Instant now) {
  const Instant until = now + shared_.config.times.iq_timeout;
  give_up_at_ = until;
  Pending pending{Pending::Kind::config_form, number_};
  if (!shared_.line.request(muc::make_config_query(jid_, ""), until, pending)) give_up(Condition::resource_constraint, "Too much to do");
}

void Room::become_ready(Instant now) {
  phase_ = Phase::ready;
  give_up_at_ = Instant::never();
  for (const auto& [iq, request] : std::exchange(requests_, {})) answer(iq, request);
  watch_numbers(now);
  elect_owner();
  invite_waiting(now);
}

void Room::give_up(Condition condition, std::string_view text) {
  for (const auto& [iq, request] : std::exchange(requests_, {})) refuse(iq, condition, text);
  stop(phase_ != Phase::joining);
}

void Room::stop(bool is_inside) {
  const jingle::Reason gone{"gone", {}};
  for (auto& [number, member] : members_) {
    end_jingle(*member, &gone);
    member->state = State::apart;
  }
  if (session_) shared_.line.notify(colibri2::make_request(session_->bridge_jid(), "", session_->expire_all()));
  drop_session();
  if (is_inside) shared_.line.send(muc::make_leave(own_));
  for (const auto& [iq, request] : std::exchange(requests_, {})) refuse(iq, Condition::internal_server_error, "The focus left the room");
  phase_ = Phase::over;
}

FocusPresence Room::presence() const {
  FocusPresence presence;
  presence.properties = {{"support-terminate-restart", "true"}, {"bridge-count", session_ ? "1" : "0"}};
  presence.bridge_not_available = waits_for_bridge_;
  return presence;
}

void Room::publish() {
  FocusPresence now = presence();
  if (now.properties == published_.properties && now.bridge_not_available == published_.bridge_not_available) return;
  published_ = std::move(now);
  Element stanza = make_presence("", own_);
  add_focus(stanza, published_);
  shared_.line.send(std::move(stanza));
}

void Room::on_answer(Instant now, const Pending& pending, const Element* answer) {
  if (phase_ == Phase::over) return;
  const bool is_result = answer && answer->attr("type") == "result";
  switch (pending.kind) {
    case Pending::Kind::config_form:
    case Pending::Kind::config: {
      if (!is_result) return give_up(Condition::internal_server_error, "The focus could not configure the room");
      if (phase_ == Phase::joining) {
        const auto config = muc::parse_config(*answer);
        return join(now, config && config->secret ? *config->secret : std::string());
      }
      if (pending.kind == Pending::Kind::config) return become_ready(now);
      const Instant until = now + shared_.config.times.iq_timeout;
      give_up_at_ = until;
      Pending next{Pending::Kind::config, number_};
      if (!shared_.line.request(muc::make_config(jid_, ""), until, next)) give_up(Condition::resource_constraint, "Too much to do");
      return;
    }
    case Pending::Kind::update:
      if (pending.session == session_number_) on_update_answered(now, answer);
      return;
    case Pending::Kind::health:
    case Pending::Kind::rooms:
    case Pending::Kind::room_info: return;  // the focus's own
    case Pending::Kind::disco:
    case Pending::Kind::allocate:
    case Pending::Kind::ice_restart:
    case Pending::Kind::initiate: break;
  }
  Member* member = find(pending.member);
  if (!member || member->invite != pending.invite) return;  // it left, or was invited anew meanwhile
  if (pending.kind == Pending::Kind::disco) on_features(now, *member, answer);
  else if (pending.kind == Pending::Kind::allocate) on_allocated(now, *member, answer);
  else if (pending.kind == Pending::Kind::ice_restart) on_ice_restarted(now, *member, answer);
  else on_offer_answered(now, *member, answer);
}

Instant Room::deadline() const { return std::min({give_up_at_, leave_at_, alone_at_, retry_at_}); }

void Room::on_deadline(Instant now) {
  if (give_up_at_ <= now) {
    give_up_at_ = Instant::never();
    return give_up(Condition::remote_server_timeout, "The room does not answer");
  }
  if (leave_at_ <= now) {
    leave_at_ = Instant::never();
    return stop(true);
  }
  if (alone_at_ <= now) {
    alone_at_ = Instant::never();
    const jingle::Reason expired{"expired", {}};
    for (auto& [number, member] : members_) {
      if (!member->has_session() && member->state != State::allocating) continue;
      withdraw(now, *member, &expired);
      member->state = State::waiting;
      ++shared_.stats.expired_alone;
    }
    publish();
  }
  if (retry_at_ <= now) {
    retry_at_ = Instant::never();
    invite_waiting(now);
  }
}

void Room::on_member_presence(Instant now, const Jid& from, const Element& presence) {
  Member* member = by_nick(from.resource);
  if (presence.attr("type") == "unavailable") {
    if (member) on_member_left(now, *member);
    return;
  }
  const auto info = muc::parse_user_info(presence);
  if (!info) return;
  const bool is_new = member == nullptr;
  if (is_new) {
    if (members_.size() >= shared_.config.limits.members_per_conference) return;
    auto made = std::make_unique<Member>();
    member = made.get();
    member->number = next_member_++;
    member->nick = from.resource;
    member->jid = from;
    member->address = from.to_string();
    members_.emplace(member->number, std::move(made));
    nicks_.emplace(member->nick, member);
    ++shared_.stats.participants;
    ++shared_.stats.participants_seen;
  }
  if (info->item.jid) member->real = *info->item.jid;
  const bool was_owner = !is_new && member->affiliation == muc::Affiliation::owner;
  member->affiliation = info->item.affiliation;
  member->role = info->item.role;
  const bool is_owner = member->affiliation == muc::Affiliation::owner;
  owners_ += is_owner ? 1 : 0;
  owners_ -= was_owner ? 1 : 0;
  if (is_owner && granted_to_ == member->number) granted_to_ = 0;
  if (is_new) {
    const ParticipantPresence said = parse_participant(presence);
    member->region = said.region;
    member->stats_id = said.stats_id;
    if (!said.caps_node.empty() && !said.caps_ver.empty()) member->caps = said.caps_node + "#" + said.caps_ver;
    discover(now, *member);
  }
  if (phase_ != Phase::ready) return;
  elect_owner();
  if (!is_new) return;
  watch_numbers(now);
  invite_waiting(now);
}

void Room::on_member_left(Instant now, Member& member) {
  withdraw(now, member, nullptr);
  if (member.affiliation == muc::Affiliation::owner) --owners_;
  if (granted_to_ == member.number) granted_to_ = 0;
  nicks_.erase(member.nick);
  members_.erase(member.number);
  --shared_.stats.participants;
  if (phase_ != Phase::ready) return;
  publish();
  watch_numbers(now);
  elect_owner();
  invite_waiting(now);
}

void Room::discover(Instant now, Member& member) {
  if (member.nick == jingle::kBridgeOwner) {  // its sources could not be told from the bridge's
    member.state = State::apart;
    return;
  }
  const auto known = member.caps.empty() ? shared_.features.end() : shared_.features.find(member.caps);
  if (known != shared_.features.end()) {
    member.features = known->second;
    member.state = State::waiting;
    return;
  }
  Pending pending{Pending::Kind::disco, number_, member.number};
  if (!shared_.line.request(make_disco_query(member.jid, ""), now + shared_.config.times.disco_timeout, pending))
    member.state = State::waiting;
}

void Room::on_features(Instant now, Member& member, const Element* answer) {
  if (member.state != State::discovering) return;
  member.state = State::waiting;
  if (answer) {
    if (const auto info = parse_disco(*answer)) {
      member.features = features_of(*info);
      // Only an answer that the hash vouches for may stand for other clients (XEP-0115 section 9.1).
      const std::string_view ver = std::string_view(member.caps).substr(member.caps.rfind('#') + 1);
      if (!member.caps.empty() && shared_.features.size() < shared_.config.limits.features_cached && caps_verification(*info) == ver)
        shared_.features.emplace(member.caps, member.features);
    }
  }
  invite_waiting(now);
}

void Room::elect_owner() {
  if (owners_ > 0 || granted_to_ != 0 || members_.empty()) return;
  const Member& first = *members_.begin()->second;
  if (first.real.empty()) return;
  granted_to_ = first.number;
  shared_.line.notify(muc::make_grant(jid_, "", first.real.bare(), muc::Affiliation::owner));
}

void Room::watch_numbers(Instant now) {
  if (!members_.empty()) leave_at_ = Instant::never();
  else if (leave_at_.is_never()) leave_at_ = now + shared_.config.times.empty_room;
  const bool is_alone = !members_.empty() && members_.size() < shared_.config.min_participants;
  if (!is_alone) alone_at_ = Instant::never();
  else if (alone_at_.is_never() && session_) alone_at_ = now + shared_.config.times.single_participant;
}

Member* Room::find(uint32_t number) {
  const auto found = members_.find(number);
  return found == members_.end() ? nullptr : found->second.get();
}

Member* Room::by_nick(std::string_view nick) {
  const auto found = nicks_.find(nick);
  return found == nicks_.end() ? nullptr : found->second;
}

void Room::refuse(const Element& iq, const StanzaError& error) { shared_.line.send(make_error(iq, error)); }

void Room::refuse(const Element& iq, Condition condition, std::string_view text) { shared_.line.send(make_error(iq, condition, text)); }

}  // namespace tacoma::focus
