#include "loadgen/people/video_receiver.h"

#include <algorithm>

#include "core/rtp/vp8.h"
#include "core/rtp/vp9.h"
#include "loadgen/media/clip.h"

namespace tacoma {
namespace {
constexpr MissingPackets::Policy kPolicy = {true, Duration::milliseconds(5), Duration::seconds(1), 10};
constexpr size_t kMostAsked = 128;  // sequence numbers in one NACK
constexpr Duration kCatchUp = Duration::milliseconds(5);  // between frames of a playout that has too many
constexpr Duration kShortestRetry = Duration::milliseconds(30);
constexpr PlayoutDelay::Limits kWait = {Duration::zero(), Duration::milliseconds(400)};
}  // namespace

VideoReceiver::VideoReceiver() : meter_(Media::video, kVideoClock), missing_(kPolicy), playout_(kWait) {}

std::optional<size_t> VideoReceiver::read_vp8(const RtpView& view, FramePart& part) {
  const auto descriptor = parse_vp8(view.payload());
  if (!descriptor) return std::nullopt;
  part.starts = starts_frame(*descriptor);
  part.ends = view.marker();
  part.key = starts_vp8_key_frame(view.payload(), *descriptor);
  if (part.key)
    if (const auto size = vp8_key_frame_size(view.payload(), *descriptor)) part.height = size->height;
  return descriptor->size();
}

// What is assembled of VP9 are the frames of layers: where a picture begins depends on the layers that the bridge leaves out, but
// its last packet has the marker.
std::optional<size_t> VideoReceiver::read_vp9(const RtpView& view, FramePart& part) {
  const auto descriptor = parse_vp9(view.payload());
  if (!descriptor || descriptor->spatial >= heights_.size()) return std::nullopt;
  part.starts = descriptor->starts_frame;
  part.ends = descriptor->ends_frame || view.marker();
  part.shown = view.marker();
  part.layer = descriptor->spatial;
  part.layered = true;
  part.key = starts_vp9_key_frame(*descriptor);
  if (descriptor->structure)
    for (size_t s = 0; s < heights_.size(); ++s) heights_[s] = descriptor->structure->heights[s];
  return descriptor->size;
}

VideoReceiver::Outcome VideoReceiver::packet(Instant now, Instant arrived, VideoCodec codec, const RtpView& view, const PacketRef& packet,
                                             bool retransmitted, Delays& delays) {
  FramePart part;
  size_t descriptor_size = 0;
  part.padding = view.payload().empty();
  if (!part.padding) {
    const auto size = codec == VideoCodec::vp9 ? read_vp9(view, part) : read_vp8(view, part);
    if (!size) return Outcome::malformed;
    descriptor_size = *size;
    codec_ = codec;
  }
  part.seq = sequences_.unwrap(view.sequence());
  part.timestamp = view.timestamp();

  const MissingPackets::Arrival arrival = missing_.arrived(arrived, part.seq);
  if (arrival == MissingPackets::Arrival::known) return Outcome::duplicate;
  if (arrival == MissingPackets::Arrival::repaired) ++repaired_, ++repaired_total_;
  if (arrival == MissingPackets::Arrival::jump) {
    assembly_.drop_all();
    missing_.take_gave_up();  // done: what comes after the jump is wanted
  }
  if (!retransmitted) {
    if (const auto delay = meter_.packet(view, arrived)) delays.packets.add(*delay);
  }
  if (kept_ && !part.padding) kept_->keep(part.seq, packet, view.payload().subspan(descriptor_size));
  if (const auto frame = assembly_.insert(arrived, part); frame && frame->shown) {
    ++complete_;
    if (const auto captured = meter_.captured(frame->timestamp)) {
      frame_delays_.add(arrived - *captured);
      delays.frames.add(arrived - *captured);
    }
  }
  while (const auto frame = assembly_.next()) {
    if (frame->key) missing_.forget_before(frame->first);
    play(now, *frame);
  }
  if (!assembly_.needs_key_frame()) {
    key_wanted_ = Instant::never();
  } else if (key_wanted_.is_never()) {
    key_wanted_ = part.starts && part.key ? now + kKeyFrameGrace : now;
  }
  return Outcome::used;
}

void VideoReceiver::decode_for_real(uint32_t picture, const VideoFormat& sent) {
  check_ = std::make_unique<PictureCheck>(picture, sent);
  if (!kept_) kept_ = std::make_unique<KeptPackets>();
}

void VideoReceiver::decrypt(FrameCipher* cipher) {
  encrypted_ = true;
  cipher_ = cipher;
  if (cipher && !kept_) kept_ = std::make_unique<KeptPackets>();
}

// False when it is encrypted and not for us.
bool VideoReceiver::open(Instant now, const AssembledFrame& frame) {
  MutableBytes bytes;
  // The layers of a picture are one to a decoder.
  if (kept_) bytes = kept_->take(frame, in_picture_ && !frame.key);
  in_picture_ = !frame.shown;
  if (in_picture_) return false;
  if (encrypted_) {
    const auto size = cipher_ ? cipher_->open(frame.key ? FrameCipher::Kind::key_frame : FrameCipher::Kind::delta_frame, bytes) : std::nullopt;
    if (!size) {
      ++undecryptable_;
      return false;
    }
    bytes = bytes.subspan(0, *size);
  }
  if (check_) {
    if (auto seen = check_->decode(now, bytes, codec_)) seen_ = seen;
  }
  return true;
}

// A decoded frame goes on screen at its media time plus what the playout waits, or at once if that has passed. Of frames that
// become ready together only the last is seen.
void VideoReceiver::play(Instant now, const AssembledFrame& frame) {
  if (!open(now, frame)) return;
  has_picture_ = true;
  const uint32_t height = codec_ == VideoCodec::vp9 ? heights_[frame.layer] : frame.height;
  if (height != 0 && height != height_) {
    if (height_ != 0) ++switches_;
    height_ = height;
  }
  const int64_t ticks = timestamps_.unwrap(frame.timestamp);
  const Duration media_time = Duration::nanoseconds(ticks * 100'000 / (kVideoClock / 10'000));
  if (playout_.known() && Instant::at(media_time + playout_.transit()) < now) ++late_;
  playout_.add(now, now.since_start() - media_time);
  Instant at = std::max(now, Instant::at(media_time + playout_.transit()));
  settle(now);
  if (!upcoming_.empty()) {
    if (at <= upcoming_.back()) {
      if (upcoming_.back() <= now) return;
      at = upcoming_.back() + kCatchUp;  // the wait has become shorter
    }
    if (upcoming_.size() == kMostUpcoming) {
      freezes_.rendered(upcoming_.front());
      ++rendered_, ++rendered_total_;
      upcoming_.erase(upcoming_.begin());
    }
  }
  upcoming_.push_back(at);
}

