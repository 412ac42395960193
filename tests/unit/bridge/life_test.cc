// How endpoints come to an end, who speaks, who sends from where, and that runs repeat.
#include <catch2/catch.hpp>

#include "harness.h"

using namespace tacoma;
using namespace tacoma::test;

TEST_CASE("an endpoint that falls silent is expired after a minute, one that never connected after two") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  h.join("m", "bbbbbbbb", false);
  h.lose = [&](const SocketAddress& from, const SocketAddress&, BytesView) { return from == a.address; };
  h.run(Duration::seconds(59));
  CHECK(h.bridge->stats().endpoints == 2);
  h.run(Duration::seconds(2));
  CHECK(h.bridge->stats().endpoints == 1);
  h.run(Duration::seconds(57));
  CHECK(h.bridge->stats().endpoints == 1);
  h.run(Duration::seconds(3));
  CHECK(h.bridge->stats().endpoints == 0);
  CHECK(h.bridge->stats().conferences == 0);
  CHECK(h.bridge->stats().endpoints_expired == 2);
}

TEST_CASE("garbage from its address does not keep an endpoint that is gone") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  bool is_gone = true;  // but for what is let through below
  h.lose = [&](const SocketAddress& from, const SocketAddress&, BytesView) { return from == a.address && is_gone; };
  const uint64_t drops = h.counts().drops.total();
  for (int i = 0; i < 12; ++i) {
    h.run(Duration::seconds(5));
    is_gone = false;
    a.out.send(h.bridge_address, h.pool.copy(Bytes(30, 0x90)));    // no SRTP
    a.out.send(h.bridge_address, h.pool.copy(Bytes(30, 0x05)));    // nothing at all
    h.settle();
    is_gone = true;
  }
  CHECK(h.counts().drops.total() >= drops + 22);
  h.run(Duration::seconds(2));
  CHECK(h.bridge->stats().endpoints == 0);
  CHECK(h.bridge->stats().endpoints_expired == 1);
}

TEST_CASE("consent checks keep a silent but living endpoint") {
  Harness h;
  h.join("m", "aaaaaaaa");
  h.run(Duration::seconds(200));
  CHECK(h.bridge->stats().endpoints == 1);
}

TEST_CASE("a conference that nobody joins ends") {
  Harness h;
  REQUIRE(h.modify(Harness::conference("empty", true)));
  CHECK(h.bridge->stats().conferences == 1);
  h.run(Duration::seconds(59));
  CHECK(h.bridge->stats().conferences == 1);
  h.run(Duration::seconds(2));
  CHECK(h.bridge->stats().conferences == 0);
}

TEST_CASE("an endpoint that comes back from the same address takes it over") {
  Harness h;
  Client& old = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  // The same person again, at once: a new endpoint behind the old one's address.
  Client& fresh = h.join("m", "cccccccc", false);
  old.address.port = 1;  // what is sent to the address now reaches the new client
  fresh.address = h.clients[0]->address;
  fresh.address.port = 20000;
  h.connect("m", fresh);
  fresh.send_audio(h.now, 20);
  h.settle();
  CHECK(b.of(fresh.audio).size() == 1);
  h.expire("m", "aaaaaaaa");
  fresh.send_audio(h.now, 20);
  h.settle();
  CHECK(b.of(fresh.audio).size() == 2);
}

TEST_CASE("an endpoint whose NAT binds it anew is found again by its next check, and gets its media there") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  a.address.port = 20'001;
  const auto talk = [&](int times) {
    for (int i = 0; i < times; ++i) {
      a.send_audio(h.now, 20);
      b.send_audio(h.now, 20);
      h.run(Duration::milliseconds(20));
    }
  };
  talk(400);  // its consent check comes within 6 s
  a.rtp.clear();
  b.rtp.clear();
  talk(10);
  CHECK(a.of(b.audio).size() == 10);
  CHECK(b.of(a.audio).size() == 10);
  CHECK(h.bridge->stats().ice_failed == 0);
  CHECK(h.bridge->audit().violations == std::vector<std::string>());
}

