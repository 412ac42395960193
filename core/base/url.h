// Absolute addresses of the web: http, https, ws and wss (RFC 3986, RFC 6455 section 3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tacoma {

inline constexpr size_t kMaxUrl = 2048;  // characters

struct Url {
  std::string scheme;    // lower case
  std::string host;      // lower case; an IPv6 address without its brackets
  uint16_t port = 0;     // the scheme's own when none is written
  std::string target;    // path and query as sent to the server: begins with '/'
  std::string fragment;  // without '#'

  /// nullopt for anything else: other schemes, user names, characters that have to be escaped, over kMaxUrl.
  static std::optional<Url> parse(std::string_view text);
  bool is_secure() const { return scheme == "https" || scheme == "wss"; }
  bool is_web_socket() const { return scheme == "ws" || scheme == "wss"; }
  /// "meet.example.org", "localhost:8443", "[::1]:8443": with the port unless it is the scheme's own.
  std::string authority() const;
  std::string to_string() const;
};

/// Whether a name or address can only be this machine: localhost, 127.0.0.0/8, ::1 (RFC 6761 section 6.3).
bool is_loopback_host(std::string_view host);

}  // namespace tacoma
