// The frames of one stream as they go out when they are encrypted end to end, and any of the last ones made again.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/secure/frame_cipher.h"

namespace tacoma {

/// A frame is sealed before it is cut into packets. Only the newest few are kept sealed: who asks for a packet of an older frame
/// gets it sealed once more, to the same bytes.
class FrameSeal {
 public:
  static constexpr size_t kKept = 4;

  /// The cipher outlives it. `places`: of how many frames the numbers are remembered.
  FrameSeal(FrameCipher& cipher, uint32_t ssrc, size_t places) : cipher_(&cipher), ssrc_(ssrc), numbers_(places) {}

  /// A new frame takes this place.
  void number(size_t place) { numbers_[place] = next_++; }
  static size_t sealed_size(size_t frame) { return frame + FrameCipher::kOverhead; }
  /// The frame at a place; valid until kKept other ones have been asked for.
  BytesView sealed(size_t place, FrameCipher::Kind kind, uint32_t timestamp, BytesView frame);

 private:
  struct Slot {
    uint64_t number = UINT64_MAX;
    std::vector<uint8_t> bytes;
  };
  FrameCipher* cipher_;
  uint32_t ssrc_;
  uint32_t next_ = 0;
  std::vector<uint32_t> numbers_;
  std::array<Slot, kKept> slots_;
  size_t next_slot_ = 0;
};

}  // namespace tacoma
