// The packets of received frames that are not complete yet, for those who need what is in them.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/packet_pool.h"
#include "loadgen/people/frame_assembly.h"

namespace tacoma {

class KeptPackets {
 public:
  static constexpr size_t kMost = 1024;  // beyond it the oldest go

  /// `media` is the payload without its descriptor and lies within the packet.
  void keep(int64_t seq, PacketRef packet, BytesView media);
  /// The frame's bytes, behind those of the last call if it `goes_on`; it and what is older is kept no longer. Frames come in decoding order. Valid until the next call.
  MutableBytes take(const AssembledFrame& frame, bool goes_on = false);
  size_t size() const { return parts_.size(); }

 private:
  struct Part {
    int64_t seq;
    PacketRef packet;
    BytesView media;
  };
  std::vector<Part> parts_;  // ascending
  std::vector<uint8_t> frame_;
};

}  // namespace tacoma
