#include "loadgen/media/clip.h"

namespace tacoma {

AudioPacket AudioClip::packet(uint64_t i) const {
  TACOMA_ASSERT(!packets_.empty());
  const Entry& e = packets_[i % packets_.size()];
  return {BytesView(bytes_.data() + e.offset, e.length), e.level, e.voice};
}

void AudioClip::append(BytesView payload, uint8_t level, bool voice) {
  TACOMA_ASSERT(payload.size() <= 0xffff);
  packets_.push_back({static_cast<uint32_t>(bytes_.size()), static_cast<uint16_t>(payload.size()), level, voice});
  bytes_.insert(bytes_.end(), payload.begin(), payload.end());
}

VideoFrame VideoClip::frame(uint32_t number, uint32_t spatial) const {
  TACOMA_ASSERT(number < size() && spatial < format_.spatial_layers);
  const Entry& e = frames_[number * format_.spatial_layers + spatial];
  return {BytesView(bytes_.data() + e.offset, e.length), number, e.key};
}

void VideoClip::append(BytesView data, bool key) {
  TACOMA_ASSERT(!frames_.empty() || key);
  frames_.push_back({static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(data.size()), key});
  bytes_.insert(bytes_.end(), data.begin(), data.end());
}

VideoFrame VideoPlayer::next() {
  const VideoFrame frame = clip_->frame(at_);
  at_ = at_ + 1 < clip_->size() ? at_ + 1 : 0;
  return frame;
}

SpeechClip constant_audio(DataRate rate) {
  std::vector<uint8_t> packet(static_cast<size_t>((rate * kAudioPacketTime).bytes()), 0x55);
  packet[0] = 0xf8;  // RFC 6716 section 3.1: CELT, full band, 20 ms, mono, one frame
  SpeechClip clip;
  clip.talking.append(packet, 40, true);
  clip.quiet.append(packet, 40, true);
  return clip;
}

}  // namespace tacoma
