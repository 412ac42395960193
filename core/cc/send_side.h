// Everything that one sender of a path needs to know how much it may send: transport-wide numbers with their history, the
// controller, its probes and its clock. Bridge (towards each receiver) and participant (towards its bridge) use the same.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/congestion.h"
#include "core/base/fifo.h"
#include "core/cc/ecn_path.h"
#include "core/cc/rate_controller.h"
#include "core/cc/sent_history.h"

namespace tacoma {

std::optional<Congestion> parse_congestion(std::string_view name);
std::string_view to_string(Congestion congestion);

/// How it is used: call on_sent for every packet whose header carries next_sequence(); call on_deadline when deadline() has come;
/// after each of these and after on_feedback, send what probe_due() asks for; look at target() whenever a rate is decided.
class SendSide {
 public:
  static constexpr Duration kTick = Duration::milliseconds(200);    // without feedback; with it, feedback is the clock
  static constexpr Duration kIdle = Duration::seconds(2);           // nothing sent for so long: the clock rests
  static constexpr size_t kMaxProbes = 8;                           // clusters that wait
  static constexpr Duration kProbeBurst = Duration::milliseconds(2);
  static constexpr Duration kLongestProbe = Duration::milliseconds(250);

  SendSide(Congestion congestion, const RateLimits& limits);

  /// The transport-wide number of the next packet.
  uint16_t next_sequence() const { return history_.next_sequence(); }
  /// A packet with next_sequence() left. `size`: as it goes to UDP. While a probe runs it is a part of it, whatever it carries.
  void on_sent(Instant now, DataSize size);
  /// Transport-wide feedback from the other end. `scratch` is cleared and may be shared by all. Returns how many statuses named
  /// packets that were never sent: count them, they change nothing.
  uint64_t on_feedback(Instant now, Span<const TransportStatus> statuses, std::vector<PacketResult>& scratch);

  // ECN (RFC 6679) and the feedback of RFC 8888, which takes the place of the transport-wide one.
  /// The other end has agreed to report by RFC 8888. Who has no controller would not heed marks, and goes on without.
  void use_ecn() { if (!ecn_ && controller_) ecn_ = std::make_unique<EcnPath>(); }
  bool uses_ecn() const { return ecn_ != nullptr; }
  /// The RTP packet that on_sent is told of next, by its stream and number there. Only while uses_ecn().
  void name_packet(Instant now, Ssrc ssrc, uint16_t sequence) { ecn_->on_sent(now, ssrc, sequence, next_sequence(), history_.remembered()); }
  /// What RTP packets are to be sent with.
  Ecn codepoint() const { return ecn_ ? ecn_->codepoint() : Ecn::not_ect; }
  /// As above. Nothing without use_ecn().
  uint64_t on_feedback(Instant now, const CcfbReport& report, Span<const CcfbStatus> statuses, std::vector<PacketResult>& scratch);
  /// True once, when the path turned out not to let codepoints through and packets go without from now on.
  bool take_ecn_failure() { return ecn_ && ecn_->take_failure(); }

  /// The limit of a receiver (REMB). From one that sends no transport-wide feedback it is the estimate; from others a bound. False: it was beyond
  /// our limits, and clamped.
  bool on_remb(Instant now, DataRate limit);
  /// From RTCP report blocks; feedback gives its own.
  void on_round_trip(Duration round_trip);
  /// What would be sent if it fitted: probes aim there and no further. Zero (as at the beginning): nothing more is wanted.
  /// `in_steps`: it goes up by layers.
  void set_wanted(DataRate wanted, bool in_steps = false);

  void on_deadline(Instant now);
  Instant deadline() const;

  /// What may be sent, all streams and repairs together; infinite without a controller.
  DataRate target() const;
  /// The same without what is held back for a moment.
  DataRate sustained() const;
  DataRate pacing() const;
  /// How much to send now for the probe that runs, as packets (media that waits, RTX of recent packets, padding) of 200 bytes or
  /// more where possible, with on_sent for each; zero: nothing. An owner that has nothing to send may ignore it.
  DataSize probe_due(Instant now);
  bool is_probing() const { return !probes_.empty(); }

  /// Feedback or REMB has been heard.
  bool is_informed() const { return heard_feedback_ || remb_.has_value(); }
  DataSize in_flight() const { return history_.in_flight(); }
  /// Newest sample, up to one feedback interval more than the round trip; zero before the first.
  Duration feedback_round_trip() const { return history_.feedback_round_trip(); }
  /// How long the newest packet that feedback told of waited on the path; zero without a controller.
  Duration waited() const { return controller_ ? controller_->waited() : Duration::zero(); }
  bool queue_stands() const { return controller_ && controller_->queue_stands(); }
  /// Share of packets reported lost, smoothed over some 200 packets.
  double loss() const { return loss_; }

 private:
  struct Probe {
    ProbeCluster cluster;
    Instant begun = Instant::never();
    DataSize sent;
    uint32_t packets = 0;
  };
  void take(const RateUpdate& update);
  void drop_stale_probe(Instant now);
  Instant probe_at() const;

  RateLimits limits_;
  std::unique_ptr<RateController> controller_;  // null: none
  SentHistory history_;
  std::unique_ptr<EcnPath> ecn_;                // null: not agreed
  DataRate pacing_ = DataRate::infinite();
  std::optional<DataRate> remb_;
  bool heard_feedback_ = false;
  double loss_ = 0;
  Fifo<Probe> probes_;
  Instant asked_at_ = Instant::at(Duration::seconds(-1));  // when probe_due last asked for something
  Instant next_tick_ = Instant::never(), last_sent_;
};

}  // namespace tacoma
