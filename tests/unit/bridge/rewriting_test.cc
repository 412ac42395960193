// SSRC rewriting: a receiver knows the bridge's SSRCs only, and is told before the media what they stand for.
#include <catch2/catch.hpp>

#include <set>

#include "bridge/engine/endpoint.h"
#include "core/rtp/extensions.h"
#include "core/rtp/vp8.h"
#include "core/signal/bridge_channel.h"
#include "harness.h"
#include "tests/support/instants.h"

using namespace tacoma;
using namespace tacoma::bridge;
using namespace tacoma::test;

namespace {
void with_channels(BridgeConfig& config) { config.channel_url_prefix = "wss://meet.example"; }

/// Every mapping that was said, in order.
struct Maps {
  std::vector<channel::VideoMapping> video;
  std::vector<channel::AudioMapping> audio;
  explicit Maps(const Harness::ChannelEnd& end) {
    for (const std::string& text : end.messages) {
      const auto message = channel::parse(text);
      if (!message) continue;
      if (const auto* v = std::get_if<channel::VideoSourcesMap>(&*message)) video.insert(video.end(), v->mapped.begin(), v->mapped.end());
      if (const auto* a = std::get_if<channel::AudioSourcesMap>(&*message)) audio.insert(audio.end(), a->mapped.begin(), a->mapped.end());
    }
  }
};

/// Gives an endpoint `count` audio sources with these SSRCs and sends a packet of one.
void give_audio(Harness& h, const Client& client, uint32_t first, uint32_t count) {
  auto r = Harness::conference("m");
  r.endpoints = {{}};
  r.endpoints[0].id = client.id;
  r.endpoints[0].sources.emplace();
  for (uint32_t i = 0; i < count; ++i) {
    colibri2::MediaSource media;
    media.type = jingle::Media::audio;
    media.id = client.id + "-a" + std::to_string(i);
    jingle::Source source;
    source.ssrc = Ssrc(first + i);
    source.name = media.id;
    media.ssrcs.sources.push_back(source);
    r.endpoints[0].sources->push_back(media);
  }
  REQUIRE(h.modify(r));
}
void send_audio(Harness& h, Client& client, uint32_t ssrc, uint16_t sequence) {
  Bytes packet(60);
  RtpHeader header;
  header.payload_type = 111;
  header.sequence = sequence;
  header.timestamp = sequence * 960u;
  header.ssrc = Ssrc(ssrc);
  const uint8_t level = encode_audio_level({true, 30});
  const RtpExtension extension{1, BytesView(&level, 1)};
  REQUIRE(write_rtp_header(packet, header, Span<const RtpExtension>(&extension, 1)) != 0);
  client.send_rtp(h.now, packet);
}
}  // namespace

