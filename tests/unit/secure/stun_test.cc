#include <catch2/catch.hpp>

#include "core/secure/stun.h"

using namespace tacoma;

namespace {

constexpr std::string_view kPassword = "VOkJxbRl1RmTxUk/WvJxBt";  // RFC 5769 section 2

const std::vector<uint8_t> kRequest = {  // section 2.1
    0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22,
    0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20, 0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04,
    0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00, 0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76,
    0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c, 0xbf, 0xd8, 0xcb, 0x56,
    0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf};

const std::vector<uint8_t> kResponse4 = {  // section 2.2
    0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae,
    0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f, 0x72, 0x20, 0x00, 0x20, 0x00, 0x08,
    0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43, 0x00, 0x08, 0x00, 0x14, 0x2b, 0x91, 0xf5, 0x99, 0xfd, 0x9e, 0x90, 0xc3,
    0x8c, 0x74, 0x89, 0xf9, 0x2a, 0xf9, 0xba, 0x53, 0xf0, 0x6b, 0xe7, 0xd7, 0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96};

const std::vector<uint8_t> kResponse6 = {  // section 2.3
    0x01, 0x01, 0x00, 0x48, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf,
    0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f, 0x72, 0x20, 0x00, 0x20,
    0x00, 0x14, 0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe,
    0xd2, 0xb9, 0xd9, 0x00, 0x08, 0x00, 0x14, 0xa3, 0x82, 0x95, 0x4e, 0x4b, 0xe6, 0x7b, 0xf1, 0x17, 0x84, 0xc9, 0x7c,
    0x82, 0x92, 0xc2, 0x75, 0xbf, 0xe3, 0xed, 0x41, 0x80, 0x28, 0x00, 0x04, 0xc8, 0xfb, 0x0b, 0x4c};

constexpr stun::TransactionId kId = {0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae};

}  // namespace

TEST_CASE("the request of RFC 5769 is read and checked") {
  const auto m = stun::parse(kRequest);
  REQUIRE(m);
  CHECK(m->kind == stun::Class::request);
  CHECK(m->method == stun::kBinding);
  CHECK(m->id == kId);
  CHECK(m->username == "evtj:h6vY");
  CHECK(m->priority == 0x6e0001ffu);
  CHECK(m->ice_controlled == 0x932ff9b151263b36u);
  CHECK_FALSE(m->ice_controlling);
  CHECK(m->has_fingerprint);
  CHECK(m->unknown_count == 0);
  CHECK(stun::has_integrity(kRequest, *m, kPassword));
  CHECK_FALSE(stun::has_integrity(kRequest, *m, "VOkJxbRl1RmTxUk/WvJxBu"));
  CHECK(stun::username_of(kRequest) == "evtj:h6vY");
  CHECK(stun::local_ufrag_of(kRequest) == "evtj");
}

TEST_CASE("the responses of RFC 5769 are read and checked") {
  const auto m4 = stun::parse(kResponse4);
  REQUIRE(m4);
  CHECK(m4->kind == stun::Class::success);
  CHECK(m4->mapped->to_string() == "192.0.2.1:32853");
  CHECK(stun::has_integrity(kResponse4, *m4, kPassword));
  const auto m6 = stun::parse(kResponse6);
  REQUIRE(m6);
  CHECK(m6->mapped->ip == *IpAddress::parse("2001:db8:1234:5678:11:2233:4455:6677"));
  CHECK(m6->mapped->port == 32853);
  CHECK(stun::has_integrity(kResponse6, *m6, kPassword));
}

