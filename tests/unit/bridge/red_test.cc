// Redundant audio (RFC 2198) goes through as it is, and without its copies to those who cannot take them.
#include <catch2/catch.hpp>

#include "core/rtp/extensions.h"
#include "core/rtp/red.h"
#include "harness.h"

using namespace tacoma;
using namespace tacoma::test;

namespace {
constexpr uint8_t kOpus = 111, kRed = 112;

Bytes payload_of(const Got& got) { return Bytes(got.rtp().payload().begin(), got.rtp().payload().end()); }
Bytes sound(int i) { return Bytes(static_cast<size_t>(40 + i % 7), static_cast<uint8_t>(i)); }
Bytes redundant(int i, uint8_t inner = kOpus) {
  const Bytes before = sound(i - 1), now = sound(i);
  const RedBlock copy[] = {{kOpus, 960, before}};
  Bytes payload(400);
  payload.resize(write_red(payload, Span<const RedBlock>(copy, 1), inner, now));
  REQUIRE_FALSE(payload.empty());
  return payload;
}
/// Two who negotiated redundant audio, the first of them the sender, and one who did not.
struct MixedRoom {
  Harness h;
  Client &a, &takes, &plain;
  explicit MixedRoom(Crypto crypto = Crypto::null) : h(crypto), a(join("aaaaaaaa", true)), takes(join("bbbbbbbb", true)), plain(join("cccccccc", false)) {}
  Client& join(const char* id, bool red) {
    h.join_red = red;
    return h.join("m", id);
  }
};
}  // namespace

TEST_CASE("redundant audio reaches those who negotiated it unchanged, and others as its primary block") {
  const Crypto crypto = GENERATE(Crypto::null, Crypto::real);
  MixedRoom room(crypto);
  auto& [h, a, takes, plain] = room;
  Client& takes_too = room.join("dddddddd", true);
  const uint16_t first = a.audio_sequence;
  for (int i = 1; i <= 30; ++i) {
    // As browsers do: what cannot be said as RED goes out plain.
    if (i % 10 == 0) a.send_audio(h.now, 30, kOpus, sound(i));
    else a.send_audio(h.now, 30, kRed, redundant(i));
    h.run(Duration::milliseconds(20));
  }
  for (const Client* receiver : {&takes, &takes_too, &plain}) {
    const auto got = receiver->of(a.audio);
    REQUIRE(got.size() == 30);
    for (int i = 1; i <= 30; ++i) {
      const RtpView rtp = got[static_cast<size_t>(i - 1)].rtp();
      const bool is_red = receiver != &plain && i % 10 != 0;
      REQUIRE(rtp.payload_type() == (is_red ? kRed : kOpus));
      REQUIRE(payload_of(got[static_cast<size_t>(i - 1)]) == (is_red ? redundant(i) : sound(i)));
      REQUIRE(rtp.sequence() == static_cast<uint16_t>(first + i - 1));
      REQUIRE(read_audio_level(rtp, 1)->level == 30);
    }
  }
  CHECK(h.counts().packets_out == 90);
  check_audit(h);
}

TEST_CASE("redundant audio whose primary block cannot be read is dropped where it would have to be") {
  MixedRoom room;
  auto& [h, a, takes, plain] = room;
  a.send_audio(h.now, 30, kRed, redundant(1));
  a.send_audio(h.now, 30, kRed, {0x80 | kOpus, 0x0f, 0x00, 0xff, kOpus, 1});  // a copy longer than the packet: or encrypted end to end
  a.send_audio(h.now, 30, kRed, redundant(3, kRed));                          // redundant audio within redundant audio
  a.send_audio(h.now, 30, kRed, redundant(4, 100));                           // video
  a.send_audio(h.now, 30, kRed, redundant(5, 77));                            // a type that was never negotiated
  a.send_audio(h.now, 30, kRed, redundant(6));
  h.run(Duration::milliseconds(20));
  CHECK(takes.of(a.audio).size() == 6);
  const auto got = plain.of(a.audio);
  REQUIRE(got.size() == 2);
  CHECK(payload_of(got[1]) == sound(6));
  CHECK(got[1].rtp().sequence() == static_cast<uint16_t>(got[0].rtp().sequence() + 1));
  CHECK(h.counts().drops[Drop::red_malformed] == 4);
  check_audit(h);
}

TEST_CASE("what was lost before the bridge is mended from its copy for those who do not take copies") {
  MixedRoom room;
  auto& [h, a, takes, plain] = room;
  const uint16_t first = a.audio_sequence;
  const uint32_t first_timestamp = a.timestamp;
  for (int i = 1; i <= 40; ++i) {
    // 10 is lost; of 20 and 21, which are, too, 22 has one; 30 comes behind 31.
    if (i == 10 || i == 20 || i == 21 || i == 30) {
      ++a.audio_sequence;
      a.timestamp += 960;
    } else {
      a.send_audio(h.now, 30, kRed, redundant(i));
    }
    h.settle();
    if (i == 31) {
      const uint16_t sequence = a.audio_sequence;
      const uint32_t timestamp = a.timestamp;
      a.audio_sequence = static_cast<uint16_t>(first + 29);
      a.timestamp = first_timestamp + 29 * 960;
      a.send_audio(h.now, 30, kRed, redundant(30));
      a.audio_sequence = sequence;
      a.timestamp = timestamp;
    }
    h.run(Duration::milliseconds(20));
  }
  CHECK(takes.of(a.audio).size() == 36);
  const auto got = plain.of(a.audio);
  REQUIRE(got.size() == 39);
  for (size_t k = 0; k < got.size(); ++k) {
    const int i = static_cast<int>(k) + (k < 19 ? 1 : 2);  // 20 is nowhere
    REQUIRE(got[k].rtp().sequence() == static_cast<uint16_t>(first + i - 1));
    REQUIRE(got[k].rtp().timestamp() == first_timestamp + static_cast<uint32_t>(i - 1) * 960);
    REQUIRE(got[k].rtp().payload_type() == kOpus);
    REQUIRE(payload_of(got[k]) == sound(i));
  }
  CHECK(h.counts().mended == 3);
  CHECK(h.counts().drops[Drop::rtp_duplicate] == 1);
  check_audit(h);
}

TEST_CASE("redundant audio of somebody who did not negotiate it goes nowhere") {
  Harness h;
  Client& a = h.join("m", "aaaaaaaa");
  h.join_red = true;
  Client& b = h.join("m", "bbbbbbbb");
  a.send_audio(h.now, 30, kRed, redundant(1));
  h.run(Duration::milliseconds(20));
  CHECK(b.rtp.empty());
  CHECK(h.counts().drops[Drop::rtp_unknown_payload_type] == 1);
  check_audit(h);
}
