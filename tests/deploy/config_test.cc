// The daemons' configuration: the shipped files are right, and each mistake is told with its place.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include "bridge/app/settings.h"
#include "focus/app/settings.h"

using namespace tacoma;

namespace {
using Errors = std::vector<std::string>;

std::string write(const std::string& text) {
  const auto file = std::filesystem::temp_directory_path() / ("tacoma-config-" + std::to_string(::getpid()) + ".yaml");
  std::ofstream(file) << text;
  return file.string();
}

/// The errors without the file's name.
template <typename Read>
Errors errors_of(const std::string& text, Read read) {
  const std::string path = write(text);
  auto file = host::ConfigFile::read(path);
  if (!file) return {file.error().substr(path.size())};
  read(*file);
  Errors out;
  for (const std::string& error : file->finish()) out.push_back(error.substr(path.size()));
  std::filesystem::remove(path);
  return out;
}
Errors bridge_errors(const std::string& text) {
  return errors_of(text, [](host::ConfigFile& file) { bridge::read_settings(file); });
}
const std::string kLogin = "xmpp: [{domain: auth.x.example, password: p}]\n";
}  // namespace

TEST_CASE("config: the shipped files hold only known keys") {
  for (const char* name : {"deploy/tacoma-bridge.yaml", "deploy/tacoma-focus.yaml"}) {
    auto file = host::ConfigFile::read(name);
    REQUIRE(file);
    if (std::string(name).find("bridge") != std::string::npos) bridge::read_settings(*file);
    else focus::read_settings(*file);
    for (const std::string& error : file->finish()) {
      INFO(error);
      CHECK(error.find("_file: cannot read a first line from /etc/tacoma/") + error.find("is missing (or give") != 2 * std::string::npos);  // secrets are elsewhere
    }
  }
}

TEST_CASE("config: a small one is enough") {
  CHECK(bridge_errors(kLogin) == Errors{});
  CHECK(errors_of("domain: x.example\nxmpp: {secret: s}\n", [](host::ConfigFile& file) {
          const auto settings = focus::read_settings(file);
          CHECK(settings.focus.muc_domain == "conference.x.example");
          CHECK(settings.focus.brewery_domain == "internal.auth.x.example");
          CHECK(settings.http.to_string() == "127.0.0.1:8888");
        }) == Errors{});
}

TEST_CASE("config: every mistake is told, with its place") {
  CHECK(bridge_errors(kLogin + "udp:\n  bind: [1.2.3.4]\n  port: 7\n") ==
        Errors{":3:9: udp.bind: '1.2.3.4' is no address with port, such as 192.0.2.1:10000 or [2001:db8::1]:10000",
               ":3:9: udp.bind: names no address", ":4:3: udp.port: there is no such key"});
  CHECK(bridge_errors(kLogin + "udp: {bind: ['1.2.3.4:1', '1.2.3.5:1']}\n") == Errors{":2:13: udp.bind: there can be one address of each family"});
  CHECK(bridge_errors("name: a/b\n" + kLogin) == Errors{":1:7: name: is empty or holds a '/'"});
  CHECK(bridge_errors("name: b\n") == Errors{":1:1: xmpp: names no server to log in to"});
  CHECK(bridge_errors("xmpp: [{domain: x, password: p, port: 70000, tls: maybe}]\n") ==
        Errors{":1:39: xmpp[0].port: '70000' is no whole number from 1 to 65535", ":1:51: xmpp[0].tls: 'maybe' is none of starttls, starttls_if_offered, none"});
  CHECK(bridge_errors("xmpp: [{domain: x, brewery: nowhere}]\n").size() == 2);
  CHECK(bridge_errors(kLogin + "channel: {url: meet.example}\n") ==
        Errors{":2:16: channel.url: 'meet.example' is no address such as wss://meet.example.org, without a '/' at its end"});
  CHECK(bridge_errors(kLogin + "channel: {bind: '127.0.0.1:1'}\n") == Errors{":2:17: channel.bind: has no use without url"});
  CHECK(bridge_errors(kLogin + "http: {rest: perhaps}\n") == Errors{":2:14: http.rest: 'perhaps' is neither true nor false"});
  CHECK(bridge_errors("a: [\n").size() == 1);
  CHECK(bridge_errors("just text\n") == Errors{":1:1: the file is no mapping of keys to values"});
  CHECK_FALSE(host::ConfigFile::read("/nonexistent/file.yaml"));
}

TEST_CASE("config: what is advertised may differ from what is bound") {
  bridge::Settings settings;
  const std::vector<SocketAddress> bound = {*host::parse_socket_address("0.0.0.0:4443"), *host::parse_socket_address("[::]:4444")};
  settings.advertised = {{*IpAddress::parse("203.0.113.7"), 0}, *host::parse_socket_address("[2001:db8::1]:5000")};
  const auto candidates = bridge::candidates_of(settings, bound);
  REQUIRE(candidates.size() == 2);
  CHECK(candidates[0].to_string() == "203.0.113.7:4443");
  CHECK(candidates[1].to_string() == "[2001:db8::1]:5000");
  settings.advertised.clear();
  for (const SocketAddress& one : bridge::candidates_of(settings, bound)) CHECK(one.ip.bytes != IpAddress{}.bytes);
}