TEST_CASE("a receiver whose SSRCs are rewritten is told what they stand for before the media, and again on a new channel") {
  Harness h(Crypto::null, with_channels);
  Client& a = h.join("m", "aaaaaaaa");
  h.join_rewriting = true;
  Client& b = h.join("m", "bbbbbbbb");
  a.send_audio(h.now, 20);
  a.send_video(h.now, true);
  h.settle();
  CHECK(b.rtp.empty());  // it cannot be told yet
  CHECK(h.counts().drops[Drop::no_ssrc] == 2);

  const uint32_t channel = h.open_channel(h.channel_target("bbbbbbbb"));
  a.send_audio(h.now, 20);
  h.settle();
  Maps maps(h.channels[channel]);
  REQUIRE(maps.audio.size() == 1);
  CHECK(maps.video.empty());
  CHECK(maps.audio[0].source == "aaaaaaaa-a0");
  CHECK(maps.audio[0].owner == "aaaaaaaa");
  CHECK(maps.audio[0].ssrc != a.audio);
  CHECK(b.rtp.empty());  // sound gives its page time to take the map in
  h.run(SsrcPool::kSettle);
  a.send_audio(h.now, 20);
  h.settle();
  CHECK(b.of(maps.audio[0].ssrc).size() == 1);
  a.send_video(h.now, true);
  a.send_video(h.now, false);
  h.settle();
  maps = Maps(h.channels[channel]);
  REQUIRE(maps.video.size() == 1);
  CHECK(maps.video[0].rtx != Ssrc());
  CHECK(b.of(maps.video[0].ssrc).size() == 2);
  CHECK(b.of(a.audio).empty());
  CHECK(b.of(a.video).empty());

  // What it says of them is understood: a PLI reaches the sender, a NACK is answered under the RTX SSRC that it was told.
  h.run(Duration::milliseconds(600));
  const size_t plis = a.count(RtcpType::payload_feedback, kFormatPli);
  b.send_rtcp([&](RtcpWriter& w) { w.pli(Ssrc(1), maps.video[0].ssrc); });
  const uint16_t lost = b.of(maps.video[0].ssrc)[1].rtp().sequence();
  a.send_video(h.now, false);
  h.settle();
  CHECK(a.count(RtcpType::payload_feedback, kFormatPli) == plis + 1);
  const uint16_t newest = b.of(maps.video[0].ssrc)[2].rtp().sequence();
  CHECK(newest == static_cast<uint16_t>(lost + 1));
  b.send_rtcp([&](RtcpWriter& w) { w.nack(Ssrc(1), maps.video[0].ssrc, std::vector<uint16_t>{newest}); });
  h.settle();
  REQUIRE(b.of(maps.video[0].rtx).size() == 1);
  CHECK(load_u16(b.of(maps.video[0].rtx)[0].rtp().payload().data()) == newest);
  // It may not ask about SSRCs that it was not told.
  b.send_rtcp([&](RtcpWriter& w) { w.nack(Ssrc(1), a.video, std::vector<uint16_t>{1}); });
  h.settle();
  CHECK(h.counts().drops[Drop::nack_not_cached] == 1);

  const uint32_t of_a = h.open_channel(h.channel_target("aaaaaaaa"));
  h.say(of_a, channel::write(channel::SourceVideoType{"aaaaaaaa-v0", channel::VideoType::desktop, {}}));
  maps.video[0].type = channel::VideoType::desktop;
  CHECK(Maps(h.channels[channel]).video.back() == maps.video[0]);

  const uint32_t again = h.open_channel(h.channel_target("bbbbbbbb"));
  const Maps all(h.channels[again]);
  CHECK(all.audio == maps.audio);
  CHECK(all.video == maps.video);
  // Whoever did not ask for it gets what was signalled.
  b.send_audio(h.now, 20);
  h.settle();
  CHECK(a.of(b.audio).size() == 1);
  CHECK(h.bridge->audit().violations == std::vector<std::string>());
}

TEST_CASE("fifty SSRCs serve any number of sources: who is silent gives way, who sends does not, and each stream goes on") {
  Harness h(Crypto::null, with_channels);
  std::vector<Client*> senders;
  for (const char* id : {"aaaaaaaa", "bbbbbbbb", "cccccccc"}) senders.push_back(&h.join("m", id));
  for (uint32_t i = 0; i < 3; ++i) give_audio(h, *senders[i], 700000 + 100 * i, 20);
  h.join_rewriting = true;
  Client& r = h.join("m", "rrrrrrrr");
  const uint32_t channel = h.open_channel(h.channel_target("rrrrrrrr"));
  uint16_t sequence = 100;
  const auto all_send = [&](uint32_t from, uint32_t to) {
    ++sequence;
    for (uint32_t n = from; n < to; ++n) send_audio(h, *senders[n / 20], 700000 + 100 * (n / 20) + n % 20, static_cast<uint16_t>(sequence + 1000 * n));
    h.settle();
  };
  all_send(0, 60);
  CHECK(Maps(h.channels[channel]).audio.size() == SsrcPool::kLimit);
  h.run(SsrcPool::kSettle);
  const uint64_t dropped = h.counts().drops[Drop::no_ssrc];
  all_send(0, 60);
  CHECK(r.rtp.size() == SsrcPool::kLimit);
  CHECK(h.counts().drops[Drop::no_ssrc] == dropped + 10);
  std::set<uint32_t> ssrcs;
  for (const Got& got : r.rtp) ssrcs.insert(got.rtp().ssrc().value());
  CHECK(ssrcs.size() == SsrcPool::kLimit);
  // The first five go on, the others fall silent: the ten without get theirs, the longest silent ones first.
  h.run(Duration::milliseconds(900));
  all_send(0, 5);
  h.run(Duration::milliseconds(200));
  r.rtp.clear();
  all_send(50, 60);
  CHECK(r.rtp.size() == 10);
  const Maps maps(h.channels[channel]);
  REQUIRE(maps.audio.size() == SsrcPool::kLimit + 10);
  for (size_t i = 0; i < 10; ++i) {
    const channel::AudioMapping& fresh = maps.audio[SsrcPool::kLimit + i];
    CHECK(fresh.source == "cccccccc-a" + std::to_string(10 + i));
    CHECK(ssrcs.count(fresh.ssrc.value()) == 1);
    for (size_t active = 0; active < 5; ++active) CHECK(fresh.ssrc != maps.audio[active].ssrc);
    // The stream goes on where its last source left it.
    const auto at = std::find_if(maps.audio.begin(), maps.audio.end(), [&](const auto& m) { return m.ssrc == fresh.ssrc; });
    const auto old = static_cast<uint16_t>(102 + 1000 * (at - maps.audio.begin()));
    REQUIRE(r.of(fresh.ssrc).size() == 1);
    CHECK(r.of(fresh.ssrc)[0].rtp().sequence() == static_cast<uint16_t>(old + 1));
    CHECK(is_newer(r.of(fresh.ssrc)[0].rtp().timestamp(), old * 960u));
  }
  // A source that leaves frees its SSRC at once.
  h.expire("m", "bbbbbbbb");
  h.run(Duration::milliseconds(100));
  r.rtp.clear();
  all_send(5, 20);
  CHECK(r.rtp.size() == 15);
  CHECK(h.bridge->audit().violations == std::vector<std::string>());
}

