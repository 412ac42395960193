#include <catch2/catch.hpp>

#include <string>

#include "core/signal/bridge_channel.h"

using namespace tacoma;
using namespace tacoma::channel;

namespace {
template <typename M>
M read(std::string_view text) {
  const auto message = parse(text);
  INFO((message ? std::string() : message.error()));
  REQUIRE(message);
  REQUIRE(std::holds_alternative<M>(*message));
  return std::get<M>(*message);
}
}  // namespace

TEST_CASE("bridge channel: constraints as a web client sends them") {
  const auto m = read<ReceiverVideoConstraints>(
      R"({"colibriClass":"ReceiverVideoConstraints","lastN":20,"selectedSources":[],"onStageSources":["ab12cd34-v0"],)"
      R"("defaultConstraints":{"maxHeight":180},"constraints":{"ab12cd34-v0":{"maxHeight":1080,"maxFrameRate":30}}})");
  CHECK(m.last_n == 20);
  CHECK(m.selected == std::vector<std::string>());
  CHECK(m.on_stage == std::vector<std::string>{"ab12cd34-v0"});
  REQUIRE(m.defaults);
  CHECK(m.defaults->max_height == 180);
  CHECK(m.defaults->max_frame_rate == -1);
  REQUIRE(m.constraints);
  CHECK(m.constraints->at("ab12cd34-v0") == VideoConstraints{1080, 30});
  CHECK_FALSE(m.assumed_bandwidth_bps);

  SECTION("what is absent stays absent") {
    const auto empty = read<ReceiverVideoConstraints>(R"({"colibriClass":"ReceiverVideoConstraints"})");
    CHECK(empty == ReceiverVideoConstraints());
  }
}

TEST_CASE("bridge channel: the texts that clients depend on") {
  CHECK(write(ServerHello{"0.1.0"}) == R"({"colibriClass":"ServerHello","version":"0.1.0"})");
  CHECK(write(ConnectivityStatus{"ab12cd34", false}) ==
        R"({"colibriClass":"EndpointConnectivityStatusChangeEvent","endpoint":"ab12cd34","active":"false"})");  // a string, by tradition
  CHECK(write(SenderSourceConstraints{"ab12cd34-v0", 0}) == R"({"colibriClass":"SenderSourceConstraints","sourceName":"ab12cd34-v0","maxHeight":0})");
  CHECK(write(DominantSpeaker{"a", {"b"}, false}) ==
        R"({"colibriClass":"DominantSpeakerEndpointChangeEvent","dominantSpeakerEndpoint":"a","previousSpeakers":["b"],"silence":false})");
  CHECK(write(ForwardedSources{{"a-v0"}}) == R"({"colibriClass":"ForwardedSources","forwardedSources":["a-v0"]})");
  CHECK(write(VideoSourcesMap{{{"a-v0", "a", Ssrc(1), Ssrc(2), VideoType::desktop, ""}}}) ==
        R"({"colibriClass":"VideoSourcesMap","mappedSources":[{"source":"a-v0","owner":"a","ssrc":1,"rtx":2,"videoType":"DESKTOP"}]})");
  CHECK(write(ConnectionStats{2'500'000}) == R"({"colibriClass":"ConnectionStats","estimatedDownlinkBandwidth":2500000})");
}

TEST_CASE("bridge channel: what endpoints tell each other passes whole") {
  auto m = read<EndpointMessage>(R"({"colibriClass":"EndpointMessage","to":"b","msgPayload":{"type":"ping","id":7},"extra":1})");
  CHECK(m.from.empty());
  CHECK(m.to == "b");
  m.from = "a";
  CHECK(write(m) == R"({"colibriClass":"EndpointMessage","from":"a","to":"b","extra":1,"msgPayload":{"id":7,"type":"ping"}})");
  auto stats = read<EndpointStats>(R"({"colibriClass":"EndpointStats","from":"forged","bitrate":{"upload":12.5}})");
  stats.from = "a";
  CHECK(write(stats) == R"({"colibriClass":"EndpointStats","from":"a","bitrate":{"upload":12.5}})");
}

TEST_CASE("bridge channel: every message comes back as it went") {
  ReceiverVideoConstraints wants;
  wants.last_n = -1;
  wants.selected = {"x-v0"};
  wants.constraints = {{"x-v0", {720, 30}}};
  wants.assumed_bandwidth_bps = 1'000'000;
  const Message all[] = {
      ClientHello{}, ServerHello{}, EndpointMessage{"a", "", R"({"msgPayload":"x"})"}, EndpointStats{"a", R"({"loss":1})"}, wants, LastN{4},
      SourceVideoType{"a-v1", VideoType::desktop_high_fps, "a"}, ReceiverAudioSubscription{false, {"a-a0"}, {"b-a0"}},
      SenderSourceConstraints{"a-v0", 360}, DominantSpeaker{"a", {"b", "c"}, true}, ConnectivityStatus{"a", true}, ForwardedSources{{"a-v0"}},
      VideoSourcesMap{{{"a-v0", "a", Ssrc(5), Ssrc(), VideoType::none, "v0"}}}, AudioSourcesMap{{{"a-a0", "a", Ssrc(0xffffffff), ""}}},
      ConnectionStats{1}, SyntheticSourceSending{"a-v0", true, 1'700'000'000'000}, AddReceiver{"eu-1", "a-v0", {180, 15}}, RemoveReceiver{"eu-1", "a"},
  };
  CHECK(std::size(all) == std::variant_size_v<Message>);
  for (const Message& message : all) {
    INFO(write(message));
    const auto again = parse(write(message));
    REQUIRE(again);
    CHECK(*again == message);
  }
}

