#include "loadgen/people/video_track.h"

#include <algorithm>

#include "core/rtp/vp8.h"

namespace tacoma {

VideoTrack::VideoTrack(const VideoClip& clip, Rng& rng)
    : clip_(&clip), player_(clip), first_timestamp_(rng.u32()), sequence_(static_cast<uint16_t>(rng.below(0x8000))),
      picture_id_(static_cast<uint16_t>(rng.below(0x8000))),
      phase_(rng.uniform(Duration::zero(), Duration::seconds(1) / clip.format().fps)) {}

void VideoTrack::write_descriptor(const Packet& packet, uint8_t* out) {
  Vp8Descriptor descriptor;
  descriptor.partition_start = packet.first;
  descriptor.picture_id = packet.picture_id;
  const size_t size = write_vp8(MutableBytes(out, kDescriptor), descriptor);
  TACOMA_ASSERT(size == kDescriptor);
}

void VideoTrack::start(Instant now) {
  zero_ = now + phase_;
  due_ = zero_;
  started_ = true;
}

Instant VideoTrack::captured(uint64_t index) const {
  return zero_ + Duration::nanoseconds(static_cast<int64_t>(index * 1'000'000'000 / clip_->format().fps));
}

void VideoTrack::skip_to(Instant now, Duration behind) {
  if (due_ + behind >= now) return;
  const auto missed = static_cast<uint64_t>((now - captured(index_)).ns() * clip_->format().fps / 1'000'000'000);
  if (missed == 0) return;
  // What was not sent of a frame is lost to the receiver, so the next one is a key frame.
  if (has_frame_) player_.request_key_frame();
  index_ += missed;
  has_frame_ = false;
  due_ = captured(index_);
}

void VideoTrack::next_frame() {
  const VideoFrame frame = player_.next();
  if (sent_.size() < kHistory) {
    newest_ = sent_.size();
    sent_.emplace_back();
  } else {
    newest_ = (newest_ + 1) % kHistory;
  }
  Sent& sent = sent_[newest_];
  sent.frame = frame.number;
  sent.timestamp = first_timestamp_ + static_cast<uint32_t>(index_ * kVideoClock / clip_->format().fps);
  sent.sequence = sequence_;
  sent.packets = static_cast<uint16_t>(packets_of(frame.data.size()));
  sent.picture_id = picture_id_;
  picture_id_ = static_cast<uint16_t>((picture_id_ + 1) & 0x7fff);
  part_ = 0;
  has_frame_ = true;
  const Duration interval = Duration::seconds(1) / clip_->format().fps;
  const Duration paced = DataSize::bytes(static_cast<int64_t>(frame.data.size() / sent.packets)) /
                         DataRate::bps(clip_->format().rate.bps() * 5 / 2);
  spacing_ = std::min(paced, interval / sent.packets);
}

VideoTrack::Packet VideoTrack::packet_of(const Sent& sent, uint32_t part) const {
  const VideoFrame frame = clip_->frame(sent.frame);
  const size_t from = frame.data.size() * part / sent.packets;
  const size_t to = frame.data.size() * (part + 1) / sent.packets;
  Packet packet;
  packet.sequence = static_cast<uint16_t>(sent.sequence + part);
  packet.timestamp = sent.timestamp;
  packet.first = part == 0;
  packet.last = part + 1 == sent.packets;
  packet.key = frame.key;
  packet.picture_id = sent.picture_id;
  packet.data = frame.data.subspan(from, to - from);
  return packet;
}

VideoTrack::Packet VideoTrack::take() {
  if (!has_frame_) next_frame();
  const Packet packet = packet_of(sent_[newest_], part_);
  ++sequence_;
  if (packet.last) {
    has_frame_ = false;
    due_ = captured(++index_);
  } else {
    ++part_;
    due_ = captured(index_) + spacing_ * part_;
  }
  return packet;
}

std::optional<VideoTrack::Packet> VideoTrack::again(uint16_t sequence) const {
  for (size_t i = 0; i < sent_.size(); ++i) {
    const Sent& sent = sent_[(newest_ + sent_.size() - i) % sent_.size()];
    const uint16_t part = static_cast<uint16_t>(sequence - sent.sequence);
    const bool is_newest = i == 0;
    const uint32_t gone_out = is_newest && has_frame_ ? part_ : sent.packets;
    if (part < gone_out) return packet_of(sent, part);
  }
  return std::nullopt;
}

uint32_t VideoTrack::timestamp_at(Instant t) const {
  return first_timestamp_ + static_cast<uint32_t>((t - zero_).ns() * (kVideoClock / 10'000) / 100'000);
}

}  // namespace tacoma
