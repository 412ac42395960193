// UDP at a constant rate that changes at set times: background traffic that does not give way.
#pragma once

#include "core/base/network.h"
#include "loadgen/traffic/traffic_process.h"

namespace tacoma {

/// Sends the flow's packets evenly spaced. `flow` must outlive the sender.
class CbrSender final : public TrafficProcess {
 public:
  CbrSender(const FlowPlan& flow, const SocketAddress& to) : flow_(flow), to_(to) {}

  void start(Instant now, Outbox& out) override;
  void on_datagrams(Instant, Span<Datagram>, Outbox&) override {}
  void on_deadline(Instant now, Outbox& out) override;
  Deadline deadline() const override { return {next_, "next packet"}; }
  void take_sample(FlowSample& out) override;

 private:
  static constexpr uint32_t kMostAtOnce = 1000;  // a sender that was held up skips what it missed beyond this
  /// Goes on to the period of `at`; the first packet of a period goes out at its beginning.
  void enter_period(Instant at);

  const FlowPlan& flow_;
  const SocketAddress to_;
  size_t period_ = 0;
  uint64_t in_period_ = 0;  // packets sent in it
  Instant next_ = Instant::never();
  uint64_t sent_ = 0;
};

/// Counts what arrives.
class CbrReceiver final : public TrafficProcess {
 public:
  void start(Instant, Outbox&) override {}
  void on_datagrams(Instant, Span<Datagram> in, Outbox&) override {
    for (const Datagram& datagram : in) bytes_ += datagram.packet.size();
  }
  void on_deadline(Instant, Outbox&) override {}
  Deadline deadline() const override { return {}; }
  void take_sample(FlowSample& out) override {
    out.bytes += bytes_;
    bytes_ = 0;
  }

 private:
  uint64_t bytes_ = 0;
};

}  // namespace tacoma
