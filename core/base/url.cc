#include "core/base/url.h"

#include "core/base/address.h"

namespace tacoma {

namespace {
struct Scheme {
  std::string_view name;
  uint16_t port;
};
constexpr Scheme kSchemes[] = {{"http", 80}, {"https", 443}, {"ws", 80}, {"wss", 443}};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
std::string lower(std::string_view text) {
  std::string out;
  for (const char c : text) out += lower(c);
  return out;
}

uint16_t usual_port(std::string_view scheme) {
  for (const Scheme& known : kSchemes)
    if (known.name == scheme) return known.port;
  return 0;
}

bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  for (const char c : host)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_')) return false;
  return true;
}

/// Printable ASCII but what RFC 3986 section 2 leaves out.
bool is_written_right(std::string_view text) {
  for (const char c : text)
    if (c <= ' ' || c > '~' || c == '"' || c == '<' || c == '>' || c == '\\' || c == '^' || c == '`' || c == '{' || c == '|' || c == '}') return false;
  return true;
}

bool parse_port(std::string_view text, uint16_t& out) {
  if (text.empty() || text.size() > 5) return false;
  uint32_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<uint32_t>(c - '0');
  }
  out = static_cast<uint16_t>(value);
  return value > 0 && value < 65536;
}

/// "host", "host:port", "[::1]:port".
bool parse_authority(std::string_view text, Url& url) {
  size_t end = text.find(':');
  if (!text.empty() && text.front() == '[') {
    end = text.find(']');
    if (end == std::string_view::npos) return false;
    const auto ip = IpAddress::parse(text.substr(1, end - 1));
    if (!ip || ip->family != IpFamily::v6) return false;
    url.host = ip->to_string();
    ++end;
  } else {
    url.host = lower(text.substr(0, end));
    if (!is_host_name(url.host)) return false;
  }
  url.port = usual_port(url.scheme);
  if (end >= text.size()) return true;
  return text[end] == ':' && parse_port(text.substr(end + 1), url.port);
}
}  // namespace

std::optional<Url> Url::parse(std::string_view text) {
  if (text.size() > kMaxUrl || !is_written_right(text)) return std::nullopt;
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  Url url;
  url.scheme = lower(text.substr(0, colon));
  if (usual_port(url.scheme) == 0) return std::nullopt;
  std::string_view rest = text.substr(colon + 3);
  if (const size_t hash = rest.find('#'); hash != std::string_view::npos) {
    url.fragment = rest.substr(hash + 1);
    rest = rest.substr(0, hash);
  }
  const size_t path = rest.find_first_of("/?");
  if (!parse_authority(rest.substr(0, path), url)) return std::nullopt;
  url.target = path == std::string_view::npos ? "/" : std::string(rest.substr(path));
  if (url.target.front() == '?') url.target.insert(0, "/");
  return url;
}

std::string Url::authority() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == usual_port(scheme) ? name : name + ":" + std::to_string(port);
}

std::string Url::to_string() const { return scheme + "://" + authority() + target + (fragment.empty() ? "" : "#" + fragment); }

bool is_loopback_host(std::string_view host) {
  if (host == "localhost") return true;
  const auto ip = IpAddress::parse(host);
  if (!ip) return false;
  return ip->family == IpFamily::v4 ? ip->bytes[0] == 127 : ip->to_string() == "::1";
}

}  // namespace tacoma
