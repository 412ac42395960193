#include <catch2/catch.hpp>
#include <sys/time.h>
#include <time.h>

#include "core/secure/openssl_scope.h"
#include "tests/unit/secure/path_pair.h"

using namespace tacoma;

namespace {

using Bytes = std::vector<uint8_t>;

// The datagrams of one side's handshake records, in order.
std::vector<Bytes> flights(const PathPair& pair, bool from_bridge) {
  std::vector<Bytes> found;
  for (const auto& s : pair.sent)
    if (s.from_bridge == from_bridge && s.bytes[0] >= 20 && s.bytes[0] <= 63) found.push_back(s.bytes);
  return found;
}

// Cuts the one handshake message of a ClientHello datagram into `parts` records of one datagram each (RFC 6347 section 4.2.3).
std::vector<Bytes> fragment(const Bytes& hello, size_t parts) {
  constexpr size_t kRecord = 13, kHandshake = 12;
  const size_t body = hello.size() - kRecord - kHandshake;
  std::vector<Bytes> result;
  for (size_t i = 0; i < parts; ++i) {
    const size_t from = body * i / parts, to = body * (i + 1) / parts;
    Bytes datagram(hello.begin(), hello.begin() + kRecord + kHandshake);
    datagram[10] = static_cast<uint8_t>(i);  // record sequence number
    store_u16(datagram.data() + 11, static_cast<uint16_t>(kHandshake + to - from));
    store_u24(datagram.data() + kRecord + 6, static_cast<uint32_t>(from));
    store_u24(datagram.data() + kRecord + 9, static_cast<uint32_t>(to - from));
    const auto start = hello.begin() + kRecord + kHandshake;
    datagram.insert(datagram.end(), start + static_cast<long>(from), start + static_cast<long>(to));
    result.push_back(datagram);
  }
  return result;
}

// The fragments took more record numbers than the client thinks: moves its unencrypted records up.
void renumber(Bytes& datagram, uint8_t by) {
  for (size_t at = 0; at + 13 <= datagram.size(); at += 13u + load_u16(datagram.data() + at + 11))
    if (load_u16(datagram.data() + at + 3) == 0) datagram[at + 10] = static_cast<uint8_t>(datagram[at + 10] + by);
}

}  // namespace

TEST_CASE("a ClientHello in fragments is accepted") {
  const size_t parts = GENERATE(2, 3, 4);
  const bool early = GENERATE(false, true);  // before the bridge knows its client
  PathPair pair({.bridge_hears_late = early ? Duration::milliseconds(300) : Duration::zero()});
  pair.introduce();
  bool cut = false;
  while (pair.now < at_seconds(3) && !pair.keyed()) {
    for (size_t i = 0; i < pair.flying.size(); ++i) {
      auto& flight = pair.flying[i];
      if (!flight.to_bridge || flight.bytes[0] < 20 || flight.bytes[0] > 63) continue;
      if (!cut) {
        cut = true;
        const auto pieces = fragment(flight.bytes, parts);
        const auto arrives = flight.arrives;
        pair.flying.erase(pair.flying.begin() + static_cast<long>(i));
        for (size_t k = 0; k < parts; ++k)
          pair.flying.insert(pair.flying.begin() + static_cast<long>(i + k), PathPair::Flight{arrives, true, pieces[k]});
        i += parts - 1;
      } else if (flight.bytes[10] == 1) {
        renumber(flight.bytes, static_cast<uint8_t>(parts - 1));  // the second flight, once
      }
    }
    pair.run(pair.now + Duration::milliseconds(10));
  }
  CHECK(cut);
  CHECK(pair.keyed());
}

TEST_CASE("the server repeats its last flight when it was lost") {
  const Crypto crypto = GENERATE(Crypto::real, Crypto::null);
  PathPair pair({.crypto = crypto});
  pair.introduce();
  pair.run(at_seconds(2), [&] { return PathPair::has(pair.bridge_events, PathEvent::Kind::keyed); });
  REQUIRE(flights(pair, true).size() == 2);
  CHECK_FALSE(pair.client->ready());
  pair.flying.clear();
  pair.run(at_seconds(2), [&] { return pair.keyed(); });
  CHECK(pair.keyed());
  // OpenSSL repeats ChangeCipherSpec and Finished in a datagram each.
  CHECK(flights(pair, true).size() == (crypto == Crypto::real ? 4 : 3));
}

