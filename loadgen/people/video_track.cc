#include "loadgen/people/video_track.h"

#include <algorithm>

#include "core/rtp/vp8.h"
#include "core/rtp/vp9.h"

namespace tacoma {
namespace {

/// What models send after their headers: the same noise for all.
BytesView filler(size_t size) {
  static const std::vector<uint8_t> kNoise = [] {
    std::vector<uint8_t> noise(VideoModel::kLargest);
    Rng(8593).fill(noise.data(), noise.size());
    return noise;
  }();
  return BytesView(kNoise).subspan(0, size);
}

Vp9Descriptor vp9_descriptor(const VideoTrack::Packet& p) {
  Vp9Descriptor d;
  d.inter_picture_predicted = !p.key;
  d.starts_frame = p.first;
  d.ends_frame = p.ends;
  d.not_needed_above = !p.key || p.spatial == p.top;
  d.picture_id = p.picture_id;
  d.has_layers = true;
  d.temporal = p.layer;
  d.spatial = p.spatial;
  d.switching_up_point = p.layer == 0;  // frames of higher layers refer to the newest of layer 0 and what came after it
  d.inter_layer_predicted = p.key && p.spatial > 0;
  d.tl0_pic_idx = p.tl0_pic_idx;
  if (!p.key || !p.first || p.spatial != 0) return d;
  d.structure.emplace();
  d.structure->spatial_layers = static_cast<uint8_t>(p.top + 1);
  for (uint8_t s = 0; s <= p.top; ++s) {
    d.structure->widths[s] = static_cast<uint16_t>(p.width >> (p.top - s));
    d.structure->heights[s] = static_cast<uint16_t>(p.height >> (p.top - s));
  }
  return d;
}

}  // namespace

VideoTrack::VideoTrack(const VideoFormat& encoding, const VideoClip* clip, Rng& rng)
    : format_(encoding), clip_(clip), first_timestamp_(rng.u32()), sequence_(static_cast<uint16_t>(rng.below(0x8000))),
      picture_id_(static_cast<uint16_t>(rng.below(0x8000))), layer_(static_cast<uint8_t>(encoding.temporal_layers - 1)),
      wanted_layer_(layer_), top_(static_cast<uint8_t>(encoding.spatial_layers - 1)), wanted_top_(top_), phase_(rng.uniform(Duration::zero(), Duration::seconds(1) / encoding.fps)) {
  for (uint32_t s = 0; s < encoding.spatial_layers; ++s) total_ = total_ + encoding.layer(s).rate;
  if (clip) player_.emplace(*clip);
  else model_.emplace(encoding, rng.split("model"));
}

size_t VideoTrack::Packet::descriptor_size() const {
  return vp9 ? vp9_size(vp9_descriptor(*this), temporal_layers) : layered ? kMaxVp8Descriptor : kMaxVp8Descriptor - 2;
}

size_t VideoTrack::write_prefix(const Packet& packet, uint8_t* out) {
  if (packet.vp9) return write_vp9(MutableBytes(out, kMaxDescriptor), vp9_descriptor(packet), packet.temporal_layers);
  Vp8Descriptor descriptor;
  descriptor.partition_start = packet.first;
  descriptor.picture_id = packet.picture_id;
  if (packet.layered) {
    descriptor.non_reference = !packet.reference;
    descriptor.tl0_pic_idx = packet.tl0_pic_idx;
    descriptor.temporal_layer = packet.layer;
    descriptor.layer_sync = packet.sync;
  }
  const size_t size = write_vp8(MutableBytes(out, kMaxDescriptor), descriptor);
  TACOMA_ASSERT(size > 0);
  const size_t head = packet.head_size();
  if (head == 0) return size;
  // RFC 6386 section 9.1: inverse key frame bit, version 0, shown; the length of the first partition says nothing here.
  out[size] = packet.key ? 0x10 : 0x11;
  out[size + 1] = out[size + 2] = 0;
  if (packet.key) {
    out[size + 3] = 0x9d;
    out[size + 4] = 0x01;
    out[size + 5] = 0x2a;
    out[size + 6] = static_cast<uint8_t>(packet.width);
    out[size + 7] = static_cast<uint8_t>(packet.width >> 8);
    out[size + 8] = static_cast<uint8_t>(packet.height);
    out[size + 9] = static_cast<uint8_t>(packet.height >> 8);
  }
  return size + head;
}

void VideoTrack::set_ladder(const std::vector<std::shared_ptr<const VideoClip>>& clips) {
  ladder_ = std::make_unique<std::vector<const VideoClip*>>();
  for (const auto& clip : clips) ladder_->push_back(clip.get());
  wanted_top_ = static_cast<uint8_t>(clips.size() - 1);
}

void VideoTrack::start(Instant zero) {
  zero_ = zero;
  due_ = zero_;
  started_ = true;
}

void VideoTrack::set_layers(uint8_t layer, DataRate rate, uint8_t spatial) {
  if (spatial != wanted_top_) request_key_frame();
  wanted_top_ = spatial;
  wanted_layer_ = layer;
  layer_ = std::min(layer_, layer);
  if (model_) model_->set_target(rate);
}

void VideoTrack::request_key_frame() {
  if (player_) player_->request_key_frame();
  number_ = 0;
}

Instant VideoTrack::captured(uint64_t index) const {
  return zero_ + Duration::nanoseconds(static_cast<int64_t>(index * 1'000'000'000 / format_.fps));
}

void VideoTrack::skip_to(Instant now, Duration behind) {
  if (due_ + behind >= now) return;
  const auto missed = static_cast<uint64_t>((now - captured(index_)).ns() * format_.fps / 1'000'000'000);
  if (missed == 0) return;
  // What was not sent of a frame is lost to the receiver, so the next one is a key frame.
  if (has_frame_ || spatial_ > 0) request_key_frame();
  index_ += missed;
  has_frame_ = false;
  spatial_ = 0;
  due_ = captured(index_);
}

void VideoTrack::begin_picture() {
  picture_ = next_number();
  if (picture_ == 0 && ladder_) {
    clip_ = (*ladder_)[wanted_top_];
    total_ = clip_->format().rate;
    player_.emplace(*clip_);
  } else if (picture_ == 0) {
    top_ = wanted_top_;
  }
  if (player_) player_->next();
  if (temporal_layer_of(picture_, format_.temporal_layers) == 0) {
    ++tl0_pic_idx_;
    layer_ = wanted_layer_;
  }
  picture_id_ = static_cast<uint16_t>((picture_id_ + 1) & 0x7fff);
  picture_part_ = 0;
}

void VideoTrack::next_frame() {
  if (spatial_ == 0) begin_picture();
  if (sent_.size() < history()) {
    newest_ = sent_.size();
    sent_.emplace_back();
  } else {
    newest_ = (newest_ + 1) % history();
  }
  Sent& sent = sent_[newest_];
  sent.key = picture_ == 0;
  if (player_) sent.data = clip_->frame(picture_, spatial_).data;
  else sent.data = filler(model_->next(due_, number_++));
  sent.layer = temporal_layer_of(picture_, format_.temporal_layers);
  sent.sync = is_layer_sync(picture_, format_.temporal_layers);
  sent.reference = format_.temporal_layers == 1 || sent.layer + 1u < format_.temporal_layers;
  sent.spatial = spatial_;
  sent.top = top_;
  sent.tl0_pic_idx = tl0_pic_idx_;
  sent.timestamp = first_timestamp_ + static_cast<uint32_t>(index_ * kVideoClock / format_.fps);
  sent.sequence = sequence_;
  if (sent.key && spatial_ == 0) key_from_ = sequence_;
  const size_t size = size_of(sent.data);
  if (seal_) seal_->number(newest_);
  sent.packets = static_cast<uint16_t>(packets_of(size));
  sent.picture_id = picture_id_;
  part_ = 0;
  has_frame_ = true;
  if (spatial_ > 0) return;
  size_t bytes = size;
  uint32_t packets = sent.packets;
  for (uint8_t s = 1; s <= top_; ++s) {
    const size_t more = size_of(clip_->frame(picture_, s).data);
    bytes += more;
    packets += packets_of(more);
  }
  const Duration interval = Duration::seconds(1) / format_.fps;
  const DataRate rate = model_ ? model_->target() : total_;
  const Duration paced = DataSize::bytes(static_cast<int64_t>(bytes / packets)) / DataRate::bps(rate.bps() * 5 / 2);
  spacing_ = std::min(paced, interval / packets);
}

VideoTrack::Packet VideoTrack::packet_of(const Sent& sent, uint32_t part) const {
  const auto kind = sent.key ? FrameCipher::Kind::key_frame : FrameCipher::Kind::delta_frame;
  const BytesView frame = seal_ ? seal_->sealed(static_cast<size_t>(&sent - sent_.data()), kind, sent.timestamp, sent.data) : sent.data;
  size_t from = frame.size() * part / sent.packets;
  const size_t to = frame.size() * (part + 1) / sent.packets;
  Packet packet;
  packet.sequence = static_cast<uint16_t>(sent.sequence + part);
  packet.timestamp = sent.timestamp;
  packet.first = part == 0;
  packet.ends = part + 1 == sent.packets;
  packet.last = packet.ends && sent.spatial == sent.top;
  packet.key = sent.key;
  packet.picture_id = sent.picture_id;
  packet.layered = format_.temporal_layers > 1;
  packet.layer = sent.layer;
  packet.tl0_pic_idx = sent.tl0_pic_idx;
  packet.sync = sent.sync;
  packet.reference = sent.reference;
  packet.vp9 = is_vp9();
  if (packet.vp9) {
    packet.spatial = sent.spatial;
    packet.top = sent.top;
    packet.temporal_layers = static_cast<uint8_t>(format_.temporal_layers);
    packet.width = static_cast<uint16_t>(format_.width >> (format_.spatial_layers - 1 - sent.top));
    packet.height = static_cast<uint16_t>(format_.height >> (format_.spatial_layers - 1 - sent.top));
  }
  if (model_) {
    packet.width = static_cast<uint16_t>(format_.width);
    packet.height = static_cast<uint16_t>(format_.height);
    from = std::min(to, from + packet.head_size());  // the header takes their place
  }
  packet.data = frame.subspan(from, to - from);
  return packet;
}

// To the next frame that is sent: of the layers, but never far, so that a request for a key frame is soon answered.
void VideoTrack::advance() {
  ++index_;
  for (int skipped = 0; skipped < 3; ++skipped) {
    const uint32_t number = next_number();
    if (temporal_layer_of(number, format_.temporal_layers) <= layer_) break;
    if (player_) player_->next();
    else ++number_;
    ++index_;
  }
  due_ = captured(index_);
}

VideoTrack::Packet VideoTrack::take() {
  if (!has_frame_) next_frame();
  const Packet packet = packet_of(sent_[newest_], part_);
  ++sequence_;
  ++picture_part_;
  if (packet.last) {
    has_frame_ = false;
    spatial_ = 0;
    advance();
  } else {
    ++part_;
    if (packet.ends) {
      has_frame_ = false;
      ++spatial_;
    }
    due_ = captured(index_) + spacing_ * picture_part_;
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
