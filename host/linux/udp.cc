#include "host/linux/udp.h"

#include <linux/sock_diag.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tacoma::host {

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

sockaddr_storage to_kernel(const SocketAddress& address, socklen_t& length) {
  sockaddr_storage storage{};
  if (address.ip.family == IpFamily::v4) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    std::memcpy(&v4.sin_addr, address.ip.bytes.data(), 4);
    length = sizeof v4;
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    std::memcpy(&v6.sin6_addr, address.ip.bytes.data(), 16);
    length = sizeof v6;
  }
  return storage;
}

SocketAddress from_kernel(const sockaddr_storage& storage) {
  SocketAddress address;
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    address.port = ntohs(v4.sin_port);
    std::memcpy(address.ip.bytes.data(), &v4.sin_addr, 4);
  } else {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    address.ip.family = IpFamily::v6;
    address.port = ntohs(v6.sin6_port);
    std::memcpy(address.ip.bytes.data(), &v6.sin6_addr, 16);
  }
  return address;
}

IpAddress loopback(IpFamily family) {
  if (family == IpFamily::v4) return IpAddress::v4(127, 0, 0, 1);
  IpAddress ip;
  ip.family = IpFamily::v6;
  ip.bytes[15] = 1;
  return ip;
}

namespace {

std::string why_not(int error, const SocketAddress& wanted, const std::string& who) {
  const std::string what = who + "cannot have UDP " + wanted.to_string() + ": ";
  switch (error) {
    case EADDRINUSE: return what + "another program uses this port; stop it or choose another port";
    case EACCES:
    case EPERM: return what + "no permission (ports below 1024 need a privileged user)";
    case EMFILE:
    case ENFILE: return what + "too many open files; raise the limit (ulimit -n) or run fewer people";
    case EAFNOSUPPORT:
    case EADDRNOTAVAIL:
      if (wanted.ip == loopback(IpFamily::v6)) return what + "this machine has no IPv6 loopback; enable IPv6 or use IPv4 in the scenario";
      return what + "this machine has no such address";
    default: return what + std::strerror(error);
  }
}

Result<UdpSocket> open_socket(const SocketAddress& wanted, const std::string& who) {
  UdpSocket made;
  made.address = wanted;
  const bool v6 = wanted.ip.family == IpFamily::v6;
  made.fd = Fd(::socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!made.fd) return fail(why_not(errno, made.address, who));
  const int fd = made.fd.get();
  const int on = 1;
  if (v6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer) != 0)
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
  // Every datagram comes with its type of service, whose low bits are the ECN codepoint.
  ::setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVTCLASS : IP_RECVTOS, &on, sizeof on);
  int granted = 0;
  socklen_t length = sizeof granted;
  ::getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &granted, &length);
  made.small_buffer = granted < kReceiveBuffer;

  sockaddr_storage address = to_kernel(made.address, length);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0) return fail(why_not(errno, made.address, who));
  length = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  made.address = from_kernel(address);
  return made;
}

}  // namespace

Result<UdpSocket> open_udp(const SocketAddress& wanted, const std::string& owner) { return open_socket(wanted, "host " + owner + " "); }

Result<UdpSocket> open_udp_at(const SocketAddress& wanted) { return open_socket(wanted, ""); }

uint64_t kernel_drops(int fd) {
  uint32_t info[SK_MEMINFO_VARS] = {};
  socklen_t length = sizeof info;
  if (::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &length) != 0) return 0;
  return info[SK_MEMINFO_DROPS];
}

namespace {

// Linux gives IPv4's as a byte, IPv6's as an int.
Ecn ecn_of(const msghdr& header) {
  const cmsghdr* control = CMSG_FIRSTHDR(&header);
  if (!control) return Ecn::not_ect;
  int value = 0;
  if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_TOS) value = *CMSG_DATA(control);
  else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_TCLASS) std::memcpy(&value, CMSG_DATA(control), sizeof value);
  return static_cast<Ecn>(value & 3);
}

}  // namespace

ReceiveBatch::ReceiveBatch(PacketPool& pool) : pool_(pool) {
  std::memset(messages_.data(), 0, sizeof messages_);
  for (size_t i = 0; i < kMost; ++i) {
    messages_[i].msg_hdr.msg_name = &addresses_[i];
    messages_[i].msg_hdr.msg_iov = &vectors_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
    messages_[i].msg_hdr.msg_control = controls_[i].bytes.data();
  }
}

void ReceiveBatch::receive(int fd, std::vector<Received>& out, DropCounts& drops) {
  size_t ready = 0;
  for (; ready < kMost; ++ready) {
    if (!slots_[ready]) slots_[ready] = pool_.make(kMaxPacket);
    if (!slots_[ready]) break;
    const MutableBytes storage = slots_[ready].storage();
    vectors_[ready] = {storage.data(), storage.size()};
    messages_[ready].msg_hdr.msg_namelen = sizeof(sockaddr_storage);
    messages_[ready].msg_hdr.msg_controllen = controls_[ready].bytes.size();
    messages_[ready].msg_hdr.msg_flags = 0;
  }
  if (ready == 0) {  // the pool is used up: what waits is lost, and counted, so that it does not wake us for ever
    uint8_t nothing;
    for (size_t i = 0; i < kMost && ::recv(fd, &nothing, 1, MSG_DONTWAIT) >= 0; ++i) drops.count(Drop::pool_exhausted);
    return;
  }
  const int count = ::recvmmsg(fd, messages_.data(), static_cast<unsigned>(ready), MSG_DONTWAIT, nullptr);
  if (count <= 0) return;  // nothing there, or an error of an earlier send, which UDP does not care about
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    if (messages_[i].msg_hdr.msg_flags & MSG_TRUNC) {
      drops.count(Drop::over_mtu);
      continue;
    }
    const size_t size = messages_[i].msg_len;
    slots_[i].resize(size);
    // Small packets move to small slots: a cache of them must not take five times its size.
    PacketRef packet = size <= PacketPool::kSmall ? pool_.copy(slots_[i].bytes()) : std::move(slots_[i]);
    if (!packet) drops.count(Drop::pool_exhausted);
    else out.push_back({from_kernel(addresses_[i]), ecn_of(messages_[i].msg_hdr), std::move(packet)});
  }
}

}  // namespace tacoma::host
