// Who gets what, and what senders and receivers are told of it.
#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "bridge/engine/last_n_reducer.h"
#include "core/rtp/twcc_recorder.h"
#include "harness.h"

using namespace tacoma;
using namespace tacoma::test;

namespace {

struct Room {
  explicit Room(std::function<void(BridgeConfig&)> change = {})
      : h(Crypto::null, [&](BridgeConfig& config) {
          config.channel_url_prefix = "wss://meet.example";
          if (change) change(config);
        }) {}
  Client& join(const std::string& id) {
    Client& client = h.join("m", id);
    people.push_back(&client);
    channels.push_back(h.open_channel(h.channel_target(id)));
    return client;
  }
  /// Everybody sends audio and some 160 kbit/s of video for a while, with key frames where they are asked for, and, if so set, feedback.
  void run(int ms, size_t video_size = 800) {
    for (int t = 0; t < ms; t += 20) {
      for (size_t i = 0; i < people.size(); ++i) {
        people[i]->send_audio(h.now, i < quiet_from ? 30 : 90);
        if (t % 40 == 0) {
          const bool key = people[i]->count(RtcpType::payload_feedback, kFormatPli) != plis[i];
          plis[i] = people[i]->count(RtcpType::payload_feedback, kFormatPli);
          people[i]->send_video(h.now, key, video_size);
        }
      }
      h.run(Duration::milliseconds(20));
      if (feedback && t % 100 == 0) report();
    }
  }
  void say(size_t who, const std::string& text) { h.say(channels[who], text); }
  std::vector<std::string>& messages(size_t who) { return h.channels[channels[who]].messages; }
  std::string last(size_t who, const std::string& kind) {
    std::string found;
    for (const std::string& m : messages(who))
      if (m.find("\"" + kind + "\"") != std::string::npos) found = m;
    return found;
  }
  /// What each sent of `ssrc` has come to `to` since the last call for them.
  size_t fresh(Client& to, Ssrc ssrc) {
    const size_t all = to.of(ssrc).size();
    return all - std::exchange(seen[{to.id, ssrc.value()}], all);
  }
  std::optional<DataRate> limit_told(const Client& to) const {
    std::optional<DataRate> limit;
    for (const Got& got : to.rtcp) {
      RtcpReader reader(got.bytes);
      for (RtcpPacket packet; reader.next(packet);)
        if (packet.type == RtcpType::payload_feedback && packet.count == kFormatRemb)
          if (const auto remb = parse_remb(packet)) limit = remb->rate;
    }
    return limit;
  }
  void report() {
    for (size_t i = 0; i < people.size(); ++i) {
      for (; reported[i] < people[i]->rtp.size(); ++reported[i]) {
        const Got& got = people[i]->rtp[reported[i]];
        if (const auto number = got.rtp().extension(5)) recorders[i].on_packet(load_u16(number->data()), got.at + queue);
      }
      people[i]->send_rtcp([&](RtcpWriter& w) { recorders[i].build(Ssrc(1), Ssrc(2), w); });
    }
    h.settle();
  }

  Harness h;
  std::vector<Client*> people;
  std::vector<uint32_t> channels;
  std::map<std::pair<std::string, uint32_t>, size_t> seen;
  std::map<size_t, size_t> plis, reported;
  std::map<size_t, TwccRecorder> recorders;
  bool feedback = false;
  Duration queue;  // that feedback tells of
  size_t quiet_from = 100;
};

std::string wants(const std::string& members) { return R"({"colibriClass":"ReceiverVideoConstraints",)" + members + "}"; }

}  // namespace

