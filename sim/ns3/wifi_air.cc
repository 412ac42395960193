#include "sim/ns3/wifi_air.h"

#include <cmath>
#include <string>

#include "ns3/boolean.h"
#include "ns3/constant-position-mobility-model.h"
#include "ns3/pointer.h"
#include "ns3/qos-txop.h"
#include "ns3/ssid.h"
#include "ns3/string.h"
#include "ns3/uinteger.h"
#include "ns3/wifi-helper.h"
#include "ns3/wifi-mac-helper.h"
#include "ns3/wifi-mac-queue.h"
#include "ns3/wifi-mac.h"
#include "ns3/wifi-net-device.h"
#include "ns3/yans-wifi-channel.h"
#include "ns3/yans-wifi-helper.h"

namespace tacoma::sim {

using ns3::Ptr;

namespace {

constexpr int64_t kFirstStream = 2'000'000, kStreamsPerCell = 100'000;  // of random numbers; nodes and queue discs have those below
constexpr double kGoldenAngle = 2.399963;                               // radians: any number of stations is spread evenly
constexpr const char* kManyPackets = "10000p";                          // of a queue: its limit is time

}  // namespace

struct WifiAir::Radio {
  WifiCell cell;
  std::string name;
  int64_t next_stream;
  uint32_t stations = 0;
  Ptr<AccessChannel> site;
  ns3::YansWifiPhyHelper phy;
  ns3::WifiHelper wifi;
  Ptr<ns3::NetDevice> access_point;

  Ptr<ns3::NetDevice> install(Ptr<ns3::Node> node, ns3::WifiMacHelper& mac, const ns3::Vector& place, uint32_t end);
  void count(uint32_t end, ns3::WifiMacDropReason reason) {
    LinkMeter& meter = site->meter(end);
    if (reason == ns3::WIFI_MAC_DROP_FAILED_ENQUEUE || reason == ns3::WIFI_MAC_DROP_EXPIRED_LIFETIME) ++meter.queue_drops;
    else ++meter.loss_drops;
  }
};

Ptr<ns3::NetDevice> WifiAir::Radio::install(Ptr<ns3::Node> node, ns3::WifiMacHelper& mac, const ns3::Vector& place, uint32_t end) {
  auto where = ns3::CreateObject<ns3::ConstantPositionMobilityModel>();
  where->SetPosition(place);
  node->AggregateObject(where);
  const ns3::NetDeviceContainer made = wifi.Install(phy, mac, node);
  next_stream += wifi.AssignStreams(made, next_stream);
  const auto device = ns3::DynamicCast<ns3::WifiNetDevice>(made.Get(0));
  device->GetMac()->SetAttribute("BE_MaxAmpduSize", ns3::UintegerValue(cell.aggregation ? 65'535 : 0));
  // Nothing here marks its packets (DSCP), so all of it is best effort.
  const Ptr<ns3::WifiMacQueue> queue = device->GetMac()->GetQosTxop(ns3::AC_BE)->GetWifiMacQueue();
  queue->SetMaxSize(ns3::QueueSize(kManyPackets));
  queue->SetMaxDelay(ns3::NanoSeconds(cell.queue.ns()));
  device->GetMac()->TraceConnectWithoutContext(
      "DroppedMpdu", ns3::Callback<void, ns3::WifiMacDropReason, Ptr<const ns3::WifiMpdu>>(
                         [this, end](ns3::WifiMacDropReason reason, Ptr<const ns3::WifiMpdu>) { count(end, reason); }));
  return device;
}

WifiAir::WifiAir(const WifiCell& cell, uint32_t number, Ptr<ns3::Node> access_point, Ptr<AccessChannel> site) : radio_(std::make_unique<Radio>()) {
  Radio& radio = *radio_;
  radio.cell = cell;
  radio.name = "cell-" + std::to_string(number);
  radio.next_stream = kFirstStream + number * kStreamsPerCell;
  radio.site = site;
  // Log-distance loss and propagation at the speed of light are this helper's defaults.
  radio.phy.SetChannel(ns3::YansWifiChannelHelper::Default().Create());
  radio.phy.Set("ChannelSettings", ns3::StringValue("{36, 20, BAND_5GHZ, 0}"));
  for (const char* attribute : {"Antennas", "MaxSupportedTxSpatialStreams", "MaxSupportedRxSpatialStreams"}) radio.phy.Set(attribute, ns3::UintegerValue(2));
  radio.wifi.SetStandard(ns3::WIFI_STANDARD_80211n);
  radio.wifi.SetRemoteStationManager("ns3::ConstantRateWifiManager", "DataMode", ns3::StringValue("HtMcs" + std::to_string(cell.mcs)), "ControlMode",
                                     ns3::StringValue("OfdmRate24Mbps"));
  radio.wifi.DisableFlowControl();  // the queue is that of the device, and drops there
  ns3::WifiMacHelper mac;
  mac.SetType("ns3::ApWifiMac", "Ssid", ns3::SsidValue(ns3::Ssid(radio.name)), "QosSupported", ns3::BooleanValue(true));
  radio.access_point = radio.install(access_point, mac, ns3::Vector(0, 0, 0), 1);
}

WifiAir::~WifiAir() = default;

Ptr<ns3::NetDevice> WifiAir::add_station(Ptr<ns3::Node> node) {
  ns3::WifiMacHelper mac;
  mac.SetType("ns3::StaWifiMac", "Ssid", ns3::SsidValue(ns3::Ssid(radio_->name)), "QosSupported", ns3::BooleanValue(true));
  const double angle = kGoldenAngle * radio_->stations++;
  return radio_->install(node, mac, ns3::Vector(radio_->cell.distance * std::cos(angle), radio_->cell.distance * std::sin(angle), 0), 0);
}

Ptr<ns3::NetDevice> WifiAir::access_point() const { return radio_->access_point; }

}  // namespace tacoma::sim