TEST_CASE("video that somebody wants to see is mapped before its key frame comes, and what nobody wants is not") {
  Harness h(Crypto::null, with_channels);
  Client& a = h.join("m", "aaaaaaaa");
  Client& c = h.join("m", "cccccccc");
  h.join_rewriting = true;
  Client& b = h.join("m", "bbbbbbbb");
  const uint32_t channel = h.open_channel(h.channel_target("bbbbbbbb"));
  const auto all_send = [&] {  // nothing that a receiver could begin with
    for (int i = 0; i < 10; ++i) {
      a.send_video(h.now, false);
      c.send_video(h.now, false);
      h.run(Duration::milliseconds(100));
    }
  };
  all_send();
  CHECK(Maps(h.channels[channel]).video.empty());  // it has not said what it wants
  channel::ReceiverVideoConstraints wants;
  wants.defaults = channel::VideoConstraints{0, 0};
  wants.constraints.emplace()["cccccccc-v0"] = channel::VideoConstraints{360, 30};
  h.say(channel, channel::write(wants));
  h.settle();
  const Maps maps(h.channels[channel]);
  REQUIRE(maps.video.size() == 1);
  CHECK(maps.video[0].source == "cccccccc-v0");
  CHECK(b.rtp.empty());
  c.send_video(h.now, true);
  h.settle();
  CHECK(b.of(maps.video[0].ssrc).size() == 1);
  // Said once, it is not said again.
  all_send();
  CHECK(Maps(h.channels[channel]).video == maps.video);
}

TEST_CASE("voices are mapped when they come, before they speak, as long as there are SSRCs to spare") {
  Harness h(Crypto::null, [](BridgeConfig& config) {
    with_channels(config);
    config.limits.audio_ssrcs = 2;
  });
  h.join_rewriting = true;
  Client& b = h.join("m", "bbbbbbbb");
  const uint32_t channel = h.open_channel(h.channel_target("bbbbbbbb"));
  h.join_rewriting = false;
  Client& a = h.join("m", "aaaaaaaa");
  h.run(Duration::milliseconds(300));
  const auto heard = [&] {
    std::vector<std::string> names;
    for (const auto& m : Maps(h.channels[channel]).audio) names.push_back(m.source);
    return names;
  };
  CHECK(heard() == std::vector<std::string>{"aaaaaaaa-a0"});
  a.send_audio(h.now, 20);
  h.settle();
  CHECK(b.of(Maps(h.channels[channel]).audio[0].ssrc).size() == 1);  // at once
  h.join("m", "cccccccc");
  Client& d = h.join("m", "dddddddd");
  h.run(Duration::milliseconds(1300));
  CHECK(heard() == std::vector<std::string>{"aaaaaaaa-a0", "cccccccc-a0"});
  // Who speaks takes that of who has been silent for longest, and need not wait: its receiver knows the SSRC.
  d.send_audio(h.now, 20);
  h.settle();
  CHECK(heard() == std::vector<std::string>{"aaaaaaaa-a0", "cccccccc-a0", "dddddddd-a0"});
  const Maps maps(h.channels[channel]);
  CHECK(maps.audio[2].ssrc == maps.audio[0].ssrc);
  CHECK(b.of(maps.audio[2].ssrc).size() == 2);
}

