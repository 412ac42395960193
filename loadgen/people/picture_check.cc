#include "loadgen/people/picture_check.h"

#include <algorithm>

#include "loadgen/media/decoders.h"

namespace tacoma {

PictureCheck::PictureCheck(uint32_t picture) : picture_(picture), decoder_(std::make_unique<VideoDecoder>()) {}
PictureCheck::~PictureCheck() = default;

void PictureCheck::keep(int64_t seq, PacketRef packet, BytesView media) {
  const auto at = std::lower_bound(parts_.begin(), parts_.end(), seq, [](const Part& p, int64_t s) { return p.seq < s; });
  if (at != parts_.end() && at->seq == seq) return;
  parts_.insert(at, {seq, std::move(packet), media});
  if (parts_.size() > kMostKept) parts_.erase(parts_.begin());
}

std::optional<PictureCheck::Seen> PictureCheck::decode(Instant now, const AssembledFrame& frame) {
  frame_.clear();
  size_t used = 0;
  for (const Part& part : parts_) {
    if (part.seq > frame.last) break;
    if (part.seq >= frame.first) frame_.insert(frame_.end(), part.media.begin(), part.media.end());
    ++used;
  }
  parts_.erase(parts_.begin(), parts_.begin() + static_cast<std::ptrdiff_t>(used));
  const Picture* picture = decoder_->decode(frame_);
  if (!picture) {
    ++damaged_;
    return std::nullopt;
  }
  ++decoded_;
  if (now < next_comparison_) return std::nullopt;
  next_comparison_ = now + kEvery;
  const std::optional<uint32_t> number = read_frame_number(*picture);
  if (!number) {
    ++damaged_;
    return std::nullopt;
  }
  draw_test_picture(picture_, *number, picture->width, picture->height, drawn_);
  return Seen{*number, luma_psnr(*picture, drawn_)};
}

}  // namespace tacoma
