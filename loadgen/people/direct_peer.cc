#include "loadgen/people/direct_peer.h"

#include <algorithm>

#include "loadgen/media/clip.h"
#include "loadgen/people/media_session.h"

namespace tacoma {
namespace {

SecurePath::Config path_config(const ParticipantConfig& config, bool is_first) {
  SecurePath::Config path;
  path.ice_role = is_first ? IceRole::controlling : IceRole::controlled;
  path.dtls_role = is_first ? DtlsRole::client : DtlsRole::server;
  path.local_addresses = {config.address};
  path.identity = DtlsIdentity::make(config.rng.split("identity"), config.randomness, config.plan->crypto);
  path.crypto = config.plan->crypto;
  path.randomness = config.randomness;
  path.rng = config.rng.split("path");
  return path;
}

// What signalling would have agreed on: everybody takes what the other's plan lets it send.
MediaFormats formats_of(const Plan& plan) {
  MediaFormats formats;
  formats.send.red = formats.receive.red = 112;
  formats.send.ccfb = formats.receive.ccfb = plan.uses_ecn();
  return formats;
}

}  // namespace

class DirectPeer::Core {
 public:
  Core(ParticipantConfig config, bool is_first);

  DirectDescription describe() const;
  void set_other(DirectDescription other) { other_ = std::move(other); }
  void on_datagrams(Instant now, Span<Datagram> in, Outbox& out);
  void on_deadline(Instant now, Outbox& out);
  Deadline deadline() const;
  void finish(Instant now);

 private:
  void take_events(Instant now);
  void sample(Instant at);

  ParticipantConfig config_;
  const bool is_first_;
  const PersonPlan& person_;
  std::unique_ptr<FrameCipher> cipher_;
  MediaSender sender_;
  MediaReceiver receiver_;
  MediaSession session_;
  DirectDescription other_;
  Instant join_at_, leave_at_, sample_at_ = Instant::never(), sampled_;
};

DirectPeer::Core::Core(ParticipantConfig config, bool is_first)
    : config_(std::move(config)), is_first_(is_first), person_(config_.plan->people[config_.index]),
      sender_(person_, config_.plan->congestion, person_.sends_audio ? config_.speech.get() : nullptr,
              person_.sends_video ? config_.video : EncodedClips(), EncodedClips(), config_.rng.split("media")),
      receiver_(config_.index, *config_.plan, *config_.results),
      session_(path_config(config_, is_first), formats_of(*config_.plan), sender_, receiver_, Ssrc(config_.rng.split("reporter").u32() | 1), person_.endpoint_id),
      leave_at_(person_.leaves.value_or(Instant::never())) {
  if (config_.key) {
    cipher_ = FrameCipher::from_material(BytesView(config_.key->data(), config_.key->size()));
    TACOMA_ASSERT(cipher_);
    sender_.encrypt(*cipher_);
    receiver_.decrypt(*cipher_);
  }
  // Nobody can be called before he is there.
  for (const uint32_t member : config_.plan->conferences[person_.conference].people) join_at_ = std::max(join_at_, config_.plan->people[member].joins);
}

DirectDescription DirectPeer::Core::describe() const {
  const SecurePath& path = const_cast<MediaSession&>(session_).path();
  return {config_.address, person_.endpoint_id, path.credentials(), path.fingerprint(), sender_.audio_ssrc(), sender_.video_ssrc(), sender_.rtx_ssrc()};
}

void DirectPeer::Core::on_datagrams(Instant now, Span<Datagram> in, Outbox& out) {
  for (Datagram& datagram : in) {
    session_.on_datagram(now, datagram, out);
    take_events(now);
  }
  session_.after_batch(now, out);
}

void DirectPeer::Core::take_events(Instant now) {
  PathEvent event;
  while (session_.poll_event(now, event)) {
    switch (event.kind) {
      case PathEvent::Kind::ice_connected: config_.results->join_step(config_.index, JoinStep::ice, now); break;
      case PathEvent::Kind::keyed: {
        config_.results->join_step(config_.index, JoinStep::dtls, now);
        // On the run's clock, so that the samples of all people can be laid side by side.
        const Duration every = config_.plan->sample_every;
        sample_at_ = Instant::at(every * (now.since_start() / every + 1));
        sampled_ = now;
        break;
      }
      case PathEvent::Kind::failed:
      case PathEvent::Kind::consent_lost:
      case PathEvent::Kind::closed: config_.results->event(now, "media", person_.name, name_of(event.kind)); break;
    }
  }
}

void DirectPeer::Core::sample(Instant at) {
  sender_.sample(at, config_.index, *config_.results);
  receiver_.sample(at);
  RateSample rates;
  rates.person = config_.index;
  rates.target = sender_.rates().target;
  rates.sent_height = sender_.rates().sent_height;
  config_.results->rates(at, rates);
  sampled_ = at;
}

void DirectPeer::Core::on_deadline(Instant now, Outbox& out) {
  if (now >= join_at_) {
    join_at_ = Instant::never();
    config_.results->join_step(config_.index, JoinStep::started, now);
    if (other_.audio != Ssrc(0)) receiver_.add_source(other_.endpoint, Media::audio, other_.audio, Ssrc(0));
    if (other_.video != Ssrc(0)) receiver_.add_source(other_.endpoint, Media::video, other_.video, other_.rtx);
    const IceCandidate candidate{other_.address, IceCandidate::host_priority(0)};
    session_.path().set_remote(now, other_.credentials, Span<const IceCandidate>(&candidate, 1), other_.fingerprint,
                               is_first_ ? DtlsSetup::passive : DtlsSetup::active, out);
  }
  if (now >= session_.deadline().at) {
    session_.on_deadline(now, out);
    take_events(now);
    session_.after_batch(now, out);
  }
  if (now >= sample_at_) {
    sample(sample_at_);
    sample_at_ = sample_at_ + config_.plan->sample_every;
  }
  if (now >= leave_at_) {
    leave_at_ = join_at_ = sample_at_ = Instant::never();
    sample(now);
    session_.close(now, out);
  }
}

Deadline DirectPeer::Core::deadline() const {
  Deadline next{join_at_, "join"};
  if (leave_at_ < next.at) next = {leave_at_, "leave"};
  if (sample_at_ < next.at) next = {sample_at_, "sample"};
  const Deadline session = session_.deadline();
  return session.at < next.at ? session : next;
}

void DirectPeer::Core::finish(Instant now) {
  if (!sample_at_.is_never() && now > sampled_) sample(now);
  receiver_.write_delays();
  DropCounts drops = session_.drops();
  drops += sender_.drops();
  drops += receiver_.drops();
  if (drops.total() > 0) config_.results->drops(person_.name, drops);
}

DirectPeer::DirectPeer(ParticipantConfig config, bool is_first) : core_(std::make_unique<Core>(std::move(config), is_first)) {}
DirectPeer::~DirectPeer() = default;
DirectDescription DirectPeer::describe() const { return core_->describe(); }
void DirectPeer::set_other(DirectDescription other) { core_->set_other(std::move(other)); }
void DirectPeer::start(Instant, Outbox&) {}
void DirectPeer::on_datagrams(Instant now, Span<Datagram> in, Outbox& out) { core_->on_datagrams(now, in, out); }
void DirectPeer::on_deadline(Instant now, Outbox& out) { core_->on_deadline(now, out); }
Deadline DirectPeer::deadline() const { return core_->deadline(); }
void DirectPeer::finish(Instant now) { core_->finish(now); }

}  // namespace tacoma
