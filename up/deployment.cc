#include "up/deployment.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "host/daemon/http.h"
#include "host/linux/udp.h"

namespace tacoma::up {

namespace {
namespace fs = std::filesystem;

Result<void> write_private(const fs::path& file, const std::string& text) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return fail("cannot write " + file.string() + ": " + std::strerror(errno));
  const bool whole = ::fchmod(fd, 0600) == 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (::close(fd) != 0 || !whole) return fail("cannot write " + file.string());
  return {};
}

/// The secret of this name, made at its first use: 128 bits in hex.
Result<std::string> secret(const fs::path& folder, const std::string& name) {
  const fs::path file = folder / name;
  std::ifstream in(file);
  std::string text;
  if (in && std::getline(in, text) && text.size() == 32) return text;
  uint8_t random[16];
  if (::getrandom(random, sizeof random, 0) != static_cast<ssize_t>(sizeof random)) return fail("the system gives no random numbers");
  text.clear();
  for (const uint8_t byte : random) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  if (auto written = write_private(file, text + "\n"); !written) return fail(written.error());
  return text;
}

/// Text in a Lua or JavaScript string.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out + "\"";
}

std::string prosody_lua(const Deployment& d, const std::string& component_secret) {
  std::ostringstream o;
  const std::string& x = d.domain;
  const std::string focus = "focus@focus." + x;
  o << "-- Written by `tacoma up` at each start. Stock Prosody: no module beyond Debian's.\n"
    << "data_path = " << quoted(d.state + "/prosody") << "\n"
    << "pidfile = " << quoted(d.state + "/prosody/prosody.pid") << "\n"
    << "log = { info = \"*stdout\" }\n";
  if (::geteuid() == 0) o << "run_as_root = true  -- as `tacoma up` itself\n";
  o << "interfaces = { \"127.0.0.1\" }\n"
    << "c2s_ports = { " << d.ports.client << " }\nc2s_require_encryption = false  -- loopback only\n"
    << "s2s_ports = {}\ncomponent_ports = { " << d.ports.component << " }\ncomponent_interfaces = { \"127.0.0.1\" }\n"
    << "http_interfaces = { \"127.0.0.1\" }\nhttp_ports = { " << d.ports.http << " }\nhttps_ports = {}\n"
    << "http_default_host = " << quoted(x) << "\ntrusted_proxies = { \"127.0.0.1\", \"::1\" }\n"
    << "consider_bosh_secure = true\nconsider_websocket_secure = true\n"
    << "modules_enabled = { \"disco\", \"saslauth\", \"bosh\", \"websocket\", \"smacks\", \"ping\", \"time\", \"version\" }\n"
    << "modules_disabled = { \"s2s\", \"offline\" }\n"
    << "smacks_hibernation_time = 60\nsmacks_max_unacked_stanzas = 5\n"
    << "admins = { " << quoted(focus) << ", " << quoted("jvb@auth." + x) << " }\n\n"
    << "VirtualHost " << quoted(x) << "\n  authentication = \"anonymous\"\n\n"
    << "VirtualHost " << quoted("auth." + x) << "\n  authentication = \"internal_hashed\"\n\n";
  for (const char* service : {"conference.", "internal.auth."})
    o << "Component " << quoted(service + x) << " \"muc\"\n"
      << "  restrict_room_creation = true\n  storage = \"memory\"\n  muc_room_locking = false\n  muc_tombstones = false\n"
      << "  muc_room_default_public_jids = true\n  muc_room_cache_size = 10000\n"
      << "  admins = { " << quoted(focus) << ", " << quoted("jvb@auth." + x) << " }\n\n";
  o << "Component " << quoted("focus." + x) << "\n  component_secret = " << quoted(component_secret) << "\n";
  return o.str();
}

std::string focus_yaml(const Deployment& d, const Options& options) {
  std::ostringstream o;
  o << "# Written by `tacoma up` at each start.\ndomain: " << d.domain << "\nxmpp:\n  host: 127.0.0.1\n  port: " << d.ports.component
    << "\n  secret_file: secrets/component\nrooms_file: " << quoted(d.state + "/focus-rooms") << "\nhttp:\n  bind: 127.0.0.1:" << d.ports.focus
    << "\nconference:\n  use_sctp: " << (options.has_data_channel ? "true" : "false") << "\n";
  return o.str();
}

