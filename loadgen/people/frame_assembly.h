// From packets to frames that a decoder could take: which frames are complete, and in which order they can be decoded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/time.h"

namespace tacoma {

/// One VP8 or VP9 packet as the assembly needs it (RFC 7741 section 4: S bit with partition 0, and P of the payload header).
struct FramePart {
  int64_t seq = 0;         // unwrapped
  uint32_t timestamp = 0;  // RTP
  bool starts = false;     // first packet of its frame
  bool ends = false;       // marker bit
  bool key = false;        // of a first packet
  bool padding = false;    // no media: it only uses a sequence number
  uint16_t height = 0;     // lines, of the first packet of a key frame; 0: not known
  uint8_t layer = 0;       // of VP9: spatial id; its frames are those of layers
  bool layered = false;
  bool shown = true;       // of a last packet: of the picture, too
};

struct AssembledFrame {
  int64_t first = 0, last = 0;  // sequence numbers
  uint32_t timestamp = 0;
  bool key = false;
  Instant completed;            // arrival of its last missing packet
  uint16_t height = 0;          // of a key frame, if known
  uint8_t layer = 0;
  bool shown = true;            // the last of its picture
};

/// Frames of one stream, or of layers of its pictures: a frame can be decoded when it is a key frame or when it follows the last decoded one
/// without a gap in the sequence numbers.
class FrameAssembly {
 public:
  static constexpr size_t kMost = 32;          // frames held; beyond it all are dropped and a key frame is needed
  static constexpr size_t kMostLayers = 96;    // the same for frames of layers

  /// Takes a packet that has not come before. The frame, when this packet completes it (decodable or not).
  std::optional<AssembledFrame> insert(Instant now, const FramePart& part);
  /// The next frame in decoding order, if it is there. Call until it gives nothing. A complete key frame ends the wait for
  /// anything before it.
  std::optional<AssembledFrame> next();

  /// True until the first key frame, and after frames had to be thrown away.
  bool needs_key_frame() const { return !next_seq_; }
  /// What is held waits for something that it may never get.
  void drop_all();
  /// The same, but for a key frame that began after `since`, and what follows it: it waits for nothing older. False: there is none. Then what has
  /// come since then is held, in case one comes late that it follows.
  bool drop_before(Instant since);
  /// The sequence number that decoding waits for; packets below it are of no use.
  std::optional<int64_t> next_seq() const { return next_seq_; }
  size_t held() const { return frames_.size(); }

 private:
  struct Pending {
    int64_t first = -1, last = -1;  // -1: not seen
    uint32_t timestamp = 0;
    uint16_t packets = 0, height = 0;
    uint8_t layer = 0;
    bool key = false, padding = false, complete = false, shown = true;
    Instant completed;  // while it is not: when its first part came
  };

  std::vector<Pending> frames_;    // in order of first arrival of any part
  std::optional<int64_t> next_seq_;
};

}  // namespace tacoma
