// The air of one Wi-Fi cell: an access point, its stations and the channel that they share. ns-3's Wi-Fi headers are seen by
// wifi_air.cc alone.
#pragma once

#include <cstdint>
#include <memory>

#include "core/base/network.h"
#include "ns3/net-device.h"
#include "ns3/node.h"
#include "sim/ns3/access_channel.h"

namespace tacoma::sim {

class WifiAir {
 public:
  /// The access point is a device of `access_point`. What stations drop is counted as the up direction (end 0) of `site`, what the
  /// access point drops as down: full queues and packets that waited too long as queue drops, those sent too often in vain as losses.
  WifiAir(const WifiCell& cell, uint32_t number, ns3::Ptr<ns3::Node> access_point, ns3::Ptr<AccessChannel> site);
  ~WifiAir();
  WifiAir(const WifiAir&) = delete;
  WifiAir& operator=(const WifiAir&) = delete;

  /// Gives `node` a device that joins the cell, the distance of the cell away from its access point.
  ns3::Ptr<ns3::NetDevice> add_station(ns3::Ptr<ns3::Node> node);
  ns3::Ptr<ns3::NetDevice> access_point() const;

 private:
  struct Radio;
  std::unique_ptr<Radio> radio_;
};

}  // namespace tacoma::sim
