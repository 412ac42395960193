#include <catch2/catch.hpp>
#include <thread>

#include "tests/unit/secure/path_pair.h"

using namespace tacoma;

namespace {

std::vector<uint8_t> rtp_packet(uint16_t sequence, size_t size, uint32_t ssrc = 0x1234) {
  std::vector<uint8_t> p(size, static_cast<uint8_t>(sequence));
  p[0] = 0x80;
  p[1] = 100;
  store_u16(p.data() + 2, sequence);
  store_u32(p.data() + 4, sequence * 3000u);
  store_u32(p.data() + 8, ssrc);
  return p;
}

std::vector<uint8_t> protect(SecurePath& path, const std::vector<uint8_t>& plain) {
  std::vector<uint8_t> out(kMaxPacket);
  const auto size = path.protect_rtp(BytesView(plain).subspan(0, 12), BytesView(plain).subspan(12), out);
  REQUIRE(size);
  out.resize(*size);
  return out;
}

}  // namespace

TEST_CASE("two paths become keyed and carry media both ways") {
  const Crypto crypto = GENERATE(Crypto::real, Crypto::null);
  const bool v6 = GENERATE(false, true);
  PathPair pair({.crypto = crypto, .v6 = v6});
  pair.introduce();
  pair.run(at_seconds(5), [&] { return pair.keyed(); });
  REQUIRE(pair.keyed());
  CAPTURE(pair.now.since_start().to_ms());
  CHECK(pair.now < at_seconds(1));
  CHECK(pair.bridge->profile() == (crypto == Crypto::real ? SrtpProfile::aead_aes_128_gcm : SrtpProfile::null));
  pair.collect();
  REQUIRE(pair.bridge_events.size() == 2);
  CHECK(pair.bridge_events[0].kind == PathEvent::Kind::ice_connected);
  CHECK(pair.bridge_events[1].kind == PathEvent::Kind::keyed);
  CHECK(pair.bridge->remote() == pair.client_address);
  CHECK(pair.client->remote() == pair.bridge_address);

  for (bool from_bridge : {false, true}) {
    SecurePath& sender = from_bridge ? *pair.bridge : *pair.client;
    SecurePath& receiver = from_bridge ? *pair.client : *pair.bridge;
    const std::vector<uint8_t> plain = rtp_packet(7, 1200);
    const std::vector<uint8_t> wire = protect(sender, plain);
    CHECK(wire.size() == 1216);
    Datagram d{from_bridge ? pair.bridge_address : pair.client_address, {}, pair.pool.copy(wire), pair.now};
    const Arrival a = receiver.on_datagram(pair.now, d, pair.out);
    REQUIRE(a.kind == ArrivalKind::rtp);
    CHECK(std::vector<uint8_t>(d.packet.bytes().begin(), d.packet.bytes().end()) == plain);
    CHECK(pair.deliver(!from_bridge, wire).drop == Drop::srtp_replay);
    std::vector<uint8_t> bad = protect(sender, rtp_packet(8, 1200));
    bad[3] ^= 1;
    CHECK(pair.deliver(!from_bridge, bad).drop == Drop::srtp_auth);
    CHECK(pair.deliver(from_bridge, protect(sender, rtp_packet(9, 1200))).drop == Drop::srtp_auth);  // reflected

    std::vector<uint8_t> rtcp = {0x80, 201, 0, 1, 0, 0, 0, 9};
    rtcp.resize(64);
    const auto size = sender.protect_rtcp(rtcp, 8);
    REQUIRE(size);
    CHECK(*size == 8 + 20);
    rtcp.resize(*size);
    CHECK(pair.deliver(!from_bridge, rtcp).kind == ArrivalKind::rtcp);
    CHECK(pair.deliver(!from_bridge, rtcp).drop == Drop::srtp_replay);
  }
}

TEST_CASE("paths become keyed over links that lose 30 %") {
  const Crypto crypto = GENERATE(Crypto::real, Crypto::null);
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    PathPair pair({.crypto = crypto, .seed = seed, .loss = 0.3});
    pair.introduce();
    pair.run(at_seconds(30), [&] { return pair.keyed(); });
    CHECK(pair.keyed());
    CHECK(pair.steps < 2000);
  }
}

TEST_CASE("equal seeds give equal bytes at equal times, other seeds others") {
  const Crypto crypto = GENERATE(Crypto::real, Crypto::null);
  const double loss = GENERATE(0.0, 0.3);
  const auto run = [&](uint64_t seed) {
    PathPair pair({.crypto = crypto, .seed = seed, .loss = loss});
    pair.introduce();
    pair.run(at_seconds(60));
    return pair.sent;
  };
  const auto first = run(5);
  // A run in between with another seed, so that state left over in OpenSSL would show.
  const auto other = run(6);
  CHECK(first == run(5));
  CHECK_FALSE(first == other);
}

