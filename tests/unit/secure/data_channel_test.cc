#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "core/secure/data_channel.h"
#include "tests/unit/secure/path_pair.h"

using namespace tacoma;
using Role = SctpAssociation::Role;
using Kind = DataChannel::Event::Kind;

namespace {

// A data channel over DTLS over the link of PathPair: the bridge waits, the client opens.
struct ChannelPair {
  explicit ChannelPair(PathPair::Options options = {}) : paths(options) {
    paths.bridge->carry_data();
    paths.client->carry_data();
    paths.introduce();
    paths.run(at_seconds(10), [&] { return paths.keyed(); });
    REQUIRE(paths.keyed());
  }
  void start() {
    bridge.start(paths.now);
    client.start(paths.now, {0, 256, 0, "JVB data channel", "http://jitsi.org/protocols/colibri"});
    flush();
  }
  void flush() {
    std::vector<uint8_t> packet;
    while (host.next_pending()) {}
    bridge.advance(paths.now);
    client.advance(paths.now);
    while (bridge.poll_packet(packet)) {
      paths.bridge->send_data(paths.now, packet, paths.out);
      paths.carry(true);
    }
    while (client.poll_packet(packet)) {
      paths.client->send_data(paths.now, packet, paths.out);
      paths.carry(false);
    }
  }
  template <typename Done>
  bool run(Duration time, Done done) {
    const Instant end = paths.now + time;
    while (paths.now < end && !done()) {
      paths.run(std::min(paths.now + Duration::milliseconds(10), end));
      if (host.deadline().at <= paths.now) {
        host.on_deadline(paths.now);
        REQUIRE(host.deadline().at > paths.now);
      }
      std::vector<uint8_t> bytes;
      while (paths.bridge->poll_data(bytes)) bridge.on_packet(paths.now, bytes);
      while (paths.client->poll_data(bytes)) client.on_packet(paths.now, bytes);
      flush();
      for (DataChannel::Event e; bridge.poll_event(e);) at_bridge.push_back(e);
      for (DataChannel::Event e; client.poll_event(e);) at_client.push_back(e);
    }
    return done();
  }
  bool open() { return run(Duration::seconds(10), [&] { return bridge.is_open() && client.is_open(); }); }
  static size_t count(const std::vector<DataChannel::Event>& events, Kind kind) {
    return static_cast<size_t>(std::count_if(events.begin(), events.end(), [&](const auto& e) { return e.kind == kind; }));
  }

  PathPair paths;
  SctpHost host;
  DataChannel bridge{host, Role::server, 1}, client{host, Role::client, 2};
  std::vector<DataChannel::Event> at_bridge, at_client;
};

std::string text_of(size_t size, char seed) {
  std::string text(size, seed);
  for (size_t i = 0; i < size; i += 7) text[i] = static_cast<char>('a' + i % 26);
  return text;
}

}  // namespace