std::string bridge_yaml(const Deployment& d, const Options& options, uint32_t index) {
  std::ostringstream o;
  o << "# Written by `tacoma up` at each start.\nname: bridge-" << index + 1 << "\nudp:\n  bind: [\""
    // A deployment for this machine only is reached from this machine only, its media too, unless an address was asked for.
    << (options.public_host.empty() && options.advertise.empty() ? "127.0.0.1:" : "0.0.0.0:") << (options.media_port == 0 ? 0 : options.media_port + index) << "\"]\n";
  if (!options.advertise.empty()) {
    o << "  advertise: [";
    for (size_t i = 0; i < options.advertise.size(); ++i) o << (i ? ", " : "") << quoted(options.advertise[i]);
    o << "]\n";
  }
  o << "xmpp:\n  - host: 127.0.0.1\n    port: " << d.ports.client << "\n    tls: none\n    domain: auth." << d.domain
    << "\n    user: jvb\n    password_file: secrets/bridge\n    brewery: jvbbrewery@internal.auth." << d.domain << "\n"
    << "http:\n  private: 127.0.0.1:" << d.ports.bridges[index].control << "\n"
    << "channel:\n  url: " << (options.is_plain ? "ws://" : "wss://") << d.origin << "\n  bind: 127.0.0.1:" << d.ports.bridges[index].channel << "\n";
  return o.str();
}

std::string web_config(const Deployment& d, const Options& options) {
  const bool is_local = options.public_host.empty();
  // On localhost the page may have been opened by another name of this machine.
  const std::string host = is_local ? "' + location.host + '" : d.origin;
  std::ostringstream o;
  o << "// Written by `tacoma up`.\nvar config = {\n"
    << "  hosts: { domain: '" << d.domain << "', muc: 'conference." << d.domain << "', focus: 'focus." << d.domain << "' },\n"
    << "  websocket: '" << (options.is_plain ? "ws://" : "wss://") << host << "/xmpp-websocket',\n"
    << "  bosh: '" << (options.is_plain ? "http://" : "https://") << host << "/http-bind',\n"
    << "  conferenceRequestUrl: '" << (options.is_plain ? "http://" : "https://") << host << "/conference-request/v1',\n"
    << "  bridgeChannel: { preferSctp: " << (options.has_data_channel ? "true" : "false") << " },\n"
    << "  p2p: { enabled: false },\n"
    << "  flags: { ssrcRewritingEnabled: true },\n"  // without it lib-jitsi-meet does not announce that it can
    << "  enableWelcomePage: true,\n  disableThirdPartyRequests: true,\n  analytics: { disabled: true },\n"
    << "};\n";
  return o.str();
}

std::string default_state() {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state && state[0] == '/') return std::string(state) + "/tacoma/up";
  if (const char* home = std::getenv("HOME"); home && home[0] == '/') return std::string(home) + "/.local/state/tacoma/up";
  return {};
}

std::string own_folder() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path().string();
}

std::string default_web_root() {
  std::error_code error;
  const fs::path here = own_folder();
  for (const fs::path& candidate : {here / "../share/tacoma/web", here / "web"})
    if (fs::exists(candidate / "index.html", error)) return fs::weakly_canonical(candidate, error).string();
  return {};
}

bool is_name(const std::string& host) { return !IpAddress::parse(host) && host != "localhost"; }

Result<void> make_folders(const fs::path& state) {
  std::error_code error;
  for (const char* part : {"", "secrets", "prosody", "logs", "tls"}) {
    fs::create_directories(state / part, error);
    if (error) return fail("cannot make the folder " + (state / part).string() + ": " + error.message());
  }
  fs::permissions(state, fs::perms::owner_all, error);
  if (error) return fail("cannot keep " + state.string() + " to its owner: " + error.message());
  return {};
}

/// The bridges' account, in the form that Prosody's internal storage reads; it salts and hashes the password at the first login.
Result<void> write_account(const Deployment& d, const std::string& password) {
  const std::string folder = "auth." + d.domain;
  std::string encoded;
  for (const char c : folder) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    char hex[4];
    std::snprintf(hex, sizeof hex, "%%%02x", static_cast<unsigned char>(c));
    encoded += plain ? std::string(1, c) : std::string(hex);
  }
  const fs::path accounts = fs::path(d.state) / "prosody" / encoded / "accounts";
  std::error_code error;
  fs::create_directories(accounts, error);
  if (error) return fail("cannot make the folder " + accounts.string() + ": " + error.message());
  return write_private(accounts / "jvb.dat", "return {\n\t[\"password\"] = \"" + password + "\";\n};\n");
}
}  // namespace

