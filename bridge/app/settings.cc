#include "bridge/app/settings.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>

#include "core/signal/stanza.h"
#include "host/linux/udp.h"

namespace tacoma::bridge {

namespace {
using host::ConfigSection;
using host::StreamTarget;

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 && name[0] ? name : "bridge";
}

void read_udp(ConfigSection udp, Settings& settings) {
  settings.udp = udp.addresses("bind", {"0.0.0.0:10000"});
  for (const IpFamily family : {IpFamily::v4, IpFamily::v6})
    if (std::count_if(settings.udp.begin(), settings.udp.end(), [&](const SocketAddress& a) { return a.ip.family == family; }) > 1)
      udp.complain("bind", "there can be one address of each family");
  if (settings.udp.empty()) udp.complain("bind", "names no address");
  for (const std::string& text : udp.texts("advertise", {})) {
    const auto ip = IpAddress::parse(text);
    if (const auto whole = host::parse_socket_address(text)) settings.advertised.push_back(*whole);
    else if (ip) settings.advertised.push_back({*ip, 0});
    else udp.complain("advertise", "'" + text + "' is no address, with or without a port");
  }
}

void read_xmpp(std::vector<ConfigSection> logins, ConfigSection& root, Settings& settings) {
  if (logins.empty()) root.complain("xmpp", "names no server to log in to");
  for (ConfigSection& login : logins) {
    StreamTarget target;
    target.host = login.text("host", "127.0.0.1");
    target.port = static_cast<uint16_t>(login.number("port", 1, 65535, 5222));
    const std::string tls = login.choice("tls", {"starttls", "starttls_if_offered", "none"}, "starttls_if_offered");
    target.tls = tls == "none" ? StreamTarget::Tls::none : tls == "starttls" ? StreamTarget::Tls::starttls : StreamTarget::Tls::starttls_if_offered;
    target.verify = login.flag("verify_certificate", true);
    target.ca_file = login.text("ca_file", "");
    BridgeLogin account;
    account.domain = target.domain = login.text("domain", "");
    if (account.domain.empty()) login.complain("domain", "is missing");
    account.user = login.text("user", "jvb");
    account.password = login.secret("password");
    if (account.password.empty()) login.complain("password", "is missing (or give password_file)");
    account.brewery = login.text("brewery", "jvbbrewery@internal." + account.domain);
    if (const auto room = Jid::parse(account.brewery); !room || !room->is_bare() || room->node.empty())
      login.complain("brewery", "'" + account.brewery + "' is no room, such as jvbbrewery@internal.auth.example.org");
    account.nick = login.text("nick", settings.bridge.name);
    account.service = "xmpp-" + std::to_string(settings.servers.size());
    settings.servers.emplace_back(account.service, target);
    settings.bridge.logins.push_back(std::move(account));
  }
}

void read_congestion(ConfigSection section, CongestionConfig& congestion) {
  congestion.controller = *parse_congestion(section.choice("controller", {"gcc", "nada", "none"}, "gcc"));
  const auto kbps = [&](const char* key, DataRate unless) { return DataRate::kbps(section.number(key, 10, 1'000'000, unless.bps() / 1'000)); };
  congestion.estimate.start = kbps("start_kbps", congestion.estimate.start);
  congestion.estimate.lowest = kbps("min_kbps", congestion.estimate.lowest);
  congestion.estimate.highest = kbps("max_kbps", congestion.estimate.highest);
  if (congestion.estimate.lowest > congestion.estimate.start || congestion.estimate.start > congestion.estimate.highest)
    section.complain("start_kbps", "is not between min_kbps and max_kbps");
  congestion.last_n = static_cast<int32_t>(section.number("last_n", -1, 10'000, -1));
  congestion.reduce_last_n = section.flag("reduce_last_n", false);
  congestion.loudest = static_cast<uint32_t>(section.number("loudest", 0, 100, 0));
}
}  // namespace

Settings read_settings(host::ConfigFile& file) {
  Settings settings;
  ConfigSection& root = file.root();
  settings.bridge.name = root.text("name", host_name());
  if (settings.bridge.name.empty() || settings.bridge.name.find('/') != std::string::npos) root.complain("name", "is empty or holds a '/'");
  settings.bridge.region = root.text("region", "");
  read_udp(root.section("udp"), settings);
  settings.bridge.logins.clear();
  read_xmpp(root.sections("xmpp"), root, settings);
  ConfigSection http = root.section("http");
  settings.private_http = http.address("private", "127.0.0.1:8080");
  settings.allow_rest = http.flag("rest", true);
  settings.allow_shutdown = http.flag("allow_shutdown", false);
  ConfigSection channel = root.section("channel");
  settings.bridge.data_channels = channel.flag("data", true);
  settings.bridge.channel_url_prefix = channel.text("url", "");
  if (!settings.bridge.channel_url_prefix.empty()) {
    const std::string& url = settings.bridge.channel_url_prefix;
    const bool is_url = url.substr(0, 6) == "wss://" || url.substr(0, 5) == "ws://";
    if (!is_url || url.back() == '/') channel.complain("url", "'" + url + "' is no address such as wss://meet.example.org, without a '/' at its end");
    settings.public_http = channel.address("bind", "127.0.0.1:9090");
    settings.public_certificate = channel.text("certificate_file", "");
    settings.public_key = channel.text("key_file", "");
    if (settings.public_certificate.empty() != settings.public_key.empty()) channel.complain("certificate_file", "needs key_file, and the other way round");
  } else {
    for (const char* key : {"bind", "certificate_file", "key_file"})
      if (channel.has(key)) channel.complain(key, "has no use without url");
  }
  read_congestion(root.section("congestion"), settings.bridge.congestion);
  ConfigSection limits = root.section("limits");
  settings.bridge.limits.conferences = static_cast<size_t>(limits.number("conferences", 1, 1'000'000, 4096));
  settings.bridge.limits.endpoints = static_cast<size_t>(limits.number("endpoints", 1, 1'000'000, 16384));
  settings.bridge.limits.audio_ssrcs = static_cast<size_t>(limits.number("audio_ssrcs", 1, 1'000, static_cast<int64_t>(settings.bridge.limits.audio_ssrcs)));
  settings.bridge.limits.video_ssrcs = static_cast<size_t>(limits.number("video_ssrcs", 1, 1'000, static_cast<int64_t>(settings.bridge.limits.video_ssrcs)));
  return settings;
}

std::vector<SocketAddress> candidates_of(const Settings& settings, const std::vector<SocketAddress>& bound) {
  const auto port_of = [&](IpFamily family) {
    for (const SocketAddress& address : bound)
      if (address.ip.family == family) return address.port;
    return uint16_t{0};
  };
  std::vector<SocketAddress> candidates = settings.advertised;
  for (SocketAddress& one : candidates)
    if (one.port == 0) one.port = port_of(one.ip.family);
  if (!candidates.empty()) return candidates;
  std::vector<SocketAddress> loopback;
  for (const SocketAddress& address : bound) {
    const bool is_any = address.ip.bytes == IpAddress{}.bytes;
    if (!is_any) {
      candidates.push_back(address);
      continue;
    }
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) continue;
    for (const ifaddrs* one = all; one; one = one->ifa_next) {
      if (!one->ifa_addr || !(one->ifa_flags & IFF_UP)) continue;
      const int family = one->ifa_addr->sa_family;
      if (family != (address.ip.family == IpFamily::v4 ? AF_INET : AF_INET6)) continue;
      sockaddr_storage storage{};
      std::copy_n(reinterpret_cast<const char*>(one->ifa_addr), family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6), reinterpret_cast<char*>(&storage));
      SocketAddress found = host::from_kernel(storage);
      found.port = address.port;
      const bool is_link_local = found.ip.family == IpFamily::v6 ? found.ip.bytes[0] == 0xfe && (found.ip.bytes[1] & 0xc0) == 0x80
                                                                 : found.ip.bytes[0] == 169 && found.ip.bytes[1] == 254;
      if (is_link_local) continue;
      (one->ifa_flags & IFF_LOOPBACK ? loopback : candidates).push_back(found);
    }
    ::freeifaddrs(all);
  }
  candidates.insert(candidates.end(), loopback.begin(), loopback.end());  // for people on this machine; all others fail there quickly
  return candidates;
}

}  // namespace tacoma::bridge
