// Decodes one received VP8 stream for real and compares its pictures with what was drawn.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/packet_pool.h"
#include "loadgen/media/test_picture.h"
#include "loadgen/people/frame_assembly.h"

namespace tacoma {

class VideoDecoder;

/// Keeps the packets of frames that are not complete yet; only the sampled few people have one of these for each source.
class PictureCheck {
 public:
  static constexpr size_t kMostKept = 1024;                       // packets; beyond it the oldest go
  static constexpr Duration kEvery = Duration::seconds(1);        // one frame a second is compared, all are decoded

  struct Seen {
    uint32_t frame = 0;   // the number read back
    double psnr_db = 0;   // luma, against that frame as drawn
  };

  /// `picture`: which drawing its sender sends.
  explicit PictureCheck(uint32_t picture);
  ~PictureCheck();

  /// Keeps a packet; `media` is its VP8 payload without the descriptor and lies within it.
  void keep(int64_t seq, PacketRef packet, BytesView media);
  /// Decodes a frame; frames come in decoding order. The comparison, when one was due.
  std::optional<Seen> decode(Instant now, const AssembledFrame& frame);
  size_t kept() const { return parts_.size(); }
  uint64_t decoded() const { return decoded_; }
  /// Pictures whose number could not be read, and frames that the decoder refused.
  uint64_t damaged() const { return damaged_; }

 private:
  struct Part {
    int64_t seq;
    PacketRef packet;
    BytesView media;
  };
  uint32_t picture_;
  std::unique_ptr<VideoDecoder> decoder_;
  std::vector<Part> parts_;  // ascending
  std::vector<uint8_t> frame_;
  Picture drawn_;
  Instant next_comparison_;
  uint64_t decoded_ = 0, damaged_ = 0;
};

}  // namespace tacoma
