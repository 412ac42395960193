// Speech that is none, in the shape of Opus: spares the encoding.
#pragma once

#include "loadgen/media/clip.h"

namespace tacoma {

inline SpeechClip make_speech() {
  SpeechClip clip;
  for (uint8_t i = 0; i < 50; ++i) clip.talking.append(std::vector<uint8_t>(60, i), 20, true);
  for (uint8_t i = 0; i < 20; ++i) clip.quiet.append(i == 0 ? std::vector<uint8_t>{1, 2, 3} : std::vector<uint8_t>{}, 127, false);
  return clip;
}

}  // namespace tacoma
