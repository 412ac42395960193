#include "sim/ns3/tcp_flows.h"

#include <algorithm>

#include "core/base/assert.h"
#include "ns3/inet-socket-address.h"
#include "ns3/simulator.h"
#include "ns3/tcp-cubic.h"
#include "ns3/tcp-header.h"
#include "ns3/tcp-l4-protocol.h"
#include "ns3/tcp-linux-reno.h"
#include "ns3/tcp-socket-base.h"
#include "ns3/tcp-socket-factory.h"
#include "ns3/uinteger.h"

namespace tacoma::sim {

using ns3::Ptr;
using ns3::Simulator;

namespace {
constexpr uint16_t kPort = 9;
constexpr uint32_t kBuffer = 1 << 20;  // more than any path here holds
constexpr uint32_t kPiece = 64 << 10;
}  // namespace

TcpFlow::TcpFlow(const FlowPlan& flow, Ptr<ns3::Node> from, Ptr<ns3::Node> to, ns3::Ipv4Address address) : flow_(flow), from_(from), address_(address) {
  listener_ = ns3::Socket::CreateSocket(to, ns3::TcpSocketFactory::GetTypeId());
  listener_->SetAttribute("RcvBufSize", ns3::UintegerValue(kBuffer));
  TACOMA_ASSERT(listener_->Bind(ns3::InetSocketAddress(ns3::Ipv4Address::GetAny(), kPort)) == 0);
  TACOMA_ASSERT(listener_->Listen() == 0);
  listener_->SetAcceptCallback(ns3::MakeNullCallback<bool, Ptr<ns3::Socket>, const ns3::Address&>(),
                               ns3::Callback<void, Ptr<ns3::Socket>, const ns3::Address&>([this](Ptr<ns3::Socket> socket, const ns3::Address&) {
                                 receivers_.push_back(socket);
                                 socket->SetRecvCallback(ns3::Callback<void, Ptr<ns3::Socket>>([this](Ptr<ns3::Socket> from_net) {
                                   while (Ptr<ns3::Packet> packet = from_net->Recv()) {
                                     if (packet->GetSize() == 0) break;
                                     sample_.bytes += packet->GetSize();
                                   }
                                 }));
                               }));
  Simulator::ScheduleWithContext(from->GetId(), ns3::NanoSeconds(flow.start.ns()), [this] { connect(); });
  Simulator::ScheduleWithContext(from->GetId(), ns3::NanoSeconds(flow.stop.ns()), [this] { stop(); });
}

TcpFlow::~TcpFlow() {
  const auto nothing = ns3::MakeNullCallback<void, Ptr<ns3::Socket>>();
  for (auto& socket : receivers_) socket->SetRecvCallback(nothing);
  if (sender_) {
    sender_->SetSendCallback(ns3::MakeNullCallback<void, Ptr<ns3::Socket>, uint32_t>());
    sender_->SetConnectCallback(nothing, nothing);
  }
  listener_->SetAcceptCallback(ns3::MakeNullCallback<bool, Ptr<ns3::Socket>, const ns3::Address&>(),
                               ns3::MakeNullCallback<void, Ptr<ns3::Socket>, const ns3::Address&>());
}

void TcpFlow::connect() {
  sender_ = from_->GetObject<ns3::TcpL4Protocol>()->CreateSocket(flow_.control == FlowPlan::Control::cubic ? ns3::TcpCubic::GetTypeId()
                                                                                                            : ns3::TcpLinuxReno::GetTypeId());
  sender_->SetAttribute("SndBufSize", ns3::UintegerValue(kBuffer));
  sender_->TraceConnectWithoutContext(
      "Tx", ns3::Callback<void, Ptr<const ns3::Packet>, const ns3::TcpHeader&, Ptr<const ns3::TcpSocketBase>>(
                [this](Ptr<const ns3::Packet> packet, const ns3::TcpHeader& header, Ptr<const ns3::TcpSocketBase>) {
                  if (packet->GetSize() == 0) return;
                  const ns3::SequenceNumber32 end = header.GetSequenceNumber() + packet->GetSize();
                  ++sample_.packets;
                  if (any_sent_ && !(end > ns3::SequenceNumber32(static_cast<uint32_t>(highest_)))) ++sample_.retransmitted;
                  else highest_ = end.GetValue();
                  any_sent_ = true;
                }));
  sender_->SetConnectCallback(ns3::Callback<void, Ptr<ns3::Socket>>([this](Ptr<ns3::Socket>) { begin_transfer(); }),
                              ns3::MakeNullCallback<void, Ptr<ns3::Socket>>());
  sender_->SetSendCallback(ns3::Callback<void, Ptr<ns3::Socket>, uint32_t>([this](Ptr<ns3::Socket>, uint32_t) { fill(); }));
  TACOMA_ASSERT(sender_->Bind() == 0);
  sender_->Connect(ns3::InetSocketAddress(address_, kPort));
}

// The next transfer, after its pause.
void TcpFlow::begin_transfer() {
  if (transfer_ == flow_.transfers.size()) return;
  const FlowPlan::Transfer& next = flow_.transfers[transfer_++];
  Simulator::Schedule(ns3::NanoSeconds(next.idle.ns()), ns3::MakeEvent([this, bytes = next.bytes] {
                        left_ = bytes;
                        sending_ = true;
                        fill();
                      }));
}

void TcpFlow::fill() {
  if (!sending_ || Simulator::Now() >= ns3::NanoSeconds(flow_.stop.ns())) return;
  while (left_ > 0 && sender_->GetTxAvailable() > 0) {
    const uint32_t piece = static_cast<uint32_t>(std::min<int64_t>({left_, kPiece, sender_->GetTxAvailable()}));
    if (sender_->Send(ns3::Create<ns3::Packet>(piece)) < 0) return;
    if (left_ != FlowPlan::kEndless) left_ -= piece;
  }
  if (left_ > 0 || sender_->GetTxAvailable() < kBuffer) return;
  sending_ = false;  // all of it has been acknowledged
  begin_transfer();
}

void TcpFlow::stop() {
  sending_ = false;
  if (sender_) sender_->Close();
}

void TcpFlow::take_sample(FlowSample& out) {
  out.bytes += sample_.bytes;
  out.packets += sample_.packets;
  out.retransmitted += sample_.retransmitted;
  sample_ = FlowSample();
}

std::vector<std::unique_ptr<TcpFlow>> make_tcp_flows(const NetworkPlan& plan, const std::vector<Ptr<ns3::Node>>& hosts,
                                                     const std::vector<ns3::Ipv4Address>& addresses) {
  std::vector<std::unique_ptr<TcpFlow>> flows;
  for (const FlowPlan& flow : plan.flows)
    flows.push_back(flow.kind == FlowPlan::Kind::tcp ? std::make_unique<TcpFlow>(flow, hosts[flow.from.value()], hosts[flow.to.value()], addresses[flow.to.value()])
                                                     : nullptr);
  return flows;
}

}  // namespace tacoma::sim
