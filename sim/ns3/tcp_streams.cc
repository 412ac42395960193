#include "sim/ns3/tcp_streams.h"

#include <algorithm>

#include "ns3/inet-socket-address.h"
#include "ns3/packet.h"
#include "ns3/simulator.h"
#include "ns3/tcp-socket-factory.h"

namespace tacoma::sim {

using ns3::Ptr;

namespace {
// Callbacks of a socket that we let go must not find us: it may live on in ns-3 to finish its closing handshake.
void forget(Ptr<ns3::Socket> socket) {
  socket->SetConnectCallback(ns3::MakeNullCallback<void, Ptr<ns3::Socket>>(), ns3::MakeNullCallback<void, Ptr<ns3::Socket>>());
  socket->SetCloseCallbacks(ns3::MakeNullCallback<void, Ptr<ns3::Socket>>(), ns3::MakeNullCallback<void, Ptr<ns3::Socket>>());
  socket->SetRecvCallback(ns3::MakeNullCallback<void, Ptr<ns3::Socket>>());
  socket->SetSendCallback(ns3::MakeNullCallback<void, Ptr<ns3::Socket>, uint32_t>());
}
}  // namespace

TcpStreams::~TcpStreams() {
  for (auto& [key, stream] : streams_) forget(stream.socket);
  for (auto& listener : listeners_)
    listener->SetAcceptCallback(ns3::MakeNullCallback<bool, Ptr<ns3::Socket>, const ns3::Address&>(),
                                ns3::MakeNullCallback<void, Ptr<ns3::Socket>, const ns3::Address&>());
}

void TcpStreams::listen(HostId host, Ptr<ns3::Node> node, const std::string& service, const ns3::Ipv4Address& at) {
  const uint16_t port = next_port_++;
  auto listener = ns3::Socket::CreateSocket(node, ns3::TcpSocketFactory::GetTypeId());
  TACOMA_ASSERT(listener->Bind(ns3::InetSocketAddress(ns3::Ipv4Address::GetAny(), port)) == 0);
  TACOMA_ASSERT(listener->Listen() == 0);
  listener->SetAcceptCallback(
      ns3::Callback<bool, Ptr<ns3::Socket>, const ns3::Address&>([this, host](Ptr<ns3::Socket>, const ns3::Address&) { return owner_.accepts(host); }),
      ns3::Callback<void, Ptr<ns3::Socket>, const ns3::Address&>([this, host, service](Ptr<ns3::Socket> socket, const ns3::Address&) {
        const Key key{host, StreamId(0x80000000u + next_accepted_[host]++)};
        adopt(key, socket, true);
        owner_.stream_event(host, {StreamEvent::Kind::accepted, key.second, service, {}});
      }));
  listeners_.push_back(listener);
  services_[service] = {host, at, port};
}

void TcpStreams::open(HostId host, Ptr<ns3::Node> node, StreamId id, const std::string& service) {
  const Key key{host, id};
  TACOMA_ASSERT(id.value() < 0x80000000u && streams_.find(key) == streams_.end());
  const auto found = services_.find(service);
  // A host that is down would answer with a reset; ns-3 would let the opener try until it gives up.
  if (found == services_.end() || !owner_.accepts(found->second.host)) {
    ns3::Simulator::ScheduleNow([this, key] { owner_.stream_event(key.first, {StreamEvent::Kind::closed, key.second, {}, {}}); });
    return;
  }
  auto socket = ns3::Socket::CreateSocket(node, ns3::TcpSocketFactory::GetTypeId());
  adopt(key, socket, false);
  socket->SetConnectCallback(ns3::Callback<void, Ptr<ns3::Socket>>([this, key](Ptr<ns3::Socket>) {
                               const auto it = streams_.find(key);
                               if (it == streams_.end()) return;
                               it->second.connected = true;
                               if (!it->second.closing) owner_.stream_event(key.first, {StreamEvent::Kind::opened, key.second, {}, {}});
                               flush(key);
                             }),
                             ns3::Callback<void, Ptr<ns3::Socket>>([this, key](Ptr<ns3::Socket>) { ended(key); }));
  if (socket->Connect(ns3::InetSocketAddress(found->second.address, found->second.port)) != 0)
    ns3::Simulator::ScheduleNow([this, key] { ended(key); });
}

void TcpStreams::adopt(const Key& key, Ptr<ns3::Socket> socket, bool connected) {
  Stream& stream = streams_[key];
  stream.socket = socket;
  stream.connected = connected;
  socket->SetRecvCallback(ns3::Callback<void, Ptr<ns3::Socket>>([this, key](Ptr<ns3::Socket> s) { readable(key, s); }));
  socket->SetSendCallback(ns3::Callback<void, Ptr<ns3::Socket>, uint32_t>([this, key](Ptr<ns3::Socket>, uint32_t) { flush(key); }));
  const ns3::Callback<void, Ptr<ns3::Socket>> end([this, key](Ptr<ns3::Socket>) { ended(key); });
  socket->SetCloseCallbacks(end, end);
}

void TcpStreams::write(HostId host, StreamId id, BytesView bytes) {
  const auto it = streams_.find({host, id});
  if (it == streams_.end() || it->second.closing) return;  // it has ended; the closed event is on its way
  Stream& stream = it->second;
  if (stream.unsent.size() - stream.sent + bytes.size() > kMostUnsent) {
    drops_.count(Drop::stream_limit);
    const Key key = it->first;
    ns3::Simulator::ScheduleNow([this, key] { ended(key); });
    return;
  }
  stream.unsent.insert(stream.unsent.end(), bytes.begin(), bytes.end());
  flush(it->first);
}

void TcpStreams::flush(const Key& key) {
  const auto it = streams_.find(key);
  if (it == streams_.end() || !it->second.connected) return;
  Stream& stream = it->second;
  while (stream.sent < stream.unsent.size()) {
    const uint32_t room = stream.socket->GetTxAvailable();
    if (room == 0) return;
    const uint32_t part = std::min<uint32_t>(room, static_cast<uint32_t>(std::min<size_t>(stream.unsent.size() - stream.sent, 65'536)));
    if (stream.socket->Send(ns3::Create<ns3::Packet>(stream.unsent.data() + stream.sent, part)) < 0) return;
    stream.sent += part;
  }
  stream.unsent.clear();
  stream.sent = 0;
  if (stream.unsent.capacity() > 4096) stream.unsent.shrink_to_fit();
  if (stream.closing) release(it, false);
}

void TcpStreams::close(HostId host, StreamId id) {
  const auto it = streams_.find({host, id});
  if (it == streams_.end()) return;
  it->second.closing = true;
  flush(it->first);
}

void TcpStreams::close_all(HostId host) {
  for (auto it = streams_.lower_bound({host, StreamId(0)}); it != streams_.end() && it->first.first == host;) {
    const auto next = std::next(it);
    release(it, false);
    it = next;
  }
}

void TcpStreams::readable(const Key& key, Ptr<ns3::Socket> socket) {
  std::vector<uint8_t> bytes;
  while (Ptr<ns3::Packet> packet = socket->Recv()) {
    if (packet->GetSize() == 0) break;
    bytes.resize(packet->GetSize());
    packet->CopyData(bytes.data(), packet->GetSize());
    const auto it = streams_.find(key);
    if (it == streams_.end()) return;
    if (!it->second.closing) owner_.stream_event(key.first, {StreamEvent::Kind::data, key.second, {}, bytes});
  }
}

void TcpStreams::ended(const Key& key) {
  const auto it = streams_.find(key);
  if (it != streams_.end()) release(it, !it->second.closing);
}

void TcpStreams::release(std::map<Key, Stream>::iterator it, bool notify) {
  const Key key = it->first;
  Ptr<ns3::Socket> socket = it->second.socket;
  streams_.erase(it);
  forget(socket);
  socket->Close();
  if (notify) owner_.stream_event(key.first, {StreamEvent::Kind::closed, key.second, {}, {}});
}

}  // namespace tacoma::sim
