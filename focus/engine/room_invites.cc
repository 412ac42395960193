// Invitations: an endpoint on the bridge, the Jingle offer, and what happens when a bridge fails.
#include <algorithm>
#include <utility>

#include "focus/engine/room.h"

namespace tacoma::focus {

namespace {
/// A bridge that loses the conference as often in a row counts as failed.
constexpr uint32_t kMaxSessionsLost = 3;
constexpr uint16_t kSctpPort = 5000, kSctpStreams = 1024;  // as stock bridges have them
const jingle::Reason kMoving{"success", "moving"};
}  // namespace

void Room::invite_waiting(Instant now) {
  if (phase_ != Phase::ready || members_.size() < shared_.config.min_participants) return;
  for (auto& [number, member] : members_) {
    if (member->state != State::waiting) continue;
    if (!ensure_session(now)) break;
    if (session_->endpoints() >= shared_.config.max_participants_per_bridge) break;
    if (!shared_.line.has_room()) {
      retry_at_ = now + Duration::seconds(1);
      break;
    }
    allocate(now, *member);
  }
  publish();
}

std::string_view Room::preferred_region() const {
  // The region of most of those who are to be invited; of equal ones that of the earliest.
  std::vector<std::pair<std::string_view, size_t>> counts;
  for (const auto& [number, member] : members_) {
    const std::string_view region = member->region;
    if (region.empty()) continue;
    const auto known = std::find_if(counts.begin(), counts.end(), [&](const auto& c) { return c.first == region; });
    if (known != counts.end()) ++known->second;
    else counts.emplace_back(region, 1);
  }
  const auto most = std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == counts.end() ? std::string_view() : most->first;
}

bool Room::ensure_session(Instant now) {
  if (session_) return true;
  Bridge* bridge = shared_.bridges.select(preferred_region(), now);
  waits_for_bridge_ = bridge == nullptr;
  if (!bridge) return false;
  ++session_number_;
  session_.emplace(bridge->id, bridge->jid, bridge->stats.region, make_uuid(rng_), make_hex(rng_, 8), jid_.to_string());
  return true;
}

void Room::allocate(Instant now, Member& member) {
  ++member.invite;
  member.state = State::allocating;
  ColibriSession::Wish wish;
  if (member.features.audio) wish.media.push_back({jingle::Media::audio, offer(jingle::Media::audio, member.features)});
  if (member.features.video) wish.media.push_back({jingle::Media::video, offer(jingle::Media::video, member.features)});
  wish.rewriting = rewrites_for(member);
  wish.sctp = shared_.config.use_sctp && member.features.sctp;
  Pending pending{Pending::Kind::allocate, number_, member.number, member.invite, session_number_};
  const auto modify = session_->allocate(member.nick, member.stats_id, std::move(wish));
  shared_.line.request(colibri2::make_request(session_->bridge_jid(), "", modify), now + shared_.config.times.iq_timeout, pending);
  if (Bridge* bridge = shared_.bridges.find(session_->bridge())) shared_.bridges.endpoint_added(*bridge, now);
}

void Room::on_allocated(Instant now, Member& member, const Element* answer) {
  if (member.state != State::allocating) return;
  if (!answer) return refused(now, Verdict::bridge_failed, &member);
  if (answer->attr("type") == "error") return refused(now, judge_allocation(colibri2::parse_error(*answer)), &member);
  const auto modified = colibri2::parse_answer(*answer);
  if (!modified) return refused(now, Verdict::invite_failed, &member);
  const colibri2::Endpoint* endpoint = nullptr;
  for (const auto& e : modified->endpoints)
    if (e.id == member.nick) endpoint = &e;
  if (!endpoint || !endpoint->transport || !endpoint->transport->ice) return refused(now, Verdict::invite_failed, &member);
  sessions_lost_ = 0;
  // The bridge's own SSRCs are the same for all of a conference. One that a client took already is not offered.
  if (sources_.of(jingle::kBridgeOwner).empty() && !modified->sources.empty())
    if (!sources_.try_add(jingle::kBridgeOwner, colibri2::to_source_set(modified->sources, jingle::kBridgeOwner)))
      ++shared_.stats.source_errors;
  send_offer(now, member, *endpoint->transport);
}

void Room::send_offer(Instant now, Member& member, const colibri2::Transport& bridge) {
  // Only what was asked for and is there: a data channel that never comes up would leave the client without any.
  const bool offers_data = shared_.config.use_sctp && member.features.sctp && bridge.sctp;
  jingle::IceTransport transport = *bridge.ice;
  if (offers_data) transport.web_socket.reset();  // one channel, or clients choose differently
  jingle::Jingle message;
  message.action = jingle::Action::session_initiate;
  message.sid = make_hex(rng_, 16);
  message.initiator = own_.to_string();
  message.responder = member.address;
  for (jingle::Media media : {jingle::Media::audio, jingle::Media::video}) {
    if (!(media == jingle::Media::audio ? member.features.audio : member.features.video)) continue;
    jingle::Content& content = message.contents.emplace_back();
    content.name = jingle::name_of(media);
    content.media = media;
    content.formats = offer(media, member.features);
    content.rtcp_mux = true;
    if (media == jingle::Media::audio) content.max_ptime = 60;
    content.transport = transport;
    message.bundle.push_back(content.name);
  }
  if (offers_data) {
    jingle::Content& content = message.contents.emplace_back();
    content.name = "data";
    content.media = jingle::Media::application;
    content.transport = transport;
    content.transport->sctp_map = jingle::SctpMap{bridge.sctp->port.value_or(kSctpPort), kSctpStreams};
    message.bundle.push_back(content.name);
  }
  jingle::ConferenceSources others;
  member.untold.clear();
  size_t room_left = kSourcesBudget;
  for (const auto& [owner, sources] : sources_.all()) {
    if (owner == member.nick) continue;
    if (rewrites_for(member) && owner != jingle::kBridgeOwner) continue;  // the bridge says them
    jingle::SourceSet shown = without_simulcast(sources);
    const size_t longest = longest_text(shown);
    if (longest > room_left) {
      member.untold.emplace(owner, jingle::SourceSet());  // told once it accepted
      continue;
    }
    room_left -= longest;
    others.emplace(owner, std::move(shown));
  }
  if (member.features.json_sources) message.json_sources = std::move(others);
  else jingle::put_sources(message, others);
  message.bridge_session = jingle::BridgeSession{session_->id(), session_->region()};
  if (!member.was_offered) {  // later it is as muted as it wants to be
    const auto is_beyond = [&](const std::optional<uint64_t>& limit) { return limit && members_.size() > *limit; };
    const jingle::StartMuted muted{is_beyond(audio_muted_beyond_), is_beyond(video_muted_beyond_)};
    if (muted.audio || muted.video) message.start_muted = muted;
  }

  member.state = State::invited;
  member.sid = message.sid;
  member.ice_generation = 0;
  ++shared_.stats.sessions;
  ++shared_.stats.invites;
  if (std::exchange(member.was_offered, true)) ++shared_.stats.re_invites;
  if (std::exchange(member.is_moved, false)) ++shared_.stats.moved;
  Element iq = make_iq("set", member.jid, "");
  iq.add(jingle::to_element(message));
  Pending pending{Pending::Kind::initiate, number_, member.number, member.invite, session_number_};
  if (!shared_.line.has_room()) return shared_.line.notify(std::move(iq));
  shared_.line.request(std::move(iq), now + shared_.config.times.iq_timeout, pending);
}

void Room::on_offer_answered(Instant now, Member& member, const Element* answer) {
  if (!answer || answer->attr("type") == "result") return;  // no answer in time counts as one: it may accept yet
  if (!member.has_session()) return;
  ++shared_.stats.invite_failures;
  withdraw(now, member, nullptr);
  member.state = State::apart;
  publish();
}

void Room::end_jingle(Member& member, const jingle::Reason* reason) {
  if (!member.has_session()) return;
  --shared_.stats.sessions;
  if (reason) {
    jingle::Jingle message;
    message.action = jingle::Action::session_terminate;
    message.sid = member.sid;
    message.reason = *reason;
    if (session_) message.bridge_session = jingle::BridgeSession{session_->id(), session_->region()};
    Element iq = make_iq("set", member.jid, "");
    iq.add(jingle::to_element(message));
    shared_.line.notify(std::move(iq));
  }
  member.state = State::apart;
  member.sid.clear();
  member.untold.clear();
}

void Room::withdraw(Instant, Member& member, const jingle::Reason* reason) {
  end_jingle(member, reason);
  if (session_ && session_->has(member.nick)) {
    shared_.line.notify(colibri2::make_request(session_->bridge_jid(), "", session_->expire(member.nick)));
    if (Bridge* bridge = shared_.bridges.find(session_->bridge())) shared_.bridges.endpoint_removed(*bridge);
  }
  const jingle::SourceSet before = sources_.of(member.nick);
  sources_.remove_owner(member.nick);
  tell_others(member.nick, before);
  // The last endpoint took the conference on the bridge with it.
  if (session_ && session_->endpoints() == 0) drop_session();
}

void Room::drop_session() {
  if (!session_) return;
  if (Bridge* bridge = shared_.bridges.find(session_->bridge()))
    for (size_t i = session_->endpoints(); i > 0; --i) shared_.bridges.endpoint_removed(*bridge);
  session_.reset();
  sources_.remove_owner(jingle::kBridgeOwner);
}

void Room::lose_session(Instant now) {
  if (!session_) return;
  for (auto& [number, member] : members_) {
    if (!member->has_session() && member->state != State::allocating) continue;
    end_jingle(*member, &kMoving);
    member->state = State::waiting;
    member->is_moved = true;
  }
  sources_.clear();  // each says them again when it accepts; nobody has a session to be told of the loss
  if (++sessions_lost_ >= kMaxSessionsLost) {
    sessions_lost_ = 0;
    if (Bridge* bridge = shared_.bridges.find(session_->bridge())) {
      shared_.bridges.fail(*bridge, now + shared_.config.times.bridge_recovery);
      ++shared_.stats.lost_bridges;
    }
  }
  drop_session();
  invite_waiting(now);
  publish();
}

void Room::refused(Instant now, Verdict verdict, Member* member) {
  Bridge* bridge = session_ ? shared_.bridges.find(session_->bridge()) : nullptr;
  switch (verdict) {
    case Verdict::ignore: return;
    case Verdict::invite_failed:
      ++shared_.stats.invite_failures;
      withdraw(now, *member, nullptr);
      member->state = State::apart;
      return publish();
    case Verdict::endpoint_lost:
      if (!member || !member->has_session()) return;
      withdraw(now, *member, &kMoving);
      member->state = State::waiting;
      return invite_waiting(now);
    case Verdict::bridge_graceful:
      if (bridge) bridge->stats.graceful_shutdown = true;  // its next presence says so too
      return lose_session(now);
    case Verdict::bridge_failed:
      if (bridge) {
        shared_.bridges.fail(*bridge, now + shared_.config.times.bridge_recovery);
        ++shared_.stats.lost_bridges;
      }
      return lose_session(now);
    case Verdict::session_lost: return lose_session(now);
  }
}

void Room::on_ice_restarted(Instant now, Member& member, const Element* answer) {
  if (!answer || !member.has_session()) return;  // the client helps itself by a full restart
  if (answer->attr("type") == "error") {
    const colibri2::Error error = colibri2::parse_error(*answer);
    return refused(now, judge_update(error), by_nick(error.endpoint));
  }
  const auto modified = colibri2::parse_answer(*answer);
  const jingle::IceTransport* transport = nullptr;
  if (modified)
    for (const auto& e : modified->endpoints)
      if (e.id == member.nick && e.transport && e.transport->ice) transport = &*e.transport->ice;
  if (!transport) return refused(now, Verdict::endpoint_lost, &member);  // it did not: a new invitation then
  // Without a generation the bridge has kept what it has; answers may have overtaken each other.
  if (!transport->ice_generation || *transport->ice_generation <= member.ice_generation) return;
  member.ice_generation = *transport->ice_generation;
  jingle::Jingle message;
  message.action = jingle::Action::transport_info;
  message.sid = member.sid;
  jingle::Content& content = message.contents.emplace_back();
  content.name = jingle::name_of(member.features.audio ? jingle::Media::audio : jingle::Media::video);  // bundled: one says it for all
  content.transport = *transport;
  Element iq = make_iq("set", member.jid, "");
  iq.add(jingle::to_element(message));
  shared_.line.notify(std::move(iq));
  ++shared_.stats.ice_restarts_relayed;
}

void Room::update_bridge(Instant now, const colibri2::ConferenceModify& modify) {
  Element iq = colibri2::make_request(session_->bridge_jid(), "", modify);
  Pending pending{Pending::Kind::update, number_, 0, 0, session_number_};
  if (!shared_.line.has_room()) return shared_.line.notify(std::move(iq));
  shared_.line.request(std::move(iq), now + shared_.config.times.iq_timeout, pending);
}

void Room::on_update_answered(Instant now, const Element* answer) {
  if (!answer || answer->attr("type") != "error" || !session_) return;  // a late answer to an update changes nothing
  const colibri2::Error error = colibri2::parse_error(*answer);
  refused(now, judge_update(error), by_nick(error.endpoint));
}

void Room::on_bridge_lost(Instant now, BridgeId bridge) {
  if (session_ && session_->bridge() == bridge) lose_session(now);
}

void Room::on_bridge_available(Instant now) {
  if (!waits_for_bridge_) return;
  waits_for_bridge_ = false;
  invite_waiting(now);
  publish();
}

}  // namespace tacoma::focus
