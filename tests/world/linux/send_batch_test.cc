// Hop 6 on real sockets: whatever leaves segmented arrives as it was added.
#include <catch2/catch.hpp>

#include <poll.h>

#include <cstring>
#include <iterator>
#include <map>
#include <vector>

#include "host/linux/send_batch.h"
#include "host/linux/udp.h"

using namespace tacoma;
using namespace tacoma::host;

namespace {

struct Wire {
  UdpSocket from = std::move(*open_udp(IpFamily::v4, 0, "sender"));
  std::vector<UdpSocket> peers;
  PacketPool pool;
  DropCounts drops;

  explicit Wire(size_t count) {
    for (size_t i = 0; i < count; ++i) peers.push_back(std::move(*open_udp(IpFamily::v4, 0, "peer")));
  }
  PacketRef packet(size_t size, uint8_t mark) {
    PacketRef made = pool.make(size ? size : 1);
    made.resize(size);
    for (uint8_t& b : made.mutable_bytes()) b = mark;
    return made;
  }
  // Size and first byte of each datagram that a peer gets.
  std::vector<std::pair<size_t, int>> arrived(size_t peer) {
    std::vector<std::pair<size_t, int>> got;
    ReceiveBatch receive(pool);
    std::vector<ReceiveBatch::Received> in;
    for (int quiet = 0; quiet < 2;) {
      pollfd wait{peers[peer].fd.get(), POLLIN, 0};
      if (::poll(&wait, 1, 20) <= 0) ++quiet;
      in.clear();
      receive.receive(peers[peer].fd.get(), in, drops);
      for (const auto& r : in) got.emplace_back(r.packet.size(), r.packet.size() ? r.packet.bytes()[0] : -1);
    }
    return got;
  }
};

}  // namespace

TEST_CASE("what leaves in trains arrives whole, and in order for each peer") {
  for (const bool segmented : {false, true}) {
    Wire wire(5);
    SendBatch batch(segmented);
    std::map<size_t, std::vector<std::pair<size_t, int>>> added;
    const size_t sizes[] = {1200, 1200, 1200, 700, 1200, 40, 40, 41, 1, 1472, 1200, 1200};
    for (size_t i = 0; i < 400; ++i) {  // more than a batch holds
      const size_t peer = i * 7 % 5 == 3 ? 2 : i % 5, size = sizes[i / 5 % 12];
      batch.add(wire.from.fd.get(), wire.peers[peer].address, wire.packet(size, static_cast<uint8_t>(i)), Ecn::not_ect, wire.drops);
      added[peer].emplace_back(size, static_cast<uint8_t>(i));
    }
    batch.flush(wire.drops);
    for (size_t peer = 0; peer < 5; ++peer) CHECK(wire.arrived(peer) == added[peer]);
    CHECK(wire.drops.total() == 0);
    if (!segmented) CHECK(batch.messages() == 400);
  }
}

TEST_CASE("a datagram keeps its ECN codepoint, in a train and alone, IPv4 and IPv6") {
  for (const bool segmented : {false, true}) {
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
      const UdpSocket from = std::move(*open_udp(family, 0, "sender")), to = std::move(*open_udp(family, 0, "peer"));
      PacketPool pool;
      DropCounts drops;
      SendBatch batch(segmented);
      const Ecn all[] = {Ecn::ect0, Ecn::ect0, Ecn::ect0, Ecn::not_ect, Ecn::not_ect, Ecn::ect0, Ecn::ce, Ecn::ect1, Ecn::not_ect};
      for (const Ecn ecn : all) {
        PacketRef packet = pool.make(500);
        std::memset(packet.mutable_bytes().data(), 1, 500);
        batch.add(from.fd.get(), to.address, std::move(packet), ecn, drops);
      }
      batch.flush(drops);
      std::vector<ReceiveBatch::Received> in;
      ReceiveBatch receive(pool);
      for (int tries = 0; tries < 50 && in.size() < std::size(all); ++tries) {
        pollfd wait{to.fd.get(), POLLIN, 0};
        if (::poll(&wait, 1, 20) > 0) receive.receive(to.fd.get(), in, drops);
      }
      REQUIRE(in.size() == std::size(all));
      for (size_t i = 0; i < in.size(); ++i) CHECK(in[i].ecn == all[i]);
      if (!segmented) CHECK(batch.messages() == std::size(all));
    }
  }
}

TEST_CASE("equal datagrams to one peer share a message up to the limits") {
  Wire wire(1);
  SendBatch batch(true);
  for (size_t i = 0; i < SendBatch::kMost; ++i)
    batch.add(wire.from.fd.get(), wire.peers[0].address, wire.packet(1200, 7), Ecn::not_ect, wire.drops);
  batch.flush(wire.drops);
  CHECK(wire.arrived(0).size() == SendBatch::kMost);
  // 48 segments of 1,200 bytes are 57,600: 128 are three messages. A kernel without UDP_SEGMENT makes it one each.
  CHECK((batch.messages() == 3 || batch.messages() >= SendBatch::kMost));
}

TEST_CASE("an empty datagram and a peer that refuses hold nobody up") {
  Wire wire(1);
  SendBatch batch(true);
  SocketAddress nowhere = wire.peers[0].address;
  nowhere.port = 0;  // the kernel says EINVAL
  batch.add(wire.from.fd.get(), nowhere, wire.packet(100, 1), Ecn::not_ect, wire.drops);
  batch.add(wire.from.fd.get(), nowhere, wire.packet(100, 1), Ecn::not_ect, wire.drops);
  batch.add(wire.from.fd.get(), wire.peers[0].address, wire.packet(0, 0), Ecn::not_ect, wire.drops);
  batch.add(wire.from.fd.get(), wire.peers[0].address, wire.packet(0, 0), Ecn::not_ect, wire.drops);
  batch.add(wire.from.fd.get(), wire.peers[0].address, wire.packet(5, 9), Ecn::not_ect, wire.drops);
  batch.flush(wire.drops);
  CHECK(wire.drops[Drop::no_route] == 2);
  CHECK(wire.arrived(0).size() == 3);
}

TEST_CASE("whether segmenting pays is found once and stays") { CHECK(segmenting_pays() == segmenting_pays()); }
