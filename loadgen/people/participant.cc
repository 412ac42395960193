#include "loadgen/people/participant.h"

#include <algorithm>
#include <string>
#include <vector>

#include "loadgen/media/clip.h"
#include "loadgen/people/channel_client.h"
#include "loadgen/people/media_session.h"
#include "loadgen/people/signalling.h"
#include "loadgen/people/viewer.h"

namespace tacoma {
namespace {

const PersonPlan& person_of(const ParticipantConfig& config) { return config.plan->people[config.index]; }

std::string_view endpoint_of(const Plan& plan, const std::string& name) {
  if (!name.empty())
    for (const PersonPlan& person : plan.people)
      if (person.name == name) return person.endpoint_id;
  return {};
}

// The transport that answers an offer. Candidates are not signalled: the bridge learns them from our checks.
jingle::IceTransport answer_transport(const SecurePath& path) {
  jingle::IceTransport transport;
  transport.ufrag = path.credentials().ufrag;
  transport.pwd = path.credentials().pwd;
  transport.rtcp_mux = true;
  transport.fingerprints.push_back({"sha-256", path.fingerprint().to_string(), jingle::Setup::active});
  return transport;
}

bool is_screen_source(std::string_view name) { return name.size() > 3 && name.substr(name.size() - 3, 2) == "-v" && name.back() != '0'; }

Signalling::Config signalling_of(const ParticipantConfig& config) {
  const PersonPlan& person = person_of(config);
  const Plan& plan = *config.plan;
  Signalling::Config signalling{*Jid::parse(plan.conferences[person.conference].room), person.endpoint_id, person.region, config.times, nullptr, {}};
  if (plan.deployment) {
    signalling.deployment = &*plan.deployment;
    signalling.region.clear();  // its regions are its own
    signalling.display_name = person.name;
  }
  signalling.prefers_vp9 = person.video.codec == VideoCodec::vp9;
  signalling.is_encrypted = config.key != nullptr;
  signalling.takes_red = person.red > 0;
  signalling.uses_ecn = plan.uses_ecn();
  return signalling;
}

uint8_t extension_of(const jingle::Content& content, std::string_view uri) { return content.formats.extension(uri).value_or(0); }

MediaFormats formats_of(const jingle::Jingle& offer, bool takes_red, bool may_ecn) {
  MediaFormats f;
  f.send.audio_extensions = f.send.video_extensions = ExtensionIds::none();
  f.receive.audio_level = f.receive.transport_cc = 0;
  for (const jingle::Content& content : offer.contents) {
    const bool is_audio = content.media == jingle::Media::audio;
    if (!is_audio && content.media != jingle::Media::video) continue;
    ExtensionIds& ids = is_audio ? f.send.audio_extensions : f.send.video_extensions;
    ids.transport_cc = f.receive.transport_cc = extension_of(content, jingle::kExtTransportCc);
    f.send.ccfb = f.receive.ccfb = f.send.ccfb || (may_ecn && content.formats.has_ccfb());
    if (is_audio) {
      ids.audio_level = f.receive.audio_level = extension_of(content, jingle::kExtAudioLevel);
      if (const auto* opus = content.formats.find("opus")) f.send.opus = f.receive.opus = opus->id;
      if (const auto* red = content.formats.find("red"); red && takes_red) f.send.red = f.receive.red = red->id;
    } else {
      ids.abs_send_time = extension_of(content, jingle::kExtAbsSendTime);
      if (const auto* vp8 = content.formats.find("VP8")) {
        f.send.vp8 = f.receive.vp8 = vp8->id;
        if (const auto* rtx = content.formats.find_rtx(vp8->id)) f.send.rtx = f.receive.rtx = rtx->id;
      }
      if (const auto* vp9 = content.formats.find("VP9")) {
        f.send.vp9 = f.receive.vp9 = vp9->id;
        if (const auto* rtx = content.formats.find_rtx(vp9->id)) f.send.rtx_of_vp9 = f.receive.rtx_of_vp9 = rtx->id;
      }
    }
  }
  return f;
}

}  // namespace

class Participant::Core {
 public:
  explicit Core(ParticipantConfig config);

  void start(Instant now, Outbox& out);
  void on_datagrams(Instant now, Span<Datagram> in, Outbox& out);
  void on_stream(Instant now, const StreamEvent& event, Outbox& out);
  void on_deadline(Instant now, Outbox& out);
  Deadline deadline() const;
  void leave(Instant now, Outbox& out);
  void finish(Instant now);
  ParticipantStats stats() const;

