#include <catch2/catch.hpp>

#include "core/signal/scram.h"

using namespace tacoma;

namespace {
struct Vector {
  ScramHash hash;
  const char *client_nonce, *server_nonce, *salt, *first, *challenge, *answer, *success;
};
const Vector kRfc5802{ScramHash::sha1, "fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j", "QSXCR+Q6sek8bf92",
                      "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
                      "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
                      "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
                      "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="};
const Vector kRfc7677{ScramHash::sha256, "rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "W22ZaJ0SNY7soEsUEjb6gQ==",
                      "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
                      "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
                      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
                      "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="};
}  // namespace

TEST_CASE("SCRAM gives the messages of RFC 5802 section 5 and RFC 7677 section 3, on both sides") {
  for (const Vector& v : {kRfc5802, kRfc7677}) {
    ScramClient client(v.hash, "user", "pencil", v.client_nonce);
    ScramServer server(derive_scram_keys(v.hash, "pencil", *base64_decode(v.salt), 4096), v.server_nonce);
    CHECK(client.first() == v.first);
    CHECK(*ScramServer::user_of(v.first) == "user");
    CHECK(*server.on_first(v.first) == v.challenge);
    const auto answer = client.on_challenge(v.challenge);
    REQUIRE(answer);
    CHECK(*answer == v.answer);
    const auto success = server.on_final(*answer);
    REQUIRE(success);
    CHECK(*success == v.success);
    CHECK(client.on_success(*success));
  }
}

TEST_CASE("SCRAM refuses what does not match") {
  const Vector& v = kRfc5802;
  ScramClient client(v.hash, "user", "pencil", v.client_nonce);
  CHECK(!client.on_success(v.success));  // success before any challenge proves nothing
  CHECK(!client.on_challenge("r=stranger,s=QSXCR+Q6sek8bf92,i=4096"));
  CHECK(!client.on_challenge(std::string("r=") + v.client_nonce + ",s=QSXCR+Q6sek8bf92,i=4096"));
  CHECK(!client.on_challenge("r=fyko+d2lbbFgONRv9qkxdawL3,s=QSXCR+Q6sek8bf92,i=0"));
  CHECK(!client.on_challenge("r=fyko+d2lbbFgONRv9qkxdawL3,s=QSXCR+Q6sek8bf92,i=100001"));
  CHECK(!client.on_challenge("r=fyko+d2lbbFgONRv9qkxdawL3,s=QSXCR+Q6sek8bf92,i=99999999999999999999"));
  CHECK(!client.on_challenge("r=fyko+d2lbbFgONRv9qkxdawL3,s=!!,i=4096"));
  CHECK(!client.on_challenge(""));
  REQUIRE(client.on_challenge(v.challenge));
  CHECK(!client.on_success("v=AAAApqV8S7suAoZWja4dJRkFsKQ="));
  CHECK(!client.on_success("e=other-error"));

  for (const char* wrong : {"", "n,,", "p=tls-unique,,n=user,r=x", "n,a=admin,n=user,r=x", "n,,n=,r=x", "n,,n=us=er,r=x", "n,,n=user,r="})
    CHECK(!ScramServer::user_of(wrong));
  ScramServer server(derive_scram_keys(v.hash, "pencil", *base64_decode(v.salt), 4096), v.server_nonce);
  CHECK(!server.on_final(v.answer));  // no first message yet
  REQUIRE(server.on_first(v.first));
  CHECK(!server.on_final("c=biws,r=fyko+d2lbbFgONRv9qkxdawL,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="));
  CHECK(!server.on_final("c=eSws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="));
  CHECK(!server.on_final("c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=AAAAv3Bz2T0CJGbJQyF0X+HI4Ts="));
  CHECK(!server.on_final("c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j"));
  CHECK(server.on_final(v.answer));
}

TEST_CASE("base64 is strict and hex is lower case") {
  for (const auto& [plain, text] : {std::pair{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}}) {
    CHECK(base64_encode(plain) == text);  // RFC 4648 section 10
    CHECK(*base64_decode(text) == plain);
  }
  for (const char* wrong : {"Z", "Zg=", "Zg==Zg==", "Z===", "====", "Zm9v\n", "Zm 9", "Z=g="}) CHECK(!base64_decode(wrong));
  CHECK(hex_encode("\x01\xff") == "01ff");
  CHECK(hex_encode(sha1("abc")) == "a9993e364706816aba3e25717850c26c9cd0d89d");  // FIPS 180
}
