#include "loadgen/people/picture_check.h"

#include "loadgen/media/decoders.h"

namespace tacoma {

PictureCheck::PictureCheck(uint32_t picture) : picture_(picture), decoder_(std::make_unique<VideoDecoder>()) {}
PictureCheck::~PictureCheck() = default;

std::optional<PictureCheck::Seen> PictureCheck::decode(Instant now, BytesView frame) {
  const Picture* picture = decoder_->decode(frame);
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
