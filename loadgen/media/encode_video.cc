#include <vpx/vp8cx.h>

#include "loadgen/media/encode.h"
#include "loadgen/media/encode_layers.h"
#include "loadgen/media/libvpx.h"
#include "loadgen/media/test_picture.h"

namespace tacoma {
namespace {

constexpr uint32_t kMaxSide = 4096;

Result<void> check(const VideoFormat& f) {
  const std::string size = std::to_string(f.width) + "x" + std::to_string(f.height);
  if (f.width < kMinPictureWidth || f.height < kMinPictureHeight || f.width > kMaxSide || f.height > kMaxSide)
    return fail("video of " + size + " cannot be encoded: sizes go from 96x64 to 4096x4096");
  if (f.width % 2 != 0 || f.height % 2 != 0)
    return fail("video of " + size + " cannot be encoded: width and height must be even");
  if (f.fps < 1 || f.fps > 60)
    return fail("video of " + std::to_string(f.fps) + " frames a second cannot be encoded: 1 to 60 can");
  if (f.rate < DataRate::kbps(10) || f.rate > DataRate::mbps(100))
    return fail("video of " + std::to_string(f.rate.bps()) + " bit/s cannot be encoded: 10 kbit/s to 100 Mbit/s can");
  const uint32_t step = 2u << (f.spatial_layers - 1);
  if (f.spatial_layers > 1 && (f.codec != VideoCodec::vp9 || f.width % step != 0 || f.height % step != 0))
    return fail("video of " + size + " cannot be encoded in " + std::to_string(f.spatial_layers) + " spatial layers: only VP9 has them, each size even");
  return {};
}

vpx_codec_enc_cfg_t configure(const VideoFormat& f) {
  vpx_codec_enc_cfg_t c = realtime_config(vpx_codec_vp8_cx(), f);
  c.g_error_resilient = 0;
  c.rc_target_bitrate = static_cast<unsigned>(f.rate.bps() / 1000);
  c.rc_undershoot_pct = 100;
  c.rc_overshoot_pct = 15;
  if (f.temporal_layers > 1) {
    c.ts_number_layers = f.temporal_layers;
    c.ts_periodicity = f.temporal_layers == 2 ? 2 : 4;
    for (uint32_t i = 0; i < c.ts_periodicity; ++i) c.ts_layer_id[i] = temporal_layer_of(i, f.temporal_layers);
    for (uint32_t layer = 0; layer < f.temporal_layers; ++layer) {
      c.ts_target_bitrate[layer] = static_cast<unsigned>(temporal_share(layer, f.temporal_layers) * c.rc_target_bitrate);
      c.ts_rate_decimator[layer] = 1u << (f.temporal_layers - 1 - layer);
    }
  }
  return c;
}

/// What a frame may refer to and change. Layer 0 lives in the last frame, layer 1 of three in the golden frame; the highest layer is
/// never referred to, so it can be left out at any time. Entropy tables move on in layer 0 only, which everybody gets.
vpx_enc_frame_flags_t layer_flags(uint32_t number, uint32_t layers) {
  if (layers <= 1) return 0;
  constexpr vpx_enc_frame_flags_t kKeepAll = VP8_EFLAG_NO_UPD_LAST | VP8_EFLAG_NO_UPD_GF | VP8_EFLAG_NO_UPD_ARF | VP8_EFLAG_NO_UPD_ENTROPY;
  const uint8_t layer = temporal_layer_of(number, layers);
  if (layer == 0) return VP8_EFLAG_NO_UPD_GF | VP8_EFLAG_NO_UPD_ARF | VP8_EFLAG_NO_REF_GF | VP8_EFLAG_NO_REF_ARF;
  vpx_enc_frame_flags_t flags = kKeepAll | VP8_EFLAG_NO_REF_ARF;
  if (is_layer_sync(number, layers)) flags |= VP8_EFLAG_NO_REF_GF;
  if (layers == 3 && layer == 1) flags &= ~static_cast<vpx_enc_frame_flags_t>(VP8_EFLAG_NO_UPD_GF);
  return flags;
}

/// libvpx's encoder, freed at the end.
class Encoder {
 public:
  explicit Encoder(const VideoFormat& f) : layers_(f.temporal_layers) {
    const vpx_codec_enc_cfg_t config = configure(f);
    open_ = vpx_codec_enc_init(&codec_, vpx_codec_vp8_cx(), &config, 0) == VPX_CODEC_OK;
    if (!open_) return;
    // A negative speed is fixed; a positive one would follow the wall clock, and the bytes with it.
    vpx_codec_control(&codec_, VP8E_SET_CPUUSED, -8);
    vpx_codec_control(&codec_, VP8E_SET_STATIC_THRESHOLD, 1u);
    vpx_codec_control(&codec_, VP8E_SET_NOISE_SENSITIVITY, 0u);
    vpx_codec_control(&codec_, VP8E_SET_MAX_INTRA_BITRATE_PCT, key_frame_percent(f));
  }
  ~Encoder() { if (open_) vpx_codec_destroy(&codec_); }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  bool encode(const vpx_image_t& image, uint32_t number, VideoClip& clip) {
    if (!open_) return false;
    const vpx_enc_frame_flags_t flags = number == 0 ? VPX_EFLAG_FORCE_KF : layer_flags(number, layers_);
    if (layers_ > 1) vpx_codec_control(&codec_, VP8E_SET_TEMPORAL_LAYER_ID, static_cast<int>(temporal_layer_of(number, layers_)));
    if (vpx_codec_encode(&codec_, &image, number, 1, flags, VPX_DL_REALTIME) != VPX_CODEC_OK) return false;
    vpx_codec_iter_t at = nullptr;
    const vpx_codec_cx_pkt_t* packet = vpx_codec_get_cx_data(&codec_, &at);
    if (packet == nullptr || packet->kind != VPX_CODEC_CX_FRAME_PKT) return false;
    const auto& frame = packet->data.frame;
    clip.append(BytesView(static_cast<const uint8_t*>(frame.buf), frame.sz), (frame.flags & VPX_FRAME_IS_KEY) != 0);
    return true;
  }
  std::string error() { return open_ ? vpx_codec_error(&codec_) : "the encoder could not be opened"; }

 private:
  vpx_codec_ctx_t codec_{};
  uint32_t layers_ = 1;
  bool open_ = false;
};

}  // namespace

Result<VideoClip> encode_video(const VideoFormat& format, uint32_t picture, const EncodeProgress& progress) {
  if (auto ok = check(format); !ok) return fail(ok.error());
  const uint32_t frames = format.fps * 10 + format.fps * 2 * (picture % 8) / 5;
  if (format.codec == VideoCodec::vp9) return encode_layers(format, picture, frames, progress);
  VideoClip clip(format, picture);
  Encoder encoder(format);
  const Result<void> made = encode_pictures(format, picture, frames, progress, [&](const vpx_image_t& image, uint32_t number) {
    return encoder.encode(image, number, clip) ? std::string() : encoder.error();
  });
  if (!made) return fail(made.error());
  return clip;
}

}  // namespace tacoma
