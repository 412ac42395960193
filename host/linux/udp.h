// UDP sockets of the kernel, and how much is read from one at once.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/address.h"
#include "core/base/drop.h"
#include "core/base/ecn.h"
#include "core/base/packet_pool.h"
#include "core/base/result.h"

namespace tacoma::host {

/// A file descriptor that is closed with its owner.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd other) noexcept { std::swap(fd_, other.fd_); return *this; }
  ~Fd();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

sockaddr_storage to_kernel(const SocketAddress& address, socklen_t& length);
SocketAddress from_kernel(const sockaddr_storage& address);

/// The loopback address of a family, 127.0.0.1 or ::1.
IpAddress loopback(IpFamily family);

struct UdpSocket {
  Fd fd;
  SocketAddress address;
  bool small_buffer = false;  // the kernel refused the receive buffer that was asked for
};

/// What every socket asks for: the kernel's default of some 200 kB holds a few milliseconds of a bridge's load.
inline constexpr int kReceiveBuffer = 4 << 20;

/// A non-blocking socket on an address of this machine; port 0 lets the kernel choose. `owner` names the host in the sentence that says
/// what went wrong.
Result<UdpSocket> open_udp(const SocketAddress& wanted, const std::string& owner);
inline Result<UdpSocket> open_udp(IpFamily family, uint16_t port, const std::string& owner) { return open_udp({loopback(family), port}, owner); }

/// The same on any address of this machine; an IPv6 socket takes IPv6 only.
Result<UdpSocket> open_udp_at(const SocketAddress& wanted);

/// Packets that the kernel threw away because the socket's buffer was full, since it was opened.
uint64_t kernel_drops(int fd);

/// Receives many datagrams with one call, into slots of a pool. One a shard.
class ReceiveBatch {
 public:
  static constexpr size_t kMost = 64;
  explicit ReceiveBatch(PacketPool& pool);
  /// Gives the slots back.
  void clear() { for (PacketRef& slot : slots_) slot.reset(); }
  struct Received {
    SocketAddress from;
    Ecn ecn;
    PacketRef packet;
  };
  /// Appends what is there, at most kMost.
  void receive(int fd, std::vector<Received>& out, DropCounts& drops);

 private:
  PacketPool& pool_;
  std::array<PacketRef, kMost> slots_;
  std::array<sockaddr_storage, kMost> addresses_;
  std::array<iovec, kMost> vectors_;
  /// Holds IP_TOS or IPV6_TCLASS: both are asked for by open_udp.
  struct alignas(cmsghdr) Control {
    std::array<uint8_t, CMSG_SPACE(sizeof(int))> bytes;
  };
  std::array<Control, kMost> controls_;
  std::array<mmsghdr, kMost> messages_;
};

}  // namespace tacoma::host
