#include <catch2/catch.hpp>

#include "core/base/rng.h"
#include "core/secure/srtp.h"
#include "random_key.h"

using namespace tacoma;

namespace {

using Bytes = std::vector<uint8_t>;

Bytes hex(std::string_view text) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) bytes.push_back(static_cast<uint8_t>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  return bytes;
}
SrtpKey key_of(std::string_view text) {
  SrtpKey key;
  const Bytes bytes = hex(text);
  std::copy(bytes.begin(), bytes.end(), key.bytes.begin());
  return key;
}
SrtpSession session(SrtpProfile profile, const SrtpKey& out, const SrtpKey& in) {
  auto s = SrtpSession::make(profile, out, in);
  REQUIRE(s);
  return *std::move(s);
}
using test::random_key;
Bytes rtp(uint16_t sequence, size_t size = 100, uint32_t ssrc = 7) {
  Bytes p(size, 0x5a);
  p[0] = 0x80;
  p[1] = 100;
  store_u16(p.data() + 2, sequence);
  store_u32(p.data() + 8, ssrc);
  return p;
}
Bytes protect(SrtpSession& s, const Bytes& plain) {
  Bytes out(1600);
  const auto size = s.protect_rtp(BytesView(plain).subspan(0, 12), BytesView(plain).subspan(12), out);
  REQUIRE(size);
  out.resize(*size);
  return out;
}
const SrtpProfile kProfiles[] = {SrtpProfile::aead_aes_128_gcm, SrtpProfile::aes128_cm_sha1_80, SrtpProfile::null};

}  // namespace

TEST_CASE("SRTP gives the published bytes of libsrtp's validation packets") {
  const Bytes plain = hex("800f1234decafbadcafebabeabababababababababababababababab");
  {
    const SrtpKey key = key_of("000102030405060708090a0b0c0d0e0fa0a1a2a3a4a5a6a7a8a9aaab");
    SrtpSession a = session(SrtpProfile::aead_aes_128_gcm, key, key);
    Bytes wire = protect(a, plain);
    CHECK(wire == hex("800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392"));
  }
  {
    const SrtpKey key = key_of("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6");
    SrtpSession a = session(SrtpProfile::aes128_cm_sha1_80, key, key);
    CHECK(protect(a, plain) == hex("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb"));
  }
}

TEST_CASE("SRTCP gives the published bytes of libsrtp's validation packets") {
  Bytes packet = hex("81c8000bcafebabeabababababababababababababababab");
  packet.resize(100);
  const SrtpKey key = key_of("000102030405060708090a0b0c0d0e0fa0a1a2a3a4a5a6a7a8a9aaab");
  SrtpSession a = session(SrtpProfile::aead_aes_128_gcm, key, key);
  const auto size = a.protect_rtcp(packet, 24);
  REQUIRE(size);
  packet.resize(*size);
  CHECK(packet == hex("81c8000bcafebabec98b8b5df0392a55852b6c21ac8e7025c52c6fbea2b3b446ea31123ba88ce61e80000001"));
}

TEST_CASE("packets come back as they were, once") {
  for (const SrtpProfile profile : kProfiles) {
    CAPTURE(static_cast<int>(profile));
    SrtpSession a = session(profile, random_key(1), random_key(2)), b = session(profile, random_key(2), random_key(1));
    for (uint16_t s = 65500; s != 40; ++s) {  // over the wrap: the rollover counter is in the index
      const Bytes plain = rtp(s);
      Bytes wire = protect(a, plain), again = wire;
      REQUIRE(wire.size() == plain.size() + srtp_overhead(profile));
      const auto size = b.unprotect_rtp(wire);
      REQUIRE(size);
      wire.resize(*size);
      REQUIRE(wire == plain);
      REQUIRE(b.unprotect_rtp(again).error() == Drop::srtp_replay);
    }
  }
}

TEST_CASE("late packets are taken within the window and not beyond") {
  for (const SrtpProfile profile : kProfiles) {
    CAPTURE(static_cast<int>(profile));
    const uint16_t window = profile == SrtpProfile::null ? SrtpSession::kNullWindow : SrtpSession::kReplayWindow;
    SrtpSession a = session(profile, random_key(1), random_key(2)), b = session(profile, random_key(2), random_key(1));
    Bytes first = protect(a, rtp(999)), late = protect(a, rtp(1000)), later = protect(a, rtp(1001));
    CHECK(b.unprotect_rtp(first));
    Bytes newest;
    for (uint16_t s = 1002; s <= 1000 + window; ++s) newest = protect(a, rtp(s));
    CHECK(b.unprotect_rtp(newest));
    CHECK(b.unprotect_rtp(late).error() == Drop::srtp_replay);
    CHECK(b.unprotect_rtp(later));
  }
}

TEST_CASE("the same packet may be protected again") {
  for (const SrtpProfile profile : kProfiles) {
    SrtpSession a = session(profile, random_key(1), random_key(2));
    const Bytes first = protect(a, rtp(5));
    protect(a, rtp(6));
    CHECK(protect(a, rtp(5)) == first);
  }
}

