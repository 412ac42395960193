#include "core/rtp/twcc_recorder.h"

#include <algorithm>
#include <array>

namespace tacoma {

void TwccRecorder::on_packet(uint16_t transport_sequence, Instant arrived) {
  const int64_t sequence = sequences_.unwrap(transport_sequence);
  if (!started_) {
    started_ = true;
    base_ = sequence;
    arrivals_.reserve(kUsual);
  }
  // Reported as missing already: the sender's account of it is closed.
  if (sequence < base_) return;
  size_t place = static_cast<size_t>(sequence - base_);
  if (place >= kLimit) {
    const size_t excess = std::min(place - kLimit + 1, place);
    const size_t forgotten = std::min(excess, arrivals_.size());
    overflowed_ += static_cast<uint64_t>(std::count_if(arrivals_.begin(), arrivals_.begin() + static_cast<std::ptrdiff_t>(forgotten),
                                                       [](Arrival a) { return a != kMissing; }));
    arrivals_.erase(arrivals_.begin(), arrivals_.begin() + static_cast<std::ptrdiff_t>(forgotten));
    base_ += static_cast<int64_t>(excess);
    place -= excess;
  }
  if (place >= arrivals_.size()) arrivals_.resize(place + 1, kMissing);
  if (arrivals_[place] != kMissing) return;
  newest_ = std::max(newest_, arrived);
  arrivals_[place] = arrival_of(arrived);
  if (deadline_.is_never()) {
    const Instant next = last_report_ + kInterval;
    deadline_ = next > arrived ? next : arrived + kInterval;
  }
  if (arrivals_.size() == kLimit) deadline_ = arrived;
}

bool TwccRecorder::build(Ssrc sender, Ssrc media, RtcpWriter& out) {
  const auto first = std::find_if(arrivals_.begin(), arrivals_.end(), [](Arrival a) { return a != kMissing; });
  if (first == arrivals_.end()) return false;
  constexpr int64_t kReferenceNs = 64'000'000;
  const int64_t reference = since_start(*first).ns() / kReferenceNs;
  TransportFeedback feedback;
  feedback.sender = sender;
  feedback.media = media;
  feedback.base_sequence = static_cast<uint16_t>(base_);
  feedback.reference_time = static_cast<int32_t>(static_cast<uint32_t>(reference) << 8) >> 8;
  feedback.feedback_count = feedback_count_;
  // Arrivals count from the wrapped reference time, so that they stay near what the packet can say.
  const Duration shift = Duration::nanoseconds((reference - feedback.reference_time) * kReferenceNs);
  std::array<TransportStatus, kLimit> statuses;  // not kept: a bridge has a recorder for each of thousands
  const size_t held = std::min(arrivals_.size(), kLimit);
  for (size_t i = 0; i < held; ++i) {
    const bool received = arrivals_[i] != kMissing;
    statuses[i] = {static_cast<uint16_t>(base_ + static_cast<int64_t>(i)), received,
                   received ? since_start(arrivals_[i]) - shift : Duration::zero()};
  }
  // Too long, or two arrivals too far apart for a delta: report a shorter front, the rest in the next packet.
  const size_t needed = static_cast<size_t>(first - arrivals_.begin()) + 1;
  for (size_t count = held; count >= needed; count = count == needed ? 0 : std::max(needed, count / 2)) {
    if (!out.transport_feedback(feedback, Span<const TransportStatus>(statuses.data(), count))) continue;
    ++feedback_count_;
    base_ += static_cast<int64_t>(count);
    arrivals_.erase(arrivals_.begin(), arrivals_.begin() + static_cast<std::ptrdiff_t>(count));
    return true;
  }
  return false;
}

}  // namespace tacoma
