// How a clip is written as bytes, for the cache.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "loadgen/media/clip.h"

namespace tacoma {

// Layout, integers big-endian:
//   "TACOCLIP"  u32 format version  u32 length of the parameters  parameters (text)
//   u64 length of the body  u64 checksum  body
// The checksum (FNV-1a, 64 bit) covers the parameters and the body. The parameters say what the clip was made from and
// by which encoders; a reader that expects others makes the clip anew.
// Body of a video clip: u32 frames, then each u32 length, u8 key, bytes.
// Body of a speech clip: twice (talking, quiet): u32 packets, then each u16 length, u8 level, u8 voice, bytes.

std::vector<uint8_t> write_clip(const VideoClip& clip, const std::string& parameters);
std::vector<uint8_t> write_clip(const SpeechClip& clip, const std::string& parameters);

/// The error says what is wrong with the file: "it is cut short", "its checksum does not match", "it was made from …".
Result<VideoClip> read_video_clip(BytesView file, const std::string& parameters, const VideoFormat& format,
                                  uint32_t picture);
Result<SpeechClip> read_speech_clip(BytesView file, const std::string& parameters);

}  // namespace tacoma
