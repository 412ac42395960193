#include "loadgen/traffic/cbr.h"

#include <algorithm>

#include "core/base/host_links.h"

namespace tacoma {

void CbrSender::start(Instant now, Outbox&) {
  if (flow_.periods.empty()) return;
  period_ = flow_.periods.size();  // none yet
  next_ = std::max({now + Duration::nanoseconds(1), flow_.start, flow_.periods.front().from});
}

void CbrSender::enter_period(Instant at) {
  size_t found = period_ == flow_.periods.size() ? 0 : period_;
  while (found + 1 < flow_.periods.size() && flow_.periods[found + 1].from <= at) ++found;
  if (found == period_) return;
  period_ = found;
  in_period_ = 0;
}

void CbrSender::on_deadline(Instant now, Outbox& out) {
  for (uint32_t n = 0; next_ <= now; ++n) {
    enter_period(next_);
    if (next_ >= flow_.stop) {
      next_ = Instant::never();
      return;
    }
    const FlowPlan::Period& period = flow_.periods[period_];
    const Instant end = period_ + 1 < flow_.periods.size() ? flow_.periods[period_ + 1].from : Instant::never();
    if (period.rate.bps() <= 0) {
      next_ = end;
      continue;
    }
    if (n < kMostAtOnce) {
      const size_t size = static_cast<size_t>(flow_.packet_bytes - udp_overhead(to_.ip.family));
      PacketRef packet = out.pool().make(size);
      if (packet) std::fill_n(packet.mutable_bytes().data(), size, uint8_t{0});
      out.send(to_, std::move(packet));
      ++sent_;
    }
    // Counted from the period's beginning, so that rounding does not add up.
    ++in_period_;
    const Instant due = std::max(flow_.start, period.from) + DataSize::bytes(static_cast<int64_t>(flow_.packet_bytes * in_period_)) / period.rate;
    next_ = std::min(std::max(due, next_ + Duration::nanoseconds(1)), end);
  }
}

void CbrSender::take_sample(FlowSample& out) {
  out.packets += sent_;
  sent_ = 0;
}

}  // namespace tacoma
