// Decodes one received VP8 or VP9 stream for real and compares its pictures with what was drawn.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/time.h"
#include "loadgen/media/test_picture.h"
#include "loadgen/plan/plan.h"

namespace tacoma {

class VideoDecoder;

/// Only the sampled few people have one of these for each source.
class PictureCheck {
 public:
  static constexpr Duration kEvery = Duration::seconds(1);        // one frame a second is compared, all are decoded

  struct Seen {
    uint32_t frame = 0;   // the number read back
    double psnr_db = 0;   // luma, against that frame as drawn
  };

  /// `picture`: which drawing its sender sends, as `sent`.
  PictureCheck(uint32_t picture, const VideoFormat& sent);
  ~PictureCheck();

  /// Decodes a frame, or the layers of a picture; they come in decoding order. The comparison, when one was due.
  std::optional<Seen> decode(Instant now, BytesView frame, VideoCodec codec);
  uint64_t decoded() const { return decoded_; }
  /// Pictures whose number could not be read, and frames that the decoder refused.
  uint64_t damaged() const { return damaged_; }

 private:
  uint32_t picture_;
  VideoFormat sent_;
  VideoCodec codec_ = VideoCodec::vp8;
  std::unique_ptr<VideoDecoder> decoder_;
  Picture drawn_, resized_;
  Instant next_comparison_;
  uint64_t decoded_ = 0, damaged_ = 0;
};

}  // namespace tacoma
