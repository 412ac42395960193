#include <catch2/catch.hpp>

#include "core/base/url.h"

using namespace tacoma;

TEST_CASE("a URL is taken apart") {
  const auto plain = Url::parse("https://Meet.Example.org/stand-up?a=1#part");
  REQUIRE(plain);
  CHECK(plain->scheme == "https");
  CHECK(plain->host == "meet.example.org");
  CHECK(plain->port == 443);
  CHECK(plain->target == "/stand-up?a=1");
  CHECK(plain->fragment == "part");
  CHECK(plain->is_secure());
  CHECK(plain->to_string() == "https://meet.example.org/stand-up?a=1#part");

  const auto v6 = Url::parse("ws://[::1]:8080");
  REQUIRE(v6);
  CHECK(v6->host == "::1");
  CHECK(v6->port == 8080);
  CHECK(v6->target == "/");
  CHECK(v6->is_web_socket());
  CHECK(v6->authority() == "[::1]:8080");
  CHECK(Url::parse("wss://a?pwd=x")->target == "/?pwd=x");
}

TEST_CASE("what is no URL of the web is refused") {
  for (const char* text : {"", "meet.example.org", "ftp://a/", "https://", "https:///x", "https://a:0/", "https://a:65536/", "https://a:b/", "https://u@a/",
                           "https://a b/", "https://a/\r\nHost: b", "https://[::1/", "https://[1.2.3.4]/", "https://[::1]x/", "https://a/\"", "https://\xc3\xa4/"}) {
    CAPTURE(text);
    CHECK_FALSE(Url::parse(text));
  }
  CHECK_FALSE(Url::parse("https://a/" + std::string(kMaxUrl, 'x')));
}

TEST_CASE("only this machine is loopback") {
  for (const char* host : {"localhost", "127.0.0.1", "127.9.9.9", "::1"}) CHECK(is_loopback_host(host));
  for (const char* host : {"", "localhost.example.org", "10.0.0.1", "::", "::ffff:127.0.0.1", "meet.localhost", "127.0.0.1.example.org"}) CHECK_FALSE(is_loopback_host(host));
}
