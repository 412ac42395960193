// A small, deterministic TCP as competing traffic where the world has none of its own: RFC 5681 with NewReno's recovery (RFC 6582),
// limited transmit (RFC 3042), timeouts by RFC 6298; no SACK. CUBIC's window (RFC 9438) if asked for.
#pragma once

#include "core/base/fifo.h"
#include "core/base/network.h"
#include "loadgen/traffic/congestion_window.h"
#include "loadgen/traffic/tcp_wire.h"
#include "loadgen/traffic/traffic_process.h"

namespace tacoma {

/// Sends the transfers of a flow to a TcpReceiver. `flow` must outlive the sender.
class TcpSender final : public TrafficProcess {
 public:
  static constexpr int64_t kReceiveWindow = 1 << 20;  // what the other end takes: more than any path here holds
  static constexpr Duration kFirstTimeout = Duration::seconds(1), kLeastTimeout = Duration::milliseconds(200), kMostTimeout = Duration::seconds(60);

  TcpSender(const FlowPlan& flow, const SocketAddress& to) : flow_(flow), to_(to), window_(flow.control, TcpSegment::kMost) {}

  void start(Instant now, Outbox& out) override;
  void on_datagrams(Instant now, Span<Datagram> in, Outbox& out) override;
  void on_deadline(Instant now, Outbox& out) override;
  Deadline deadline() const override;
  void take_sample(FlowSample& out) override;

 private:
  enum class State : uint8_t { waiting, connecting, idle, sending, done };
  struct Sent {
    uint64_t end;      // of the segment
    Instant at;
    bool again;        // a retransmission: its acknowledgement times nothing (Karn)
  };
  void connect(Instant now, Outbox& out);
  void begin_transfer(Instant now, Outbox& out);
  void on_ack(Instant now, uint64_t number, Outbox& out);
  void on_duplicate(Instant now, Outbox& out);
  void on_timeout(Instant now, Outbox& out);
  void finish_transfer(Instant now);
  void measure(Instant now, uint64_t acked);
  void send_more(Instant now, Outbox& out);
  void send_at(Instant now, uint64_t number, uint16_t length, Outbox& out);
  void resend_first(Instant now, Outbox& out);
  int64_t flight() const { return static_cast<int64_t>(next_ - acked_); }

  const FlowPlan& flow_;
  const SocketAddress to_;
  CongestionWindow window_;
  State state_ = State::waiting;
  size_t transfer_ = 0;
  Instant begin_ = Instant::never();    // of connecting, or of the next transfer
  Instant timeout_at_ = Instant::never();
  Instant last_sent_;
  uint64_t acked_ = 0, next_ = 0, highest_ = 0, end_ = 0;  // end_: of the current transfer; highest_: ever sent
  Fifo<Sent> sent_;
  // Recovery.
  uint32_t duplicates_ = 0;
  bool recovering_ = false;
  uint64_t recover_ = 0;
  // RFC 6298.
  bool measured_ = false;
  Duration smoothed_, variation_, timeout_ = kFirstTimeout;
  uint64_t packets_ = 0, again_ = 0;
};

}  // namespace tacoma