TEST_CASE("with fewer SSRCs than pictures wanted, the one that gives way is silent for a second, and nobody is asked for key frames in vain") {
  Harness h(Crypto::null, [](BridgeConfig& config) {
    with_channels(config);
    config.limits.video_ssrcs = 1;
  });
  Client& a = h.join("m", "aaaaaaaa");
  Client& c = h.join("m", "cccccccc");
  h.join_rewriting = true;
  Client& b = h.join("m", "bbbbbbbb");
  const uint32_t channel = h.open_channel(h.channel_target("bbbbbbbb"));
  const auto want = [&](std::vector<std::string> names) {
    channel::ReceiverVideoConstraints wants;
    wants.defaults = channel::VideoConstraints{0, 0};
    wants.constraints.emplace();
    for (const std::string& name : names) (*wants.constraints)[name] = channel::VideoConstraints{360, 30};
    h.say(channel, channel::write(wants));
    h.settle();
  };
  const auto send = [&](int times, bool key) {
    for (int i = 0; i < times; ++i) {
      a.send_video(h.now, key && i == 0);
      c.send_video(h.now, key && i == 0);
      h.run(Duration::milliseconds(100));
    }
  };
  const auto holder = [&] {
    const Maps maps(h.channels[channel]);
    return maps.video.empty() ? std::string() : maps.video.back().source;
  };
  const auto plis = [](Client& of) { return of.count(RtcpType::payload_feedback, kFormatPli); };
  send(3, true);
  want({"aaaaaaaa-v0", "cccccccc-v0"});
  send(3, true);
  CHECK(holder() == "aaaaaaaa-v0");
  const size_t asked_a = plis(a), asked_c = plis(c);
  send(30, false);
  CHECK(plis(a) == asked_a);
  CHECK(plis(c) == asked_c);
  want({"cccccccc-v0"});
  send(8, false);
  CHECK(holder() == "aaaaaaaa-v0");
  send(4, false);
  CHECK(holder() == "cccccccc-v0");
  CHECK(plis(c) > asked_c);
  const Ssrc ssrc = Maps(h.channels[channel]).video.back().ssrc;
  CHECK(Maps(h.channels[channel]).video.front().ssrc == ssrc);
  const size_t before = b.of(ssrc).size();
  send(2, true);
  CHECK(b.of(ssrc).size() == before + 2);
  CHECK(h.bridge->audit().violations == std::vector<std::string>());
}

TEST_CASE("a receiver whose SSRCs are rewritten and that never opens a channel costs nobody key frames") {
  Harness h(Crypto::null, with_channels);
  Client& a = h.join("m", "aaaaaaaa");
  h.join_rewriting = true;
  Client& b = h.join("m", "bbbbbbbb");
  a.send_video(h.now, true);
  h.settle();
  const size_t asked = a.count(RtcpType::payload_feedback, kFormatPli);
  for (int i = 0; i < 50; ++i) {
    a.send_video(h.now, false);
    h.run(Duration::milliseconds(100));
  }
  CHECK(b.rtp.empty());
  CHECK(a.count(RtcpType::payload_feedback, kFormatPli) == asked);
}

TEST_CASE("a pool draws SSRCs that nobody has, and lends those that nobody holds first") {
  SsrcPool pool(Rng(5));
  int refused = 0;
  SsrcPool::Slot* first = pool.choose(at_ms(0), true, [&](Ssrc) { return ++refused <= 3; });
  REQUIRE(first);
  CHECK(refused == 5);
  CHECK(first->stream.ssrc != first->stream.rtx);
  alignas(16) unsigned char place[16];
  first->holder = reinterpret_cast<Source*>(place);  // only its address is used
  SsrcPool::Slot* second = pool.choose(at_ms(0), false, [](Ssrc) { return false; });
  REQUIRE(second != first);
  CHECK(pool.choose(at_ms(5000), false, [](Ssrc) { return false; }) == second);
  CHECK(pool.find(first->stream.ssrc) == first);
  CHECK(pool.find(second->stream.ssrc) == nullptr);
}