 private:
  void step(JoinStep step, Instant at);
  void take_signalling(Instant now, Outbox& out);
  void on_offer(Instant now, const SignallingEvent& event, Outbox& out);
  void add_sources(const jingle::ConferenceSources& sources);
  void end_session(Instant now, Outbox& out);
  void take_session(Instant now, Outbox& out);
  void take_channel(Instant now, Outbox& out);
  void on_message(Instant now, const channel::Message& message);
  void tell_wishes(Instant now, Outbox& out);
  void tell_types(Outbox& out);
  void turn_screen(Instant now, Outbox& out);
  void sample(Instant at);
  Instant next_sample(Instant now) const;

  ParticipantConfig config_;
  const PersonPlan& person_;
  Signalling signalling_;
  ChannelClient channel_;
  Viewer viewer_;
  std::unique_ptr<FrameCipher> cipher_;  // of the person's key
  MediaSender sender_;
  MediaReceiver receiver_;
  std::shared_ptr<const DtlsIdentity> identity_;  // made with the first offer
  std::unique_ptr<MediaSession> session_;
  Ssrc source_;                       // ours in RTCP
  Instant join_at_, leave_at_ = Instant::never();
  Instant screen_at_ = Instant::never();  // when to begin or end sharing it
  std::optional<DataRate> estimate_;      // of our downlink, as the bridge said last
  Instant sample_at_ = Instant::never(), sampled_;
  uint32_t steps_ = 0;                // join steps that were reported, by bit
  uint32_t sessions_ = 0;
  uint64_t channel_messages_ = 0;
  bool finished_ = false, sharing_ = false, has_new_sources_ = false;
  DropCounts drops_;
};

Participant::Core::Core(ParticipantConfig config)
    : config_(std::move(config)), person_(person_of(config_)), signalling_(signalling_of(config_), config_.rng.split("signalling")),
      viewer_(person_.view, endpoint_of(*config_.plan, person_.view.pinned)),
      sender_(person_, config_.plan->congestion, person_.sends_audio ? config_.speech.get() : nullptr,
              person_.sends_video ? config_.video : EncodedClips(), config_.screen, config_.rng.split("media")),
      receiver_(config_.index, *config_.plan, *config_.results), join_at_(person_.joins),
      leave_at_(person_.leaves.value_or(Instant::never())), screen_at_(person_.screen ? person_.screen_from : Instant::never()) {
  if (config_.key) {
    cipher_ = FrameCipher::from_material(BytesView(config_.key->data(), config_.key->size()));
    TACOMA_ASSERT(cipher_);
    sender_.encrypt(*cipher_);
    receiver_.decrypt(*cipher_);
  }
  source_ = sender_.video_ssrc() != Ssrc(0) ? sender_.video_ssrc() : sender_.audio_ssrc();
  if (source_ == Ssrc(0)) source_ = Ssrc(config_.rng.split("reporter").u32() | 1);
}

void Participant::Core::start(Instant now, Outbox& out) {
  if (now >= join_at_) on_deadline(now, out);
}

void Participant::Core::step(JoinStep step, Instant at) {
  const uint32_t bit = 1u << static_cast<uint32_t>(step);
  if (steps_ & bit) return;
  steps_ |= bit;
  config_.results->join_step(config_.index, step, at);
}

void Participant::Core::on_stream(Instant now, const StreamEvent& event, Outbox& out) {
  if (channel_.on_stream(now, event, out)) return take_channel(now, out);
  signalling_.on_stream(now, event, out);
  take_signalling(now, out);
}

void Participant::Core::take_signalling(Instant now, Outbox& out) {
  while (const std::optional<SignallingEvent> event = signalling_.poll()) {
    switch (event->kind) {
      case SignallingEvent::Kind::requested: step(JoinStep::conference_request, now); break;
      case SignallingEvent::Kind::joined: step(JoinStep::muc, now); break;
      case SignallingEvent::Kind::offer: on_offer(now, *event, out); break;
      case SignallingEvent::Kind::sources_added: add_sources(event->sources); break;
      case SignallingEvent::Kind::sources_removed:
        for (const auto& [owner, set] : event->sources) {
          for (const jingle::MediaSources* of : {&set.audio, &set.video})
            for (const jingle::Source& source : of->sources) receiver_.remove_source(now, source.ssrc);
          for (const jingle::Source& source : set.video.sources) viewer_.remove(source.name);
        }
        break;
      case SignallingEvent::Kind::encryption:
        if (const char* what = receiver_.set_encrypted(event->text, event->encrypted))
          config_.results->event(now, "encryption", person_.name, event->text + what);
        break;
      case SignallingEvent::Kind::session_ended:
        end_session(now, out);
        // Alone, or left: there is nobody to see. A move keeps them, because their pictures freeze until the new session has them.
        if (event->text == "expired" || event->text == "gone") {
          for (Ssrc ssrc : receiver_.ssrcs()) receiver_.remove_source(now, ssrc);
        }
        break;
      case SignallingEvent::Kind::trouble: config_.results->event(now, "signalling", person_.name, event->text); break;
    }
  }
  take_session(now, out);
  tell_wishes(now, out);
}

void Participant::Core::take_channel(Instant now, Outbox& out) {
  if (channel_.take_opened()) {
    viewer_.forget_said();
    tell_types(out);
    channel_.send(channel::LastN{viewer_.last_n()}, out);
  }
  if (const auto message = channel_.take_message()) on_message(now, *message);
  tell_wishes(now, out);
  if (session_) session_->after_batch(now, out);  // a layer that came on is due
}

void Participant::Core::on_message(Instant now, const channel::Message& message) {
  ++channel_messages_;
  if (const auto* speaker = std::get_if<channel::DominantSpeaker>(&message)) viewer_.on_speaker(speaker->endpoint);
  else if (const auto* forwarded = std::get_if<channel::ForwardedSources>(&message)) receiver_.set_forwarded(now, forwarded->sources);
  else if (const auto* wanted = std::get_if<channel::SenderSourceConstraints>(&message)) sender_.constrain(now, wanted->source, wanted->max_height);
  else if (const auto* stats = std::get_if<channel::ConnectionStats>(&message)) estimate_ = DataRate::bps(stats->estimated_downlink_bps);
  else if (const auto* status = std::get_if<channel::ConnectivityStatus>(&message)) viewer_.on_connectivity(status->endpoint, status->active);
}

// What each of our video sources shows.
void Participant::Core::tell_types(Outbox& out) {
  if (person_.sends_video)
    channel_.send(channel::SourceVideoType{jingle::source_name(person_.endpoint_id, jingle::Media::video), channel::VideoType::camera, {}}, out);
  if (person_.screen)
    channel_.send(channel::SourceVideoType{jingle::source_name(person_.endpoint_id, jingle::Media::video, 1),
                                           sharing_ ? channel::VideoType::desktop : channel::VideoType::none, {}}, out);
}

// The screen's source comes and goes as in lib-jitsi-meet: with source-add and source-remove.
void Participant::Core::turn_screen(Instant now, Outbox& out) {
  sharing_ = now < person_.screen_to;
  screen_at_ = sharing_ ? person_.screen_to : Instant::never();
  const jingle::MediaSources changed = sender_.share_screen(now, person_.endpoint_id, sharing_);
  signalling_.change_video(now, sharing_, changed, out);
  if (channel_.is_open()) tell_types(out);
  if (session_) session_->after_batch(now, out);
}

void Participant::Core::tell_wishes(Instant now, Outbox& out) {
  if (!channel_.is_open()) return;
  const auto wanted = viewer_.ask(now);
  if (wanted) channel_.send(*wanted, out);
  if (wanted || std::exchange(has_new_sources_, false)) receiver_.set_wanted(viewer_);
}

void Participant::Core::on_offer(Instant now, const SignallingEvent& event, Outbox& out) {
  step(JoinStep::jingle, now);
  end_session(now, out);
  const jingle::IceTransport* remote = event.offer.transport();
  const std::optional<Fingerprint> fingerprint =
      remote && !remote->fingerprints.empty() ? Fingerprint::parse(remote->fingerprints[0].value) : std::nullopt;
  if (!fingerprint) {
    config_.results->event(now, "signalling", person_.name, "the offer holds no transport or no fingerprint");
    return;
  }
  if (!identity_) identity_ = DtlsIdentity::make(config_.rng.split("identity"), config_.randomness, config_.plan->crypto);
  SecurePath::Config config;
  config.local_addresses = {config_.address};
  config.identity = identity_;
  config.crypto = config_.plan->crypto;
  config.randomness = config_.randomness;
  config.rng = config_.rng.split("path", ++sessions_);
  session_ = std::make_unique<MediaSession>(std::move(config), formats_of(event.offer, person_.red > 0, config_.plan->uses_ecn()), sender_, receiver_, source_, person_.endpoint_id);

  // What is not in the offer has gone in the meantime.
  std::vector<Ssrc> offered;
  for (const auto& [owner, set] : event.sources) {
    for (const jingle::MediaSources* of : {&set.audio, &set.video})
      for (const jingle::Source& source : of->sources) offered.push_back(source.ssrc);
  }
  std::sort(offered.begin(), offered.end());
  for (Ssrc ssrc : receiver_.ssrcs()) {
    if (!std::binary_search(offered.begin(), offered.end(), ssrc)) receiver_.remove_source(now, ssrc);
  }
  add_sources(event.sources);

  signalling_.accept(now, event.offer, answer_transport(session_->path()),
                     sender_.describe(person_.endpoint_id), out);
  std::vector<IceCandidate> candidates;
  for (const jingle::Candidate& candidate : remote->candidates) candidates.push_back({candidate.address, candidate.priority});
  channel_.open(now, remote->web_socket.value_or(std::string()), out);
  session_->path().set_remote(now, {remote->ufrag, remote->pwd}, candidates, *fingerprint, DtlsSetup::actpass, out);
}

void Participant::Core::add_sources(const jingle::ConferenceSources& sources) {
  for (const auto& [owner, set] : sources) {
    if (owner == jingle::kBridgeOwner || owner == person_.endpoint_id) continue;
    for (const jingle::Source& source : set.audio.sources) receiver_.add_source(owner, Media::audio, source.ssrc, Ssrc(0));
    for (const jingle::Source& source : set.video.sources) {
      Ssrc rtx(0);
      bool is_other = false;  // a stream that never comes by itself: retransmissions, and all encodings but the first
      for (const jingle::SourceGroup& group : set.video.groups) {
        if (group.semantics == jingle::GroupSemantics::sim) {
          is_other |= !group.ssrcs.empty() && std::find(group.ssrcs.begin() + 1, group.ssrcs.end(), source.ssrc) != group.ssrcs.end();
          continue;
        }
        if (group.ssrcs.size() != 2) continue;
        if (group.ssrcs[0] == source.ssrc) rtx = group.ssrcs[1];
        if (group.ssrcs[1] == source.ssrc) is_other = true;
      }
      if (is_other) continue;
      const bool is_screen = is_screen_source(source.name);
      receiver_.add_source(owner, is_screen ? Media::screen : Media::video, source.ssrc, rtx, source.name);
      viewer_.add(source.name);
      has_new_sources_ = true;
    }
  }
}

void Participant::Core::end_session(Instant now, Outbox& out) {
  if (!session_) return;
  channel_.close(out);
  session_->close(now, out);
  drops_ += session_->drops();
  session_.reset();
}

void Participant::Core::take_session(Instant now, Outbox& out) {
  PathEvent event;
  while (session_ && session_->poll_event(now, event)) {
    switch (event.kind) {
      case PathEvent::Kind::ice_connected: step(JoinStep::ice, now); break;
      case PathEvent::Kind::keyed:
        step(JoinStep::dtls, now);
        if (sample_at_.is_never()) {
          sample_at_ = next_sample(now);
          sampled_ = now;
        }
        break;
      case PathEvent::Kind::failed:
      case PathEvent::Kind::consent_lost:
      case PathEvent::Kind::closed: {
        std::string text = name_of(event.kind);
        if (event.reason != PathEvent::Reason::none) text += std::string(": ") + name_of(event.reason);
        config_.results->event(now, "media", person_.name, text);
        signalling_.path_failed(now, out);
        break;
      }
    }
  }
}

void Participant::Core::on_datagrams(Instant now, Span<Datagram> in, Outbox& out) {
  for (Datagram& datagram : in) {
    if (!session_) {
      drops_.count(Drop::unknown_peer);
      continue;
    }
    session_->on_datagram(now, datagram, out);
    take_session(now, out);
  }
  if (session_) session_->after_batch(now, out);
}

// On the run's clock, so that the samples of all people can be laid side by side.
Instant Participant::Core::next_sample(Instant now) const {
  const Duration every = config_.plan->sample_every;
  return Instant::at(every * (now.since_start() / every + 1));
}

void Participant::Core::sample(Instant at) {
  sender_.sample(at, config_.index, *config_.results);
  receiver_.sample(at);
  const MediaSender::Rates sent = sender_.rates();
  RateSample rates;
  rates.person = config_.index;
  rates.target = sent.target;
  rates.remb = sent.remb;
  rates.max_height = sent.max_height;
  rates.sent_height = sent.sent_height;
  rates.estimate = estimate_;
  rates.sources = static_cast<uint32_t>(viewer_.sources());
  rates.wanted = receiver_.wanted();
  rates.forwarded = receiver_.forwarded();
  rates.last_n = viewer_.last_n();
  config_.results->rates(at, rates);
  sampled_ = at;
}

void Participant::Core::on_deadline(Instant now, Outbox& out) {
  if (now >= join_at_) {
    join_at_ = Instant::never();
    step(JoinStep::started, now);
    signalling_.begin(now, out);
  }
  if (now >= signalling_.deadline()) {
    signalling_.on_deadline(now, out);
    take_signalling(now, out);
  }
  if (session_ && now >= session_->deadline().at) {
    session_->on_deadline(now, out);
    take_session(now, out);
    if (session_) session_->after_batch(now, out);
  }
  if (now >= screen_at_) turn_screen(now, out);
  if (now >= channel_.deadline()) channel_.on_deadline(now, out);
  if (channel_.is_open() && now >= viewer_.deadline()) {
    viewer_.on_deadline(now);
    tell_wishes(now, out);
  }
  if (now >= sample_at_) {
    sample(sample_at_);
    sample_at_ = next_sample(now);
  }
  if (now >= leave_at_) leave(now, out);
}

void Participant::Core::leave(Instant now, Outbox& out) {
  leave_at_ = join_at_ = screen_at_ = Instant::never();
  if (!sample_at_.is_never()) sender_.sample(now, config_.index, *config_.results);
  sample_at_ = Instant::never();
  for (Ssrc ssrc : receiver_.ssrcs()) receiver_.remove_source(now, ssrc);
  signalling_.leave(now, out);
  end_session(now, out);
}

Deadline Participant::Core::deadline() const {
  Deadline next{join_at_, "join"};
  const auto consider = [&next](Instant at, const char* reason) {
    if (at < next.at) next = {at, reason};
  };
  consider(leave_at_, "leave");
  consider(sample_at_, "sample");
  consider(signalling_.deadline(), "signalling");
  consider(channel_.deadline(), "bridge channel");
  consider(screen_at_, "screen");
  if (channel_.is_open()) consider(viewer_.deadline(), "view");
  if (session_) {
    const Deadline session = session_->deadline();
    consider(session.at, session.reason);
  }
  return next;
}

void Participant::Core::finish(Instant now) {
  if (finished_) return;
  finished_ = true;
  if (!sample_at_.is_never() && now > sampled_) sample(now);
  receiver_.write_delays();
  const DropCounts all = stats().drops;
  if (all.total() > 0) config_.results->drops(person_.name, all);
}

ParticipantStats Participant::Core::stats() const {
  ParticipantStats stats;
  stats.stage = signalling_.stage();
  if (session_ && session_->media_flows()) stats.stage = ParticipantStats::Stage::connected;
  stats.sessions = sessions_;
  stats.remote_sources = static_cast<uint32_t>(receiver_.sources());
  stats.packets_sent = sender_.packets();
  stats.retransmitted = sender_.retransmitted();
  stats.plis_received = sender_.key_frame_requests();
  stats.reported_lost = sender_.reported_lost();
  const MediaReceiver::Totals totals = receiver_.totals();
  stats.packets_received = totals.packets;
  stats.repaired = totals.repaired;
  stats.frames_rendered = totals.frames_rendered;
  stats.frames_decoded = totals.frames_decoded;
  stats.frames_damaged = totals.frames_damaged;
  stats.audio_decoded = totals.audio.packets;
  stats.audio_damaged = totals.audio.damaged;
  stats.audio_concealed = totals.audio.concealed;
  stats.voice_heard = totals.audio.voiced;
  stats.nacks_sent = totals.nacks;
  stats.plis_sent = totals.plis;
  stats.channel_open = channel_.is_open();
  stats.channel_messages = channel_messages_;
  stats.drops = drops_;
  stats.drops += channel_.drops();
  if (session_) stats.drops += session_->drops();
  stats.drops += signalling_.drops();
  stats.drops += sender_.drops();
  stats.drops += receiver_.drops();
  return stats;
}

Participant::Participant(ParticipantConfig config) : core_(std::make_unique<Core>(std::move(config))) {}
Participant::~Participant() = default;
void Participant::start(Instant now, Outbox& out) { core_->start(now, out); }
void Participant::on_datagrams(Instant now, Span<Datagram> in, Outbox& out) { core_->on_datagrams(now, in, out); }
void Participant::on_stream(Instant now, const StreamEvent& event, Outbox& out) { core_->on_stream(now, event, out); }
void Participant::on_deadline(Instant now, Outbox& out) { core_->on_deadline(now, out); }
Deadline Participant::deadline() const { return core_->deadline(); }
void Participant::leave(Instant now, Outbox& out) { core_->leave(now, out); }
void Participant::finish(Instant now) { core_->finish(now); }
ParticipantStats Participant::stats() const { return core_->stats(); }

}  // namespace tacoma
