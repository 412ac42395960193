#include "core/base/address.h"

#include <arpa/inet.h>  // text conversion only: inet_pton and inet_ntop are pure functions

namespace tacoma {

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  const std::string terminated(text);
  IpAddress ip;
  if (inet_pton(AF_INET, terminated.c_str(), ip.bytes.data()) == 1) return ip;
  ip.bytes.fill(0);
  ip.family = IpFamily::v6;
  if (inet_pton(AF_INET6, terminated.c_str(), ip.bytes.data()) == 1) return ip;
  return std::nullopt;
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(family == IpFamily::v4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof text);
  return text;
}

std::string SocketAddress::to_string() const {
  const std::string host = ip.to_string();
  return (ip.family == IpFamily::v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace tacoma
