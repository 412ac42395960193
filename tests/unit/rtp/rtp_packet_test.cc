// RTP headers and extensions against bytes written by hand from RFC 3550 section 5.1 and RFC 8285.
#include <catch2/catch.hpp>

#include <vector>

#include "core/base/rng.h"
#include "core/rtp/extensions.h"
#include "core/rtp/rtp_packet.h"
#include "core/rtp/rtx.h"

using namespace tacoma;
using Bytes = std::vector<uint8_t>;

TEST_CASE("a plain packet gives its fields and its payload") {
  const Bytes packet = {0x80, 0xe4, 0x12, 0x34, 0x01, 0x02, 0x03, 0x04, 0xca, 0xfe, 0xba, 0xbe, 0xaa, 0xbb};
  const auto view = RtpView::parse(packet);
  REQUIRE(view);
  CHECK(view->marker());
  CHECK(view->payload_type() == 100);
  CHECK(view->sequence() == 0x1234);
  CHECK(view->timestamp() == 0x01020304);
  CHECK(view->ssrc() == Ssrc(0xcafebabe));
  CHECK(view->header_size() == 12);
  CHECK(view->payload().size() == 2);
  CHECK(view->payload()[1] == 0xbb);
}

TEST_CASE("contributing sources, one-byte extensions and padding are found") {
  const Bytes packet = {0xb1, 0x6f, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3,              // padding, extension, one CSRC
                        0, 0, 0, 9,                                            // the CSRC
                        0xbe, 0xde, 0, 2, 0x10, 0x85, 0x00, 0x51, 0x12, 0x34, 0xf0, 0x77,  // 1: 85; pad; 5: 1234; 15 ends it
                        0xaa, 0xbb, 0xcc, 0, 0, 3};
  const auto view = RtpView::parse(packet);
  REQUIRE(view);
  CHECK(view->csrc_count() == 1);
  CHECK(view->csrc(0) == Ssrc(9));
  CHECK(view->extension_count() == 2);
  REQUIRE(read_audio_level(*view, 1));
  CHECK(read_audio_level(*view, 1)->voice);
  CHECK(read_audio_level(*view, 1)->level == 5);
  CHECK(read_transport_sequence(*view, 5) == uint16_t{0x1234});
  CHECK_FALSE(view->extension(3));
  CHECK_FALSE(read_audio_level(*view, 0));
  CHECK(view->padding() == 3);
  CHECK(Bytes(view->payload().begin(), view->payload().end()) == Bytes{0xaa, 0xbb, 0xcc});
}

TEST_CASE("two-byte extensions may be empty and long") {
  Bytes packet = {0x90, 0x6f, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x10, 0x00, 0, 6, 7, 0, 200, 18};
  for (uint8_t i = 0; i < 18; ++i) packet.push_back(i);
  packet.insert(packet.end(), {0, 0});
  const auto view = RtpView::parse(packet);
  REQUIRE(view);
  REQUIRE(view->extension(7));
  CHECK(view->extension(7)->empty());
  REQUIRE(view->extension(200));
  CHECK(view->extension(200)->size() == 18);
  CHECK(view->payload().empty());
}

TEST_CASE("an extension block of another profile is skipped whole") {
  const Bytes packet = {0x90, 0x6f, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xab, 0xcd, 0, 1, 0x10, 0xff, 0xff, 0xff, 0x42};
  const auto view = RtpView::parse(packet);
  REQUIRE(view);
  CHECK(view->extension_count() == 0);
  CHECK(view->payload()[0] == 0x42);
}

TEST_CASE("headers that point outside of the packet are refused") {
  const Bytes base = {0x80, 0x6f, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3};
  const auto with = [&](uint8_t first, Bytes rest) {
    Bytes p = base;
    p[0] = first;
    p.insert(p.end(), rest.begin(), rest.end());
    return RtpView::parse(p).has_value();
  };
  CHECK(with(0x80, {}));
  CHECK_FALSE(with(0x40, {}));                                   // version 1
  CHECK_FALSE(with(0x82, {0, 0, 0, 1}));                         // two CSRCs, one there
  CHECK_FALSE(with(0x90, {0xbe, 0xde}));                         // extension header cut off
  CHECK_FALSE(with(0x90, {0xbe, 0xde, 0, 2, 0, 0, 0, 0}));       // block longer than the packet
  CHECK_FALSE(with(0x90, {0xbe, 0xde, 0, 1, 0x13, 0, 0, 0}));    // element longer than the block
  CHECK_FALSE(with(0x90, {0x10, 0, 0, 1, 7, 3, 0, 0}));          // the same, two-byte form
  CHECK_FALSE(with(0x90, {0x10, 0, 0, 1, 0, 0, 0, 7}));          // two-byte element without its length
  CHECK_FALSE(with(0xa0, {}));                                   // padding without a byte
  CHECK_FALSE(with(0xa0, {1, 2, 0}));                            // padding count 0
  CHECK_FALSE(with(0xa0, {1, 2, 4}));                            // padding beyond the payload
  CHECK(with(0xa0, {1, 2, 3}));                                  // nothing but padding is valid
  CHECK_FALSE(RtpView::parse(BytesView(base.data(), 11)));
}

