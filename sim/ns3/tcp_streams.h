// Streams of processes as ns-3 TCP connections.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/base/drop.h"
#include "core/base/process.h"
#include "ns3/address.h"
#include "ns3/node.h"
#include "ns3/socket.h"

namespace tacoma::sim {

/// Who hears of stream events; called from ns-3's events, never from inside a call of TcpStreams made by that host's process.
class StreamOwner {
 public:
  virtual ~StreamOwner() = default;
  virtual bool accepts(HostId host) = 0;
  virtual void stream_event(HostId host, const StreamEvent& event) = 0;
};

/// All streams of a run. Writes are buffered here while TCP's own send buffer is full, up to a limit.
class TcpStreams {
 public:
  static constexpr size_t kMostUnsent = size_t{16} << 20;  // per stream; beyond it the stream is closed (Drop::stream_limit)

  TcpStreams(StreamOwner& owner, DropCounts& drops) : owner_(owner), drops_(drops) {}
  ~TcpStreams();
  TcpStreams(const TcpStreams&) = delete;
  TcpStreams& operator=(const TcpStreams&) = delete;

  /// `at` is the listening host's address without a port.
  void listen(HostId host, ns3::Ptr<ns3::Node> node, const std::string& service, const ns3::Ipv4Address& at);
  void open(HostId host, ns3::Ptr<ns3::Node> node, StreamId id, const std::string& service);
  void write(HostId host, StreamId id, BytesView bytes);
  void close(HostId host, StreamId id);
  /// Ends all streams of a host whose process died; the other ends hear of it.
  void close_all(HostId host);

 private:
  struct Stream {
    ns3::Ptr<ns3::Socket> socket;
    std::vector<uint8_t> unsent;
    size_t sent = 0;         // of unsent
    bool connected = false;
    bool closing = false;    // by its own process, once all is sent
  };
  using Key = std::pair<HostId, StreamId>;
  struct Service {
    HostId host;
    ns3::Ipv4Address address;
    uint16_t port;
  };

  void adopt(const Key& key, ns3::Ptr<ns3::Socket> socket, bool connected);
  void flush(const Key& key);
  void readable(const Key& key, ns3::Ptr<ns3::Socket> socket);
  void ended(const Key& key);
  void release(std::map<Key, Stream>::iterator it, bool notify);

  StreamOwner& owner_;
  DropCounts& drops_;
  std::map<std::string, Service> services_;
  std::vector<ns3::Ptr<ns3::Socket>> listeners_;
  std::map<Key, Stream> streams_;
  std::map<HostId, uint32_t> next_accepted_;
  uint16_t next_port_ = 5222;
};

}  // namespace tacoma::sim
