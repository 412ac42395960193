#include "host/linux/send_batch.h"

#include <netinet/udp.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "host/linux/udp.h"

namespace tacoma::host {

SendBatch::SendBatch(bool segmented) : segmented_(segmented) { std::memset(messages_.data(), 0, sizeof messages_); }

void SendBatch::add(int fd, const SocketAddress& to, PacketRef packet, Ecn ecn, DropCounts& drops) {
  if (count_ == kMost || (count_ > 0 && fd != fd_)) flush(drops);
  fd_ = fd;
  to_[count_] = to;
  ecn_[count_] = ecn;
  packets_[count_] = std::move(packet);
  ++count_;
}

// Each datagram joins the newest train to its peer, if it is of that train's size and marked alike; a shorter one may only end it.
size_t SendBatch::form_trains() {
  size_t trains = 0;
  for (size_t i = 0; i < count_; ++i) {
    const size_t size = packets_[i].size();
    Train* train = nullptr;
    for (size_t t = trains; segmented_ && t-- > 0;) {
      if (trains_[t].to != to_[i]) continue;
      train = &trains_[t];
      break;
    }
    const bool joins = train && !train->closed && train->ecn == ecn_[i] && size != 0 && size <= train->segment && train->count < kMostSegments && train->bytes + size <= kMostBytes;
    if (!joins) {
      trains_[trains++] = {to_[i], static_cast<uint16_t>(size), 1, static_cast<uint32_t>(size), static_cast<uint8_t>(i), static_cast<uint8_t>(i), false, ecn_[i]};
      continue;
    }
    next_[train->last] = static_cast<uint8_t>(i);
    train->last = static_cast<uint8_t>(i);
    ++train->count;
    train->bytes += static_cast<uint32_t>(size);
    train->closed = size < train->segment;
  }
  return trains;
}

void SendBatch::write_message(size_t index, const Train& train) {
  msghdr& header = messages_[index].msg_hdr;
  socklen_t length = 0;
  addresses_[index] = to_kernel(train.to, length);
  header.msg_name = &addresses_[index];
  header.msg_namelen = length;
  header.msg_iov = &vectors_[vectors_used_];
  header.msg_iovlen = train.count;
  for (size_t n = 0, i = train.first; n < train.count; ++n, i = next_[i])
    vectors_[vectors_used_++] = {const_cast<uint8_t*>(packets_[i].bytes().data()), packets_[i].size()};
  write_controls(index, train, train.count > 1);
}

void SendBatch::write_controls(size_t index, const Train& train, bool segmented) {
  msghdr& header = messages_[index].msg_hdr;
  header.msg_control = nullptr;
  header.msg_controllen = 0;
  if (!segmented && train.ecn == Ecn::not_ect) return;
  Control& room = controls_[index];
  header.msg_control = room.bytes.data();
  header.msg_controllen = (segmented ? CMSG_SPACE(sizeof(uint16_t)) : 0) + (train.ecn != Ecn::not_ect ? CMSG_SPACE(sizeof(int)) : 0);
  cmsghdr* control = CMSG_FIRSTHDR(&header);
  if (segmented) {
    control->cmsg_level = SOL_UDP;
    control->cmsg_type = UDP_SEGMENT;
    control->cmsg_len = CMSG_LEN(sizeof(uint16_t));
    std::memcpy(CMSG_DATA(control), &train.segment, sizeof train.segment);
    control = reinterpret_cast<cmsghdr*>(room.bytes.data() + CMSG_SPACE(sizeof(uint16_t)));
  }
  if (train.ecn == Ecn::not_ect) return;
  const bool v4 = train.to.ip.family == IpFamily::v4;
  const int value = static_cast<int>(train.ecn);
  control->cmsg_level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
  control->cmsg_type = v4 ? IP_TOS : IPV6_TCLASS;
  control->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(control), &value, sizeof value);
}

// Datagrams of the message `index`, which was refused as a whole.
bool SendBatch::send_one_by_one(size_t index, const Train& train, DropCounts& drops) {
  bool any = false;
  msghdr& header = messages_[index].msg_hdr;
  iovec* parts = header.msg_iov;
  header.msg_iovlen = 1;
  write_controls(index, train, false);
  for (size_t n = 0; n < train.count; ++n) {
    ++calls_;
    ++sent_messages_;
    header.msg_iov = parts + n;
    if (::sendmsg(fd_, &header, 0) >= 0) {
      any = true;
      continue;
    }
    const bool full = errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS;
    drops.count(full ? Drop::queue_full : Drop::no_route);
  }
  return any;
}

void SendBatch::flush(DropCounts& drops) {
  const size_t trains = form_trains();
  vectors_used_ = 0;
  for (size_t t = 0; t < trains; ++t) write_message(t, trains_[t]);
  size_t done = 0;
  while (done < trains) {
    ++calls_;
    const int sent = ::sendmmsg(fd_, &messages_[done], static_cast<unsigned>(trains - done), 0);
    if (sent > 0) {
      done += static_cast<size_t>(sent);
      sent_messages_ += static_cast<uint64_t>(sent);
      continue;
    }
    if (errno == EINTR) continue;
    // The first one is refused; the others get their chance.
    const size_t index = done++;
    const Train& refused = trains_[index];
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
      drops.count(Drop::queue_full, refused.count);
    } else if (refused.count > 1) {  // an interface that cannot, or a path of a smaller MTU: those that fit go all the same
      // What goes alone and not as a train: the interface is to blame, not the peer.
      if (send_one_by_one(index, refused, drops)) segmented_ = false;
    } else {
      drops.count(Drop::no_route);
    }
  }
  for (size_t i = 0; i < count_; ++i) packets_[i].reset();
  count_ = 0;
}

namespace {

constexpr size_t kPeers = 16, kEach = 4;  // as a bridge sends: several packets of a frame to several people

// Nanoseconds for one datagram, to sockets that nobody reads.
double measure(bool segmented, int fd, const std::array<UdpSocket, kPeers>& sinks) {
  constexpr int kRounds = 8;
  PacketPool pool;
  SendBatch batch(segmented);
  DropCounts drops;
  const auto start = std::chrono::steady_clock::now();
  for (int round = 0; round < kRounds; ++round) {
    for (size_t i = 0; i < kEach * kPeers; ++i) {
      PacketRef packet = pool.make(1200);
      packet.resize(1200);
      std::memset(packet.mutable_bytes().data(), 0, 1200);
      batch.add(fd, sinks[i % kPeers].address, std::move(packet), Ecn::not_ect, drops);
    }
    batch.flush(drops);
  }
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count() / (kRounds * kEach * kPeers);
}

bool measure_segmenting() {
  const auto from = open_udp(IpFamily::v4, 0, "test");
  std::array<UdpSocket, kPeers> sinks;
  for (UdpSocket& sink : sinks) {
    auto made = open_udp(IpFamily::v4, 0, "test");
    if (!made) return false;
    sink = *std::move(made);
  }
  int segment = 0;
  socklen_t length = sizeof segment;
  if (!from || ::getsockopt(from->fd.get(), SOL_UDP, UDP_SEGMENT, &segment, &length) != 0) return false;
  double whole = 1e18, segmented = 1e18;
  for (int again = 0; again < 3; ++again) {  // the best of three: somebody else may use the processor
    whole = std::min(whole, measure(false, from->fd.get(), sinks));
    segmented = std::min(segmented, measure(true, from->fd.get(), sinks));
  }
  return segmented < whole;
}

}  // namespace

bool segmenting_pays() {
  static const bool pays = measure_segmenting();
  return pays;
}

}  // namespace tacoma::host
