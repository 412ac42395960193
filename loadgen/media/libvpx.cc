#include "loadgen/media/libvpx.h"

#include <algorithm>

#include "loadgen/media/test_picture.h"

namespace tacoma {

vpx_codec_enc_cfg_t realtime_config(vpx_codec_iface_t* codec, const VideoFormat& format) {
  vpx_codec_enc_cfg_t c{};
  vpx_codec_enc_config_default(codec, &c, 0);
  c.g_w = format.width;
  c.g_h = format.height;
  c.g_timebase = {1, static_cast<int>(format.fps)};
  c.g_threads = 1;
  c.g_lag_in_frames = 0;
  c.kf_mode = VPX_KF_DISABLED;
  c.rc_end_usage = VPX_CBR;
  c.rc_dropframe_thresh = 0;
  c.rc_resize_allowed = 0;
  c.rc_min_quantizer = 2;
  c.rc_max_quantizer = 56;
  c.rc_buf_initial_sz = 500;
  c.rc_buf_optimal_sz = 600;
  c.rc_buf_sz = 1000;
  return c;
}

unsigned key_frame_percent(const VideoFormat& format) { return std::max(300u, 600u * format.fps / 20); }

Result<void> encode_pictures(const VideoFormat& format, uint32_t picture, uint32_t pictures, const EncodeProgress& progress,
                             const std::function<std::string(const vpx_image_t& image, uint32_t number)>& encode) {
  Picture drawn;
  for (uint32_t number = 0; number < pictures; ++number) {
    draw_test_picture(picture, number, format.width, format.height, drawn);
    vpx_image_t image{};
    if (vpx_img_wrap(&image, VPX_IMG_FMT_I420, drawn.width, drawn.height, 1, drawn.luma.data()) == nullptr) return fail("libvpx refuses the picture");
    image.planes[VPX_PLANE_U] = drawn.cb.data();
    image.planes[VPX_PLANE_V] = drawn.cr.data();
    image.stride[VPX_PLANE_U] = image.stride[VPX_PLANE_V] = static_cast<int>(drawn.chroma_width());
    if (const std::string error = encode(image, number); !error.empty()) return fail("libvpx: " + error);
    if (progress && number % std::max(1u, pictures / 20) == 0) progress(static_cast<double>(number) / pictures);
  }
  return {};
}

}  // namespace tacoma