TEST_CASE("changed packets and wrong keys fail authentication") {
  for (const SrtpProfile profile : kProfiles) {
    CAPTURE(static_cast<int>(profile));
    SrtpSession a = session(profile, random_key(1), random_key(2)), b = session(profile, random_key(2), random_key(1));
    SrtpSession stranger = session(profile, random_key(3), random_key(4));
    const Bytes wire = protect(a, rtp(5));
    // The null profile reads no payload: its header and tag only.
    for (size_t i = 1; i < wire.size(); ++i) {
      if (profile == SrtpProfile::null && i >= 12 && i < wire.size() - 16) continue;
      if (profile == SrtpProfile::null && i >= 4 && i < 8) continue;
      Bytes bad = wire;
      bad[i] ^= 0x10;
      REQUIRE(b.unprotect_rtp(bad).error() == Drop::srtp_auth);
    }
    Bytes cut(wire.begin(), wire.end() - 1);
    CHECK(b.unprotect_rtp(cut).error() == Drop::srtp_auth);
    Bytes foreign = protect(stranger, rtp(5));
    CHECK(b.unprotect_rtp(foreign).error() == Drop::srtp_auth);
    Bytes good = wire;
    CHECK(b.unprotect_rtp(good));  // and none of it did harm

    Bytes rtcp(64);
    rtcp[0] = 0x80;
    rtcp[1] = 201;
    rtcp[3] = 1;
    const auto size = a.protect_rtcp(rtcp, 8);
    REQUIRE(size);
    CHECK(*size == 8 + srtcp_overhead(profile));
    rtcp.resize(*size);
    for (size_t i = 4; i < rtcp.size(); ++i) {
      Bytes bad = rtcp;
      bad[i] ^= 0x10;
      REQUIRE(b.unprotect_rtcp(bad).error() == Drop::srtp_auth);
    }
    Bytes again = rtcp;
    const auto opened = b.unprotect_rtcp(rtcp);
    REQUIRE(opened);
    CHECK(*opened == 8);
    CHECK(b.unprotect_rtcp(again).error() == Drop::srtp_replay);
  }
}

TEST_CASE("null protection has the sizes of AES-128-GCM") {
  CHECK(srtp_overhead(SrtpProfile::null) == srtp_overhead(SrtpProfile::aead_aes_128_gcm));
  SrtpSession real = session(SrtpProfile::aead_aes_128_gcm, random_key(1), random_key(2));
  SrtpSession null = session(SrtpProfile::null, random_key(1), random_key(2));
  for (const size_t size : {12, 13, 100, 1200}) {
    CHECK(protect(real, rtp(1, size)).size() == protect(null, rtp(1, size)).size());
    Bytes a(1400, 0x80), b(1400, 0x80);
    if (size >= 100) CHECK(*real.protect_rtcp(a, size) == *null.protect_rtcp(b, size));
  }
}

TEST_CASE("impossible packets are refused before they reach the library") {
  for (const SrtpProfile profile : kProfiles) {
    SrtpSession a = session(profile, random_key(1), random_key(2));
    Bytes small(20);
    CHECK(a.protect_rtp(small, 12).error() == Drop::over_mtu);
    Bytes buffer(100);
    CHECK(a.protect_rtp(buffer, 11).error() == Drop::rtp_malformed);
    CHECK(a.protect_rtp(buffer, 40).error() == Drop::rtp_malformed);  // version 0
    buffer[0] = 0x9f;                                                 // 15 CSRCs and an extension do not fit in 40
    CHECK(a.protect_rtp(buffer, 40).error() == Drop::rtp_malformed);
    CHECK(a.protect_rtcp(buffer, 7).error() == Drop::rtcp_malformed);
    Bytes wire(27, 0x80);
    CHECK(a.unprotect_rtp(MutableBytes(wire.data(), 11 + srtp_overhead(profile))).error() == Drop::rtp_malformed);
    CHECK(a.unprotect_rtcp(MutableBytes(wire.data(), 12)).error() == Drop::rtcp_malformed);
  }
}

TEST_CASE("inbound SSRCs are limited") {
  for (const SrtpProfile profile : kProfiles) {
    CAPTURE(static_cast<int>(profile));
    SrtpSession a = session(profile, random_key(1), random_key(2)), b = session(profile, random_key(2), random_key(1));
    size_t taken = 0;
    for (uint32_t ssrc = 1; ssrc <= SrtpSession::kMaxInboundSsrcs + 10; ++ssrc) {
      Bytes wire = protect(a, rtp(1, 40, ssrc));
      if (b.unprotect_rtp(wire)) ++taken;
    }
    CHECK(taken == SrtpSession::kMaxInboundSsrcs);
    Bytes known = protect(a, rtp(2, 40, 1));
    CHECK(b.unprotect_rtp(known));
  }
}
