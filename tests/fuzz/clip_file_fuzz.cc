// links: tacoma_media tacoma_base
// A clip file from disk is either a clip that can be walked from end to end, or refused.
#include "loadgen/media/clip_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tacoma;
  const BytesView file(data, size);
  if (const auto clip = read_video_clip(file, "p", VideoFormat(), 0)) {
    TACOMA_ASSERT(clip->size() > 0 && clip->frame(0).key);
    TACOMA_ASSERT(write_clip(*clip, "p") == std::vector<uint8_t>(file.begin(), file.end()));
  }
  if (const auto clip = read_speech_clip(file, "p")) {
    TACOMA_ASSERT(write_clip(*clip, "p") == std::vector<uint8_t>(file.begin(), file.end()));
  }
  return 0;
}
