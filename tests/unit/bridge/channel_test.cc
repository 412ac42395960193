// The bridge channel: who may open it, what it says, what passes through it.
#include <catch2/catch.hpp>

#include "bridge/engine/channel.h"
#include "harness.h"

using namespace tacoma;
using namespace tacoma::test;

namespace {
void with_channels(BridgeConfig& config) { config.channel_url_prefix = "wss://meet.example"; }
using Texts = std::vector<std::string>;
}  // namespace

TEST_CASE("channel: without a configured address none is offered and none opens") {
  Harness h;
  h.join("m", "aaaaaaaa");
  CHECK(h.channel_target("aaaaaaaa").empty());
  CHECK(h.bridge->check_channel("/colibri-ws/eu-1/1/aaaaaaaa?pwd=") == Bridge::ChannelVerdict::not_found);
}

TEST_CASE("channel: the address that is offered opens it, and nothing else does") {
  Harness h(Crypto::null, with_channels);
  h.join("m", "aaaaaaaa");
  h.join("m", "bbbbbbbb");
  const std::string target = h.channel_target("aaaaaaaa");
  REQUIRE(target.substr(0, 35) == "/colibri-ws/eu-1/1/aaaaaaaa?pwd=" + target.substr(32, 3));
  CHECK(target.size() == 32 + 32);  // 128 bits
  using Verdict = Bridge::ChannelVerdict;
  CHECK(h.bridge->check_channel(target) == Verdict::welcome);
  CHECK(h.bridge->check_channel(target.substr(0, target.size() - 1)) == Verdict::forbidden);
  CHECK(h.bridge->check_channel(target + "0") == Verdict::forbidden);
  CHECK(h.bridge->check_channel("/colibri-ws/eu-1/1/bbbbbbbb?pwd=" + target.substr(32)) == Verdict::forbidden);  // another's password
  CHECK(h.bridge->check_channel("/colibri-ws/eu-1/9/aaaaaaaa?pwd=" + target.substr(32)) == Verdict::forbidden);
  CHECK(h.bridge->check_channel("/colibri-ws/eu-1/1/cccccccc?pwd=") == Verdict::forbidden);
  CHECK(h.bridge->check_channel("/colibri-ws/us-1/1/aaaaaaaa?pwd=" + target.substr(32)) == Verdict::not_found);
  CHECK(h.bridge->check_channel("/colibri-ws/eu-1/1/aaaaaaaa") == Verdict::not_found);
  CHECK(h.bridge->check_channel("/") == Verdict::not_found);

  const uint32_t wrong = h.open_channel("/colibri-ws/eu-1/1/aaaaaaaa?pwd=guess");
  CHECK(h.channels[wrong].closed_by_bridge);
  CHECK(h.channels[wrong].messages.empty());
  const uint32_t right = h.open_channel(target);
  CHECK_FALSE(h.channels[right].closed_by_bridge);
  REQUIRE_FALSE(h.channels[right].messages.empty());
  CHECK(h.channels[right].messages[0] == R"({"colibriClass":"ServerHello","version":"7.7"})");
  CHECK(h.bridge->stats().channels == 1);

  SECTION("a newer one takes its place") {
    const uint32_t again = h.open_channel(target);
    CHECK(h.channels[right].closed_by_bridge);
    CHECK_FALSE(h.channels[again].closed_by_bridge);
    CHECK(h.bridge->stats().channels == 1);
  }
  SECTION("it ends with its endpoint") {
    h.expire("m", "aaaaaaaa");
    CHECK(h.channels[right].closed_by_bridge);
    CHECK(h.bridge->stats().channels == 0);
    CHECK(h.bridge->check_channel(target) == Verdict::forbidden);
  }
  SECTION("the endpoint may close it and come again") {
    h.hang_up(right);
    CHECK(h.bridge->stats().channels == 0);
    const uint32_t again = h.open_channel(target);
    CHECK(h.channels[again].messages == h.channels[right].messages);
  }
}

