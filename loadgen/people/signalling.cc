#include "loadgen/people/signalling.h"

#include <algorithm>

#include "core/signal/conference_request.h"
#include "core/signal/deployment.h"
#include "core/signal/disco.h"
#include "core/signal/muc.h"
#include "core/signal/presence.h"

namespace tacoma {
namespace {
using Stage = ParticipantStats::Stage;
using Kind = SignallingEvent::Kind;

// What lib-jitsi-meet announces, without SSRC rewriting (the focus then names every source) and data channels.
DiscoInfo make_features(bool takes_red, bool uses_ecn) {
  DiscoInfo info;
  info.identities.push_back({"client", "web", "tacoma"});
  for (std::string_view feature :
       {ns::kJingle, ns::kJingleRtp, ns::kIceUdp, ns::kDtls, kFeatureAudio, kFeatureVideo, kFeatureRtx, kFeatureJsonSources, kFeatureTcc,
        kFeatureSourceNames, kFeatureMultipleStreams, ns::kCaps})
    info.features.emplace_back(feature);
  if (takes_red) info.features.emplace_back(kFeatureOpusRed);
  if (uses_ecn) info.features.emplace_back(kFeatureCcfb);
  return info;
}
struct OwnFeatures {
  DiscoInfo info;
  std::string caps;
};
// The same for all who do the same: kept once.
const OwnFeatures& features_of(const Signalling::Config& config) {
  const auto make = [](bool takes_red, bool uses_ecn) {
    const DiscoInfo info = make_features(takes_red, uses_ecn);
    return OwnFeatures{info, caps_verification(info)};
  };
  static const OwnFeatures all[2][2] = {{make(false, false), make(false, true)}, {make(true, false), make(true, true)}};
  return all[config.takes_red][config.uses_ecn];
}

// Of what is offered, what we take: Opus, perhaps redundant, VP8 and VP9 with their RTX.
jingle::MediaFormats chosen_formats(const jingle::Content& content, bool takes_red) {
  jingle::MediaFormats chosen = content.formats;
  const jingle::PayloadType* vp8 = content.formats.find("VP8");
  const jingle::PayloadType* rtx = vp8 ? content.formats.find_rtx(vp8->id) : nullptr;
  const jingle::PayloadType* vp9 = content.formats.find("VP9");
  const jingle::PayloadType* rtx_of_vp9 = vp9 ? content.formats.find_rtx(vp9->id) : nullptr;
  const jingle::PayloadType* opus = content.formats.find("opus");
  const jingle::PayloadType* red = takes_red ? content.formats.find("red") : nullptr;
  chosen.payload_types.clear();
  for (const jingle::PayloadType* type : {red, opus, vp8, rtx, vp9, rtx_of_vp9}) {
    if (type) chosen.payload_types.push_back(*type);
  }
  return chosen;
}
}  // namespace

Signalling::Signalling(Config config, Rng rng)
    : config_(std::move(config)), rng_(rng), request_wait_(config_.times.request_retry),
      reconnect_wait_(config_.times.reconnect) {}

void Signalling::begin(Instant now, Outbox& out) { open(now, out); }

void Signalling::open(Instant now, Outbox& out) {
  stream_ = StreamId(stream_.value() + 1);
  XmppClient::Config login{std::string(deployment::kDomain), SaslMechanism::anonymous, {}, {}, {}, XmppFraming::document};
  std::string service(deployment::kClientService);
  if (const DeploymentPlan* there = config_.deployment) {
    login.domain = there->domain;
    login.framing = XmppFraming::messages;
    // Balancers choose by the room; the part after '#' is the subprotocol (RFC 7395 section 3.1).
    service = there->websocket + (there->websocket.find('?') == std::string::npos ? "?" : "&") + "room=" + config_.room.node + "#xmpp";
  }
  client_ = std::make_unique<XmppClient>(std::move(login), rng_.split("stream", stream_.value()));
  out.open_stream(stream_, std::move(service));
  stage_ = Stage::connecting;
  retry_at_ = Instant::never();
  give_up_at_ = now + config_.times.iq_timeout * 2;
}

void Signalling::flush(Outbox& out) {
  while (client_ && client_->has_output()) out.write_stream(stream_, client_->take_output());
}

void Signalling::leave(Instant now, Outbox& out) {
  if (client_ && client_->is_ready()) {
    if (!sid_.empty()) {
      jingle::Jingle bye;
      bye.action = jingle::Action::session_terminate;
      bye.sid = sid_;
      bye.reason = jingle::Reason{"success", "leaving"};
      if (!bridge_session_.empty()) bye.bridge_session = jingle::BridgeSession{bridge_session_, {}, false, false};
      ask(now, jingle::to_element(bye), focus_occupant(), Asked::other);
    }
    if (stage_ == Stage::in_room || stage_ == Stage::joining) send(muc::make_leave(config_.room.with_resource(config_.nick)));
    client_->close();
    flush(out);
  }
  if (client_) out.close_stream(stream_);
  client_.reset();
  asked_.clear();
  std::vector<SignallingEvent>().swap(events_);
  next_event_ = 0;
  sid_.clear();
  retry_at_ = give_up_at_ = restart_at_ = Instant::never();
  stage_ = Stage::left;
}

void Signalling::on_stream(Instant now, const StreamEvent& event, Outbox& out) {
  if (!client_ || event.id != stream_) return;
  switch (event.kind) {
    case StreamEvent::Kind::opened:
      client_->start();
      break;
    case StreamEvent::Kind::data:
      client_->on_bytes(event.data);
      while (client_) {
        const std::optional<XmppEvent> next = client_->poll();
        if (!next) break;
        on_event(now, *next, out);
      }
      break;
    case StreamEvent::Kind::closed:
      client_.reset();
      stream_lost(now, "the stream was closed", out);
      break;
    case StreamEvent::Kind::accepted:
      break;
  }
  flush(out);
}

void Signalling::on_event(Instant now, const XmppEvent& event, Outbox& out) {
  switch (event.kind) {
    case XmppEvent::Kind::ready:
      stage_ = Stage::requesting;
      give_up_at_ = Instant::never();
      reconnect_wait_ = config_.times.reconnect;
      request_conference(now);
      break;
    case XmppEvent::Kind::stanza:
      on_stanza(now, event.stanza, out);
      break;
    case XmppEvent::Kind::closed:
    case XmppEvent::Kind::failed:
      flush(out);
      out.close_stream(stream_);
      client_.reset();
      stream_lost(now, event.reason.empty() ? "the stream was ended" : event.reason, out);
      break;
  }
}

// Everything begins anew, after a wait that doubles.
void Signalling::stream_lost(Instant now, std::string why, Outbox& out) {
  if (client_) {
    out.close_stream(stream_);
    client_.reset();
  }
  asked_.clear();
  own_sources_.clear();
  end_session("stream lost");
  raise(Kind::trouble, std::move(why));
  stage_ = Stage::connecting;
  give_up_at_ = Instant::never();
  // Up to a tenth more, so that all who lost the same server do not come back in one moment.
  retry_at_ = now + reconnect_wait_ + rng_.uniform(Duration::zero(), reconnect_wait_ / 10);
  reconnect_wait_ = std::min(reconnect_wait_ * 2, config_.times.reconnect_max);
}

void Signalling::end_session(std::string why) {
  restart_at_ = Instant::never();
  if (sid_.empty()) return;
  sid_.clear();
  bridge_session_.clear();
  raise(Kind::session_ended, std::move(why));
}

Instant Signalling::deadline() const { return std::min({retry_at_, give_up_at_, restart_at_, asked_.earliest()}); }

void Signalling::on_deadline(Instant now, Outbox& out) {
  while (const std::optional<Asked> expired = asked_.pop_expired(now)) {
    if (*expired == Asked::conference) {
      raise(Kind::trouble, "the focus did not answer the conference request");
      retry_request(now);
    } else if (*expired == Asked::accept) {
      raise(Kind::trouble, "the focus did not answer the session-accept");
    }
  }
  if (now >= give_up_at_) stream_lost(now, stage_ == Stage::joining ? "the room did not answer" : "the login was not answered", out);
  if (now >= restart_at_) ask_restart(now);
  if (now >= retry_at_) {
    retry_at_ = Instant::never();
    if (client_) request_conference(now);
    else open(now, out);
  }
  flush(out);
}

std::optional<SignallingEvent> Signalling::poll() {
  if (next_event_ == events_.size()) {
    // An offer's memory is not kept for the rest of the call.
    std::vector<SignallingEvent>().swap(events_);
    next_event_ = 0;
    return std::nullopt;
  }
  return std::move(events_[next_event_++]);
}

void Signalling::on_stanza(Instant now, const Element& stanza, Outbox&) {
  if (is_presence(stanza)) on_presence(now, stanza);
  else if (is_answer(stanza)) on_answer(now, stanza);
  else if (is_request(stanza)) on_request(stanza);
}

void Signalling::request_conference(Instant now) {
  ConferenceRequest request;
  request.room = config_.room;
  request.machine_uid = config_.nick;
  const Jid focus{{}, config_.deployment ? config_.deployment->focus : std::string(deployment::kFocusDomain), {}};
  const auto id = asked_.track(focus, now + config_.times.iq_timeout, Asked::conference);
  if (id) send(make_conference_request(focus, *id, request));
}

void Signalling::retry_request(Instant now) {
  retry_at_ = now + request_wait_;
  request_wait_ = std::min(request_wait_ * 2, config_.times.request_retry_max);
}

void Signalling::on_answer(Instant now, const Element& answer) {
  const std::optional<Asked> asked = asked_.match(answer);
  if (!asked) return drops_.count(Drop::signalling_unexpected);
  const bool failed = answer.attr("type") == "error";
  switch (*asked) {
    case Asked::conference: {
      if (failed) {
        raise(Kind::trouble, std::string("the conference request was refused: ") + name_of(parse_error(answer).condition));
        return retry_request(now);
      }
      const Result<ConferenceRequest> parsed = parse_conference_request(answer);
      if (!parsed || !parsed->ready) return retry_request(now);
      request_wait_ = config_.times.request_retry;
      raise(Kind::requested);
      return join(now);
    }
    case Asked::accept:
      if (failed) return raise(Kind::trouble, std::string("the session-accept was refused: ") + name_of(parse_error(answer).condition));
      return send_presence(false);  // with SourceInfo, once the focus knows the sources
    case Asked::terminate_restart:
      // Its rate limit, or it has moved us already.
      if (failed && !sid_.empty()) restart_at_ = now + config_.times.restart_spacing;
      return;
    case Asked::other:
      return;
  }
}

void Signalling::join(Instant now) {
  if (stage_ == Stage::in_room) return;  // the focus was gone, the room was not
  stage_ = Stage::joining;
  give_up_at_ = now + config_.times.iq_timeout;
  send_presence(true);
}

void Signalling::send_presence(bool is_join) {
  const Jid occupant = config_.room.with_resource(config_.nick);
  const std::string_view password = config_.deployment ? std::string_view(config_.deployment->password) : std::string_view();
  Element presence = is_join ? muc::make_join(occupant, password) : make_presence({}, occupant);
  ParticipantPresence us;
  us.display_name = config_.display_name;
  us.stats_id = config_.nick;
  us.region = config_.region;
  us.codecs = config_.prefers_vp9 ? "vp9,vp8" : "vp8,vp9";
  us.caps_node = "https://jitsi.org/jitsi-meet";
  us.caps_ver = features_of(config_).caps;
  us.audio_muted = us.video_muted = true;
  for (const std::string& name : own_sources_) {
    const bool is_video = name.size() > 2 && name[name.size() - 2] == 'v';
    us.sources.push_back({name, false, !is_video ? jingle::VideoType::none : name.back() == '0' ? jingle::VideoType::camera : jingle::VideoType::desktop});
    (is_video ? us.video_muted : us.audio_muted) = false;
  }
  us.encrypted = config_.is_encrypted;
  add_participant(presence, us);
  send(presence);
}

void Signalling::on_presence(Instant now, const Element& presence) {
  const Jid from = from_of(presence);
  if (from.bare() != config_.room) return drops_.count(Drop::signalling_unexpected);
  const std::string_view type = presence.attr("type");
  const bool gone = type == "unavailable";
  if (type == "error") {
    if (stage_ != Stage::joining) return;
    raise(Kind::trouble, std::string("the room refused us: ") + name_of(parse_error(presence).condition));
    stage_ = Stage::requesting;
    give_up_at_ = Instant::never();
    return retry_request(now);
  }
  if (from.resource == deployment::kFocusNick) {
    if (gone) {
      end_session("focus left");
      if (stage_ != Stage::in_room) return;
      raise(Kind::trouble, "the focus left");
      return retry_request(now);
    }
    const FocusPresence focus = parse_focus(presence);
    for (const auto& [key, value] : focus.properties) {
      if (key == "support-terminate-restart") can_restart_ = value == "true";
    }
    if (focus.bridge_not_available && !lacks_bridge_) raise(Kind::trouble, "the focus has no bridge for the room");
    lacks_bridge_ = focus.bridge_not_available;
    return;
  }
  const std::optional<muc::UserInfo> info = muc::parse_user_info(presence);
  if (from.resource != config_.nick) return note_encryption(presence, from.resource, gone);
  if (!info || !info->has_status(muc::kStatusSelf)) return;
  if (gone) {
    end_session("out of the room");
    raise(Kind::trouble, info->has_status(muc::kStatusKicked) ? "kicked" : "the room put us out");
    stage_ = Stage::requesting;
    own_sources_.clear();
    return retry_request(now);
  }
  if (stage_ != Stage::joining) return;
  stage_ = Stage::in_room;
  give_up_at_ = Instant::never();
  raise(Kind::joined);
}

/// Those of the run's own people are known from the plan: only at a deployment others come, and those are named after their endpoints.
void Signalling::note_encryption(const Element& presence, const std::string& occupant, bool gone) {
  if (!config_.deployment) return;
  const bool is = !gone && parse_participant(presence).encrypted;
  const auto at = std::find(encrypting_.begin(), encrypting_.end(), occupant);
  if (is == (at != encrypting_.end())) return;
  if (!is) {
    encrypting_.erase(at);
  } else {
    if (encrypting_.size() == kMostEncrypting) return drops_.count(Drop::signalling_limit);
    encrypting_.push_back(occupant);
  }
  if (gone) return;
  raise(Kind::encryption, occupant);
  events_.back().encrypted = is;
}

void Signalling::on_request(const Element& request) {
  if (jingle::is_jingle(request)) return on_jingle(request);
  if (is_disco_query(request)) return send(make_disco_result(request, features_of(config_).info));
  if (is_ping(request)) return send(make_result(request));
  send(make_error(request, Condition::service_unavailable));
}

void Signalling::on_jingle(const Element& request) {
  if (from_of(request) != focus_occupant()) return decline(request);
  Result<jingle::Jingle> parsed = jingle::parse(request);
  if (!parsed) {
    drops_.count(Drop::signalling_malformed);
    return send(make_error(request, Condition::bad_request, parsed.error()));
  }
  using jingle::Action;
  const Action action = parsed->action;
  if (action == Action::session_initiate) {
    if (parsed->sid == sid_) return send(make_error(request, Condition::service_unavailable));
  } else if (sid_.empty() || parsed->sid != sid_) {
    return send(jingle::make_unknown_session(request));
  }
  send(make_result(request));  // at once: the focus waits for it
  if (action == Action::session_terminate) return end_session(parsed->reason ? parsed->reason->condition : "no reason");
  if (action == Action::session_initiate) {
    restart_at_ = Instant::never();
    sid_ = parsed->sid;
    bridge_session_ = parsed->bridge_session ? parsed->bridge_session->id : std::string();
  } else if (action != Action::source_add && action != Action::source_remove) {
    return;
  }
  Result<jingle::ConferenceSources> sources = jingle::sources_of(*parsed, {});
  if (!sources) {
    drops_.count(Drop::signalling_malformed);
    return raise(Kind::trouble, "malformed sources: " + sources.error());
  }
  SignallingEvent event;
  event.kind = action == Action::session_initiate ? Kind::offer
               : action == Action::source_add     ? Kind::sources_added
                                                  : Kind::sources_removed;
  event.sources = std::move(*sources);
  if (event.kind == Kind::offer) event.offer = std::move(*parsed);
  events_.push_back(std::move(event));
}

// Browsers offer each other a direct way when they are two: media goes by the bridge here, so that it is measured.
void Signalling::decline(const Element& request) {
  const Jid from = from_of(request);
  const Result<jingle::Jingle> parsed = jingle::parse(request);
  const bool is_offer = parsed && parsed->action == jingle::Action::session_initiate;
  if (!is_offer || from.bare() != config_.room || from.is_bare()) return send(make_error(request, Condition::not_allowed));
  send(make_result(request));
  jingle::Jingle bye;
  bye.action = jingle::Action::session_terminate;
  bye.sid = parsed->sid;
  bye.reason = jingle::Reason{"decline", {}};
  Element iq = make_iq("set", from, "decline-" + make_hex(rng_, 8));
  iq.add(jingle::to_element(bye));
  send(iq);
}

void Signalling::accept(Instant now, const jingle::Jingle& offer, const jingle::IceTransport& transport,
                        const jingle::SourceSet& sources, Outbox& out) {
  if (!client_ || offer.sid != sid_) return;
  jingle::Jingle answer;
  answer.action = jingle::Action::session_accept;
  answer.sid = offer.sid;
  answer.initiator = offer.initiator;
  answer.responder = config_.room.with_resource(config_.nick).to_string();
  for (const jingle::Content& offered : offer.contents) {
    if (offered.media != jingle::Media::audio && offered.media != jingle::Media::video) continue;
    jingle::Content content;
    content.name = offered.name;
    content.senders = offered.senders;
    content.media = offered.media;
    content.formats = chosen_formats(offered, config_.takes_red);
    content.rtcp_mux = true;
    content.transport = transport;
    content.sources = offered.media == jingle::Media::audio ? sources.audio : sources.video;
    answer.bundle.push_back(content.name);
    answer.contents.push_back(std::move(content));
  }
  own_sources_.clear();
  for (const jingle::MediaSources* of : {&sources.audio, &sources.video}) {
    // An RTX source has its media source's name.
    for (const jingle::Source& s : of->sources)
      if (std::find(own_sources_.begin(), own_sources_.end(), s.name) == own_sources_.end()) own_sources_.push_back(s.name);
  }
  ask(now, jingle::to_element(answer), focus_occupant(), Asked::accept);
  flush(out);
}

void Signalling::change_video(Instant now, bool is_added, const jingle::MediaSources& sources, Outbox& out) {
  if (!client_ || sid_.empty() || sources.empty() || own_sources_.empty()) return;
  jingle::Jingle change;
  change.action = is_added ? jingle::Action::source_add : jingle::Action::source_remove;
  change.sid = sid_;
  jingle::Content content;
  content.name = "video";
  content.media = jingle::Media::video;
  content.sources = sources;
  change.contents.push_back(std::move(content));
  ask(now, jingle::to_element(change), focus_occupant(), Asked::other);
  const std::string& name = sources.sources.front().name;
  std::erase(own_sources_, name);
  if (is_added) own_sources_.push_back(name);
  send_presence(false);
  flush(out);
}

void Signalling::path_failed(Instant now, Outbox& out) {
  if (!client_ || sid_.empty()) return;
  jingle::Jingle info;
  info.action = jingle::Action::session_info;
  info.sid = sid_;
  info.ice_state = "failed";
  info.bridge_session = jingle::BridgeSession{bridge_session_, {}, false, false};
  ask(now, jingle::to_element(info), focus_occupant(), Asked::other);
  restart_at_ = now + config_.times.new_offer;
  flush(out);
}

// The focus refuses more than it likes, so what it would refuse waits here.
void Signalling::ask_restart(Instant now) {
  restart_at_ = Instant::never();
  if (!client_ || sid_.empty() || !can_restart_) return;
  const ParticipantTimes& t = config_.times;
  restarts_.erase(std::remove_if(restarts_.begin(), restarts_.end(), [&](Instant at) { return at + t.restart_window <= now; }),
                  restarts_.end());
  Instant allowed = now;
  if (!restarts_.empty()) allowed = std::max(allowed, restarts_.back() + t.restart_spacing);
  if (restarts_.size() >= t.restarts_per_window) allowed = std::max(allowed, restarts_.front() + t.restart_window);
  if (allowed > now) {
    restart_at_ = allowed;
    return;
  }
  restarts_.push_back(now);
  jingle::Jingle bye;
  bye.action = jingle::Action::session_terminate;
  bye.sid = sid_;
  bye.reason = jingle::Reason{"connectivity-error", "ICE failed"};
  bye.bridge_session = jingle::BridgeSession{bridge_session_, {}, true, false};
  ask(now, jingle::to_element(bye), focus_occupant(), Asked::terminate_restart);
}

void Signalling::ask(Instant now, Element payload, const Jid& to, Asked what) {
  const auto id = asked_.track(to, now + config_.times.iq_timeout, what);
  if (!id) return drops_.count(Drop::signalling_limit);
  Element iq = make_iq("set", to, *id);
  iq.add(std::move(payload));
  send(iq);
}

void Signalling::send(const Element& stanza) {
  if (!client_->send(stanza)) drops_.count(Drop::signalling_limit);
}

void Signalling::raise(Kind kind, std::string text) {
  SignallingEvent event;
  event.kind = kind;
  event.text = std::move(text);
  events_.push_back(std::move(event));
}

Jid Signalling::focus_occupant() const { return config_.room.with_resource(deployment::kFocusNick); }

}  // namespace tacoma
