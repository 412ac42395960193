// What the encoders of video have in common.
#pragma once

#include <vpx/vpx_encoder.h>

#include <functional>
#include <string>

#include "loadgen/media/encode.h"

namespace tacoma {

/// Real-time mode at a constant rate: one thread, no frame dropped or held back, only the first picture a key frame. Rates and layers are
/// left to the caller.
vpx_codec_enc_cfg_t realtime_config(vpx_codec_iface_t* codec, const VideoFormat& format);

/// What a key frame may take, in percent of a frame's share: what the buffer can give back in reasonable time, as WebRTC's senders set it.
unsigned key_frame_percent(const VideoFormat& format);

/// Draws so many test pictures and gives each to `encode`, which says in a sentence what went wrong; empty: nothing.
Result<void> encode_pictures(const VideoFormat& format, uint32_t picture, uint32_t pictures, const EncodeProgress& progress,
                             const std::function<std::string(const vpx_image_t& image, uint32_t number)>& encode);

}  // namespace tacoma