TEST_CASE("system randomness does not repeat") {
  const auto run = [] {
    PathPair pair({.randomness = SecureRandomness::system});
    pair.introduce();
    pair.run(at_seconds(5), [&] { return pair.keyed(); });
    REQUIRE(pair.keyed());
    return std::tuple(pair.bridge->credentials().pwd, pair.bridge->fingerprint().to_string(), protect(*pair.bridge, rtp_packet(1, 100)));
  };
  const auto a = run(), b = run();
  CHECK(std::get<0>(a) != std::get<0>(b));
  CHECK(std::get<1>(a) != std::get<1>(b));
  CHECK(std::get<2>(a) != std::get<2>(b));
}

TEST_CASE("threads do not share randomness or time") {
  const auto identity = DtlsIdentity::make(Rng(1), SecureRandomness::seeded);
  std::array<std::vector<PathPair::Sent>, 3> sent;
  std::vector<std::thread> threads;
  for (auto& mine : sent) {
    threads.emplace_back([&mine, &identity] {
      for (uint64_t seed = 1; seed <= 5; ++seed) {
        PathPair pair({.seed = seed, .loss = 0.1, .bridge_identity = identity});
        pair.introduce();
        pair.run(at_seconds(30));
        mine.insert(mine.end(), pair.sent.begin(), pair.sent.end());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(sent[0] == sent[1]);
  CHECK(sent[0] == sent[2]);
}

TEST_CASE("a bridge that learns of its client late keeps its checks and hellos") {
  const Crypto crypto = GENERATE(Crypto::real, Crypto::null);
  PathPair pair({.crypto = crypto, .bridge_hears_late = Duration::milliseconds(300)});
  pair.introduce();
  pair.run(Instant::at(Duration::milliseconds(299)));
  CHECK(pair.bridge->ice().pair_count() == 1);
  CHECK_FALSE(pair.keyed());
  pair.run(at_seconds(2), [&] { return pair.keyed(); });
  CHECK(pair.keyed());
}

TEST_CASE("a wrong fingerprint ends the path on the side that was told it") {
  const Crypto crypto = GENERATE(Crypto::real, Crypto::null);
  const bool bridge_side = GENERATE(false, true);
  PathPair pair({.crypto = crypto, .wrong_fingerprint = !bridge_side, .bridge_lies = bridge_side});
  pair.introduce();
  pair.run(at_seconds(60));
  const auto& events = bridge_side ? pair.bridge_events : pair.client_events;
  REQUIRE_FALSE(events.empty());
  CHECK(events.back().kind == PathEvent::Kind::failed);
  CHECK(events.back().reason == PathEvent::Reason::dtls_fingerprint);
  CHECK((bridge_side ? pair.bridge_drops : pair.client_drops)[Drop::dtls_fingerprint] == 1);
  CHECK_FALSE(pair.bridge->ready());
  CHECK_FALSE(pair.client->ready());
  CHECK((bridge_side ? pair.client_events : pair.bridge_events).back().kind == PathEvent::Kind::failed);
}

TEST_CASE("a wrong password is counted and the path fails in the end") {
  PathPair pair({.wrong_password = true});
  pair.introduce();
  pair.run(at_seconds(60));
  CHECK(pair.bridge_drops[Drop::stun_bad_integrity] >= 6);
  REQUIRE(pair.client_events.size() == 1);
  CHECK(pair.client_events[0].kind == PathEvent::Kind::failed);
  CHECK(pair.client_events[0].reason == PathEvent::Reason::ice_timeout);
  CHECK(pair.bridge->deadline().at.is_never());
}

TEST_CASE("consent runs every 4 to 6 s and expires 30 s after the last answer") {
  PathPair pair({.crypto = Crypto::null});
  pair.introduce();
  pair.run(at_seconds(100));
  CHECK(pair.keyed());
  size_t checks = 0;
  for (const auto& s : pair.sent)
    if (s.from_bridge && s.at > at_seconds(1) && s.bytes[0] == 0 && s.bytes[1] == 1) ++checks;
  CHECK(checks >= 16);
  CHECK(checks <= 25);
  pair.cut = true;
  const Instant cut_at = pair.now;
  pair.run(pair.now + Duration::seconds(40), [&] { return PathPair::has(pair.bridge_events, PathEvent::Kind::consent_lost); });
  CHECK(PathPair::has(pair.bridge_events, PathEvent::Kind::consent_lost));
  CHECK(pair.now - cut_at >= Duration::seconds(24));
  CHECK(pair.now - cut_at <= Duration::seconds(30));
  CHECK_FALSE(pair.bridge->ready());
  pair.run(pair.now + Duration::seconds(10));
  const size_t sent = pair.sent.size();
  pair.run(pair.now + Duration::seconds(100));
  CHECK(pair.sent.size() == sent);

  // An ICE restart revives it with the same keys.
  pair.cut = false;
  pair.bridge->restart_ice(pair.now);
  pair.client->restart_ice(pair.now);
  pair.introduce();
  pair.run(pair.now + Duration::seconds(2), [&] { return pair.keyed(); });
  REQUIRE(pair.keyed());
  CHECK(pair.deliver(true, protect(*pair.client, rtp_packet(1, 100))).kind == ArrivalKind::rtp);
  CHECK(pair.bridge_events.back().kind == PathEvent::Kind::ice_connected);
}

TEST_CASE("who hears the peer's checks does not lose it because its own were lost one after the other") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    PathPair pair({.crypto = Crypto::null, .seed = seed});
    pair.introduce();
    pair.run(at_seconds(10));
    REQUIRE(pair.keyed());
    pair.checks_lost = true;
    pair.run(pair.now + Duration::milliseconds(22'500));  // 28.5 s after the last answer at most
    pair.checks_lost = false;
    pair.run(pair.now + Duration::seconds(60));
    CHECK(pair.keyed());
    CHECK_FALSE(PathPair::has(pair.bridge_events, PathEvent::Kind::consent_lost));
    CHECK(pair.deliver(false, protect(*pair.bridge, rtp_packet(2, 100))).kind == ArrivalKind::rtp);
  }
}

TEST_CASE("an ICE restart on a living path keeps it usable throughout") {
  PathPair pair({.crypto = Crypto::null});
  pair.introduce();
  pair.run(at_seconds(3));
  REQUIRE(pair.keyed());
  const std::string old_ufrag = pair.bridge->credentials().ufrag;
  pair.bridge->restart_ice(pair.now);
  CHECK(pair.bridge->credentials().ufrag != old_ufrag);
  CHECK(pair.keyed());
  pair.client->restart_ice(pair.now);
  pair.introduce();
  pair.run(pair.now + Duration::seconds(60));
  CHECK(pair.keyed());
  CHECK(pair.client_events.back().kind == PathEvent::Kind::ice_connected);
  CHECK(pair.client_events.size() == 3);
}

TEST_CASE("a client behind a NAT that binds it anew is followed, keyed as before, within its next check and a second") {
  const bool sends = GENERATE(true, false);
  PathPair pair({.crypto = Crypto::null});
  pair.introduce();
  pair.run(at_seconds(3));
  REQUIRE(pair.keyed());
  uint16_t sequence = 0;
  for (const uint16_t port : {40001, 40002, 40000}) {  // and back to where it was
    INFO("port " << port << (sends ? ", sending" : ", only checking"));
    pair.rebind(port);
    const Instant moved_at = pair.now;
    while (pair.bridge->remote() != pair.client_address && pair.now - moved_at < Duration::seconds(20)) {
      pair.run(pair.now + Duration::milliseconds(20));
      if (sends && pair.client->ready()) pair.deliver(true, protect(*pair.client, rtp_packet(++sequence, 100)));
    }
    CHECK(pair.bridge->remote() == pair.client_address);
    // Checks of a client are 6 s apart at most; then one round trip to validate, one to nominate.
    CHECK(pair.now - moved_at <= (sends ? Duration::milliseconds(6'700) : Duration::milliseconds(13'200)));
    CHECK(pair.deliver(false, protect(*pair.bridge, rtp_packet(port, 100))).kind == ArrivalKind::rtp);
    pair.run(pair.now + Duration::seconds(60));  // consent goes on there
    CHECK(pair.keyed());
  }
  CHECK_FALSE(PathPair::has(pair.bridge_events, PathEvent::Kind::consent_lost));
  CHECK_FALSE(PathPair::has(pair.client_events, PathEvent::Kind::consent_lost));
}

TEST_CASE("two controlling agents settle who controls") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    INFO("seed " << seed);
    PathPair pair({.crypto = Crypto::null, .seed = seed, .client_role = IceRole::controlling});
    pair.introduce();
    pair.run(at_seconds(5), [&] { return pair.keyed(); });
    CHECK(pair.keyed());
    CHECK(pair.bridge->ice().role() != pair.client->ice().role());
  }
}

TEST_CASE("close is heard by the other end") {
  const Crypto crypto = GENERATE(Crypto::real, Crypto::null);
  PathPair pair({.crypto = crypto});
  pair.introduce();
  pair.run(at_seconds(3));
  REQUIRE(pair.keyed());
  pair.client->close(pair.now, pair.out);
  pair.carry(false);
  CHECK(pair.sent.back().bytes.size() == NullHandshake::kCloseSize);
  pair.run(pair.now + Duration::seconds(1));
  CHECK(pair.bridge_events.back().kind == PathEvent::Kind::closed);
  CHECK_FALSE(pair.bridge->ready());
  CHECK(pair.bridge->deadline().at.is_never());
  CHECK(pair.client->deadline().at.is_never());
}

TEST_CASE("null crypto keeps the datagrams of a real handshake") {
  const auto handshake = [](Crypto crypto) {
    PathPair pair({.crypto = crypto});
    pair.introduce();
    pair.run(at_seconds(3));
    REQUIRE(pair.keyed());
    std::vector<std::tuple<int64_t, bool, size_t>> datagrams;
    for (const auto& s : pair.sent)
      if (s.bytes[0] >= 20) datagrams.emplace_back(s.at.ns(), s.from_bridge, s.bytes.size());
    return datagrams;
  };
  const auto real = handshake(Crypto::real), null = handshake(Crypto::null);
  REQUIRE(real.size() == null.size());
  for (size_t i = 0; i < real.size(); ++i) {
    CAPTURE(i, std::get<2>(real[i]), std::get<2>(null[i]));
    CHECK(std::get<0>(real[i]) == std::get<0>(null[i]));
    CHECK(std::get<1>(real[i]) == std::get<1>(null[i]));
    // ECDSA signatures and the certificate's are 70 to 72 bytes of DER.
    CHECK(std::abs(static_cast<int>(std::get<2>(real[i])) - static_cast<int>(std::get<2>(null[i]))) <= 6);
  }
}

TEST_CASE("media before the keys and strangers are dropped with their reasons") {
  PathPair pair({});
  CHECK(pair.deliver(true, rtp_packet(1, 100)).drop == Drop::srtp_not_ready);
  const uint8_t hello[] = {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0};
  CHECK(pair.deliver(true, hello).drop == Drop::unknown_peer);
  const uint8_t unknown[] = {64, 1, 2, 3};
  CHECK(pair.deliver(true, unknown).drop == Drop::unknown_first_byte);
  const uint8_t stun[] = {0, 1, 0, 0};
  CHECK(pair.deliver(true, stun).drop == Drop::stun_malformed);
  std::vector<uint8_t> buffer(100);
  CHECK(pair.bridge->protect_rtp(buffer, 50).error() == Drop::receiver_not_ready);
}

TEST_CASE("early DTLS is kept up to its limit") {
  PathPair pair({.bridge_hears_late = Duration::seconds(10)});
  pair.introduce();
  pair.run(Instant::at(Duration::milliseconds(100)));
  REQUIRE(pair.bridge->ice().knows(pair.client_address));
  const uint8_t hello[] = {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0};
  for (size_t i = 0; i < SecurePath::kMaxEarlyDtls; ++i) CHECK(pair.deliver(true, hello).kind == ArrivalKind::dtls);
  CHECK(pair.deliver(true, hello).drop == Drop::dtls_unexpected);
}

TEST_CASE("garbage in every state neither crashes nor stops a handshake") {
  const Crypto crypto = GENERATE(Crypto::real, Crypto::null);
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    INFO("seed " << seed);
    PathPair pair({.crypto = crypto, .seed = seed});
    Rng rng = Rng(seed).split("garbage");
    pair.introduce();
    for (int round = 0; round < 200; ++round) {
      pair.run(pair.now + Duration::milliseconds(2));
      std::vector<uint8_t> bytes(rng.below(200));
      rng.fill(bytes.data(), bytes.size());
      // Half of it true datagrams with a flipped byte; unauthenticated alerts may kill any DTLS handshake and are not sent.
      if (!pair.sent.empty() && rng.chance(0.5)) {
        bytes = pair.sent[rng.below(static_cast<uint32_t>(pair.sent.size()))].bytes;
        if (!bytes.empty() && (bytes[0] < 20 || bytes[0] > 63)) bytes[rng.below(static_cast<uint32_t>(bytes.size()))] ^= 0x55;
      }
      if (!bytes.empty() && bytes[0] >= 20 && bytes[0] <= 63) continue;
      pair.deliver(rng.chance(0.5), bytes);
    }
    CHECK(pair.keyed());
  }
}
