#include "loadgen/people/kept_packets.h"

#include <algorithm>

namespace tacoma {

void KeptPackets::keep(int64_t seq, PacketRef packet, BytesView media) {
  const auto at = std::lower_bound(parts_.begin(), parts_.end(), seq, [](const Part& p, int64_t s) { return p.seq < s; });
  if (at != parts_.end() && at->seq == seq) return;
  parts_.insert(at, {seq, std::move(packet), media});
  if (parts_.size() > kMost) parts_.erase(parts_.begin());
}

MutableBytes KeptPackets::take(const AssembledFrame& frame, bool goes_on) {
  if (!goes_on) frame_.clear();
  size_t used = 0;
  for (const Part& part : parts_) {
    if (part.seq > frame.last) break;
    if (part.seq >= frame.first) frame_.insert(frame_.end(), part.media.begin(), part.media.end());
    ++used;
  }
  parts_.erase(parts_.begin(), parts_.begin() + static_cast<std::ptrdiff_t>(used));
  return MutableBytes(frame_.data(), frame_.size());
}

}  // namespace tacoma
