// Our AES-128-GCM against libsrtp2's: the same bytes out, the same verdicts in.
#include <catch2/catch.hpp>
#include <srtp2/srtp.h>

#include "core/base/rng.h"
#include "core/secure/replay_window.h"
#include "core/secure/srtp.h"
#include "random_key.h"

using namespace tacoma;

namespace {

using Bytes = std::vector<uint8_t>;

using test::random_key;

struct Library {
  srtp_t out = nullptr, in = nullptr;

  Library(SrtpKey outbound, SrtpKey inbound) {
    // The session below initialises the library for the process.
    REQUIRE(SrtpSession::make(SrtpProfile::aes128_cm_sha1_80, outbound, inbound));
    srtp_policy_t policy{};
    srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
    srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    policy.window_size = SrtpSession::kReplayWindow;
    policy.allow_repeat_tx = 1;
    policy.ssrc.type = ssrc_any_outbound;
    policy.key = outbound.bytes.data();
    REQUIRE(srtp_create(&out, &policy) == srtp_err_status_ok);
    policy.ssrc.type = ssrc_any_inbound;
    policy.key = inbound.bytes.data();
    REQUIRE(srtp_create(&in, &policy) == srtp_err_status_ok);
  }
  ~Library() {
    srtp_dealloc(out);
    srtp_dealloc(in);
  }
  Bytes protect(Bytes packet, bool rtcp) {
    int size = static_cast<int>(packet.size());
    packet.resize(packet.size() + 40);
    REQUIRE((rtcp ? srtp_protect_rtcp(out, packet.data(), &size) : srtp_protect(out, packet.data(), &size)) == srtp_err_status_ok);
    packet.resize(static_cast<size_t>(size));
    return packet;
  }
  // The plain packet; empty when it was refused, and then why.
  Bytes open(Bytes packet, bool rtcp, std::optional<Drop>& drop) {
    int size = static_cast<int>(packet.size());
    const auto status = rtcp ? srtp_unprotect_rtcp(in, packet.data(), &size) : srtp_unprotect(in, packet.data(), &size);
    drop = status == srtp_err_status_ok          ? std::nullopt
           : status == srtp_err_status_auth_fail ? std::optional(Drop::srtp_auth)
                                                 : std::optional(Drop::srtp_replay);
    packet.resize(drop ? 0 : static_cast<size_t>(size));
    return packet;
  }
};

Bytes rtp(Rng& rng, uint16_t sequence, uint32_t ssrc) {
  Bytes p(12 + rng.below(1200));
  rng.fill(p.data(), p.size());
  p[0] = 0x80;
  if (p.size() > 200) {  // CSRCs and an extension
    const auto csrcs = static_cast<uint8_t>(rng.below(16));
    p[0] = static_cast<uint8_t>(0x90 | csrcs);
    store_u16(p.data() + 12 + 4 * csrcs, 0xbede);
    store_u16(p.data() + 14 + 4 * csrcs, static_cast<uint16_t>(rng.below(20)));
  }
  store_u16(p.data() + 2, sequence);
  store_u32(p.data() + 8, ssrc);
  return p;
}

Bytes rtcp(Rng& rng, uint32_t ssrc) {
  Bytes p(8 + 4 * rng.below(100));
  rng.fill(p.data(), p.size());
  p[0] = 0x80;
  p[1] = 200;
  store_u16(p.data() + 2, static_cast<uint16_t>(p.size() / 4 - 1));
  store_u32(p.data() + 4, ssrc);
  return p;
}

Bytes protect(SrtpSession& s, Bytes packet, bool is_rtcp) {
  const size_t size = packet.size();
  packet.resize(size + 40);
  const auto result = is_rtcp ? s.protect_rtcp(packet, size) : s.protect_rtp(packet, size);
  REQUIRE(result);
  packet.resize(*result);
  return packet;
}

Bytes open(SrtpSession& s, Bytes packet, bool is_rtcp, std::optional<Drop>& drop) {
  const auto result = is_rtcp ? s.unprotect_rtcp(packet) : s.unprotect_rtp(packet);
  drop = result ? std::nullopt : std::optional(result.error());
  packet.resize(result ? *result : 0);
  return packet;
}

}  // namespace

