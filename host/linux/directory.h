// What the shards of one world share: who has which port. Datagram ports are fixed before the threads start; services and the ports
// of streams come and go, under a lock, far from the packet path.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/address.h"
#include "core/base/id.h"

namespace tacoma::host {

class Directory {
 public:
  static constexpr uint32_t kNobody = 0xffffffff;

  /// Before the threads start.
  void add_udp(HostId host, const SocketAddress& address) {
    std::vector<uint32_t>& hosts = udp_[index(address.ip.family)];
    if (hosts.empty()) hosts.assign(65536, kNobody);
    hosts[address.port] = host.value();
  }
  /// The host that sends from a UDP address, or kNobody for a stranger.
  uint32_t udp_host(const SocketAddress& from) const {
    const std::vector<uint32_t>& hosts = udp_[index(from.ip.family)];
    return hosts.empty() ? kNobody : hosts[from.port];
  }

  struct Service {
    HostId host;
    uint16_t port[2] = {0, 0};  // by family; 0: not listening there
  };
  /// Streams to `name` go to this host; its ports follow when it listens.
  void assign(const std::string& name, HostId host) {
    const std::lock_guard<std::mutex> lock(mutex_);
    services_[name] = {host, {0, 0}};
  }
  /// Ignored when the service belongs to another host by now.
  void set_port(const std::string& name, HostId host, IpFamily family, uint16_t port) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = services_.find(name);
    if (found != services_.end() && found->second.host == host) found->second.port[index(family)] = port;
  }
  std::optional<Service> service(const std::string& name) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = services_.find(name);
    return found == services_.end() ? std::nullopt : std::optional<Service>(found->second);
  }

  /// An opener tells its local TCP port before it connects, so that the accepter knows which host calls.
  void add_caller(IpFamily family, uint16_t port, HostId host) {
    const std::lock_guard<std::mutex> lock(mutex_);
    callers_[{family, port}] = host;
  }
  void remove_caller(IpFamily family, uint16_t port) {
    const std::lock_guard<std::mutex> lock(mutex_);
    callers_.erase({family, port});
  }
  std::optional<HostId> caller(IpFamily family, uint16_t port) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = callers_.find({family, port});
    return found == callers_.end() ? std::nullopt : std::optional<HostId>(found->second);
  }

  static size_t index(IpFamily family) { return family == IpFamily::v4 ? 0 : 1; }

 private:
  std::vector<uint32_t> udp_[2];  // port -> host, by family
  mutable std::mutex mutex_;
  std::map<std::string, Service> services_;
  std::map<std::pair<IpFamily, uint16_t>, HostId> callers_;
};

}  // namespace tacoma::host