void VideoReceiver::settle(Instant now) {
  size_t shown = 0;
  while (shown < upcoming_.size() && upcoming_[shown] < now) {
    // What trickles in of a source that is held back begins nothing that could freeze.
    if (forwarded_) freezes_.rendered(upcoming_[shown]);
    ++shown;
  }
  upcoming_.erase(upcoming_.begin(), upcoming_.begin() + static_cast<std::ptrdiff_t>(shown));
  rendered_ += static_cast<uint32_t>(shown);
  rendered_total_ += shown;
}

Instant VideoReceiver::key_frame_due() const {
  Instant wanted = key_wanted_;
  if (!missing_.oldest().is_never()) wanted = std::min(wanted, missing_.oldest() + kRepairWait);
  return wanted.is_never() ? wanted : std::max(wanted, key_allowed_);
}

Instant VideoReceiver::next_due() const { return std::min(missing_.next_due(), key_frame_due()); }

bool VideoReceiver::due(Instant now, Duration round_trip, std::vector<uint16_t>& ask) {
  missing_.due(now, std::max(kShortestRetry, round_trip + round_trip / 4), kMostAsked, ask);
  if (missing_.take_gave_up()) {
    const bool key_comes = assembly_.drop_before(now - kPolicy.keep);
    key_wanted_ = std::min(key_wanted_, key_comes ? now + kKeyFrameGrace : now);
  }
  if (key_frame_due() > now) return false;
  key_allowed_ = now + kKeyFrameSpacing;
  return true;
}

void VideoReceiver::restart() {
  meter_.restart();
  missing_.restart();
  sequences_ = SequenceUnwrapper();
  timestamps_ = TimestampUnwrapper();
  assembly_.drop_all();
  in_picture_ = false;
  playout_ = PlayoutDelay(kWait);
  key_wanted_ = Instant::never();
}

void VideoReceiver::set_forwarded(Instant now, bool forwarded) {
  if (forwarded == forwarded_) return;
  settle(now);
  forwarded_ = forwarded;
  if (!forwarded) freezes_.pause(now);
}

void VideoReceiver::take(Instant now, Duration length, ReceiveSample& sample) {
  settle(now);
  meter_.take(sample);
  sample.frame_delay_p50 = frame_delays_.median();
  sample.frame_delay_max = frame_delays_.max();
  frame_delays_.clear();
  sample.lost = missing_.take_lost();
  sample.repaired = repaired_;
  sample.frames_complete = complete_;
  sample.frames_rendered = rendered_;
  const FreezeDetector::Interval freezes = freezes_.take(now);
  sample.freezes = freezes.freezes;
  sample.frozen = freezes.frozen;
  sample.longest_freeze = freezes.longest;
  sample.height = height_;
  sample.switches = switches_;
  sample.late_frames = late_;
  sample.forwarded = forwarded_;
  const double seconds = length.to_seconds();
  if (rendered_ > 0 && seconds > 0)
    sample.quality = video_quality(height_, rendered_ / seconds, sample.bytes * 8 / seconds, freezes.frozen.to_seconds() / seconds);
  complete_ = rendered_ = repaired_ = late_ = switches_ = 0;
}

}  // namespace tacoma
