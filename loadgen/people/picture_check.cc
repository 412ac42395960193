#include "loadgen/people/picture_check.h"

#include "loadgen/media/decoders.h"

namespace tacoma {

PictureCheck::PictureCheck(uint32_t picture, const VideoFormat& sent) : picture_(picture), sent_(sent) {}
PictureCheck::~PictureCheck() = default;

std::optional<PictureCheck::Seen> PictureCheck::decode(Instant now, BytesView frame, VideoCodec codec) {
  if (!decoder_ || codec != codec_) decoder_ = std::make_unique<VideoDecoder>(codec_ = codec);
  const Picture* picture = decoder_->decode(frame);
  if (!picture) {
    ++damaged_;
    return std::nullopt;
  }
  ++decoded_;
  if (now < next_comparison_) return std::nullopt;
  next_comparison_ = now + kEvery;
  // A lower spatial layer is the large picture made smaller; an encoding was drawn at its size.
  const bool is_part = sent_.spatial_layers > 1 && picture->width < sent_.width && sent_.width % picture->width == 0 &&
                       picture->height * (sent_.width / picture->width) == sent_.height;
  if (is_part) resize_luma(*picture, sent_.width, sent_.height, resized_);
  const std::optional<uint32_t> number = read_frame_number(is_part ? resized_ : *picture);
  if (!number) {
    ++damaged_;
    return std::nullopt;
  }
  draw_test_picture(picture_, *number, is_part ? sent_.width : picture->width, is_part ? sent_.height : picture->height, drawn_);
  if (is_part) resize_luma(drawn_, picture->width, picture->height, resized_);
  return Seen{*number, luma_psnr(*picture, is_part ? resized_ : drawn_)};
}

}  // namespace tacoma
