// What a source is made of, and how its layers are measured.
#include <catch2/catch.hpp>

#include "bridge/engine/colibri.h"
#include "bridge/engine/endpoint.h"
#include "nobody.h"
#include "tests/support/instants.h"

using namespace tacoma;
using namespace tacoma::bridge;

namespace {
using test::nobody;
colibri2::MediaSource camera(std::vector<uint32_t> ssrcs, std::vector<jingle::SourceGroup> groups) {
  colibri2::MediaSource media;
  media.type = jingle::Media::video;
  media.id = "id";
  for (uint32_t ssrc : ssrcs) {
    jingle::Source source;
    source.ssrc = Ssrc(ssrc);
    source.name = "ab-v0";
    media.ssrcs.sources.push_back(source);
  }
  media.ssrcs.groups = std::move(groups);
  return media;
}
jingle::SourceGroup sim(std::vector<Ssrc> ssrcs) { return {jingle::GroupSemantics::sim, std::move(ssrcs)}; }
jingle::SourceGroup fid(uint32_t media, uint32_t rtx) { return {jingle::GroupSemantics::fid, {Ssrc(media), Ssrc(rtx)}}; }
}  // namespace

TEST_CASE("a SIM group with its FID groups is one source of three encodings") {
  const auto all = describe_sources({camera({1, 2, 3, 11, 12, 13}, {sim({Ssrc(1), Ssrc(2), Ssrc(3)}), fid(1, 11), fid(2, 12), fid(3, 13)})});
  REQUIRE(all.size() == 1);
  CHECK(all[0].name == "ab-v0");
  CHECK(all[0].video);
  REQUIRE(all[0].encodings.size() == 3);
  for (uint32_t i = 0; i < 3; ++i) CHECK(all[0].encodings[i] == EncodingDescription{Ssrc(i + 1), Ssrc(i + 11)});
}

TEST_CASE("SSRCs in no group are sources of their own; what a group names beyond three or without listing it is ignored") {
  CHECK(describe_sources({camera({1, 2}, {})}).size() == 2);
  const auto four = describe_sources({camera({1, 2, 3, 4}, {sim({Ssrc(1), Ssrc(2), Ssrc(3), Ssrc(4)})})});
  REQUIRE(four.size() == 1);
  CHECK(four[0].encodings.size() == kMaxEncodings);
  const auto unlisted = describe_sources({camera({1}, {sim({Ssrc(1), Ssrc(9)}), fid(1, 10)})});
  REQUIRE(unlisted.size() == 1);
  CHECK(unlisted[0].encodings == std::vector<EncodingDescription>{{Ssrc(1), Ssrc(10)}});
}

TEST_CASE("the table of layers says what comes, what it costs with all it needs, and forgets what has stopped") {
  bridge::SourceDescription what;
  what.video = true;
  for (uint32_t i = 1; i <= 3; ++i) what.encodings.push_back({Ssrc(i), Ssrc()});
  Source source(nobody(), what, 90000, false);
  CHECK(source.layers(at_ms(0)).size() == 0);
  const auto feed = [&](int64_t from, int64_t to, size_t encodings) {
    // 30 frames a second, temporal ids 0 1 0 1; encoding e has e + 1 packets of 1,000 bytes a frame.
    for (int64_t frame = from * 30 / 1000; frame < to * 30 / 1000; ++frame)
      for (size_t e = 0; e < encodings; ++e)
        for (size_t p = 0; p <= e; ++p)
          source.encodings[e]->meter->on_packet(at_ms(frame * 1000 / 30), 0, frame % 2, 1000, static_cast<uint32_t>(frame * 3000), true);
  };
  feed(0, 3000, 3);
  auto layers = source.layers(at_ms(3000));
  REQUIRE(layers.size() == 6);
  for (size_t i = 0; i < layers.size(); ++i) {
    CHECK(layers[i].id == LayerId{static_cast<uint8_t>(i / 2), 0, static_cast<uint8_t>(i % 2)});
    CHECK(layers[i].height == 180 << (i / 2));
    CHECK(layers[i].fps == Approx(i % 2 == 0 ? 15 : 30).epsilon(0.1));
    CHECK(layers[i].rate.bps() == Approx(8000.0 * (i % 2 == 0 ? 15 : 30) * static_cast<double>(i / 2 + 1)).epsilon(0.1));
  }
  source.encodings[0]->heights[0] = 90;
  CHECK(source.layers(at_ms(3000))[0].height == 90);
  feed(3000, 4500, 1);  // the higher two have stopped
  CHECK(source.layers(at_ms(4500)).size() == 2);
  CHECK(source.layers(at_ms(14000)).size() == 2);  // nothing at all comes: perhaps nothing moves
  CHECK(source.layers(at_ms(15000)).size() == 0);
}

TEST_CASE("what has just begun is not offered before it is measured, but for the lowest of a source") {
  bridge::SourceDescription what;
  what.video = true;
  for (uint32_t i = 1; i <= 3; ++i) what.encodings.push_back({Ssrc(i), Ssrc()});
  Source source(nobody(), what, 90000, false);
  const auto feed = [&](int64_t from, int64_t to, size_t encodings) {
    for (int64_t frame = from * 30 / 1000; frame < to * 30 / 1000; ++frame)
      for (size_t e = 0; e < encodings; ++e)
        source.encodings[e]->meter->on_packet(at_ms(frame * 1000 / 30), 0, 0, 1000 << e, static_cast<uint32_t>(frame * 3000), true);
  };
  feed(0, 300, 3);
  REQUIRE(source.layers(at_ms(300)).size() == 1);
  CHECK(source.layers(at_ms(300))[0].id == LayerId{0, 0, 0});
  feed(300, 3000, 3);
  CHECK(source.layers(at_ms(3000)).size() == 3);
  feed(3000, 6000, 1);  // nobody watches the higher two ...
  feed(6000, 6300, 3);  // ... until somebody does: a window of the second before would say a third of what they cost
  CHECK(source.layers(at_ms(6300)).size() == 1);
  feed(6300, 6600, 3);
  const auto layers = source.layers(at_ms(6600));
  REQUIRE(layers.size() == 3);
  CHECK(layers[2].rate.bps() == Approx(4 * 8000.0 * 30).epsilon(0.15));
  for (int64_t at = 8000; at < 15000; at += 1000) {  // a screen at rest: what comes once a second has not begun anew
    for (size_t e = 0; e < 3; ++e) source.encodings[e]->meter->on_packet(at_ms(at), 0, 0, 1000, static_cast<uint32_t>(at * 90), true);
    if (at > 8000) CHECK(source.layers(at_ms(at + 100)).size() == 3);
  }
}

TEST_CASE("a spatial layer costs what lies below it too, except what only the lower one needs") {
  LayerMeter meter;
  for (int64_t frame = 0; frame < 60; ++frame) {
    const Instant at = at_ms(frame * 1000 / 30);
    meter.on_packet(at, 0, 0, 500, static_cast<uint32_t>(frame), frame % 10 == 0);
    meter.on_packet(at, 1, 0, 1000, static_cast<uint32_t>(frame), true);
  }
  CHECK(meter.rate(at_ms(2000), 0, 0).bps() == Approx(500 * 8 * 30).epsilon(0.1));
  CHECK(meter.rate(at_ms(2000), 1, 0).bps() == Approx(1050 * 8 * 30).epsilon(0.1));
  CHECK(meter.fps(at_ms(2000), 1, 0) == Approx(30).epsilon(0.1));
  CHECK(meter.rate(at_ms(4000), 1, 0).bps() == 0);
}
