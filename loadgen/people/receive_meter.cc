#include "loadgen/people/receive_meter.h"

#include <algorithm>

namespace tacoma {
namespace {
constexpr Duration kStep = Duration::microseconds(100);
}

void IntervalDelays::add(Duration delay) {
  max_ = std::max(max_, delay);
  if (++skipped_ < stride_) return;
  skipped_ = 0;
  if (held_ == kKept) {
    for (size_t i = 0; i < kKept / 2; ++i) kept_[i] = kept_[2 * i + 1];
    held_ = kKept / 2;
    stride_ = static_cast<uint16_t>(std::min(stride_ * 2, 0x8000));
  }
  kept_[held_++] = static_cast<uint16_t>(std::clamp<int64_t>(delay / kStep, 0, 0xffff));
}

Duration IntervalDelays::median() const {
  if (held_ == 0) return Duration::zero();
  std::array<uint16_t, kKept> sorted = kept_;
  std::nth_element(sorted.begin(), sorted.begin() + held_ / 2, sorted.begin() + held_);
  return kStep * int64_t{sorted[held_ / 2]} + kStep / 2;
}

std::optional<Duration> ReceiveMeter::packet(const RtpView& packet, Instant arrived) {
  reception_.on_packet(packet.sequence(), packet.timestamp(), arrived);
  ++packets_;
  bytes_ += static_cast<uint32_t>(packet.packet().size());
  const std::optional<Instant> at = captured(packet.timestamp());
  if (!at) return std::nullopt;
  const Duration delay = arrived - *at;
  delays_.add(delay);
  return delay;
}

void ReceiveMeter::sender_report(const SenderInfo& info, Instant arrived) {
  reception_.on_sender_report(info.ntp, arrived);
  if (!foreign_clock_) mapping_ = {from_ntp(info.ntp), info.rtp_timestamp, true};
}

std::optional<Instant> ReceiveMeter::captured(uint32_t timestamp) const {
  if (!mapping_.known) return std::nullopt;
  const int64_t ticks = static_cast<int32_t>(timestamp - mapping_.timestamp);
  return mapping_.at + Duration::nanoseconds(ticks * 1'000'000'000 / clock_rate_);
}

void ReceiveMeter::restart() {
  expected_carried_ += reception_.expected() - expected_before_;
  expected_before_ = 0;
  reception_ = Reception(clock_rate_);
  mapping_ = Mapping();
}

void ReceiveMeter::take(ReceiveSample& sample) {
  const uint64_t expected = reception_.expected();
  sample.media = media_;
  sample.packets = packets_;
  sample.bytes = bytes_;
  sample.expected = static_cast<uint32_t>(expected - expected_before_ + expected_carried_);
  sample.jitter = reception_.jitter();
  sample.delay_p50 = delays_.median();
  sample.delay_max = delays_.max();
  expected_before_ = expected;
  expected_carried_ = 0;
  packets_ = bytes_ = 0;
  delays_.clear();
}

}  // namespace tacoma
