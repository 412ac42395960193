// A sender does what the bridge and its own estimate say within 100 ms, whatever they say; judged by the packets on the wire.
#include <map>
#include <set>

#include "core/rtp/vp9.h"
#include "media_call.h"
#include "tests/support/instants.h"

namespace tacoma {
namespace {

constexpr Duration kSoon = Duration::milliseconds(100);

VideoFormat simulcast() {
  VideoFormat format;
  format.width = 1280;
  format.height = 720;
  format.rate = DataRate::kbps(2'500);
  format.content = VideoContent::model;
  format.encodings = format.temporal_layers = 3;
  return format;
}
VideoFormat k_svc() {
  VideoFormat format = simulcast();
  format.content = VideoContent::clip;
  format.codec = VideoCodec::vp9;
  format.encodings = 1;
  format.spatial_layers = 3;
  return format;
}
/// Pictures without meaning, of the sizes that the format says.
EncodedClips clips_of(const VideoFormat& format) {
  if (format.content == VideoContent::model) return EncodedClips(format.encodings);
  auto clip = std::make_shared<VideoClip>(format, 1);
  for (uint32_t i = 0; i < 10 * format.fps; ++i)
    for (uint32_t s = 0; s < format.spatial_layers; ++s)
      clip->append(std::vector<uint8_t>(static_cast<size_t>(format.layer(s).rate.bps() / 8 / format.fps) * (i == 0 ? 3 : 1), 1), i == 0);
  return {clip};
}

/// What the first person puts on the wire: the layers of its camera, 0 the smallest, encodings or spatial layers; and all bytes of it.
struct Wire : Tap {
  struct Packet {
    Instant at;
    size_t layer = 0;
    int64_t bytes = 0;
    bool again = false;  // RTX: a repeat, or a probe
  };
  std::vector<Packet> packets;
  const MediaSender* sender = nullptr;
  jingle::SourceSet described;
  bool vp9 = false;

  void sent(Instant now, HostId host, const SocketAddress&, const SocketAddress&, BytesView payload) override {
    const auto view = sender && host == HostId(0) ? RtpView::parse(payload) : std::nullopt;
    if (!view) return;
    const auto& sources = described.video.sources;  // stream, RTX, stream, RTX
    for (size_t i = 0; i < sources.size(); ++i) {
      if (sources[i].ssrc != view->ssrc()) continue;
      size_t layer = i / 2;
      if (vp9 && i % 2 == 0) layer = parse_vp9(view->payload())->spatial;
      packets.push_back({now, layer, static_cast<int64_t>(payload.size() + 28), i % 2 == 1});
    }
  }
  void delivered(Instant, HostId, const SocketAddress&, const SocketAddress&, BytesView) override {}
  void stream_written(Instant, HostId, StreamId, BytesView) override {}

  std::set<size_t> layers(Instant from, Instant to) const {
    std::set<size_t> seen;
    for (const Packet& p : packets)
      if (p.at > from && p.at <= to && !(vp9 && p.again)) seen.insert(p.layer);
    return seen;
  }
  double kbps(Instant from, Instant to) const {
    int64_t bytes = 0;
    for (const Packet& p : packets)
      if (p.at > from && p.at <= to) bytes += p.bytes;
    return static_cast<double>(bytes) * 8e6 / static_cast<double>((to - from).ns());
  }
};
using Layers = std::set<size_t>;

struct Told {
  Wire wire;
  Call call;
  Told(const VideoFormat& format, Congestion congestion, const LinkConfig& link = {}, const std::function<void(Call&)>& change = {})
      : call(link, Crypto::null, [&](Call& c) {
          c.plan.congestion = congestion;
          c.plan.people[0].video = format;
          c.video[0] = clips_of(format);
          c.tap = &wire;
          if (change) change(c);
        }) {
    wire.described = sender().describe("aaaaaaaa");
    wire.vp9 = format.codec == VideoCodec::vp9;
    wire.sender = &sender();
  }
  MediaSender& sender() { return call.ends[0]->sender; }
  Instant now() const { return call.world->now(); }
  void run(int64_t ms) { call.world->run_until(now() + Duration::milliseconds(ms)); }
  /// Says something to the sender, and runs for a second: what goes out from 100 ms on.
  template <typename Say>
  Layers layers_after(Say say) {
    const Instant said = tell(say);
    run(1'000);
    return wire.layers(said + kSoon, now());
  }
  template <typename Say>
  Instant tell(Say say) {
    call.world->inspect(HostId(0), [&](Process&, Instant at, Outbox& out) {
      say(sender(), at);
      call.ends[0]->session->after_batch(at, out);
    });
    return now();
  }
  Layers constrained(int32_t height) {
    return layers_after([&](MediaSender& s, Instant at) { s.constrain(at, "aaaaaaaa-v0", height); });
  }
  Layers limited(DataRate rate) {
    return layers_after([&](MediaSender& s, Instant at) { s.remb(at, rate); });
  }
};

}  // namespace

TEST_CASE("SenderSourceConstraints are obeyed within 100 ms, down and up, by simulcast and SVC") {
  const VideoFormat format = GENERATE(simulcast(), k_svc());
  Told told(format, Congestion::none);
  told.run(3'000);
  REQUIRE(told.wire.layers(told.now() - Duration::seconds(1), told.now()) == Layers{0, 1, 2});
  CHECK(told.constrained(360) == Layers{0, 1});
  CHECK(told.constrained(180) == Layers{0});
  CHECK(told.constrained(0).empty());
  // The first packets of all layers, not only some, come within that time.
  for (const int32_t height : {720, 0, 16'384, 0, -1}) {
    INFO("height " << height);
    const Instant said = told.tell([&](MediaSender& s, Instant at) { s.constrain(at, "aaaaaaaa-v0", height); });
    told.run(1'000);
    if (height == 0) CHECK(told.wire.layers(said + kSoon, told.now()).empty());
    else CHECK(told.wire.layers(said, said + kSoon) == Layers{0, 1, 2});
  }
  told.constrained(1);
  told.tell([](MediaSender& s, Instant at) { s.constrain(at, "bbbbbbbb-v0", -1); });  // not ours
  told.run(1'000);
  CHECK(told.wire.layers(told.now() - Duration::milliseconds(900), told.now()) == Layers{0});
}

TEST_CASE("A limit of the bridge is obeyed within 100 ms, be it zero or nine exabits") {
  const VideoFormat format = GENERATE(simulcast(), k_svc());
  Told told(format, Congestion::none);
  told.run(2'000);
  CHECK(told.limited(DataRate::kbps(1'100)) == Layers{0, 1});
  CHECK(told.wire.kbps(told.now() - Duration::milliseconds(900), told.now()) < 1'100);
  CHECK(told.limited(DataRate::kbps(250)) == Layers{0});
  CHECK(told.limited(DataRate::infinite()) == Layers{0, 1, 2});
  CHECK(told.limited(DataRate::zero()) == Layers{0});
  CHECK(told.limited(DataRate::bps(INT64_MAX - 1)) == Layers{0, 1, 2});
  CHECK(told.limited(DataRate::bps(1)) == Layers{0});
  // Without any budget at all a constraint still counts; what was encoded before leaves within the pacer's bound.
  const Instant said = told.tell([](MediaSender& s, Instant at) { s.constrain(at, "aaaaaaaa-v0", 0); });
  told.run(1'000);
  CHECK(told.wire.layers(said + Pacer<int>::kLongest, told.now()).empty());
  CHECK(told.constrained(-1) == Layers{0});
  CHECK(told.limited(DataRate::mbps(5'000'000)) == Layers{0, 1, 2});
  CHECK(told.sender().drops()[Drop::limit_clamped] == 4 + 1);  // an infinite one is none, too
}

TEST_CASE("Feedback about packets that a sender never sent is counted packet by packet, and changes nothing") {
  Told told(simulcast(), Congestion::gcc);
  told.run(3'000);
  REQUIRE(told.sender().drops()[Drop::feedback_unknown_packet] == 0);
  const Layers layers = told.wire.layers(told.now() - Duration::seconds(1), told.now());
  // Numbers far ahead of those in use, said to arrive ever later, as before a queue that grows.
  std::vector<TransportStatus> lies;
  for (uint16_t i = 0; i < 300; ++i) lies.push_back({static_cast<uint16_t>(30'000 + i), i % 3 != 0, Duration::milliseconds(40 * i)});
  const DataRate before = told.sender().rates().target;
  DataRate after = before;
  told.tell([&](MediaSender& s, Instant at) {
    s.transport_feedback(at, lies);
    after = s.rates().target;
  });
  CHECK(told.sender().drops()[Drop::feedback_unknown_packet] == 300);
  CHECK(after == before);
  told.run(1'000);
  CHECK(told.wire.layers(told.now() - Duration::milliseconds(900), told.now()) == layers);
}

TEST_CASE("A sender sends no more than its own estimate for longer than 100 ms, when its link becomes narrow") {
  const VideoFormat format = GENERATE(simulcast(), k_svc());
  const Congestion congestion = GENERATE(Congestion::gcc, Congestion::nada);
  LinkConfig link;
  link.rate = DataRate::mbps(8);
  link.delay = Duration::milliseconds(20);
  link.queue = Duration::milliseconds(300);
  Told told(format, congestion, link, [&](Call& c) {
    LinkConfig narrow = link;
    narrow.rate = DataRate::kbps(600);
    c.plan.network.changes.push_back({at_ms(20'000), HostId(0), true, narrow});
  });
  told.run(20'000);
  REQUIRE(told.wire.layers(told.now() - Duration::seconds(1), told.now()) == Layers{0, 1, 2});
  std::map<Instant, int64_t> targets;
  while (told.now() < at_ms(40'000)) {
    told.run(10);
    targets[told.now()] = told.sender().rates().target.bps();
  }
  CHECK(targets.rbegin()->second < 700'000);
  size_t narrow_seconds = 0;
  for (Instant from = at_ms(20'000) + kSoon; from + Duration::seconds(1) <= at_ms(40'000); from = from + Duration::milliseconds(100)) {
    int64_t most = 0;
    for (auto it = targets.lower_bound(from - kSoon); it != targets.end() && it->first <= from + Duration::seconds(1); ++it) most = std::max(most, it->second);
    narrow_seconds += most < 1'000'000;
    INFO("the second from " << from.since_start().to_seconds() << " s, target at most " << most);
    CHECK(told.wire.kbps(from, from + Duration::seconds(1)) * 1'000 <= static_cast<double>(most) * 1.1);
    if (most < 900'000) CHECK(told.wire.layers(from, from + Duration::seconds(1)).count(2) == 0);
  }
  CHECK(narrow_seconds > 100);
}

}  // namespace tacoma
