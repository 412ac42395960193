// Real media, encoded once and replayed by everybody: what a participant sends. A clip never changes after it was made,
// so all participants of a run share it.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/time.h"
#include "loadgen/plan/plan.h"

namespace tacoma {

constexpr uint32_t kAudioClock = 48'000;       // Hz, RTP clock of Opus (RFC 7587 section 4.1)
constexpr uint32_t kAudioPacketSamples = 960;  // samples of one packet: 20 ms
constexpr Duration kAudioPacketTime = Duration::milliseconds(20);
constexpr uint32_t kVideoClock = 90'000;       // Hz, RTP clock of VP8 (RFC 7741 section 4.1)

/// The temporal layer of frame `number` after a key frame, where layers repeat every 1, 2 or 4 frames: 0; 0 1; 0 2 1 2.
constexpr uint8_t temporal_layer_of(uint32_t number, uint32_t layers) {
  constexpr uint8_t kThree[] = {0, 2, 1, 2};
  return layers <= 1 ? 0 : layers == 2 ? static_cast<uint8_t>(number % 2) : kThree[number % 4];
}
/// The frame needs nothing but the newest frame of layer 0 (RFC 7741 section 4.2: Y).
constexpr bool is_layer_sync(uint32_t number, uint32_t layers) { return layers > 1 && (number % 4 == 1 || number % 4 == 2 || layers == 2) && temporal_layer_of(number, layers) > 0; }
/// The share of the rate that layer `layer` and those below it have: WebRTC's for VP8; of our VP9 clips as they came out.
constexpr double temporal_share(uint32_t layer, uint32_t layers, VideoCodec codec = VideoCodec::vp8) {
  constexpr double kTwoOfVp9[] = {0.7, 1}, kThreeOfVp9[] = {0.45, 0.75, 1};
  if (codec == VideoCodec::vp9 && layers > 1) return layers == 2 ? kTwoOfVp9[layer < 2 ? layer : 1] : kThreeOfVp9[layer < 3 ? layer : 2];
  constexpr double kTwo[] = {0.6, 1}, kThree[] = {0.4, 0.6, 1};
  return layers <= 1 ? 1 : layers == 2 ? kTwo[layer < 2 ? layer : 1] : kThree[layer < 3 ? layer : 2];
}

/// One 20 ms packet of an audio clip.
struct AudioPacket {
  BytesView payload;    // one Opus packet; empty: DTX, nothing is sent in this interval (but the RTP timestamp moves on)
  uint8_t level = 127;  // RFC 6464: -dBov of the 20 ms of samples, 0 (loudest) to 127 (silence)
  bool voice = false;   // RFC 6464 voice activity bit
  bool skipped() const { return payload.empty(); }
};

/// An Opus clip of 20 ms packets that repeats after its end. A participant walks it with its own index, from 0 or from
/// anywhere.
class AudioClip {
 public:
  AudioClip() = default;
  /// Packet `i`, modulo the length. The payload lives as long as the clip.
  AudioPacket packet(uint64_t i) const;
  uint32_t size() const { return static_cast<uint32_t>(packets_.size()); }

  /// For those who make clips: a packet in the order of sending; an empty payload is a DTX gap.
  void append(BytesView payload, uint8_t level, bool voice);

 private:
  struct Entry { uint32_t offset = 0; uint16_t length = 0; uint8_t level = 127; bool voice = false; };
  std::vector<uint8_t> bytes_;
  std::vector<Entry> packets_;
};

/// One voice: what its microphone sends while somebody talks, and what it sends when it is open but nobody does
/// (comfort noise, most of it DTX gaps, so that about one packet every 400 ms goes out).
struct SpeechClip {
  AudioClip talking;
  AudioClip quiet;
};

/// A voice that never pauses and whose packets are all alike, at `rate` of payload. The payload is no sound: only its size matters.
SpeechClip constant_audio(DataRate rate);

/// One encoded frame, of VP9 that of one spatial layer, to be cut into RTP payloads by its sender (RFC 7741, RFC 9628).
struct VideoFrame {
  BytesView data;       // lives as long as the clip
  uint32_t number = 0;  // of the drawn picture; the same number stands in the picture itself (test_picture.h)
  bool key = false;
};

/// A VP8 or VP9 clip. Frame 0 is a key frame, all others (as in a real call) are not: every frame needs those before it, back
/// to frame 0; with temporal layers, those of its layer and below (temporal_layer_of). With spatial layers (VP9, k-SVC) a frame is a picture of as
/// many: each needs its own layer's past, and in picture 0 the layers below.
///
/// Key frames on request: a key frame needs nothing from the past, so a sender that is asked for one goes back to frame
/// 0 at its next frame. That costs neither memory nor encoding time, answers within one frame, and has the size and the
/// rate-control aftermath of a real answer. What a viewer would see is a cut. VideoPlayer does this.
class VideoClip {
 public:
  VideoClip() = default;
  const VideoFormat& format() const { return format_; }
  uint32_t picture() const { return picture_; }  // which drawing (test_picture.h)
  uint32_t size() const { return static_cast<uint32_t>(frames_.size()) / format_.spatial_layers; }
  VideoFrame frame(uint32_t number, uint32_t spatial = 0) const;  // number < size()

  /// For those who make clips.
  VideoClip(const VideoFormat& format, uint32_t picture) : format_(format), picture_(picture) {}
  void append(BytesView data, bool key);  // layers of a picture from the lowest
  uint32_t entries() const { return static_cast<uint32_t>(frames_.size()); }
  VideoFrame entry(uint32_t index) const { return frame(index / format_.spatial_layers, index % format_.spatial_layers); }

 private:
  struct Entry { uint32_t offset = 0; uint32_t length = 0; bool key = false; };
  VideoFormat format_;
  uint32_t picture_ = 0;
  std::vector<uint8_t> bytes_;
  std::vector<Entry> frames_;
};

/// One sender's place in a clip.
class VideoPlayer {
 public:
  /// The clip must outlive the player.
  explicit VideoPlayer(const VideoClip& clip) : clip_(&clip) {}
  /// The next frame in time. The first one, the first after a request, and the first after the end of the clip are key
  /// frames.
  VideoFrame next();
  /// A PLI or FIR came in: the next frame is a key frame.
  void request_key_frame() { at_ = 0; }
  /// The number of the next frame.
  uint32_t at() const { return at_; }

 private:
  const VideoClip* clip_;
  uint32_t at_ = 0;
};

}  // namespace tacoma
