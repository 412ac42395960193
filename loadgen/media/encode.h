// Makes clips: draws and encodes, with no file, clock or global state. The same arguments give the same bytes.
#pragma once

#include <functional>

#include "core/base/result.h"
#include "loadgen/media/clip.h"

namespace tacoma {

/// To be raised whenever the bytes of a clip change: a new drawing, voice or codec setting.
constexpr uint32_t kClipGeneration = 1;

/// Called with 0..1 while a clip is made.
using EncodeProgress = std::function<void(double)>;

/// VP8, or VP9 in k-SVC, by libvpx in real-time mode at a constant rate: one thread, no frame dropped, 10 s and a little more
/// for each picture, so that the ends of clips that started together drift apart. Width and height are even, at least
/// kMinPicture... and at most 4,096, fps 1..60, rate 10 kbit/s..100 Mbit/s; anything else is refused with a sentence.
Result<VideoClip> encode_video(const VideoFormat& format, uint32_t picture, const EncodeProgress& progress);

/// A voice (any number; each has its own pitch, vowels and words): 20 s of talk and 8 s of an open but quiet
/// microphone, as Opus of 20 ms packets, about 32 kbit/s, variable rate, in-band FEC for 10 % loss, DTX.
SpeechClip encode_speech(uint32_t voice, const EncodeProgress& progress);

/// The libraries that encode, such as "libvpx v1.12.0, libopus 1.3.1": other versions make other bytes.
const char* encoder_versions();

}  // namespace tacoma
