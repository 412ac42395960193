// A point-to-point channel whose two directions have their own delay, jitter and loss. (ns-3's own has one constant delay,
// and its BurstErrorModel is not Gilbert-Elliott.)
#pragma once

#include <optional>

#include "core/base/link_model.h"
#include "core/base/loss_process.h"
#include "core/base/network.h"
#include "ns3/point-to-point-channel.h"
#include "ns3/point-to-point-net-device.h"

namespace tacoma::sim {

/// What left one end of the channel. `queue_max`, `queue_drops` and `marked` are kept by the traces of that end's queue.
struct LinkMeter {
  uint64_t packets = 0;
  uint64_t bytes = 0;
  uint64_t queue_drops = 0;
  uint64_t loss_drops = 0;
  int64_t queue_max_ns = 0;
  uint64_t marked = 0;
};

class AccessChannel : public ns3::PointToPointChannel {
 public:
  static ns3::TypeId GetTypeId();
  /// Ends are numbered in order of Attach().
  void set_direction(uint32_t from_end, const LinkConfig& config, Rng rng);
  /// Changes the direction's delay, jitter and loss from the next packet on.
  void change_direction(uint32_t from_end, const LinkConfig& config) { directions_[from_end].config = config; }
  /// From now on `model` decides about queue, rate, delay and loss of the direction; its device must be fast and send at once.
  void shape(uint32_t from_end, LinkModel model) { directions_[from_end].model = std::move(model); }
  bool is_shaped(uint32_t from_end) const { return directions_[from_end].model.has_value(); }
  LinkModel& model(uint32_t from_end) { return *directions_[from_end].model; }
  LinkMeter& meter(uint32_t from_end) { return directions_[from_end].meter; }

  bool TransmitStart(ns3::Ptr<const ns3::Packet> packet, ns3::Ptr<ns3::PointToPointNetDevice> source, ns3::Time tx_time) override;

 private:
  struct Direction {
    LinkConfig config;
    LossProcess chance{Rng(0)};
    int64_t last_arrival_ns = 0;
    std::optional<LinkModel> model;
    LinkMeter meter;
  };
  void deliver(uint32_t from, ns3::Ptr<const ns3::Packet> packet, int64_t after_ns);
  Direction directions_[2];
};

}  // namespace tacoma::sim