TEST_CASE("the addresses bound to an endpoint are bounded") {
  Harness h(Crypto::null, [](BridgeConfig& c) { c.limits.addresses_per_endpoint = 3; });
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  // Keep a valid check of the client and replay it from many addresses.
  Bytes check;
  h.lose = [&](const SocketAddress& from, const SocketAddress&, BytesView bytes) {
    if (from == a.address && bytes[0] == 0 && bytes[1] == 1) check.assign(bytes.begin(), bytes.end());
    return false;
  };
  for (int i = 0; i < 20 && check.empty(); ++i) h.run(Duration::seconds(1));
  REQUIRE_FALSE(check.empty());
  h.lose = nullptr;
  const SocketAddress home = a.address;
  for (uint16_t port = 1; port <= 8; ++port) {
    a.address.port = port;
    a.out.send(h.bridge_address, h.pool.copy(check));
    h.settle();
  }
  const uint64_t unknown = h.counts().drops[Drop::unknown_peer];
  a.address.port = 2;  // forgotten since
  a.out.send(h.bridge_address, h.pool.copy(Bytes(30, 0x90)));
  h.settle();
  CHECK(h.counts().drops[Drop::unknown_peer] == unknown + 1);
  a.address = home;    // the one in use is kept
  a.send_audio(h.now, 20);
  h.settle();
  CHECK(b.of(a.audio).size() == 1);
}

TEST_CASE("the louder one takes the floor, noise does not, and the new speaker's picture is refreshed") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  b.send_video(h.now, true);
  const auto talk = [&](int ms, int level_a, int level_b) {
    for (int t = 0; t < ms; t += 20) {
      if (level_a >= 0) a.send_audio(h.now, static_cast<uint8_t>(level_a));
      if (level_b >= 0) b.send_audio(h.now, static_cast<uint8_t>(level_b));
      h.run(Duration::milliseconds(20));
    }
  };
  const auto dominant = [&] { return h.bridge->conferences()[0].dominant_speaker; };
  CHECK(dominant().empty());
  talk(1500, 30, 110);
  CHECK(dominant() == "aaaaaaaa");
  talk(100, 30, 5);     // a cough
  talk(500, 30, 110);
  CHECK(dominant() == "aaaaaaaa");
  const size_t plis = b.count(RtcpType::payload_feedback, kFormatPli);
  talk(1500, -1, 30);   // a stops (DTX sends nothing), b speaks
  CHECK(dominant() == "bbbbbbbb");
  CHECK(b.count(RtcpType::payload_feedback, kFormatPli) == plis + 1);
  CHECK(h.counts().dominant_speaker_changes == 2);
  talk(2000, 32, 30);   // both equally loud: no flutter
  CHECK(dominant() == "bbbbbbbb");
  h.expire("m", "bbbbbbbb");
  CHECK(dominant().empty());
}

TEST_CASE("what has ended still counts, and its laws are still checked") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  h.join("m", "bbbbbbbb");
  for (int i = 0; i < 10; ++i) a.send_audio(h.now, 20);
  h.settle();
  const uint64_t out = h.counts().packets_out;
  CHECK(out == 10);
  h.expire("m", "aaaaaaaa");
  h.expire("m", "bbbbbbbb");
  CHECK(h.counts().packets_out == out);
  CHECK(h.bridge->audit().holds());
  CHECK(h.bridge->stats().endpoints_created == 2);
}

TEST_CASE("loss in both directions, joins and leaves: the laws hold all the time, and the same seed gives the same sums") {
  const auto play = [](uint64_t seed) {
    Harness h;
    INFO("seed " << seed);
    Rng rng(seed);
    Rng network = rng.split("network");
    std::vector<Client*> people;
    for (const char* id : {"aaaaaaaa", "bbbbbbbb", "cccccccc"}) people.push_back(&h.join("m", id));
    h.lose = [&](const SocketAddress&, const SocketAddress&, BytesView b) { return b[0] >= 128 && network.chance(0.05); };
    for (int t = 0; t < 600; ++t) {
      if (t == 200) { h.lose = nullptr; people.push_back(&h.join("m", "dddddddd")); h.lose = [&](const SocketAddress&, const SocketAddress&, BytesView b) { return b[0] >= 128 && network.chance(0.05); }; }
      if (t == 400) { h.expire("m", "bbbbbbbb"); people.erase(people.begin() + 1); }
      for (Client* p : people) {
        p->send_audio(h.now, rng.chance(0.3) ? 127 : 30);
        if (t % 2 == 0) h.send_video_answering_pli(*p);
      }
      h.run(Duration::milliseconds(20));
      if (t % 50 == 0) {
        const BridgeAudit audit = h.bridge->audit();
        for (const std::string& v : audit.violations) UNSCOPED_INFO(v);
        REQUIRE(audit.holds());
      }
    }
    CHECK(h.bridge->audit().holds());
    const BridgeCounts n = h.counts();
    CHECK(n.nacks_out > 0);
    CHECK(n.drops[Drop::audio_silence] > 0);
    return std::vector<uint64_t>{n.packets_in, n.packets_out, n.fan_out, n.route_drops, n.nacks_out, n.plis_out, n.rtcp_out, n.drops.total()};
  };
  const auto one = play(1);
  CHECK(one == play(1));
  CHECK(one != play(2));
}