TEST_CASE("what is written is what RFC 5769 shows, byte for byte") {
  std::vector<uint8_t> out(200);
  stun::Builder request(out, stun::Class::request, kId);
  request.raw(0x8022, as_bytes("STUN test client"));
  request.priority(0x6e0001ff);
  request.ice_controlled(0x932ff9b151263b36);
  request.raw(0x0006, as_bytes("evtj:h6vY"), ' ');
  CHECK(std::vector<uint8_t>(out.begin(), out.begin() + static_cast<long>(request.finish(kPassword))) == kRequest);

  for (const bool v6 : {false, true}) {
    stun::Builder response(out, stun::Class::success, kId);
    response.raw(0x8022, as_bytes("test vector"), ' ');
    response.xor_mapped_address({*IpAddress::parse(v6 ? "2001:db8:1234:5678:11:2233:4455:6677" : "192.0.2.1"), 32853});
    CHECK(std::vector<uint8_t>(out.begin(), out.begin() + static_cast<long>(response.finish(kPassword))) == (v6 ? kResponse6 : kResponse4));
  }
}

TEST_CASE("every flipped bit of a message is noticed") {
  size_t unnoticed = 0;
  for (size_t i = 0; i < kRequest.size() * 8; ++i) {
    std::vector<uint8_t> bytes = kRequest;
    bytes[i / 8] ^= static_cast<uint8_t>(1 << (i % 8));
    // A flip may hide FINGERPRINT itself; ICE takes no message without one.
    const auto m = stun::parse(bytes);
    if (m && m->has_fingerprint) ++unnoticed;
  }
  CHECK(unnoticed == 0);
}

TEST_CASE("every cut of a message is refused") {
  for (size_t size = 0; size < kRequest.size(); ++size) {
    const BytesView cut = BytesView(kRequest).subspan(0, size);
    CHECK_FALSE(stun::parse(cut));
    (void)stun::username_of(cut);
  }
}

TEST_CASE("unknown comprehension-required attributes are listed up to a limit") {
  std::vector<uint8_t> out(300), answer(300);
  stun::Builder b(out, stun::Class::request, kId);
  for (uint16_t type = 0x7001; type < 0x7001 + 6; ++type) b.raw(type, as_bytes("abc"));
  b.raw(0xc001, as_bytes("optional"));
  out.resize(b.finish("secret"));
  const auto m = stun::parse(out);
  REQUIRE(m);
  CHECK(m->unknown_count == stun::kMaxUnknown);
  CHECK(m->unknown[0] == 0x7001);
  stun::Builder error(answer, stun::Class::error, kId);
  error.error(420, "Unknown Attribute");
  error.unknown_attributes(*m);
  answer.resize(error.finish("secret"));
  const auto read = stun::parse(answer);
  REQUIRE(read);
  CHECK(read->kind == stun::Class::error);
  CHECK(read->error_code == 420);
}

TEST_CASE("attributes are counted and what follows MESSAGE-INTEGRITY is not believed") {
  std::vector<uint8_t> out(600);
  for (const size_t count : {stun::kMaxAttributes - 2, stun::kMaxAttributes - 1}) {
    out.assign(600, 0);
    stun::Builder b(out, stun::Class::request, kId);
    for (size_t i = 0; i < count; ++i) b.raw(0x8022, as_bytes("x"));
    const size_t size = b.finish("secret");  // two more
    CHECK(static_cast<bool>(stun::parse(BytesView(out).subspan(0, size))) == (count + 2 <= stun::kMaxAttributes));
  }
  out.assign(600, 0);
  stun::Builder b(out, stun::Class::request, kId);
  b.username("a:b");
  const size_t size = b.finish("secret");
  // Take FINGERPRINT off and add USE-CANDIDATE, as a man in the middle could.
  std::vector<uint8_t> forged(out.begin(), out.begin() + static_cast<long>(size - 8));
  for (uint8_t byte : {0x00, 0x25, 0x00, 0x00}) forged.push_back(byte);
  store_u16(forged.data() + 2, static_cast<uint16_t>(forged.size() - 20));
  const auto m = stun::parse(forged);
  REQUIRE(m);
  CHECK_FALSE(m->use_candidate);
  CHECK(stun::has_integrity(forged, *m, "secret"));
}

TEST_CASE("a message that does not fit is not written") {
  uint8_t small[40];
  stun::Builder b(small, stun::Class::request, kId);
  b.username("far too long a name");
  CHECK(b.finish("secret") == 0);
}
