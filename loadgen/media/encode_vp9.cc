// VP9 clips in k-SVC: spatial layers in one stream that meet in the key picture only.
#include <vpx/vp8cx.h>

#include <string>

#include "loadgen/media/encode_layers.h"
#include "loadgen/media/libvpx.h"

namespace tacoma {
namespace {

/// At 5 and above libvpx leaves blocks as they are that equal the picture before, although the reference is an older one.
constexpr int kSpeed = 4;

vpx_codec_enc_cfg_t configure(const VideoFormat& f) {
  vpx_codec_enc_cfg_t c = realtime_config(vpx_codec_vp9_cx(), f);
  c.g_error_resilient = VPX_ERROR_RESILIENT_DEFAULT;  // entropy must not depend on frames that are left out
  c.rc_undershoot_pct = 50;
  c.rc_overshoot_pct = 50;
  // Temporal layers are made by naming references: told of them, libvpx 1.12 loses hold of the rates of all spatial layers but the first.
  c.ss_number_layers = f.spatial_layers;
  c.ts_number_layers = 1;
  c.ts_rate_decimator[0] = 1;
  c.temporal_layering_mode = VP9E_TEMPORAL_LAYERING_MODE_BYPASS;
  c.rc_target_bitrate = 0;
  for (uint32_t s = 0; s < f.spatial_layers; ++s) {
    c.ss_target_bitrate[s] = c.layer_target_bitrate[s] = static_cast<unsigned>(f.layer(s).rate.bps() / 1000);
    c.rc_target_bitrate += c.layer_target_bitrate[s];
  }
  return c;
}

/// What the layers of picture `number` refer to and change. Of each spatial layer buffer s holds the newest frame of temporal layer 0, and
/// buffer 3 + s that of layer 1 of three; the highest temporal layer is never referred to. In the key picture each layer builds on the one below.
vpx_svc_ref_frame_config_t references(uint32_t number, uint32_t spatial_layers, uint32_t temporal_layers) {
  vpx_svc_ref_frame_config_t c{};
  const uint8_t temporal = temporal_layer_of(number, temporal_layers);
  const bool key = number == 0, is_after_layer_1 = temporal_layers == 3 && number % 4 == 3;
  for (uint32_t s = 0; s < spatial_layers; ++s) {
    const int own = static_cast<int>(s), second = static_cast<int>(3 + s);
    c.lst_fb_idx[s] = is_after_layer_1 ? second : own;
    c.gld_fb_idx[s] = key && s > 0 ? own - 1 : own;
    c.alt_fb_idx[s] = own;
    c.reference_last[s] = key ? 0 : 1;
    c.reference_golden[s] = key && s > 0 ? 1 : 0;
    c.update_buffer_slot[s] = temporal == 0 ? 1 << own : temporal == 1 && temporal_layers == 3 ? 1 << second : 0;
    c.duration[s] = 1;
  }
  if (key) c.update_buffer_slot[0] = 0xff;
  return c;
}

/// libvpx's encoder: it hands out each layer's frame by a callback.
class Encoder {
 public:
  Encoder(const VideoFormat& f, VideoClip& clip) : clip_(clip), layers_(f.spatial_layers), temporal_layers_(f.temporal_layers) {
    const vpx_codec_enc_cfg_t config = configure(f);
    open_ = vpx_codec_enc_init(&codec_, vpx_codec_vp9_cx(), &config, 0) == VPX_CODEC_OK;
    if (!open_) return;
    vpx_codec_control(&codec_, VP8E_SET_CPUUSED, kSpeed);
    vpx_codec_control(&codec_, VP8E_SET_MAX_INTRA_BITRATE_PCT, key_frame_percent(f));
    vpx_codec_control(&codec_, VP9E_SET_SVC, 1);
    vpx_svc_extra_cfg_t extra{};
    for (uint32_t s = 0; s < layers_; ++s) {
      extra.max_quantizers[s] = 56;
      extra.min_quantizers[s] = 2;
      extra.scaling_factor_num[s] = 1;
      extra.scaling_factor_den[s] = 1 << (layers_ - 1 - s);
      extra.speed_per_layer[s] = kSpeed;
    }
    vpx_codec_control(&codec_, VP9E_SET_SVC_PARAMETERS, &extra);
    vpx_codec_control(&codec_, VP9E_SET_SVC_INTER_LAYER_PRED, 2);  // 2: in key pictures only
    vpx_codec_priv_output_cx_pkt_cb_pair_t callback{&Encoder::on_layer, this};
    vpx_codec_control(&codec_, VP9E_REGISTER_CX_CALLBACK, &callback);
  }
  ~Encoder() { if (open_) vpx_codec_destroy(&codec_); }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  bool encode(const vpx_image_t& image, uint32_t number) {
    if (!open_) return false;
    made_ = 0;
    number_ = number;
    vpx_svc_ref_frame_config_t config = references(number, layers_, temporal_layers_);
    vpx_svc_layer_id_t first{};
    if (vpx_codec_control(&codec_, VP9E_SET_SVC_LAYER_ID, &first) != VPX_CODEC_OK || vpx_codec_control(&codec_, VP9E_SET_SVC_REF_FRAME_CONFIG, &config) != VPX_CODEC_OK)
      return false;
    if (vpx_codec_encode(&codec_, &image, number, 1, number == 0 ? VPX_EFLAG_FORCE_KF : 0, VPX_DL_REALTIME) != VPX_CODEC_OK) return false;
    return made_ == layers_;
  }
  std::string error() { return open_ ? std::string(vpx_codec_error(&codec_)) + ", " + std::to_string(made_) + " layers made" : "the encoder could not be opened"; }

 private:
  static void on_layer(vpx_codec_cx_pkt_t* packet, void* self) { static_cast<Encoder*>(self)->take(*packet); }
  void take(const vpx_codec_cx_pkt_t& packet) {
    const auto& frame = packet.data.frame;
    clip_.append(BytesView(static_cast<const uint8_t*>(frame.buf), frame.sz), number_ == 0 && made_ == 0);
    ++made_;
  }
  VideoClip& clip_;
  vpx_codec_ctx_t codec_{};
  uint32_t layers_, temporal_layers_, made_ = 0, number_ = 0;
  bool open_ = false;
};

}  // namespace

Result<VideoClip> encode_layers(const VideoFormat& format, uint32_t picture, uint32_t pictures, const EncodeProgress& progress) {
  VideoClip clip(format, picture);
  Encoder encoder(format, clip);
  const Result<void> made = encode_pictures(format, picture, pictures, progress, [&](const vpx_image_t& image, uint32_t number) {
    return encoder.encode(image, number) ? std::string() : encoder.error();
  });
  if (!made) return fail(made.error());
  return clip;
}

}  // namespace tacoma
