// VP9 with spatial layers, a part of encode_video().
#pragma once

#include "loadgen/media/encode.h"

namespace tacoma {

/// `format` has been checked; so many pictures.
Result<VideoClip> encode_layers(const VideoFormat& format, uint32_t picture, uint32_t pictures, const EncodeProgress& progress);

}  // namespace tacoma
