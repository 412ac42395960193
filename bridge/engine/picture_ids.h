// The numbers by which pictures are known: picture id and TL0PICIDX of VP8 and VP9 (RFC 7741, RFC 9628), frame number of AV1 (its RTP
// specification, appendix A), and encodings whose numbers jump.
#pragma once

#include <cstdint>

#include "bridge/engine/media_packet.h"

namespace tacoma::bridge {

/// Those of a packet; zero where it has none.
PictureIds ids_of(const MediaPacket& packet);

/// Follows one encoding. Each picture takes a packet at least, so numbers go forward, and no further than the packets that came or were lost and
/// what the sender may have thrown away after numbering it; TL0PICIDX no further than pictures, though above the temporal base layer it may name
/// an older base picture. Whatever refers to a picture does so by the distance: numbers that jump can be shifted back into line.
class PictureIdTracker {
 public:
  static constexpr int64_t kMostSkipped = 1000;       // pictures: half a minute that had no key for its end-to-end encryption yet
  static constexpr int64_t kMostSkippedOfShort = 64;  // where ids have 7 bits
  /// AV1: frames. None can refer back further (12 bits, and one); encodings that are sent together may share their numbers.
  static constexpr int64_t kMostSkippedFrames = 4096;
  static constexpr int kOldestNamed = 16;             // base pictures, by one above the base layer
  static constexpr int64_t kJudged = 48;              // packets: behind a longer gap nothing is said

  /// A packet that is newer than all before it. What its numbers, and those of all that follow, are ahead of the next ones that could be
  /// expected, modulo their width; zero: they are in line.
  PictureIds on_newest(const MediaPacket& packet);

 private:
  PictureIds last_;               // TL0PICIDX: the newest that was named
  int64_t sequence_ = 0;
  uint32_t timestamp_ = 0;
  uint16_t mask_ = 0;             // of the picture ids' width; 0: there are none
  Codec codec_ = Codec::opaque;
  bool has_tl0_ = false;
};

}  // namespace tacoma::bridge