TEST_CASE("more extension elements than the limit make a packet malformed") {
  for (size_t count : {kMaxRtpExtensions, kMaxRtpExtensions + 1}) {
    Bytes packet = {0x90, 0x6f, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x10, 0, 0, static_cast<uint8_t>((count * 2 + 3) / 4)};
    for (size_t i = 0; i < count; ++i) packet.insert(packet.end(), {static_cast<uint8_t>(i + 1), 0});
    while (packet.size() % 4) packet.push_back(0);
    CHECK(RtpView::parse(packet).has_value() == (count == kMaxRtpExtensions));
  }
}

TEST_CASE("a written header is read back, in both forms") {
  Rng rng(11);
  for (int round = 0; round < 300; ++round) {
    uint8_t data[3][255];
    std::vector<RtpExtension> extensions;
    const uint32_t count = rng.below(4);
    for (uint32_t i = 0; i < count; ++i) {
      rng.fill(data[i], sizeof data[i]);
      const bool large = rng.chance(0.2);
      extensions.push_back({static_cast<uint8_t>((large ? 20 : 1) + 4 * i + rng.below(4)), BytesView(data[i], large ? rng.below(256) : 1 + rng.below(16))});
    }
    RtpHeader header;
    header.payload_type = static_cast<uint8_t>(rng.below(128));
    header.marker = rng.chance(0.5);
    header.sequence = static_cast<uint16_t>(rng.u32());
    header.timestamp = rng.u32();
    header.ssrc = Ssrc(rng.u32());
    uint8_t out[1000];
    const size_t size = write_rtp_header(out, header, extensions);
    REQUIRE(size == rtp_header_size(extensions));
    CHECK(write_rtp_header(MutableBytes(out, size), header, extensions) == size);
    CHECK(write_rtp_header(MutableBytes(out, size - 1), header, extensions) == 0);
    write_rtp_header(out, header, extensions);
    const auto view = RtpView::parse(BytesView(out, size));
    REQUIRE(view);
    CHECK(view->payload_type() == header.payload_type);
    CHECK(view->marker() == header.marker);
    CHECK(view->sequence() == header.sequence);
    CHECK(view->timestamp() == header.timestamp);
    CHECK(view->ssrc() == header.ssrc);
    CHECK(view->header_size() == size);
    CHECK(view->extension_count() == extensions.size());
    for (const RtpExtension& e : extensions) {
      const auto read = view->extension(e.id);
      REQUIRE(read);
      CHECK(Bytes(read->begin(), read->end()) == Bytes(e.data.begin(), e.data.end()));
    }
  }
}

TEST_CASE("setters change their field and nothing else") {
  Bytes packet = {0x80, 0xe4, 0x12, 0x34, 1, 2, 3, 4, 5, 6, 7, 8, 0x99};
  set_rtp_payload_type(packet, 96);
  set_rtp_sequence(packet, 0xabcd);
  set_rtp_timestamp(packet, 0x11223344);
  set_rtp_ssrc(packet, Ssrc(0x55667788));
  CHECK(packet == Bytes{0x80, 0xe0, 0xab, 0xcd, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99});
}

TEST_CASE("abs-send-time counts seconds in 6.18 fixed point") {
  // The run starts on a whole second whose number is a multiple of 64: 1.5 s is 1.5 * 2^18.
  CHECK(encode_abs_send_time(Instant::at(Duration::milliseconds(1500))) == 393216);
  CHECK(encode_abs_send_time(Instant::at(Duration::seconds(64))) == 0);
}

TEST_CASE("a retransmission carries the original and gives it back") {
  Bytes original = {0xb0, 0xe4, 0x12, 0x34, 1, 2, 3, 4, 5, 6, 7, 8, 0xbe, 0xde, 0, 1, 0x10, 0x7f, 0, 0, 0xaa, 0xbb, 0, 2};
  RtxStream stream{Ssrc(0x01020304), 96, 0xffff};
  uint8_t out[64];
  const size_t size = wrap_rtx(*RtpView::parse(original), stream, out);
  REQUIRE(size == original.size() + 2);
  CHECK(stream.next_sequence == 0);
  auto view = RtpView::parse(BytesView(out, size));
  REQUIRE(view);
  CHECK(view->payload_type() == 96);
  CHECK(view->marker());
  CHECK(view->sequence() == 0xffff);
  CHECK(view->ssrc() == Ssrc(0x01020304));
  CHECK(load_u16(view->payload().data()) == 0x1234);
  const size_t back = unwrap_rtx(MutableBytes(out, size), *view, Ssrc(0x05060708), 100);
  CHECK(Bytes(out, out + back) == original);

  CHECK(wrap_rtx(*RtpView::parse(original), stream, MutableBytes(out, original.size() + 1)) == 0);
  CHECK(stream.next_sequence == 0);
  Bytes empty = {0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x55};
  CHECK(unwrap_rtx(empty, *RtpView::parse(empty), Ssrc(1), 100) == 0);
}
