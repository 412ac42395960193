#include "loadgen/people/media_sender.h"

#include <algorithm>
#include <array>

#include "core/rtp/rtx.h"

namespace tacoma {
namespace {
constexpr Duration kReportInterval = Duration::seconds(1);
}

MediaSender::MediaSender(const PersonPlan& person, const SpeechClip* speech, const VideoClip* video, Rng rng) {
  Rng audio = rng.split("audio"), picture = rng.split("video"), ids = rng.split("ssrc");
  if (speech) audio_ = std::make_unique<AudioTrack>(*speech, person.talks, audio);
  if (video) video_ = std::make_unique<VideoTrack>(*video, picture);
  // Zero means "none" in signalling.
  audio_ssrc_ = Ssrc(ids.u32() | 1);
  video_ssrc_ = Ssrc(ids.u32() | 1);
  rtx_ssrc_ = Ssrc(ids.u32() | 1);
  audio_seq_ = static_cast<uint16_t>(ids.below(0x8000));
  rtx_seq_ = static_cast<uint16_t>(ids.below(0x8000));
  transport_seq_ = static_cast<uint16_t>(ids.below(0x8000));
}

void MediaSender::start(Instant now, const SendFormats& formats) {
  formats_ = formats;
  if (audio_ && !audio_->started()) audio_->start(now);
  if (video_ && !video_->started()) video_->start(now);
  // After a pause (another bridge) the clocks have gone on, and nobody there has the frames before.
  if (audio_) audio_->skip_to(now, Duration::zero());
  if (video_) {
    video_->skip_to(now, Duration::zero());
    video_->request_key_frame();
  }
  running_ = true;
  next_report_ = audio_ || video_ ? now : Instant::never();
  refilled_ = now;
}

void MediaSender::stop() { running_ = false; }

Instant MediaSender::next_due() const {
  if (!running_) return Instant::never();
  Instant due = next_report_;
  if (audio_) due = std::min(due, audio_->due());
  if (video_) due = std::min(due, video_->due());
  return due;
}

void MediaSender::write_reports(Instant now, RtcpWriter& out) {
  next_report_ = now + kReportInterval;
  if (audio_) {
    const SenderInfo info{to_ntp(now), audio_->timestamp_at(now), audio_sent_.packets, static_cast<uint32_t>(audio_sent_.bytes)};
    out.sender_report(audio_ssrc_, info, {});
  }
  if (video_) {
    const SenderInfo info{to_ntp(now), video_->timestamp_at(now), video_sent_.packets, static_cast<uint32_t>(video_sent_.bytes)};
    out.sender_report(video_ssrc_, info, {});
  }
}

void MediaSender::send_due(Instant now, SecurePath& path, Outbox& out) {
  if (!running_) return;
  if (audio_) send_audio(now, path, out);
  if (video_) send_video(now, path, out);
}

void MediaSender::send_audio(Instant now, SecurePath& path, Outbox& out) {
  audio_->skip_to(now, kMostBehind);
  while (audio_->due() <= now) {
    const AudioTrack::Packet packet = audio_->take();
    if (packet.payload.empty()) continue;
    const uint8_t level = encode_audio_level({packet.voice, packet.level});
    Rtp rtp;
    rtp.header = {formats_.opus, packet.first, audio_seq_++, packet.timestamp, audio_ssrc_};
    rtp.payload = packet.payload;
    const size_t size = send(now, rtp, formats_.audio_extensions, &level, path, out);
    if (size == 0) continue;
    ++audio_sent_.packets;
    audio_sent_.bytes += packet.payload.size();
    ++audio_sample_.packets;
    ++audio_sample_.frames;
    audio_sample_.bytes += static_cast<uint32_t>(size);
  }
}

void MediaSender::send_video(Instant now, SecurePath& path, Outbox& out) {
  video_->skip_to(now, kMostBehind);
  while (video_->due() <= now) {
    const VideoTrack::Packet packet = video_->take();
    uint8_t descriptor[VideoTrack::kDescriptor];
    VideoTrack::write_descriptor(packet, descriptor);
    Rtp rtp;
    rtp.header = {formats_.vp8, packet.last, packet.sequence, packet.timestamp, video_ssrc_};
    rtp.prefix = BytesView(descriptor, sizeof descriptor);
    rtp.payload = packet.data;
    if (packet.first) {
      ++video_sample_.frames;
      if (packet.key) ++video_sample_.key_frames;
    }
    const size_t size = send(now, rtp, formats_.video_extensions, nullptr, path, out);
    if (size == 0) continue;
    ++video_sent_.packets;
    video_sent_.bytes += rtp.prefix.size() + rtp.payload.size();
    ++video_sample_.packets;
    video_sample_.bytes += static_cast<uint32_t>(size);
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
    store_u16(transport, transport_seq_);
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
  out.send(path.remote(), std::move(packet));
  ++transport_seq_;
  ++packets_;
  return size;
}

void MediaSender::nack(Instant now, const Nack& nack, SecurePath& path, Outbox& out) {
  if (!running_ || !video_ || nack.media != video_ssrc_) return;
  const int64_t tokens = (now - refilled_) * kRetransmitBurst / Duration::seconds(1);
  if (tokens > 0) {
    retransmit_tokens_ = static_cast<uint32_t>(std::min<int64_t>(kRetransmitBurst, retransmit_tokens_ + tokens));
    refilled_ = now;
  }
  nack.each([&](uint16_t sequence) { retransmit(now, sequence, path, out); });
}

// The original payload again, in a packet of the RTX stream (RFC 4588 section 4).
void MediaSender::retransmit(Instant now, uint16_t sequence, SecurePath& path, Outbox& out) {
  const std::optional<VideoTrack::Packet> packet = video_->again(sequence);
  if (!packet) {
    drops_.count(Drop::nack_not_cached);
    return;
  }
  if (retransmit_tokens_ == 0) {
    drops_.count(Drop::nack_limited);
    return;
  }
  uint8_t prefix[kRtxHeader + VideoTrack::kDescriptor];
  store_u16(prefix, sequence);
  VideoTrack::write_descriptor(*packet, prefix + kRtxHeader);
  Rtp rtp;
  rtp.header = {formats_.rtx, packet->last, rtx_seq_, packet->timestamp, rtx_ssrc_};
  rtp.prefix = BytesView(prefix, sizeof prefix);
  rtp.payload = packet->data;
  if (send(now, rtp, formats_.video_extensions, nullptr, path, out) == 0) return;
  ++rtx_seq_;
  --retransmit_tokens_;
  --packets_;  // counts first transmissions
  ++retransmitted_;
  ++video_sample_.retransmitted;
}

void MediaSender::key_frame_request(Instant now, Ssrc media) {
  if (!video_ || media != video_ssrc_) return;
  ++key_frame_requests_;
  if (now < key_frame_allowed_) return;
  key_frame_allowed_ = now + kKeyFrameSpacing;
  video_->request_key_frame();
}

void MediaSender::report(Instant now, const ReportBlock& block) {
  if (const auto measured = tacoma::round_trip(block, now)) round_trip_ = *measured;
}

void MediaSender::transport_feedback(Span<const TransportStatus> statuses) {
  for (const TransportStatus& status : statuses) reported_lost_ += status.received ? 0 : 1;
}

void MediaSender::sample(Instant at, uint32_t person, ResultSink& results) {
  const auto write = [&](SendSample& sample, Media media) {
    sample.person = person;
    sample.media = media;
    results.sent(at, sample);
    sample = SendSample();
  };
  if (audio_) write(audio_sample_, Media::audio);
  if (video_) write(video_sample_, Media::video);
}

}  // namespace tacoma
