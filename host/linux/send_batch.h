// Hop 6 on real sockets: many datagrams with few system calls.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>

#include "core/base/address.h"
#include "core/base/drop.h"
#include "core/base/ecn.h"
#include "core/base/packet_pool.h"

namespace tacoma::host {

/// Sends with sendmmsg, and what goes to one peer in equal sizes as one segmented datagram (UDP_SEGMENT, Linux 4.18) where that was
/// measured to pay. To each peer the order of add() is kept; among peers it may change. One a shard.
class SendBatch {
 public:
  static constexpr size_t kMost = 128;           // datagrams that wait
  static constexpr size_t kMostSegments = 48;    // of one segmented datagram; the kernel takes 64
  static constexpr size_t kMostBytes = 60'000;   // of one segmented datagram, below what IP can say

  /// `segmented`: see segmenting_pays().
  explicit SendBatch(bool segmented);
  /// Adds a datagram; sends first what is waiting for another socket or fills the batch. What the kernel refuses is counted.
  void add(int fd, const SocketAddress& to, PacketRef packet, Ecn ecn, DropCounts& drops);
  void flush(DropCounts& drops);
  /// System calls so far, and the messages that they carried: datagrams, whole or segmented.
  uint64_t calls() const { return calls_; }
  uint64_t messages() const { return sent_messages_; }

 private:
  struct alignas(cmsghdr) Control {
    std::array<uint8_t, CMSG_SPACE(sizeof(uint16_t)) + CMSG_SPACE(sizeof(int))> bytes;  // UDP_SEGMENT and IP_TOS or IPV6_TCLASS
  };
  /// Datagrams that leave as one: indices of packets_, chained by next_.
  struct Train {
    SocketAddress to;
    uint16_t segment = 0;          // bytes of each, the last may be shorter
    uint16_t count = 0;
    uint32_t bytes = 0;
    uint8_t first = 0, last = 0;
    bool closed = false;           // by a shorter one
    Ecn ecn = Ecn::not_ect;        // of all
  };
  static_assert(kMost <= 256);
  size_t form_trains();
  void write_message(size_t index, const Train& train);
  void write_controls(size_t index, const Train& train, bool segmented);
  bool send_one_by_one(size_t index, const Train& train, DropCounts& drops);

  int fd_ = -1;
  bool segmented_;
  size_t count_ = 0;
  uint64_t calls_ = 0, sent_messages_ = 0;
  std::array<PacketRef, kMost> packets_;
  std::array<SocketAddress, kMost> to_;
  std::array<Ecn, kMost> ecn_;
  std::array<uint8_t, kMost> next_;
  std::array<Train, kMost> trains_;
  std::array<sockaddr_storage, kMost> addresses_;
  std::array<iovec, kMost> vectors_;
  size_t vectors_used_ = 0;
  std::array<Control, kMost> controls_;
  std::array<mmsghdr, kMost> messages_;
};

/// Whether segmented datagrams of four are faster than four datagrams here, found by sending a few thousand to a socket of our
/// own on the loopback address (some 10 ms; measured once a process). False where the kernel has no UDP_SEGMENT.
bool segmenting_pays();

}  // namespace tacoma::host
