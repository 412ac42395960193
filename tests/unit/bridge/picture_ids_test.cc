// Encodings whose picture ids, TL0PICIDX or frame numbers jump: each jump is counted, and what goes out goes on as if there had been none.
#include <catch2/catch.hpp>

#include "layered_sender.h"

using namespace tacoma;
using namespace tacoma::bridge;
using namespace tacoma::test;

namespace {
constexpr Kind kNumbered[] = {Kind::vp8, Kind::vp9_svc, Kind::vp9_ksvc, Kind::vp9_simulcast, Kind::av1_svc, Kind::av1_ksvc};
constexpr uint8_t kDependencyId = 11;

/// Adds to the numbers of a packet, as somebody who lies does.
void shift_ids(Kind kind, Bytes& bytes, PictureIds by) {
  const auto view = *RtpView::parse(bytes);
  const auto at = [&](BytesView part) { return MutableBytes(bytes).subspan(static_cast<size_t>(part.data() - bytes.data()), part.size()); };
  if (is_av1(kind)) {
    const MutableBytes descriptor = at(*view.extension(kDependencyId));
    store_u16(descriptor.data() + 1, static_cast<uint16_t>(descriptor[1] << 8 | descriptor[2]) + by.picture_id & 0xffff);
  } else if (kind == Kind::vp8) {
    shift_vp8_ids(at(view.payload()), *parse_vp8(view.payload()), by.picture_id, by.tl0_pic_idx);
  } else {
    shift_vp9_ids(at(view.payload()), *parse_vp9(view.payload()), by.picture_id, by.tl0_pic_idx);
  }
}

/// One encoding to a receiver that gets temporal layers up to `temporal`; its numbers jump now and then, but never with a key frame.
class Liar {
 public:
  Liar(Kind kind, uint8_t temporal, uint64_t seed) : kind_(kind), temporal_(temporal), rng_(seed), sender_(kind, rng_.split("sender")), world_(sender_.encodings()) {
    world_.projection.set_target(LayerId{0, kMaxSpatialLayers - 1, temporal});
  }

  void run() {
    for (int picture = 0; picture < 300; ++picture) {
      std::vector<SentPacket*> packets = sender_.next_picture();
      std::erase_if(packets, [](const SentPacket* p) { return p->encoding != 0; });
      if (picture > 0 && rng_.chance(0.1) && !packets.front()->frame->key) jump();
      for (SentPacket* packet : packets) pass(*packet);
    }
    INFO(to_string(kind_) << " up to temporal layer " << int{temporal_});
    CHECK(jumps_ > 15);
    CHECK(world_.counts.drops[Drop::picture_id_jump] == jumps_);
    CHECK(pictures_ > 60);
  }

 private:
  void jump() {
    ++jumps_;
    const bool of_pictures = is_av1(kind_) || rng_.chance(0.7);
    if (of_pictures) by_.picture_id = static_cast<uint16_t>(by_.picture_id + (is_av1(kind_) ? 5'000 : 2'000) + rng_.below(28'000));
    if (!is_av1(kind_) && (!of_pictures || rng_.chance(0.5))) by_.tl0_pic_idx = static_cast<uint8_t>(by_.tl0_pic_idx + 64 + rng_.below(128));
  }

  void pass(SentPacket& sent) {
    shift_ids(kind_, sent.bytes, by_);
    const Instant now = Instant::at(Duration::milliseconds(sent.frame->capture_ms + 20));
    MediaPacket packet;
    REQUIRE(world_.ingest(now, sent, packet));
    const auto placement = world_.projection.place(packet, now);
    if (placement.drop) return;
    world_.projection.sent(100);
    const Bytes out = write_out(packet, placement.rewrite, now);
    const RtpView view = *RtpView::parse(out);
    if (!is_av1(kind_)) check_step(view, *sent.frame);
    else if (sent.index == 0) REQUIRE(wire_.decode(out));
    if (is_new(view)) ++pictures_;
    timestamp_ = view.timestamp();
  }

  void check_step(const RtpView& view, const ModelFrame& frame) {
    const WireIds ids = read_ids(kind_, view);
    if (last_.picture_id) {
      const int step = (*ids.picture_id - *last_.picture_id) & 0x7fff;
      if (!is_new(view)) CHECK(step == 0);
      else if (kind_ == Kind::vp8) CHECK(step == 1);
      else CHECK((step >= 1 && step <= 4));  // what other temporal layers left out keeps its number
      CHECK(static_cast<uint8_t>(*ids.tl0 - *last_.tl0) == (is_new(view) && frame.temporal == 0 ? 1 : 0));
    }
    last_ = ids;
  }
  bool is_new(const RtpView& view) const { return view.timestamp() != timestamp_; }

  Kind kind_;
  uint8_t temporal_;
  Rng rng_;
  LayeredSender sender_;
  ReceivingWorld world_;
  WireDecoder wire_;
  PictureIds by_;
  WireIds last_;
  uint32_t timestamp_ = 0;
  uint64_t jumps_ = 0;
  int pictures_ = 0;
};
}  // namespace

TEST_CASE("picture ids that jump are counted, and go out as if they had not") {
  for (const Kind kind : kNumbered)
    for (const uint8_t temporal : {0, 2})
      for (uint64_t seed = 1; seed <= 10; ++seed) Liar(kind, temporal, seed).run();
}

TEST_CASE("ids that go on behind a gap are believed as far as what is missing can explain them") {
  ReceivingWorld world(1);
  int64_t number = 0;
  // One packet a picture; `skip` pictures and packets are missing before it.
  const auto send = [&](int64_t skip, int64_t more) {
    number += 1 + skip;
    SentPacket sent;
    sent.bytes.resize(kRtpFixedHeader);
    const RtpHeader header{100, true, static_cast<uint16_t>(number), static_cast<uint32_t>(number * 3000), Ssrc(1)};
    REQUIRE(write_rtp_header(sent.bytes, header, {}) == kRtpFixedHeader);
    const auto id = static_cast<uint16_t>((number + more) & 0x7fff);
    for (const unsigned byte : {0x90u, 0x80u, 0x80u | id >> 8, id & 0xffu, 1u, 9u}) sent.bytes.push_back(static_cast<uint8_t>(byte));
    MediaPacket packet;
    REQUIRE(world.ingest(Instant::at(Duration::milliseconds(33 * number)), sent, packet));
    return packet.ahead.picture_id;
  };
  CHECK(send(0, 0) == 0);
  CHECK(send(0, 0) == 0);
  CHECK(send(40, 0) == 0);       // lost
  CHECK(send(0, 1'000) == 0);      // thrown away by the sender
  CHECK(send(3, 1'000) == 0);
  CHECK(send(0, 2'001) == 1'001);  // one more than that: taken back to the next
  CHECK(send(0, 2'001) == 0);      // and from there on
  CHECK(send(0, 1'999) == 0x7ffe); // back, by as much as the next one would have gone forward, and one
  CHECK(send(500, 7'000) == 0);    // nothing is known behind such a gap
  CHECK(world.counts.drops[Drop::picture_id_jump] == 2);
}