std::string find_program(const std::string& name) {
  std::error_code error;
  if (const fs::path beside = fs::path(own_folder()) / name; fs::exists(beside, error)) return beside.string();
  const char* path = std::getenv("PATH");
  std::istringstream folders(path ? path : "/usr/bin");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (const fs::path file = fs::path(folder) / name; ::access(file.c_str(), X_OK) == 0) return file.string();
  return {};
}

Result<std::vector<uint16_t>> free_ports(size_t count) {
  // All are held open until the last is found: no port comes twice.
  std::vector<host::Fd> held;
  std::vector<uint16_t> ports;
  for (size_t i = 0; i < count; ++i) {
    host::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
        ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
      return fail(std::string("no free port on 127.0.0.1: ") + std::strerror(errno));
    ports.push_back(ntohs(address.sin_port));
    held.push_back(std::move(fd));
  }
  return ports;
}

Result<Deployment> prepare(const Options& options, uint16_t port) {
  Deployment d;
  const std::string state = options.state.empty() ? default_state() : options.state;
  if (state.empty()) return fail("no folder for the state: give one with --state");
  d.state = fs::absolute(state).string();
  d.web_root = options.web_root.empty() ? default_web_root() : options.web_root;
  std::error_code error;
  if (!fs::is_directory(d.web_root, error))
    return fail(d.web_root.empty() ? "the web client is not installed: give the folder of one with --web-root" : d.web_root + " is no folder");
  const std::string host = options.public_host.empty() ? "localhost" : options.public_host;
  const bool is_usual = port == (options.is_plain ? 80 : 443);
  d.origin = host + (is_usual ? "" : ":" + std::to_string(port));
  d.domain = is_name(host) ? host : "tacoma.internal";
  if (auto made = make_folders(d.state); !made) return fail(made.error());

  const size_t fixed = 4;
  const auto ports = free_ports(fixed + 2 * options.bridges);
  if (!ports) return fail(ports.error());
  d.ports = {(*ports)[0], (*ports)[1], (*ports)[2], (*ports)[3], {}};
  for (uint32_t i = 0; i < options.bridges; ++i) d.ports.bridges.push_back({(*ports)[fixed + 2 * i], (*ports)[fixed + 2 * i + 1]});

  const fs::path folder = d.state;
  const auto component = secret(folder / "secrets", "component");
  if (!component) return fail(component.error());
  const auto bridge = secret(folder / "secrets", "bridge");
  if (!bridge) return fail(bridge.error());
  if (auto written = write_account(d, *bridge); !written) return fail(written.error());
  d.prosody_config = (folder / "prosody.cfg.lua").string();
  d.focus_config = (folder / "focus.yaml").string();
  std::vector<std::pair<std::string, std::string>> files = {{d.prosody_config, prosody_lua(d, *component)}, {d.focus_config, focus_yaml(d, options)}};
  for (uint32_t i = 0; i < options.bridges; ++i) {
    d.bridge_configs.push_back((folder / ("bridge-" + std::to_string(i + 1) + ".yaml")).string());
    files.emplace_back(d.bridge_configs.back(), bridge_yaml(d, options, i));
  }
  for (const auto& [file, text] : files)
    if (auto written = write_private(file, text); !written) return fail(written.error());
  d.config_js = web_config(d, options);
  if (options.is_plain) return d;
  d.certificate_file = options.certificate_file;
  d.key_file = options.key_file;
  if (!d.certificate_file.empty()) return d;
  d.certificate_file = (folder / "tls" / (host + ".crt")).string();
  d.key_file = (folder / "tls" / (host + ".key")).string();
  if (fs::exists(d.certificate_file, error) && fs::exists(d.key_file, error)) return d;
  std::vector<std::string> names = {host};
  if (options.public_host.empty()) names.insert(names.end(), {"127.0.0.1", "::1"});
  if (auto made = host::make_certificate(names, d.certificate_file, d.key_file); !made) return fail(made.error());
  return d;
}

}  // namespace tacoma::up
