// The far end of a TcpSender.
#pragma once

#include <vector>

#include "loadgen/traffic/tcp_wire.h"
#include "loadgen/traffic/traffic_process.h"

namespace tacoma {

/// Acknowledges every second segment or after 40 ms, and at once what comes out of order (RFC 5681 section 4.2).
class TcpReceiver final : public TrafficProcess {
 public:
  static constexpr Duration kDelay = Duration::milliseconds(40);
  static constexpr size_t kMostGaps = 1000;  // ranges held beyond the first gap; further segments are dropped and come again

  void start(Instant, Outbox&) override {}
  void on_datagrams(Instant now, Span<Datagram> in, Outbox& out) override;
  void on_deadline(Instant now, Outbox& out) override;
  Deadline deadline() const override { return {ack_at_, "delayed acknowledgement"}; }
  void take_sample(FlowSample& out) override;

 private:
  struct Range {
    uint64_t begin, end;
  };
  void take(const TcpSegment& segment);
  void acknowledge(Outbox& out);

  SocketAddress peer_;
  uint64_t expected_ = 0;
  std::vector<Range> held_;  // ascending, apart from each other, all beyond expected_
  uint32_t unanswered_ = 0;
  Instant ack_at_ = Instant::never();
  uint64_t bytes_ = 0;
};

}  // namespace tacoma
