#include "loadgen/people/media_sender.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/rtp/rtx.h"

namespace tacoma {
namespace {
constexpr Duration kReportInterval = Duration::seconds(1);
constexpr size_t kAudioHeaders = 24;     // RTP with level and transport-wide number
constexpr size_t kUdpOverhead = 28;      // as the target counts a packet
constexpr double kPayloadShare = 0.93;   // of a video packet: the rest is headers
constexpr double kNoticeable = 0.02;     // a change of the budget below it changes nothing

RateLimits limits_of(const PersonPlan& person) {
  RateLimits limits;
  limits.priority = person.priority;
  limits.start = MediaSender::kStartRate;
  limits.lowest = MediaSender::kLowestRate;
  DataRate most = DataRate::bps(MediaSender::kAudioShare.bps() + person.red * MediaSender::kCopyShare.bps());
  if (person.sends_video) most = most + wanted_rate(person.video, -1);
  if (person.screen) most = most + wanted_rate(*person.screen, -1);
  // Half as much again as there will ever be to send: beyond that nothing is to be found out.
  limits.highest = std::max(DataRate::mbps(1), DataRate::bps(most.bps() * 3 / 2));
  return limits;
}
}  // namespace

MediaSender::MediaSender(const PersonPlan& person, Congestion congestion, const SpeechClip* speech, const EncodedClips& camera,
                         const EncodedClips& screen, Rng rng)
    : person_(&person), side_(congestion, limits_of(person)), congestion_(congestion), turns_at_(person.pauses_from) {
  Rng audio = rng.split("audio"), ids = rng.split("ssrc");
  if (speech) audio_ = std::make_unique<AudioTrack>(*speech, person.talks, audio);
  audio_ssrc_ = Ssrc(ids.u32() | 1);  // zero means "none" in signalling
  audio_seq_ = static_cast<uint16_t>(ids.below(0x8000));
  sources_.reserve(2);
  if (!camera.empty()) sources_.emplace_back(Media::video, person.video, camera, rng.split("video"), ids);
  if (!screen.empty() && person.screen) sources_.emplace_back(Media::screen, *person.screen, screen, rng.split("screen"), ids);
}

void MediaSender::encrypt(FrameCipher& cipher) {
  cipher_ = &cipher;
  for (VideoSource& source : sources_)
    for (VideoSource::Stream& stream : source.streams) stream.track.encrypt(cipher, stream.ssrc.value());
}

jingle::SourceSet MediaSender::describe(std::string_view endpoint) const {
  jingle::SourceSet set = jingle::make_sources(endpoint, audio_ssrc(), Ssrc(0), Ssrc(0));
  for (const VideoSource& source : sources_)
    if (source.shared()) source.describe(endpoint, set.video);
  return set;
}

void MediaSender::start(Instant now, const SendFormats& formats) {
  formats_ = formats;
  if (audio_ && !audio_->started()) audio_->start(now);
  // After a pause (another bridge) the clocks have gone on, and nobody there has the frames before.
  if (audio_) audio_->skip_to(now, Duration::zero());
  side_ = SendSide(congestion_, limits_of(*person_));
  if (formats.ccfb) side_.use_ecn();
  pacer_.clear();
  remb_ = DataRate::infinite();
  for (VideoSource& source : sources_) {
    if (!source.started()) source.start(now);
    source.resume(now);
  }
  budgeted_.reset();
  set_budgets(now);
  running_ = true;
  next_report_ = audio_ || !sources_.empty() ? now : Instant::never();
  refilled_ = now;
}

void MediaSender::stop() {
  running_ = false;
  pacer_.clear();
  // The next bridge says by itself what it wants, perhaps before its path is up.
  for (VideoSource& source : sources_) source.set_max_height(-1);
}

Instant MediaSender::next_due() const {
  if (!running_) return Instant::never();
  Instant due = std::min({next_report_, pacer_.deadline(), side_.deadline(), turns_at_});
  if (audio_) due = std::min(due, audio_->due());
  for (const VideoSource& source : sources_) due = std::min(due, source.due());
  return due;
}

void MediaSender::write_reports(Instant now, RtcpWriter& out) {
  next_report_ = now + kReportInterval;
  if (audio_) out.sender_report(audio_ssrc_, {to_ntp(now), audio_->timestamp_at(now), audio_packets_, static_cast<uint32_t>(audio_bytes_)}, {});
  for (VideoSource& source : sources_)
    for (VideoSource::Stream& stream : source.streams)
      if (stream.on) out.sender_report(stream.ssrc, {to_ntp(now), stream.track.timestamp_at(now), stream.packets, static_cast<uint32_t>(stream.bytes)}, {});
}

void MediaSender::send_due(Instant now, SecurePath& path, Outbox& out) {
  if (!running_) return;
  if (now >= turns_at_) pause_or_go_on(now);
  if (now >= side_.deadline()) {
    side_.on_deadline(now);
    set_budgets(now);
  }
  if (audio_) send_audio(now, path, out);
  take_video(now);
  send_queued(now, path, out);
  send_probe(now, path, out);
}

// The plan lets it pause once: the camera stops and the microphone is silent.
void MediaSender::pause_or_go_on(Instant now) {
  paused_ = !paused_;
  turns_at_ = paused_ ? person_->pauses_to : Instant::never();
  for (VideoSource& source : sources_)
    if (source.media() == Media::video) source.set_shared(now, !paused_);
  budgeted_.reset();
  set_budgets(now);
}

void MediaSender::send_audio(Instant now, SecurePath& path, Outbox& out) {
  audio_->skip_to(now, kMostBehind);
  while (audio_->due() <= now) {
    const AudioTrack::Packet packet = audio_->take();
    if (packet.payload.empty() || paused_) continue;
    const uint8_t level = encode_audio_level({packet.voice, packet.level});
    const bool as_red = formats_.red && person_->red > 0;
    uint8_t wrapped[kMaxRtpPacket];
    Rtp rtp;
    rtp.header = {as_red ? *formats_.red : formats_.opus, packet.first, audio_seq_++, packet.timestamp, audio_ssrc_};
    rtp.payload = as_red || cipher_ ? wrap_audio(packet, as_red, wrapped) : packet.payload;
    red_.sent(packet.timestamp, packet.payload);
    if (rtp.payload.empty()) {
      drops_.count(Drop::over_mtu);  // rather than in the clear
      continue;
    }
    const size_t size = send(now, rtp, formats_.audio_extensions, &level, path, out);
    if (size == 0) continue;
    pacer_.on_unpaced(now, DataSize::bytes(static_cast<int64_t>(size)));
    ++audio_packets_;
    audio_bytes_ += rtp.payload.size();
    ++audio_sample_.packets;
    ++audio_sample_.frames;
    audio_sample_.bytes += static_cast<uint32_t>(size);
  }
}

BytesView MediaSender::wrap_audio(const AudioTrack::Packet& packet, bool as_red, MutableBytes out) {
  BytesView payload = packet.payload;
  uint8_t redundant[kMaxRtpPacket];
  const size_t room = std::min(out.size(), sizeof redundant) - kAudioHeaders - (cipher_ ? FrameCipher::kOverhead : 0);
  if (as_red) payload = BytesView(redundant, red_.write(MutableBytes(redundant, room), person_->red, formats_.opus, packet.timestamp, packet.payload));
  if (payload.empty() || payload.size() > room) return {};
  if (cipher_) return BytesView(out.data(), cipher_->seal(FrameCipher::Kind::audio, audio_ssrc_.value(), packet.timestamp, audio_sealed_++, payload, out.data()));
  std::memcpy(out.data(), payload.data(), payload.size());
  return BytesView(out.data(), payload.size());
}

DataRate MediaSender::audio_share() const {
  if (!audio_) return DataRate::zero();
  return DataRate::bps(kAudioShare.bps() + (formats_.red ? person_->red : 0) * kCopyShare.bps());
}

void MediaSender::take_video(Instant now) {
  for (size_t s = 0; s < sources_.size(); ++s) {
    VideoSource& source = sources_[s];
    source.skip_to(now, kMostBehind);
    for (size_t e = 0; e < source.streams.size(); ++e) {
      VideoSource::Stream& stream = source.streams[e];
      while (stream.on && stream.track.due() <= now) {
        const VideoTrack::Packet packet = stream.track.take();
        if (packet.first && packet.spatial == 0) {
          ++source.sample.frames;
          if (packet.key) ++source.sample.key_frames;
        }
        enqueue(now, {static_cast<uint8_t>(s), static_cast<uint8_t>(e), packet.sequence, false, false}, packet.size());
      }
    }
  }
}

void MediaSender::enqueue(Instant now, const Queued& queued, size_t payload) {
  Queued item = queued;
  if (pacer_.push(now, DataSize::bytes(static_cast<int64_t>(payload + kUdpOverhead + 40)), std::move(item))) return;
  drops_.count(Drop::pool_exhausted);
  sources_[queued.source].streams[queued.stream].track.request_key_frame();
}

void MediaSender::send_queued(Instant now, SecurePath& path, Outbox& out) {
  // What is behind a limit gets it no more in bursts than what is behind our own target.
  // Audio takes its turns in the same queue: where that is all the rate there is, video would never have one.
  const DataRate limited = remb_.is_infinite() ? remb_ : std::max(DataRate::bps(remb_.bps() * 3 / 2), DataRate::bps(audio_share().bps() * 2));
  pacer_.set_rate(std::min(side_.pacing(), limited));
  while (pacer_.may_pop(now)) send_packet(now, pacer_.pop(now), path, out);
}

void MediaSender::send_packet(Instant now, const Queued& queued, SecurePath& path, Outbox& out) {
  VideoSource& source = sources_[queued.source];
  VideoSource::Stream& stream = source.streams[queued.stream];
  const std::optional<VideoTrack::Packet> packet = stream.track.again(queued.sequence);
  if (!packet) return drops_.count(Drop::nack_not_cached);  // it waited for longer than the history holds
  uint8_t prefix[kRtxHeader + VideoTrack::kMaxPrefix];
  const size_t head = queued.again ? kRtxHeader : 0;
  if (queued.again) store_u16(prefix, queued.sequence);
  const size_t prefix_size = head + VideoTrack::write_prefix(*packet, prefix + head);
  Rtp rtp;
  if (queued.again) rtp.header = {packet->vp9 ? formats_.rtx_of_vp9 : formats_.rtx, packet->last, stream.rtx_sequence, packet->timestamp, stream.rtx};
  else rtp.header = {packet->vp9 ? formats_.vp9 : formats_.vp8, packet->last, packet->sequence, packet->timestamp, stream.ssrc};
  rtp.prefix = BytesView(prefix, prefix_size);
  rtp.payload = packet->data;
  const size_t size = send(now, rtp, formats_.video_extensions, nullptr, path, out);
  if (size == 0) return;
  if (queued.again) {
    ++stream.rtx_sequence;
    --packets_;  // counts first transmissions
    if (queued.probe) return;
    ++retransmitted_;
    ++source.sample.retransmitted;
    return;
  }
  stream.newest = queued.sequence;
  ++stream.packets;
  stream.bytes += rtp.prefix.size() + rtp.payload.size();
  ++source.sample.packets;
  source.sample.bytes += static_cast<uint32_t>(size);
}

// A probe carries what waits, and then what was sent last, again: of use where it had been lost, harmless elsewhere.
void MediaSender::send_probe(Instant now, SecurePath& path, Outbox& out) {
  for (DataSize due = side_.probe_due(now); due > DataSize::zero(); due = side_.probe_due(now)) {
    int64_t left = due.bytes();
    while (left > 0 && !pacer_.empty()) {
      const DataSize waiting = pacer_.queued();
      send_packet(now, pacer_.pop(now), path, out);
      left -= (waiting - pacer_.queued()).bytes();
    }
    for (size_t s = sources_.size(); s-- > 0 && left > 0;) {
      for (size_t e = sources_[s].streams.size(); e-- > 0 && left > 0;) {
        VideoSource::Stream& stream = sources_[s].streams[e];
        if (!stream.on) continue;
        const std::optional<uint16_t> newest = stream.newest;
        for (uint16_t back = 0; newest && left > 0 && back < kProbePackets; ++back) {
          const uint16_t sequence = static_cast<uint16_t>(*newest - back);
          const auto packet = stream.track.again(sequence);
          if (!packet) break;
          send_packet(now, {static_cast<uint8_t>(s), static_cast<uint8_t>(e), sequence, true, true}, path, out);
          left -= static_cast<int64_t>(packet->size() + kUdpOverhead + 40);
        }
      }
    }
    if (left > 0) return;  // there is no more to send
  }
}

// The size of the RTP packet before protection, or 0 when it could not be sent (counted).
size_t MediaSender::send(Instant now, const Rtp& rtp, const ExtensionIds& ids, const uint8_t* audio_level, SecurePath& path,
                         Outbox& out) {
  std::array<RtpExtension, 3> extensions;
  size_t count = 0;
  uint8_t send_time[3], transport[2];
  if (audio_level && ids.audio_level != 0) extensions[count++] = {ids.audio_level, BytesView(audio_level, 1)};
  if (!audio_level && ids.abs_send_time != 0) {
    store_u24(send_time, encode_abs_send_time(now));
    extensions[count++] = {ids.abs_send_time, BytesView(send_time, 3)};
  }
  if (ids.transport_cc != 0) {
    store_u16(transport, side_.next_sequence());
    extensions[count++] = {ids.transport_cc, BytesView(transport, 2)};
  }
  const Span<const RtpExtension> elements(extensions.data(), count);
  const size_t size = rtp_header_size(elements) + rtp.prefix.size() + rtp.payload.size();
  if (size > kMaxRtpPacket) {
    drops_.count(Drop::over_mtu);
    return 0;
  }
  PacketRef packet = out.pool().make(size + path.rtp_overhead());
  if (!packet) {
    drops_.count(Drop::pool_exhausted);
    return 0;
  }
  MutableBytes bytes = packet.storage();
  size_t at = write_rtp_header(bytes, rtp.header, elements);
  for (const BytesView& part : {rtp.prefix, rtp.payload}) {
    if (!part.empty()) std::memcpy(bytes.data() + at, part.data(), part.size());
    at += part.size();
  }
  const Result<size_t, Drop> protected_size = path.protect_rtp(bytes, size);
  if (!protected_size) {
    drops_.count(protected_size.error());
    return 0;
  }
  packet.resize(*protected_size);
  out.send(path.remote(), std::move(packet), ids.transport_cc != 0 ? side_.codepoint() : Ecn::not_ect);
  if (ids.transport_cc != 0 && side_.uses_ecn()) side_.name_packet(now, rtp.header.ssrc, rtp.header.sequence);
  if (ids.transport_cc != 0) side_.on_sent(now, DataSize::bytes(static_cast<int64_t>(*protected_size + kUdpOverhead)));
  ++packets_;
  return size;
}

// ---- feedback

VideoSource::Stream* MediaSender::find(Ssrc media, VideoSource** source) {
  for (VideoSource& one : sources_) {
    if (VideoSource::Stream* stream = one.find(media)) {
      *source = &one;
      return stream;
    }
  }
  return nullptr;
}

void MediaSender::nack(Instant now, const Nack& nack) {
  VideoSource* source = nullptr;
  VideoSource::Stream* stream = running_ ? find(nack.media, &source) : nullptr;
  if (!stream) return;
  const int64_t tokens = (now - refilled_) * kRetransmitBurst / Duration::seconds(1);
  if (tokens > 0) {
    retransmit_tokens_ = static_cast<uint32_t>(std::min<int64_t>(kRetransmitBurst, retransmit_tokens_ + tokens));
    refilled_ = now;
  }
  const Queued what{static_cast<uint8_t>(source - sources_.data()), static_cast<uint8_t>(stream - source->streams.data()), 0, true, false};
  nack.each([&](uint16_t sequence) {
    const auto packet = stream->track.again(sequence);
    if (!packet) return drops_.count(Drop::nack_not_cached);
    // Repeats are few where a queue stands: they are for what the picture goes on from.
    if (stream->track.is_outdated(sequence)) return drops_.count(Drop::nack_outdated);
    const DataSize size = DataSize::bytes(static_cast<int64_t>(packet->size() + kUdpOverhead + 40));
    if (retransmit_tokens_ == 0 || !repairs_.take(now, size, side_.target())) return drops_.count(Drop::nack_limited);
    --retransmit_tokens_;
    Queued queued = what;
    queued.sequence = sequence;
    enqueue(now, queued, packet->size());
  });
}

void MediaSender::key_frame_request(Instant now, Ssrc media) {
  VideoSource* source = nullptr;
  VideoSource::Stream* stream = find(media, &source);
  if (!stream) return;
  ++key_frame_requests_;
  source->request_key_frame(now, *stream);
}

void MediaSender::report(Instant now, const ReportBlock& block) {
  if (const auto measured = tacoma::round_trip(block, now)) {
    round_trip_ = *measured;
    side_.on_round_trip(round_trip_);
  }
}

void MediaSender::transport_feedback(Instant now, Span<const TransportStatus> statuses) {
  for (const TransportStatus& status : statuses) reported_lost_ += status.received ? 0 : 1;
  if (const uint64_t unknown = side_.on_feedback(now, statuses, results_)) drops_.count(Drop::feedback_unknown_packet, unknown);
  set_budgets(now);
}

void MediaSender::transport_feedback(Instant now, const CcfbReport& report, Span<const CcfbStatus> statuses) {
  for (const CcfbStatus& status : statuses) reported_lost_ += status.received ? 0 : 1;
  if (const uint64_t unknown = side_.on_feedback(now, report, statuses, results_)) drops_.count(Drop::feedback_unknown_packet, unknown);
  if (side_.take_ecn_failure()) drops_.count(Drop::ecn_bleached);
  set_budgets(now);
}

void MediaSender::remb(Instant now, DataRate limit) {
  if (limit < kLowestRate || limit > kMostLimit) drops_.count(Drop::limit_clamped);
  limit = limit > kMostLimit ? DataRate::infinite() : std::max(limit, kLowestRate);
  // Beside transport-wide feedback it is about our video only, not about the path.
  if (!side_.is_informed()) side_.on_remb(now, limit);
  remb_ = limit;
  budgeted_.reset();
  set_budgets(now);
}

void MediaSender::constrain(Instant now, std::string_view source_name, int32_t max_height) {
  for (VideoSource& source : sources_) {
    if (source_name != jingle::source_name(person_->endpoint_id, jingle::Media::video, source.media() == Media::screen ? 1 : 0)) continue;
    if (source.max_height() == max_height) return;
    source.set_max_height(max_height);
    budgeted_.reset();
    set_budgets(now);
  }
}

jingle::MediaSources MediaSender::share_screen(Instant now, std::string_view endpoint, bool shared) {
  jingle::MediaSources described;
  for (VideoSource& source : sources_) {
    if (source.media() != Media::screen || source.shared() == shared) continue;
    source.describe(endpoint, described);
    source.set_shared(now, shared);
    budgeted_.reset();
    if (running_) set_budgets(now);
  }
  return described;
}

// What the controller and the bridge leave for video, cut among the sources.
void MediaSender::set_budgets(Instant now) {
  std::vector<DataRate> wanted;
  DataRate sum = std::max(kAudioShare, audio_share());
  for (const VideoSource& source : sources_) {
    wanted.push_back(source.wanted());
    sum = sum + DataRate::bps(static_cast<int64_t>(static_cast<double>(wanted.back().bps()) / kPayloadShare * kSwitchOnMargin));
  }
  side_.set_wanted(sum);
  const DataRate target = side_.target();
  DataRate budget = DataRate::infinite();
  if (!target.is_infinite()) {
    const int64_t video = std::max<int64_t>(0, target.bps() - audio_share().bps() - repairs_.rate(now).bps());
    budget = DataRate::bps(static_cast<int64_t>(static_cast<double>(video) * kPayloadShare));
  }
  if (!remb_.is_infinite()) budget = std::min(budget, DataRate::bps(static_cast<int64_t>(static_cast<double>(remb_.bps()) * kPayloadShare)));
  if (budgeted_) {
    const double change = static_cast<double>(budget.bps()) / static_cast<double>(std::max<int64_t>(1, budgeted_->bps())) - 1;
    if (budget == *budgeted_ || (change > -kNoticeable && change < kNoticeable)) return;
  }
  budgeted_ = budget;
  const std::vector<DataRate> shares = share_budget(budget, wanted);
  for (size_t i = 0; i < sources_.size(); ++i) sources_[i].set_budget(now, shares[i]);
}

MediaSender::Rates MediaSender::rates() const {
  Rates rates{side_.target(), remb_};
  for (const VideoSource& source : sources_) {
    if (source.media() != Media::video) continue;
    rates.max_height = source.max_height();
    rates.sent_height = source.sent_height();
  }
  return rates;
}

void MediaSender::sample(Instant at, uint32_t person, ResultSink& results) {
  const auto write = [&](SendSample& sample, Media media) {
    sample.person = person;
    sample.media = media;
    results.sent(at, sample);
    sample = SendSample();
  };
  if (audio_) write(audio_sample_, Media::audio);
  for (VideoSource& source : sources_) write(source.sample, source.media());
}

}  // namespace tacoma
