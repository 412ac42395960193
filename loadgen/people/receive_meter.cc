#include "loadgen/people/receive_meter.h"

#include <algorithm>

namespace tacoma {

std::optional<Duration> ReceiveMeter::packet(const RtpView& packet, Instant arrived) {
  reception_.on_packet(packet.sequence(), packet.timestamp(), arrived);
  ++packets_;
  bytes_ += static_cast<uint32_t>(packet.packet().size());
  const std::optional<Instant> at = captured(packet.timestamp());
  if (!at) return std::nullopt;
  const Duration delay = arrived - *at;
  delays_.add(delay);
  delay_max_ = std::max(delay_max_, delay);
  return delay;
}

void ReceiveMeter::sender_report(const SenderInfo& info, Instant arrived) {
  reception_.on_sender_report(info.ntp, arrived);
  mapping_ = {from_ntp(info.ntp), info.rtp_timestamp, true};
}

std::optional<Instant> ReceiveMeter::captured(uint32_t timestamp) const {
  if (!mapping_.known) return std::nullopt;
  const int64_t ticks = static_cast<int32_t>(timestamp - mapping_.timestamp);
  return mapping_.at + Duration::nanoseconds(ticks * 1'000'000'000 / clock_rate_);
}

void ReceiveMeter::frame_delay(Duration delay) {
  frame_delays_.add(delay);
  frame_delay_max_ = std::max(frame_delay_max_, delay);
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
  sample.delay_p50 = delays_.quantile(0.5);
  sample.delay_max = delay_max_;
  sample.frame_delay_p50 = frame_delays_.quantile(0.5);
  sample.frame_delay_max = frame_delay_max_;
  expected_before_ = expected;
  expected_carried_ = 0;
  packets_ = bytes_ = 0;
  delays_.clear();
  frame_delays_.clear();
  delay_max_ = frame_delay_max_ = Duration::zero();
}

}  // namespace tacoma