TEST_CASE("AES-128-GCM gives libsrtp2's bytes, over rollovers too") {
  const SrtpKey a = random_key(1), b = random_key(2);
  SrtpSession ours = *SrtpSession::make(SrtpProfile::aead_aes_128_gcm, a, b);
  Library library(a, b);
  Rng rng(7);
  uint16_t sequence = 65000;
  for (int i = 0; i < 3000; ++i) {
    const uint32_t ssrc = 1 + rng.below(3);
    if (rng.chance(0.1)) {
      const Bytes plain = rtcp(rng, ssrc);
      REQUIRE(protect(ours, plain, true) == library.protect(plain, true));
    } else {
      sequence = static_cast<uint16_t>(sequence + rng.below(100));
      // Now and then an older one again, as NACKs without RTX have it.
      const auto sent = static_cast<uint16_t>(rng.chance(0.1) && i > 100 ? sequence - rng.below(500) : sequence);
      const Bytes plain = rtp(rng, sent, ssrc);
      REQUIRE(protect(ours, plain, false) == library.protect(plain, false));
    }
  }
}

TEST_CASE("AES-128-GCM takes and refuses what libsrtp2 does") {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    INFO("seed " << seed);
    const SrtpKey a = random_key(seed), b = random_key(seed + 100);
    SrtpSession sender = *SrtpSession::make(SrtpProfile::aead_aes_128_gcm, a, b);
    SrtpSession ours = *SrtpSession::make(SrtpProfile::aead_aes_128_gcm, b, a);
    Library library(b, a);
    Rng rng(seed);
    std::vector<std::pair<bool, Bytes>> sent;
    uint16_t sequence = static_cast<uint16_t>(rng.below(32768));
    for (int i = 0; i < 3000; ++i) {
      const bool is_rtcp = rng.chance(0.2);
      const uint32_t ssrc = 1 + rng.below(2);
      sequence = static_cast<uint16_t>(sequence + 1 + rng.below(30));
      sent.emplace_back(is_rtcp, protect(sender, is_rtcp ? rtcp(rng, ssrc) : rtp(rng, sequence, ssrc), is_rtcp));
      // One of the recent ones, or an old one, or a spoilt one.
      const size_t back = rng.chance(0.9) ? rng.below(40) : rng.below(400);
      auto [rtcp_packet, wire] = sent[sent.size() - 1 - std::min(back, sent.size() - 1)];
      const bool spoilt = rng.chance(0.1);
      if (spoilt) wire[4 + rng.below(static_cast<uint32_t>(wire.size() - 8))] ^= 4;
      std::optional<Drop> our_drop, their_drop;
      const Bytes our_plain = open(ours, wire, rtcp_packet, our_drop);
      const Bytes their_plain = library.open(wire, rtcp_packet, their_drop);
      INFO("packet " << i);
      REQUIRE(our_plain == their_plain);
      if (spoilt) {
        REQUIRE(our_drop);  // we may see a malformed header where the library sees a wrong tag
        REQUIRE(their_drop);
      } else {
        REQUIRE((our_drop == their_drop));
      }
    }
  }
}

TEST_CASE("the index of a packet is estimated over the rollover, both ways") {
  CHECK(estimate_index(0, 65535) == 65535);
  CHECK(estimate_index(10, 65530) == 65530);  // nothing lies below zero
  CHECK(estimate_index(65530, 3) == 65536 + 3);
  CHECK(estimate_index(65536 + 3, 65530) == 65530);
  CHECK(estimate_index(5 * 65536 + 40000, 39000) == 5 * 65536 + 39000);
}

TEST_CASE("a replay window forgets what lies behind it and nothing else") {
  ReplayWindow<128> window;
  for (uint64_t i = 1; i <= 1000; i += 3) {
    REQUIRE(window.fresh(i));
    window.accept(i);
    REQUIRE_FALSE(window.fresh(i));
    if (i > 128) {
      CHECK_FALSE(window.fresh(i - 128));
      CHECK(window.fresh(i - 127) == ((i - 127) % 3 != 1));
    }
  }
  window.accept(100000);
  CHECK(window.fresh(99999));
  CHECK_FALSE(window.fresh(100000 - 128));
}