TEST_CASE("the server answers a late repeat when OpenSSL's state is gone") {
  const Crypto crypto = GENERATE(Crypto::real, Crypto::null);
  PathPair pair({.crypto = crypto});
  pair.introduce();
  pair.run(at_seconds(60));
  REQUIRE(pair.keyed());
  const Bytes finished = flights(pair, false).back();
  const size_t before = flights(pair, true).size();
  CHECK(pair.deliver(true, finished).kind == ArrivalKind::dtls);
  REQUIRE(flights(pair, true).size() == before + 1);
  CHECK(flights(pair, true).back().size() <= 80);
  CHECK(pair.keyed());
}

TEST_CASE("lost flights are sent again after 400, 800, 1600 ms of virtual time") {
  const Crypto crypto = GENERATE(Crypto::real, Crypto::null);
  PathPair pair({.crypto = crypto});
  pair.introduce();
  pair.run(at_seconds(3), [&] { return PathPair::has(pair.client_events, PathEvent::Kind::ice_connected); });
  pair.flying.clear();  // the first ClientHello
  pair.cut = true;
  pair.run(at_seconds(31));
  std::vector<int64_t> times;
  for (const auto& s : pair.sent)
    if (!s.from_bridge && s.bytes[0] == 22) times.push_back(s.at.since_start().ms());
  REQUIRE(times.size() >= 5);
  for (size_t i = 1; i < times.size(); ++i) times[i] -= times[0];
  CHECK(std::vector<int64_t>(times.begin() + 1, times.begin() + 5) == std::vector<int64_t>{400, 1200, 2800, 5800});
  CHECK(pair.client_events.back().kind == PathEvent::Kind::failed);
  CHECK(pair.client_events.back().reason == PathEvent::Reason::dtls_timeout);
}

TEST_CASE("malformed DTLS is dropped with its reason and does no harm") {
  PathPair pair({});
  pair.introduce();
  pair.run(at_seconds(3), [&] { return PathPair::has(pair.bridge_events, PathEvent::Kind::ice_connected); });
  Bytes record = {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 1, 2, 3};
  CHECK(pair.deliver(true, record).drop == Drop::dtls_malformed);
  CHECK(pair.deliver(true, BytesView(record).subspan(0, 5)).drop == Drop::dtls_malformed);
  record[1] = 3;
  CHECK(pair.deliver(true, record).drop == Drop::dtls_malformed);
  pair.run(at_seconds(3), [&] { return pair.keyed(); });
  CHECK(pair.keyed());
}

TEST_CASE("identities repeat for equal seeds only") {
  const auto fingerprint = [](uint64_t seed, SecureRandomness randomness) {
    return DtlsIdentity::make(Rng(seed), randomness)->fingerprint().to_string();
  };
  CHECK(fingerprint(1, SecureRandomness::seeded) == fingerprint(1, SecureRandomness::seeded));
  CHECK(fingerprint(1, SecureRandomness::seeded) != fingerprint(2, SecureRandomness::seeded));
  CHECK(fingerprint(1, SecureRandomness::system) != fingerprint(1, SecureRandomness::system));
}

TEST_CASE("the time of day is virtual inside a scope and real outside") {
  timeval tv{};
  timespec real{};
  REQUIRE(gettimeofday(&tv, nullptr) == 0);
  REQUIRE(clock_gettime(CLOCK_REALTIME, &real) == 0);
  CHECK(std::abs(tv.tv_sec - real.tv_sec) <= 5);
  Rng rng(1);
  {
    const OpenSslScope scope(Instant::at(Duration::milliseconds(1500)), rng, SecureRandomness::seeded);
    gettimeofday(&tv, nullptr);
    CHECK(tv.tv_sec % 1'000'000 == 1);
    CHECK(tv.tv_usec == 500'000);
  }
  gettimeofday(&tv, nullptr);
  CHECK(std::abs(tv.tv_sec - real.tv_sec) <= 5);
}