TEST_CASE("bridge channel: what is wrong is said") {
  const auto error = [](std::string_view text) {
    const auto message = parse(text);
    REQUIRE_FALSE(message);
    return message.error();
  };
  CHECK(error("hello") == "message is not a JSON object");
  CHECK(error("[1]") == "message is not a JSON object");
  CHECK(error("{}") == "colibriClass is missing");
  CHECK(error(R"({"colibriClass":"Nonsense"})") == "unknown colibriClass 'Nonsense'");
  CHECK(error(R"({"colibriClass":"LastNChangedEvent"})") == "LastNChangedEvent: lastN is missing");
  CHECK(error(R"({"colibriClass":"LastNChangedEvent","lastN":-2})") == "LastNChangedEvent: lastN is no number of the allowed range");
  CHECK(error(R"({"colibriClass":"EndpointMessage","msgPayload":{}})") == "EndpointMessage: to is missing");
  CHECK(error(R"({"colibriClass":"ReceiverVideoConstraints","constraints":{"a-v0":{"maxHeight":"tall"}}})") ==
        "ReceiverVideoConstraints: constraints is malformed: maxHeight is no number of the allowed range");
  CHECK(error(R"({"colibriClass":"SourceVideoTypeMessage","sourceName":"a-v0","videoType":"hologram"})") ==
        "SourceVideoTypeMessage: videoType is an unknown kind of video");

  SECTION("limits") {
    std::string names = "[";
    for (size_t i = 0; i <= kMaxNames; ++i) names += i == 0 ? "\"a\"" : ",\"a\"";
    CHECK(error(R"({"colibriClass":"ForwardedSources","forwardedSources":)" + names + "]}") ==
          "ForwardedSources: forwardedSources is no list of allowed length");
    CHECK(error(R"({"colibriClass":"ForwardedSources","forwardedSources":[")" + std::string(kMaxName + 1, 'a') + "\"]}") ==
          "ForwardedSources: forwardedSources holds something that is no name");
    CHECK(error(std::string(kMaxMessage + 1, ' ')) == "message is longer than 65536 bytes");
    CHECK(error(std::string(30'000, '[')) == "message is nested too deeply");
    CHECK(parse(R"({"colibriClass":"EndpointMessage","to":"","msgPayload":"[[[[[[[[[[[[[[[[[[\"[["})"));  // brackets in text are text
  }
}

TEST_CASE("bridge channel: addresses") {
  const auto target = parse_target("/colibri-ws/eu-1/9f8e/ab12cd34?pwd=secret&late=1");
  REQUIRE(target);
  CHECK(*target == Target{"eu-1", "9f8e", "ab12cd34", "secret"});
  CHECK(to_string(*target) == "/colibri-ws/eu-1/9f8e/ab12cd34?pwd=secret");
  CHECK(parse_target("/colibri-ws/eu-1/9f8e/ab12cd34").error() == "query does not begin with pwd=");
  CHECK(parse_target("/colibri-ws/eu-1/9f8e/ab12cd34?x=1&pwd=secret").error() == "query does not begin with pwd=");
  CHECK(parse_target("/colibri-ws/eu-1/9f8e?pwd=1").error() == "path is not /colibri-ws/SERVER/CONFERENCE/ENDPOINT");
  CHECK(parse_target("/colibri-ws/a/b/c/d?pwd=1").error() == "path is not /colibri-ws/SERVER/CONFERENCE/ENDPOINT");
  CHECK(parse_target("/colibri-ws/eu-1//c?pwd=1").error() == "path has an empty, overlong or malformed part");
  CHECK(to_string({"eu 1", "c", "a/b", "x&y"}) == "/colibri-ws/eu%201/c/a%2Fb?pwd=x%26y");
  CHECK(*parse_target("/colibri-ws/eu%201/c/a%2fb?pwd=x%26y") == Target{"eu 1", "c", "a/b", "x&y"});
  CHECK_FALSE(parse_target("/colibri-ws/eu%2/c/d?pwd=x"));
  CHECK(parse_target("/elsewhere").error() == "path does not begin with /colibri-ws/");
}