TEST_CASE("a client opens a data channel over DTLS, and messages of all sizes go both ways, in order") {
  const double loss = GENERATE(0.0, 0.05);
  ChannelPair pair({.seed = 7, .loss = loss});
  pair.start();
  REQUIRE(pair.open());
  CHECK(pair.bridge.description().label == "JVB data channel");
  CHECK(pair.bridge.description().protocol == "http://jitsi.org/protocols/colibri");
  const std::vector<size_t> sizes = {1, 0, 100, 1200, 5000, 40'000, 64 * 1024, 3};
  for (const size_t size : sizes) {
    pair.client.post(text_of(size, 'c'));
    pair.bridge.post(text_of(size, 'b'));
  }
  pair.flush();
  REQUIRE(pair.run(Duration::seconds(60), [&] {
    return pair.count(pair.at_bridge, Kind::message) == sizes.size() && pair.count(pair.at_client, Kind::message) == sizes.size();
  }));
  for (size_t i = 0; i < sizes.size(); ++i) {
    CHECK(pair.at_bridge[i + 1].text == text_of(sizes[i], 'c'));
    CHECK(pair.at_client[i + 1].text == text_of(sizes[i], 'b'));
  }
  CHECK(pair.bridge.drops().total() == 0);
  for (const auto& sent : pair.paths.sent) CHECK(sent.bytes.size() <= DtlsSession::kMtu);
}

TEST_CASE("a data channel is still there long after the handshake's state would have been given up") {
  ChannelPair pair;
  pair.start();
  REQUIRE(pair.open());
  pair.run(DtlsSession::kLinger * 3, [] { return false; });
  pair.client.post("late");
  pair.flush();
  REQUIRE(pair.run(Duration::seconds(2), [&] { return pair.count(pair.at_bridge, Kind::message) == 1; }));
}

TEST_CASE("a message over the limit is dropped and counted, and the next one comes through") {
  ChannelPair pair;
  pair.start();
  REQUIRE(pair.open());
  pair.client.post(text_of(SctpAssociation::kMaxMessage + 1, 'x'));
  pair.client.post("next");
  pair.flush();
  REQUIRE(pair.run(Duration::seconds(20), [&] { return pair.count(pair.at_bridge, Kind::message) == 1; }));
  CHECK(pair.at_bridge.back().text == "next");
  CHECK(pair.bridge.drops()[Drop::sctp_full] == 1);
}

TEST_CASE("what a silent peer does not take fills one buffer and no more") {
  ChannelPair pair;
  pair.start();
  REQUIRE(pair.open());
  pair.paths.cut = true;
  const std::string message = text_of(16 * 1024, 'f');
  for (int i = 0; i < 100; ++i) pair.bridge.post(message);
  pair.flush();
  const size_t taken = 100 - pair.bridge.drops()[Drop::sctp_full];
  CHECK(taken >= 8);
  CHECK(taken * message.size() <= SctpAssociation::kSendBuffer);
  const DropCounts before = pair.bridge.take_drops();
  for (size_t i = 0; i <= DataChannel::kMaxPosted; ++i) pair.bridge.post("");
  CHECK(before.total() == 100 - taken);
  CHECK(pair.bridge.drops()[Drop::sctp_full] == 1);
}

TEST_CASE("the channel ends on both sides when either closes it, and the client may open another") {
  ChannelPair pair;
  pair.start();
  REQUIRE(pair.open());
  const bool by_client = GENERATE(true, false);
  (by_client ? pair.client : pair.bridge).close(pair.paths.now);
  pair.flush();
  REQUIRE(pair.run(Duration::seconds(5), [&] { return !pair.bridge.is_open() && !pair.client.is_open(); }));
  CHECK(pair.count(pair.at_bridge, Kind::closed) == 1);
  pair.bridge.post("nobody");
  CHECK(pair.bridge.drops()[Drop::sctp_unexpected] == 1);
}

TEST_CASE("a newer channel of the same peer replaces the older") {
  SctpHost host;
  DataChannel server(host, Role::server, 1);
  SctpAssociation client(host, Role::client, 2);
  Instant now = at_seconds(1);
  server.start(now);
  client.start(now);
  const auto exchange = [&] {
    std::vector<uint8_t> packet;
    for (int i = 0; i < 100; ++i) {
      now = now + Duration::milliseconds(10);
      host.on_deadline(now);
      while (server.poll_packet(packet)) (void)client.on_packet(now, packet);
      while (client.poll_packet(packet)) server.on_packet(now, packet);
    }
  };
  exchange();
  REQUIRE(client.state() == SctpAssociation::State::up);
  for (const uint16_t stream : {0, 2}) REQUIRE_FALSE(client.send(now, stream, dcep::kControl, dcep::write({0, 256, 0, "c" + std::to_string(stream), ""})));
  exchange();
  CHECK(server.description().label == "c2");
  std::vector<Kind> kinds;
  for (DataChannel::Event e; server.poll_event(e);) kinds.push_back(e.kind);
  CHECK(kinds == std::vector<Kind>{Kind::opened, Kind::closed, Kind::opened});

  SECTION("messages on the old one, of another kind, or before an OPEN are counted") {
    REQUIRE_FALSE(client.send(now, 0, dcep::kText, as_bytes("old")));
    REQUIRE_FALSE(client.send(now, 2, dcep::kBinary, as_bytes("binary")));
    REQUIRE_FALSE(client.send(now, 4, dcep::kText, as_bytes("none")));
    REQUIRE_FALSE(client.send(now, 6, dcep::kControl, as_bytes("no DCEP")));
    exchange();
    CHECK(server.drops()[Drop::sctp_unexpected] == 3);
    CHECK(server.drops()[Drop::sctp_malformed] == 1);
    DataChannel::Event event;
    CHECK_FALSE(server.poll_event(event));
  }
  SECTION("a peer that aborts closes the channel") {
    CHECK(client.send(now, SctpAssociation::kStreams, dcep::kText, as_bytes("x")) == Drop::sctp_unexpected);
    std::vector<uint8_t> abort;
    client.stop(now);
    while (client.poll_packet(abort)) server.on_packet(now, abort);
    CHECK_FALSE(server.is_open());
    server.on_packet(now, abort);
    CHECK(server.drops()[Drop::sctp_unexpected] == 1);
  }
}

TEST_CASE("usrsctp works on the caller's thread; the one it starts itself never runs") {
  const auto own = std::to_string(::getpid());
  size_t others = 0;
  const auto waits = [&] {  // of all other threads, so far
    int sum = 0;
    others = 0;
    for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
      if (thread.path().filename() == own) continue;
      ++others;
      std::ifstream status(thread.path() / "status");
      for (std::string line; std::getline(status, line);)
        if (line.rfind("voluntary_ctxt_switches:", 0) == 0) sum += std::stoi(line.substr(24));
    }
    return sum;
  };
  ChannelPair pair;
  pair.start();
  REQUIRE(pair.open());
  const int before = waits();
  for (int i = 0; i < 100; ++i) pair.client.post(text_of(1000, 't'));
  REQUIRE(pair.run(Duration::seconds(20), [&] { return pair.count(pair.at_bridge, Kind::message) == 100; }));
  CHECK(waits() <= before + 1);  // it may have come to its wait only now: on a busy machine threads begin late
  CHECK(others <= 1);
}

TEST_CASE("packets that are no SCTP of this association are counted") {
  SctpHost host;
  DataChannel server(host, Role::server, 1);
  const std::vector<uint8_t> packet(40, 0);
  server.on_packet(at_seconds(1), packet);
  CHECK(server.drops()[Drop::sctp_unexpected] == 1);  // not started
  server.start(at_seconds(1));
  server.on_packet(at_seconds(1), BytesView(packet.data(), 11));
  CHECK(server.drops()[Drop::sctp_malformed] == 1);
  server.on_packet(at_seconds(1), packet);
  CHECK(server.drops()[Drop::sctp_unexpected] == 2);  // other ports
  CHECK_FALSE(server.is_open());
}
