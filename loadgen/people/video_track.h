// The schedule of a person's video: VP8 frames of a clip cut into RTP payloads and paced, and any of the last ones made again.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/rng.h"
#include "loadgen/media/clip.h"

namespace tacoma {

class VideoTrack {
 public:
  static constexpr size_t kHistory = 64;          // frames that can be made again: 2.5 s at 25 a second
  static constexpr size_t kDescriptor = 4;        // VP8 descriptor with a picture id of 15 bits
  static constexpr size_t kMaxPayload = 1200 - 12 - 12 - 2;  // RTP header, extensions, and room for RTX; descriptor included

  struct Packet {
    uint16_t sequence = 0;
    uint32_t timestamp = 0;            // RTP
    bool first = false, last = false;  // of its frame; last: RTP marker
    bool key = false;                  // of a key frame
    uint16_t picture_id = 0;
    BytesView data;                    // part of the frame, without the descriptor
  };
  /// The bytes before `data` (RFC 7741 section 4.2); `out` holds kDescriptor bytes.
  static void write_descriptor(const Packet& packet, uint8_t* out);

  VideoTrack(const VideoClip& clip, Rng& rng);

  /// The clock starts; once.
  void start(Instant now);
  bool started() const { return started_; }
  /// When the next packet is due. Frame n is captured exactly n / fps after the start; its packets follow at 2.5 times the
  /// clip's rate, and before the next frame is captured.
  Instant due() const { return due_; }
  void skip_to(Instant now, Duration behind);
  Packet take();
  void request_key_frame() { player_.request_key_frame(); }
  /// A packet of the last kHistory frames; nullopt for any other number.
  std::optional<Packet> again(uint16_t sequence) const;
  uint32_t timestamp_at(Instant t) const;

 private:
  struct Sent {
    uint32_t frame = 0;      // number in the clip
    uint32_t timestamp = 0;
    uint16_t sequence = 0;   // of its first packet
    uint16_t packets = 0;
    uint16_t picture_id = 0;
  };
  static uint32_t packets_of(size_t size) { return static_cast<uint32_t>((size + kMaxData - 1) / kMaxData); }
  static constexpr size_t kMaxData = kMaxPayload - kDescriptor;
  Packet packet_of(const Sent& sent, uint32_t part) const;
  Instant captured(uint64_t index) const;
  void next_frame();

  const VideoClip* clip_;
  VideoPlayer player_;
  uint32_t first_timestamp_;
  uint16_t sequence_, picture_id_;
  Duration phase_, spacing_;
  Instant zero_, due_ = Instant::never();
  uint64_t index_ = 0;       // of the frame being sent
  uint32_t part_ = 0;        // next packet of it
  bool started_ = false, has_frame_ = false;
  std::vector<Sent> sent_;   // ring of kHistory
  size_t newest_ = 0;        // place of the frame being sent
};

}  // namespace tacoma
