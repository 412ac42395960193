#include "loadgen/media/decoders.h"

#include <opus/opus.h>
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>

#include "core/base/assert.h"
#include "loadgen/media/clip.h"

namespace tacoma {
namespace {

void copy_plane(const vpx_image_t& image, int plane, uint32_t width, uint32_t height, std::vector<uint8_t>& out) {
  out.resize(size_t{width} * height);
  for (uint32_t y = 0; y < height; ++y) {
    std::memcpy(out.data() + size_t{y} * width, image.planes[plane] + static_cast<ptrdiff_t>(y) * image.stride[plane],
                width);
  }
}

}  // namespace

struct VideoDecoder::State {
  vpx_codec_ctx_t codec{};
  Picture picture;
};

VideoDecoder::VideoDecoder(VideoCodec codec) : state_(std::make_unique<State>()) {
  vpx_codec_dec_cfg_t config{};
  config.threads = 1;
  TACOMA_ASSERT(vpx_codec_dec_init(&state_->codec, codec == VideoCodec::vp9 ? vpx_codec_vp9_dx() : vpx_codec_vp8_dx(), &config, 0) == VPX_CODEC_OK);
}

VideoDecoder::~VideoDecoder() { vpx_codec_destroy(&state_->codec); }

const Picture* VideoDecoder::decode(BytesView frame) {
  if (frame.empty()) return nullptr;  // libvpx takes an empty frame for "lost" and repeats the last picture
  if (vpx_codec_decode(&state_->codec, frame.data(), static_cast<unsigned>(frame.size()), nullptr, 0) != VPX_CODEC_OK)
    return nullptr;
  vpx_codec_iter_t at = nullptr;
  const vpx_image_t* image = vpx_codec_get_frame(&state_->codec, &at);
  if (image == nullptr) return nullptr;
  int corrupted = 0;
  if (vpx_codec_control(&state_->codec, VP8D_GET_FRAME_CORRUPTED, &corrupted) == VPX_CODEC_OK && corrupted != 0)
    return nullptr;
  Picture& p = state_->picture;
  p.width = image->d_w;
  p.height = image->d_h;
  copy_plane(*image, VPX_PLANE_Y, p.width, p.height, p.luma);
  copy_plane(*image, VPX_PLANE_U, p.chroma_width(), p.chroma_height(), p.cb);
  copy_plane(*image, VPX_PLANE_V, p.chroma_width(), p.chroma_height(), p.cr);
  return &p;
}

struct AudioDecoder::State {
  OpusDecoder* codec = nullptr;
  int16_t samples[6 * kAudioPacketSamples];  // the longest packet of RFC 6716: 120 ms
  Span<const int16_t> result(int count) const {
    return Span<const int16_t>(samples, count > 0 ? static_cast<size_t>(count) : 0);
  }
};

AudioDecoder::AudioDecoder() : state_(std::make_unique<State>()) {
  int error = 0;
  state_->codec = opus_decoder_create(kAudioClock, 1, &error);
  TACOMA_ASSERT(error == OPUS_OK);
}

AudioDecoder::~AudioDecoder() { opus_decoder_destroy(state_->codec); }

Span<const int16_t> AudioDecoder::decode(BytesView packet) {
  if (packet.empty()) return {};
  return state_->result(opus_decode(state_->codec, packet.data(), static_cast<opus_int32>(packet.size()), state_->samples,
                                    6 * kAudioPacketSamples, 0));
}

Span<const int16_t> AudioDecoder::conceal(BytesView next_packet) {
  const bool rebuild = !next_packet.empty();
  return state_->result(opus_decode(state_->codec, rebuild ? next_packet.data() : nullptr,
                                    static_cast<opus_int32>(next_packet.size()), state_->samples, kAudioPacketSamples,
                                    rebuild ? 1 : 0));
}

}  // namespace tacoma