TEST_CASE("channel: messages go to one or to all others, and say whom they are from") {
  Harness h(Crypto::null, with_channels);
  std::vector<uint32_t> ends;
  for (const char* id : {"aaaaaaaa", "bbbbbbbb", "cccccccc"}) {
    h.join("m", id);
    ends.push_back(h.open_channel(h.channel_target(id)));
  }
  for (uint32_t end : ends) h.channels[end].messages.clear();
  const auto got = [&](size_t who) { return h.channels[ends[who]].messages; };

  h.say(ends[0], R"({"colibriClass":"EndpointMessage","to":"bbbbbbbb","from":"cccccccc","msgPayload":{"x":1}})");
  CHECK(got(1) == Texts{R"({"colibriClass":"EndpointMessage","from":"aaaaaaaa","to":"bbbbbbbb","msgPayload":{"x":1}})"});
  CHECK(got(0).empty());
  CHECK(got(2).empty());
  h.say(ends[1], R"({"colibriClass":"EndpointMessage","to":"","msgPayload":"hi"})");
  CHECK(got(0) == Texts{R"({"colibriClass":"EndpointMessage","from":"bbbbbbbb","to":"","msgPayload":"hi"})"});
  CHECK(got(2) == got(0));
  h.say(ends[2], R"({"colibriClass":"EndpointStats","jvbRTT":20})");
  CHECK(got(1).back() == R"({"colibriClass":"EndpointStats","from":"cccccccc","jvbRTT":20})");

  SECTION("nonsense and what only bridges say is counted, and changes nothing") {
    h.say(ends[0], "{");
    h.say(ends[0], R"({"colibriClass":"SenderSourceConstraints","sourceName":"x","maxHeight":0})");
    CHECK(h.counts().drops[Drop::signalling_malformed] == 1);
    CHECK(h.counts().drops[Drop::signalling_unexpected] == 1);
    CHECK_FALSE(h.channels[ends[0]].closed_by_bridge);
  }
  SECTION("who talks too much is not heard") {
    const size_t before = got(1).size();
    for (int i = 0; i < 1000; ++i) h.say(ends[0], R"({"colibriClass":"EndpointMessage","to":"bbbbbbbb","msgPayload":0})");
    CHECK(got(1).size() - before == static_cast<size_t>(bridge::Channel::kBurst) - 1);
    h.run(Duration::seconds(1));
    h.say(ends[0], R"({"colibriClass":"EndpointMessage","to":"bbbbbbbb","msgPayload":1})");
    CHECK(got(1).back().find(R"("msgPayload":1)") != std::string::npos);
  }
}

TEST_CASE("channel: it tells who speaks, what is forwarded and who is gone") {
  Harness h(Crypto::null, with_channels);
  Client& a = h.join("m", "aaaaaaaa");
  Client& b = h.join("m", "bbbbbbbb");
  const uint32_t end = h.open_channel(h.channel_target("aaaaaaaa"));
  auto& messages = h.channels[end].messages;
  CHECK(messages == Texts{R"({"colibriClass":"ServerHello","version":"7.7"})", R"({"colibriClass":"ForwardedSources","forwardedSources":["bbbbbbbb-v0"]})",
                          R"({"colibriClass":"SenderSourceConstraints","sourceName":"aaaaaaaa-v0","maxHeight":-1})"});
  messages.clear();

  for (int i = 0; i < 200; ++i) {
    b.send_audio(h.now, 10);
    a.send_audio(h.now, 90);
    h.run(Duration::milliseconds(20));
  }
  REQUIRE(messages.size() == 1);
  CHECK(messages[0] == R"({"colibriClass":"DominantSpeakerEndpointChangeEvent","dominantSpeakerEndpoint":"bbbbbbbb","previousSpeakers":[],"silence":false})");

  SECTION("who comes later hears it too") {
    const uint32_t late = h.open_channel(h.channel_target("bbbbbbbb"));
    CHECK(h.channels[late].messages[1] == messages[0]);
  }
  SECTION("silence and return") {
    messages.clear();
    bool deaf = true;
    h.lose = [&](const SocketAddress& from, const SocketAddress&, BytesView) { return deaf && from == b.address; };
    const auto without_statistics = [&] { return std::erase_if(messages, [](const std::string& m) { return m.find("ConnectionStats") != std::string::npos; }); };
    h.run(Duration::seconds(7));
    CHECK(without_statistics() == 1);
    CHECK(messages.empty());
    h.run(Duration::seconds(3));
    without_statistics();
    CHECK(messages == Texts{R"({"colibriClass":"EndpointConnectivityStatusChangeEvent","endpoint":"bbbbbbbb","active":"false"})"});
    deaf = false;
    b.send_audio(h.now, 90);
    h.run(Duration::seconds(2));
    CHECK(messages.back() == R"({"colibriClass":"EndpointConnectivityStatusChangeEvent","endpoint":"bbbbbbbb","active":"true"})");
  }
  SECTION("a source that ends") {
    messages.clear();
    h.expire("m", "bbbbbbbb");
    CHECK(messages == Texts{R"({"colibriClass":"ForwardedSources","forwardedSources":[]})"});
  }
}

TEST_CASE("channel: what receivers want is kept, and what they do not say stays") {
  bridge::ReceiverWants wants;
  const auto apply = [&](std::string_view text) { wants.apply(std::get<channel::ReceiverVideoConstraints>(*channel::parse(text))); };
  apply(R"({"colibriClass":"ReceiverVideoConstraints","lastN":3,"selectedSources":["a-v0"],"defaultConstraints":{"maxHeight":180},"assumedBandwidthBps":500000})");
  apply(R"({"colibriClass":"ReceiverVideoConstraints","constraints":{"b-v0":{"maxHeight":720}}})");
  CHECK(wants.is_known);
  CHECK(wants.last_n == 3);
  CHECK(wants.selected == Texts{"a-v0"});
  CHECK(wants.of("a-v0").max_height == 180);
  CHECK(wants.of("b-v0").max_height == 720);
  CHECK(wants.assumed_bandwidth_bps == 500'000);
  apply(R"({"colibriClass":"ReceiverVideoConstraints","lastN":-1,"assumedBandwidthBps":-1})");
  CHECK(wants.last_n == -1);
  CHECK_FALSE(wants.assumed_bandwidth_bps);
}
