// The bridge channel as a data channel beside the media.
#include <catch2/catch.hpp>

#include "core/secure/data_channel.h"
#include "harness.h"

using namespace tacoma;
using namespace tacoma::test;

namespace {
using Texts = std::vector<std::string>;

void with_both(BridgeConfig& config) {
  config.channel_url_prefix = "wss://meet.example";
  config.data_channels = true;
}

/// A person's end of a data channel.
struct DataEnd {
  DataEnd(Harness& h_, std::string_view id, bool opens_socket_first = false) : h(h_) {
    h.asks_for_data = true;
    client = &h.join("m", id, false);
    client->path.carry_data();
    h.connect("m", *client);
    if (opens_socket_first) socket = h.open_channel(h.channel_target(id));
    channel.start(h.now, {0, 256, 0, "JVB data channel", "http://jitsi.org/protocols/colibri"});
    run(Duration::milliseconds(300));
  }
  void run(Duration time) {
    for (const Instant end = h.now + time; h.now < end;) {
      pump();
      h.run(Duration::milliseconds(10));
    }
    pump();
  }
  void pump() {
    if (host.deadline().at <= h.now) host.on_deadline(h.now);
    std::vector<uint8_t> bytes;
    while (client->path.poll_data(bytes)) channel.on_packet(h.now, bytes);
    while (host.next_pending()) {}
    channel.advance(h.now);
    while (channel.poll_packet(bytes)) client->path.send_data(h.now, bytes, client->out);
    for (DataChannel::Event e; channel.poll_event(e);) {
      if (e.kind == DataChannel::Event::Kind::message) messages.push_back(e.text);
      if (e.kind == DataChannel::Event::Kind::closed) was_closed = true;
    }
    h.settle();
  }
  void say(std::string_view text) {
    channel.post(text);
    run(Duration::milliseconds(50));
  }

  Harness& h;
  Client* client = nullptr;
  uint32_t socket = 0;
  SctpHost host;
  DataChannel channel{host, SctpAssociation::Role::client, 0};
  Texts messages;
  bool was_closed = false;
};
}  // namespace

TEST_CASE("data channel: an endpoint that asks for one gets port and role, where there can be one") {
  const bool wanted = GENERATE(true, false);
  const bool possible = GENERATE(true, false);
  Harness h(Crypto::real, [&](BridgeConfig& config) { config.data_channels = possible; });
  h.asks_for_data = wanted;
  h.join("m", "aaaaaaaa", false);
  CHECK(h.sctp_answer.has_value() == (wanted && possible));
  if (h.sctp_answer) CHECK(*h.sctp_answer == colibri2::Sctp{5000, colibri2::SctpRole::server});
}

TEST_CASE("data channel: the bridge opens none itself") {
  Harness h(Crypto::real, with_both);
  auto request = Harness::conference("m", true);
  request.endpoints = {Harness::new_endpoint("aaaaaaaa")};
  request.endpoints[0].transport->sctp = colibri2::Sctp{std::nullopt, colibri2::SctpRole::client};
  const auto answer = h.modify(request);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().condition == Condition::bad_request);
}

TEST_CASE("data channel: it says what a WebSocket says, and a ServerHello only when asked") {
  Harness h(Crypto::real, with_both);
  h.join("m", "bbbbbbbb");
  const uint32_t socket = h.open_channel(h.channel_target("bbbbbbbb"));
  DataEnd a(h, "aaaaaaaa");
  REQUIRE(a.channel.is_open());
  CHECK(h.bridge->stats().channels == 2);
  REQUIRE_FALSE(a.messages.empty());
  CHECK(a.messages[0] == R"({"colibriClass":"ForwardedSources","forwardedSources":["bbbbbbbb-v0"]})");
  a.say(R"({"colibriClass":"ClientHello"})");
  CHECK(a.messages.back() == R"({"colibriClass":"ServerHello"})");

  h.say(socket, R"({"colibriClass":"EndpointMessage","to":"aaaaaaaa","msgPayload":"over there"})");
  a.run(Duration::milliseconds(100));
  CHECK(a.messages.back() == R"({"colibriClass":"EndpointMessage","from":"bbbbbbbb","to":"aaaaaaaa","msgPayload":"over there"})");
  a.say(R"({"colibriClass":"EndpointMessage","to":"","msgPayload":"and back"})");
  CHECK(h.channels[socket].messages.back() == R"({"colibriClass":"EndpointMessage","from":"aaaaaaaa","to":"","msgPayload":"and back"})");

  SECTION("a newer WebSocket takes its place") {
    h.open_channel(h.channel_target("aaaaaaaa"));
    a.run(Duration::milliseconds(500));
    CHECK(a.was_closed);
    CHECK(h.bridge->stats().channels == 2);
  }
  SECTION("it ends with its endpoint") {
    h.expire("m", "aaaaaaaa");
    CHECK(a.client->was_closed);
    CHECK(h.bridge->stats().channels == 1);
    h.run(Duration::seconds(5));
  }
  SECTION("what it cannot take is counted") {
    a.say("{");
    CHECK(h.counts().drops[Drop::signalling_malformed] == 1);
    const std::vector<uint8_t> rubbish(100, 7);
    a.client->path.send_data(h.now, rubbish, a.client->out);
    h.settle();
    CHECK(h.counts().drops[Drop::sctp_unexpected] == 1);  // ports of nobody
    CHECK(a.channel.is_open());
  }
}

TEST_CASE("data channel: it takes the place of an older WebSocket") {
  Harness h(Crypto::real, with_both);
  DataEnd a(h, "aaaaaaaa", true);
  REQUIRE(a.channel.is_open());
  CHECK(h.channels[a.socket].closed_by_bridge);
  CHECK(h.bridge->stats().channels == 1);
}