TEST_CASE("sharing: last-n gives the first of the order, and says which", "[sharing]") {
  Room room;
  Client& a = room.join("aaaaaaaa");
  Client& b = room.join("bbbbbbbb");
  Client& c = room.join("cccccccc");
  room.run(1'000);
  room.say(0, wants(R"("lastN":1)"));
  room.run(200);
  room.fresh(a, b.video), room.fresh(a, c.video), room.fresh(b, c.video);
  room.run(2'000);
  CHECK(room.fresh(a, b.video) == 50);
  CHECK(room.fresh(a, c.video) == 0);
  CHECK(room.fresh(b, c.video) == 50);
  CHECK(room.last(0, "ForwardedSources") == R"({"colibriClass":"ForwardedSources","forwardedSources":["bbbbbbbb-v0"]})");

  SECTION("what is selected comes first") {
    room.say(0, wants(R"("selectedSources":["cccccccc-v0"])"));
    room.run(1'000);
    CHECK(room.last(0, "ForwardedSources") == R"({"colibriClass":"ForwardedSources","forwardedSources":["cccccccc-v0"]})");
    CHECK(room.fresh(a, c.video) > 20);
  }
  SECTION("and what is on stage before it") {
    room.say(0, wants(R"("selectedSources":["bbbbbbbb-v0"],"onStageSources":["cccccccc-v0"])"));
    room.run(1'000);
    CHECK(room.last(0, "ForwardedSources") == R"({"colibriClass":"ForwardedSources","forwardedSources":["cccccccc-v0"]})");
  }
  SECTION("none at all still leaves the audio") {
    room.say(0, R"({"colibriClass":"LastNChangedEvent","lastN":0})");
    room.run(100);
    room.fresh(a, b.video), room.fresh(a, b.audio), room.fresh(a, c.audio);
    room.run(1'000);
    CHECK(room.fresh(a, b.video) == 0);
    CHECK(room.fresh(a, b.audio) == 50);
    CHECK(room.fresh(a, c.audio) == 50);
    CHECK(room.last(0, "ForwardedSources") == R"({"colibriClass":"ForwardedSources","forwardedSources":[]})");
  }
  CHECK(room.h.bridge->audit().holds());
}

TEST_CASE("sharing: what does not fit is not sent, and audio always is", "[sharing]") {
  Room room;
  Client& a = room.join("aaaaaaaa");
  Client& b = room.join("bbbbbbbb");
  Client& c = room.join("cccccccc");
  room.run(1'000);
  room.say(0, wants(R"("assumedBandwidthBps":300000)"));
  room.run(500);
  room.fresh(a, b.video), room.fresh(a, c.video), room.fresh(a, b.audio);
  room.run(1'000);
  CHECK(room.fresh(a, b.video) == 25);
  CHECK(room.fresh(a, c.video) == 0);
  CHECK(room.fresh(a, b.audio) == 50);
  room.say(0, wants(R"("assumedBandwidthBps":-1)"));
  room.run(1'000);
  CHECK(room.fresh(a, c.video) > 20);
}

TEST_CASE("sharing: senders learn the largest height that anybody wants: more at once, less after a second", "[sharing]") {
  Room room;
  room.join("aaaaaaaa");
  const auto told = [&] { return room.last(0, "SenderSourceConstraints"); };
  const auto said = [](const std::string& height) { return R"({"colibriClass":"SenderSourceConstraints","sourceName":"aaaaaaaa-v0","maxHeight":)" + height + "}"; };
  CHECK(told() == said("0"));  // nobody is there
  room.join("bbbbbbbb");
  room.join("cccccccc");
  room.run(200);
  CHECK(told() == said("-1"));
  room.say(1, wants(R"("defaultConstraints":{"maxHeight":180})"));
  room.say(2, wants(R"("defaultConstraints":{"maxHeight":0},"constraints":{"aaaaaaaa-v0":{"maxHeight":360}})"));
  room.run(500);
  CHECK(told() == said("-1"));
  room.run(800);
  CHECK(told() == said("360"));
  room.say(1, wants(R"("defaultConstraints":{"maxHeight":720})"));
  room.run(20);
  CHECK(told() == said("720"));
  room.say(1, wants(R"("lastN":0)"));
  room.say(2, wants(R"("lastN":0)"));
  room.run(1'500);
  CHECK(told() == said("0"));
}

TEST_CASE("sharing: a sender is told the limit of its best receiver, and it is lifted again", "[sharing]") {
  Room room;
  Client& a = room.join("aaaaaaaa");
  Client& b = room.join("bbbbbbbb");
  room.run(1'000);
  CHECK_FALSE(room.limit_told(a));
  b.send_rtcp([&](RtcpWriter& w) { w.remb(Ssrc(1), DataRate::kbps(300), {}); });
  room.run(500);
  REQUIRE(room.limit_told(a));
  CHECK(*room.limit_told(a) > DataRate::kbps(200));
  CHECK(*room.limit_told(a) < DataRate::kbps(300));  // the audio comes first
  room.join("cccccccc");
  room.run(500);
  CHECK(*room.limit_told(a) > DataRate::mbps(5));  // of her network nothing is known yet
}

TEST_CASE("sharing: a sender of several sizes has no limit while its lowest layer fits, and none at once when it does not") {
  Room room;
  Client& a = room.join("aaaaaaaa");
  Client& b = room.join("bbbbbbbb");
  room.h.give_simulcast("m", a, Ssrc(5001), Ssrc(5002), false);
  const auto limit = [&](DataRate rate) { b.send_rtcp([&](RtcpWriter& w) { w.remb(Ssrc(1), rate, {}); }); };
  room.run(1'000);
  limit(DataRate::kbps(300));  // its lowest layer has 160 kbps
  room.run(4'000);
  CHECK_FALSE(room.limit_told(a));
  limit(DataRate::kbps(100));
  room.run(1'500);
  CHECK_FALSE(room.limit_told(a));
  room.run(1'500);
  REQUIRE(room.limit_told(a));
  CHECK(*room.limit_told(a) < DataRate::kbps(100));
  limit(DataRate::kbps(300));
  room.run(1'500);
  CHECK(*room.limit_told(a) > DataRate::mbps(5));
}

TEST_CASE("sharing: what a long queue drops is still there when it is asked for") {
  Room room;
  Client& a = room.join("aaaaaaaa");
  Client& b = room.join("bbbbbbbb");
  room.feedback = true;
  room.run(2'000);
  const auto ask_for_old = [&] {
    const auto got = b.of(a.video);
    const uint16_t sequence = got[got.size() - 11].rtp().sequence();  // 400 ms old
    b.send_rtcp([&](RtcpWriter& w) { w.nack(Ssrc(1), a.video, Span<const uint16_t>(&sequence, 1)); });
    room.h.settle();
  };
  ask_for_old();
  CHECK(room.h.counts().retransmitted == 0);
  CHECK(room.h.counts().drops[Drop::nack_not_cached] == 1);
  room.queue = Duration::milliseconds(200);
  room.run(600);
  ask_for_old();
  CHECK(room.h.counts().retransmitted == 1);
  ask_for_old();  // the repeat stands in the queue
  CHECK(room.h.counts().retransmitted == 1);
  CHECK(room.h.counts().drops[Drop::nack_limited] == 1);
}

TEST_CASE("sharing: what a long queue drops of a source of several sizes, and of its repeat, too, is there for another") {
  Room room;
  Client& a = room.join("aaaaaaaa");
  Client& b = room.join("bbbbbbbb");
  room.h.give_simulcast("m", a, Ssrc(5001), Ssrc(5002), false);
  room.feedback = true;
  room.run(2'000);
  room.queue = Duration::milliseconds(200);
  room.run(600);
  const auto got = b.of(a.video);
  const uint16_t sequence = got[got.size() - 7].rtp().sequence();  // 240 ms old
  const auto ask = [&] {
    b.send_rtcp([&](RtcpWriter& w) { w.nack(Ssrc(1), a.video, Span<const uint16_t>(&sequence, 1)); });
    room.h.settle();
  };
  ask();
  CHECK(room.h.counts().retransmitted == 1);
  room.run(280);
  ask();
  INFO("not cached " << room.h.counts().drops[Drop::nack_not_cached] << ", limited " << room.h.counts().drops[Drop::nack_limited]);
  CHECK(room.h.counts().retransmitted == 2);
  room.run(280);
  ask();
  CHECK(room.h.counts().drops[Drop::nack_not_cached] == 1);  // not for ever
}

TEST_CASE("sharing: estimates are told every ten seconds; absurd limits are clamped", "[sharing]") {
  Room room;
  room.join("aaaaaaaa");
  Client& b = room.join("bbbbbbbb");
  const auto told = [&] { return room.last(1, "ConnectionStats"); };
  for (const auto& [limit, expected] : std::vector<std::pair<DataRate, std::string>>{{DataRate::zero(), "30000"}, {DataRate::infinite(), "20000000"}}) {
    b.send_rtcp([&, limit = limit](RtcpWriter& w) { w.remb(Ssrc(1), limit, {}); });
    room.run(10'500);
    CHECK(told() == R"({"colibriClass":"ConnectionStats","estimatedDownlinkBandwidth":)" + expected + "}");
  }
  CHECK(room.h.counts().remb_in == 2);
  CHECK(room.h.counts().drops[Drop::limit_clamped] == 2);
  b.send_rtcp([](RtcpWriter& w) { w.remb(Ssrc(1), DataRate::mbps(3), {}); });
  room.h.settle();
  CHECK(room.h.counts().drops[Drop::limit_clamped] == 2);
}

TEST_CASE("sharing: feedback makes an estimate, probes find more, and lies change little", "[sharing]") {
  Room room;
  Client& a = room.join("aaaaaaaa");
  Client& b = room.join("bbbbbbbb");
  room.feedback = true;
  room.run(3'000);
  CHECK(room.h.counts().feedback_in > 20);
  CHECK(room.h.counts().drops[Drop::feedback_unknown_packet] == 0);
  CHECK(room.h.counts().feedback_lost == 0);
  room.feedback = false;
  // Of packets that will never be sent.
  std::vector<TransportStatus> lies;
  for (uint16_t i = 0; i < 200; ++i) lies.push_back({static_cast<uint16_t>(30'000 + i), true, Duration::milliseconds(i)});
  b.send_rtcp([&](RtcpWriter& w) { w.transport_feedback({Ssrc(1), Ssrc(2), 30'000, 0, 0}, lies); });
  room.run(200);
  CHECK(room.h.counts().drops[Drop::feedback_unknown_packet] == 200);
  room.fresh(b, a.video);
  room.run(1'000);
  CHECK(room.fresh(b, a.video) == 25);
  CHECK(room.h.bridge->audit().holds());
}

TEST_CASE("sharing: absurd constraints are taken as what they can mean, or refused as a whole and counted", "[sharing]") {
  Room room;
  Client& a = room.join("aaaaaaaa");
  Client& b = room.join("bbbbbbbb");
  // What no number of the protocol may be changes nothing, the rest of its message included.
  for (const char* member : {R"("lastN":2147483647)", R"("lastN":-2)", R"("assumedBandwidthBps":9000000000000000)", R"("defaultConstraints":{"maxHeight":-5})",
                             R"("defaultConstraints":{"maxHeight":1e300})", R"("constraints":{"bbbbbbbb-v0":{"maxFrameRate":1e9}})"})
    room.say(0, wants(R"("selectedSources":[],)" + std::string(member)));
  CHECK(room.h.counts().drops[Drop::signalling_malformed] == 6);
  std::string many = R"("selectedSources":[)";
  for (int i = 0; i < 900; ++i) many += (i ? ",\"x" : "\"x") + std::to_string(i) + "\"";
  room.say(0, wants(many + R"(],"lastN":1000000,"assumedBandwidthBps":1000000000000,"defaultConstraints":{"maxHeight":16384,"maxFrameRate":1000})"));
  CHECK(room.h.counts().drops[Drop::signalling_malformed] == 6);
  room.run(1'000);
  CHECK(room.fresh(a, b.video) >= 24);
  room.say(0, wants(R"("assumedBandwidthBps":0)"));
  room.run(12'000);  // senders had the time that they are given to follow
  room.fresh(a, b.video), room.fresh(a, b.audio);
  room.run(1'000);
  CHECK(room.fresh(a, b.video) == 0);
  CHECK(room.fresh(a, b.audio) == 50);
}

TEST_CASE("sharing: a screen that is not shared any more takes no place", "[sharing]") {
  Room room;
  Client& a = room.join("aaaaaaaa");
  Client& b = room.join("bbbbbbbb");
  Client& c = room.join("cccccccc");
  room.say(0, wants(R"("lastN":1)"));
  room.say(1, R"({"colibriClass":"SourceVideoTypeMessage","sourceName":"bbbbbbbb-v0","videoType":"none"})");
  room.run(500);
  room.fresh(a, b.video), room.fresh(a, c.video);
  room.run(1'000);
  CHECK(room.fresh(a, b.video) == 0);
  CHECK(room.fresh(a, c.video) == 25);
}

TEST_CASE("sharing: who asks for some audio only gets that", "[sharing]") {
  Room room;
  Client& a = room.join("aaaaaaaa");
  Client& b = room.join("bbbbbbbb");
  Client& c = room.join("cccccccc");
  room.say(0, R"({"colibriClass":"ReceiverAudioSubscription","all":true,"exclude":["bbbbbbbb-a0"]})");
  room.run(1'000);
  CHECK(room.fresh(a, b.audio) == 0);
  CHECK(room.fresh(a, c.audio) == 50);
  room.say(0, R"({"colibriClass":"ReceiverAudioSubscription","all":false,"include":["bbbbbbbb-a0"]})");
  Client& d = room.join("dddddddd");
  room.run(1'000);
  CHECK(room.fresh(a, b.audio) == 50);
  CHECK(room.fresh(a, c.audio) == 0);
  CHECK(room.fresh(a, d.audio) == 0);
  CHECK(room.fresh(b, d.audio) == 50);
  CHECK(room.h.bridge->audit().holds());
}

TEST_CASE("sharing: only the loudest are passed on where that is asked for", "[sharing]") {
  Room room([](BridgeConfig& config) { config.congestion.loudest = 2; });
  Client& a = room.join("aaaaaaaa");
  Client& b = room.join("bbbbbbbb");
  Client& c = room.join("cccccccc");
  Client& d = room.join("dddddddd");
  room.quiet_from = 2;
  room.run(2'000);
  for (Client* p : room.people) room.fresh(a, p->audio), room.fresh(d, p->audio);
  room.run(1'000);
  CHECK(room.fresh(d, a.audio) == 50);
  CHECK(room.fresh(d, b.audio) == 50);
  CHECK(room.fresh(d, c.audio) == 0);
  CHECK(room.h.counts().drops[Drop::audio_not_loudest] > 0);
  CHECK(room.h.bridge->audit().holds());
}

TEST_CASE("sharing: a loaded bridge gives less, a step a minute, and gives it back", "[sharing]") {
  bridge::LastNReducer reducer;
  const auto at = [](int64_t s) { return Instant::at(Duration::seconds(s)); };
  CHECK(reducer.update(at(0), 0.5, 20) == -1);
  CHECK(reducer.update(at(10), 0.95, 20) == 15);
  CHECK(reducer.update(at(20), 0.95, 20) == 15);  // its effect has to show first
  CHECK(reducer.update(at(71), 0.95, 15) == 11);
  CHECK(reducer.update(at(200), 0.8, 11) == 11);
  CHECK(reducer.update(at(210), 0.3, 11) == 13);
  int64_t t = 300;
  while (reducer.update(at(t), 0.3, 11) != -1 && t < 3'600) t += 61;
  CHECK(t < 3'600);
  for (int i = 0; i < 20; ++i) reducer.update(at(4'000 + i * 61), 1.0, 3);
  CHECK(reducer.update(at(9'000), 1.0, 3) == 1);
}
