// The TCP flows of a plan as ns-3's own TCP sends them.
#pragma once

#include <memory>
#include <vector>

#include "core/base/network.h"
#include "core/base/world.h"
#include "ns3/ipv4-address.h"
#include "ns3/node.h"
#include "ns3/socket.h"

namespace tacoma::sim {

class TcpFlow {
 public:
  /// `flow` must outlive this. Connects at the flow's start by itself.
  TcpFlow(const FlowPlan& flow, ns3::Ptr<ns3::Node> from, ns3::Ptr<ns3::Node> to, ns3::Ipv4Address address);
  ~TcpFlow();
  TcpFlow(const TcpFlow&) = delete;
  TcpFlow& operator=(const TcpFlow&) = delete;

  /// Adds what happened since the last call.
  void take_sample(FlowSample& out);

 private:
  void connect();
  void begin_transfer();
  void fill();
  void stop();

  const FlowPlan& flow_;
  ns3::Ptr<ns3::Node> from_;
  ns3::Ipv4Address address_;
  ns3::Ptr<ns3::Socket> listener_, sender_;
  std::vector<ns3::Ptr<ns3::Socket>> receivers_;
  size_t transfer_ = 0;
  int64_t left_ = 0;         // of the transfer, to be given to the socket
  bool sending_ = false;
  uint64_t highest_ = 0;     // ever sent, by TCP's own numbers
  bool any_sent_ = false;
  FlowSample sample_;
};

/// All of them, by their place in the plan; null for flows of another kind.
std::vector<std::unique_ptr<TcpFlow>> make_tcp_flows(const NetworkPlan& plan, const std::vector<ns3::Ptr<ns3::Node>>& hosts,
                                                     const std::vector<ns3::Ipv4Address>& addresses);

}  // namespace tacoma::sim
