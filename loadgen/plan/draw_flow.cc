#include "loadgen/plan/draw_flow.h"

#include "loadgen/plan/text_values.h"

namespace tacoma {
namespace {

constexpr int64_t kSmallestFile = 30'000, kLargestFile = 50'000;
constexpr double kMeanPause = 10;  // s

}  // namespace

FlowPlan draw_flow(const TrafficSpec& spec, const std::string& name, uint32_t index, Instant end, const Rng& rng) {
  FlowPlan flow;
  flow.kind = spec.kind == TrafficSpec::Kind::udp ? FlowPlan::Kind::udp : FlowPlan::Kind::tcp;
  flow.control = spec.control;
  flow.name = name;
  flow.group = spec.name;
  flow.start = spec.start;
  flow.stop = spec.stop ? std::min(*spec.stop, end) : end;
  flow.periods = spec.periods;
  flow.packet_bytes = spec.packet_bytes;
  if (spec.kind == TrafficSpec::Kind::long_tcp) flow.transfers.push_back({Duration::zero(), FlowPlan::kEndless});
  if (spec.kind != TrafficSpec::Kind::short_tcp) return flow;
  Rng pauses = rng.split("pauses"), sizes = rng.split("sizes");
  // Transfers take time too, so pauses alone outlast the flow.
  Duration paused;
  while (paused < flow.stop - flow.start) {
    const bool begins = flow.transfers.empty() && index < spec.starts_on;
    const Duration pause = begins ? Duration::zero() : Duration::from_seconds(pauses.exponential(kMeanPause));
    flow.transfers.push_back({pause, kSmallestFile + sizes.below(static_cast<uint32_t>(kLargestFile - kSmallestFile + 1))});
    paused += pause + Duration::milliseconds(1);
  }
  return flow;
}

std::string flow_text(const FlowPlan& flow) {
  std::string out = "flow " + flow.name + (flow.kind == FlowPlan::Kind::udp ? " udp" : flow.control == FlowPlan::Control::cubic ? " tcp cubic" : " tcp new-reno") +
      " from " + to_text(flow.start.since_start()) + " to " + to_text(flow.stop.since_start()) + "\n";
  for (const FlowPlan::Period& period : flow.periods)
    out += "  " + to_text(period.from.since_start()) + " " + to_text(period.rate) + " in packets of " + std::to_string(flow.packet_bytes) + "\n";
  for (const FlowPlan::Transfer& transfer : flow.transfers)
    out += "  after " + to_text(transfer.idle) + " " + (transfer.bytes == FlowPlan::kEndless ? "endless" : std::to_string(transfer.bytes)) + "\n";
  return out;
}

}  // namespace tacoma
