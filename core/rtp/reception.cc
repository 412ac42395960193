#include "core/rtp/reception.h"

#include <algorithm>

namespace tacoma {

void Reception::on_packet(uint16_t sequence, uint32_t timestamp, Instant arrived) {
  const bool first = !sequences_.started();
  const int64_t extended = sequences_.unwrap(sequence);
  if (first) first_ = extended;
  // A packet from before the first one widens the range rather than counting as a duplicate.
  first_ = std::min(first_, extended);
  ++received_;
  // A.8, in timestamp units modulo 2^32: only differences matter. Split so that the product stays in 64 bits for years.
  const int64_t ns = arrived.ns();
  const uint32_t arrival = static_cast<uint32_t>(ns / 1'000'000'000 * clock_rate_ + ns % 1'000'000'000 * clock_rate_ / 1'000'000'000);
  const uint32_t transit = arrival - timestamp;
  if (!first) {
    const int32_t difference = static_cast<int32_t>(transit - last_transit_);
    const uint32_t d = difference < 0 ? 0u - static_cast<uint32_t>(difference) : static_cast<uint32_t>(difference);
    jitter_q4_ += d - ((jitter_q4_ + 8) >> 4);
  }
  last_transit_ = transit;
}

Duration Reception::jitter() const {
  return Duration::nanoseconds(static_cast<int64_t>(jitter_q4_ >> 4) * 1'000'000'000 / clock_rate_);
}

ReportBlock Reception::report(Ssrc ssrc, Instant now) {
  ReportBlock block;
  block.ssrc = ssrc;
  if (started()) {
    const int64_t expected_now = static_cast<int64_t>(expected() - expected_before_);
    const int64_t lost_now = expected_now - static_cast<int64_t>(received_ - received_before_);
    expected_before_ = expected();
    received_before_ = received_;
    if (expected_now > 0 && lost_now > 0) block.fraction_lost = static_cast<uint8_t>(std::min<int64_t>(255, lost_now * 256 / expected_now));
    block.lost = static_cast<int32_t>(std::clamp<int64_t>(lost(), -0x800000, 0x7fffff));
    block.highest_sequence = static_cast<uint32_t>(sequences_.newest());
    block.jitter = jitter_q4_ >> 4;
  }
  if (last_sr_ != 0) {
    const Duration since = now - sr_arrived_;
    block.last_sr = last_sr_;
    block.delay_since_last_sr = static_cast<uint32_t>(since.ns() / 1'000 * 65536 / 1'000'000);
  }
  return block;
}

}  // namespace tacoma
