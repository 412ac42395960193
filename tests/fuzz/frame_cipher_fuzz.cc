// links: tacoma_secure tacoma_base
// Frames of strangers: none opens, none is read beyond its end, and what was sealed here opens again.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "core/secure/frame_cipher.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tacoma;
  static const auto cipher = FrameCipher::from_material(as_bytes("a key"));
  if (size == 0) return 0;
  const FrameCipher::Kind kinds[] = {FrameCipher::Kind::audio, FrameCipher::Kind::delta_frame, FrameCipher::Kind::key_frame};
  const FrameCipher::Kind kind = kinds[data[0] % 3];
  std::vector<uint8_t> frame(data + 1, data + size);
  if (cipher->open(kind, frame)) std::abort();  // a forged tag
  frame.assign(data + 1, data + size);
  std::vector<uint8_t> sealed(frame.size() + FrameCipher::kOverhead);
  const size_t sealed_size = cipher->seal(kind, 1, 2, 3, frame, sealed.data());
  if (sealed_size == 0) return 0;
  const auto opened = cipher->open(kind, sealed);
  if (!opened || *opened != frame.size() || !std::equal(frame.begin(), frame.end(), sealed.begin())) std::abort();
  return 0;
}
