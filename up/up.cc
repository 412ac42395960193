#include "up/up.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <cstdio>
#include <deque>
#include <functional>
#include <optional>

#include "host/daemon/config_file.h"
#include "host/daemon/daemon.h"
#include "host/daemon/http.h"
#include "host/linux/udp.h"
#include "up/child.h"
#include "up/deployment.h"

namespace tacoma::up {

namespace {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kStartTime = std::chrono::seconds(60);
constexpr auto kHealthInterval = std::chrono::seconds(2);
constexpr auto kRestartPause = std::chrono::milliseconds(500);
constexpr auto kStopTime = std::chrono::seconds(5);

constexpr const char* kUsage =
    "tacoma up: a whole deployment on this machine: Prosody, focus, bridges and the web client\n\n"
    "Usage: tacoma up [options]\n"
    "  --public-host NAME   the name or address that people use; without it only this machine (localhost)\n"
    "  --port N             of the web server (8443)\n"
    "  --bind ADDRESS       of the web server (127.0.0.1; with --public-host 0.0.0.0)\n"
    "  --certificate FILE --key FILE   in PEM; without them a self-signed certificate is made\n"
    "  --plain              HTTP in place of HTTPS: behind a proxy that does TLS, or on localhost\n"
    "  --bridges N          (1)\n"
    "  --media-port N       UDP port of the first bridge, the others follow (10000); 0: any free ones\n"
    "  --advertise ADDRESS  where people send media, when that is not what the bridge binds; with a port if it differs; may be repeated\n"
    "  --channel KIND       messages between clients and bridges: websocket, data (SCTP data channel) (websocket)\n"
    "  --web-root DIR       a web client of your own, such as a Jitsi Meet build\n"
    "  --state DIR          secrets, configurations and logs (~/.local/state/tacoma/up)\n"
    "  --help\n\nCtrl-C stops everything.\n";

int wrong(const std::string& text) {
  std::fprintf(stderr, "tacoma up: %s\n", text.c_str());
  return 2;
}

std::optional<uint32_t> number(const std::string& text, uint32_t most) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

Result<Options> parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--plain") {
      options.is_plain = true;
      continue;
    }
    const std::pair<const char*, std::string*> texts[] = {
        {"--public-host", &options.public_host}, {"--bind", &options.bind}, {"--certificate", &options.certificate_file},
        {"--key", &options.key_file}, {"--web-root", &options.web_root}, {"--state", &options.state}};
    const std::string value = i + 1 < argc ? argv[i + 1] : "";
    bool is_known = false;
    for (const auto& [name, target] : texts) {
      if (word != name) continue;
      *target = value;
      is_known = true;
    }
    if (word == "--advertise") {
      if (!IpAddress::parse(value) && !host::parse_socket_address(value)) return fail("--advertise: '" + value + "' is no address, with or without a port");
      options.advertise.push_back(value);
      is_known = true;
    }
    if (word == "--channel") {
      if (value != "websocket" && value != "data") return fail("--channel: '" + value + "' is neither websocket nor data");
      options.has_data_channel = value == "data";
      is_known = true;
    }
    for (const char* name : {"--port", "--media-port", "--bridges"}) {
      if (word != name) continue;
      is_known = true;
      const auto n = number(value, word == "--bridges" ? kMaxBridges : 65535);
      if (!n || (word == "--bridges" && *n == 0)) return fail(word + ": '" + value + "' is no number that it takes");
      if (word == "--port") options.port = static_cast<uint16_t>(*n);
      else if (word == "--media-port") options.media_port = static_cast<uint16_t>(*n);
      else options.bridges = *n;
    }
    if (!is_known) return fail("'" + word + "' is no option; see --help");
    if (value.empty()) return fail(word + " needs a value");
    ++i;
  }
  if (options.certificate_file.empty() != options.key_file.empty()) return fail("--certificate and --key belong together");
  if (options.bind.empty()) options.bind = options.public_host.empty() ? "127.0.0.1" : "0.0.0.0";
  if (!IpAddress::parse(options.bind)) return fail("--bind: '" + options.bind + "' is no address");
  if (options.media_port != 0 && options.media_port + options.bridges > 65536) return fail("--media-port: the ports of " + std::to_string(options.bridges) + " bridges do not fit");
  return options;
}

auto result(error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

/// True when something listens there.
asio::awaitable<bool> listens(uint16_t port) {
  auto executor = co_await asio::this_coro::executor;
  tcp::socket socket(executor);
  error_code error;
  co_await socket.async_connect({asio::ip::address_v4::loopback(), port}, result(error));
  co_return !error;
}

/// The body of a 200 answer.
asio::awaitable<std::optional<std::string>> get(uint16_t port, std::string path) {
  auto executor = co_await asio::this_coro::executor;
  tcp::socket socket(executor);
  error_code error;
  co_await socket.async_connect({asio::ip::address_v4::loopback(), port}, result(error));
  if (error) co_return std::nullopt;
  const std::string request = "GET " + path + " HTTP/1.0\r\nHost: localhost\r\n\r\n";
  co_await asio::async_write(socket, asio::buffer(request), result(error));
  std::string answer;
  if (!error) co_await asio::async_read(socket, asio::dynamic_buffer(answer, 64 << 10), result(error));
  const size_t body = answer.find("\r\n\r\n");
  if (answer.substr(0, 5) != "HTTP/" || answer.substr(8, 5) != " 200 " || body == std::string::npos) co_return std::nullopt;
  co_return answer.substr(body + 4);
}

class Up {
 public:
  Up(Options options, const host::Logger& log) : options_(std::move(options)), log_(log), ended_(io_, SIGCHLD) {}

  int run() {
    const std::string prosody = find_program("prosody");
    if (prosody.empty()) return refuse("Prosody is missing: install the package prosody (apt-get install prosody)");
    const std::string focus = find_program("tacoma-focus"), bridge = find_program("tacoma-bridge");
    if (focus.empty() || bridge.empty()) return refuse("tacoma-focus or tacoma-bridge is missing: they belong beside this program");
    uint16_t port = options_.port;
    if (port == 0) {
      const auto free = free_ports(1);
      if (!free) return refuse(free.error());
      port = free->front();
    }
    auto prepared = prepare(options_, port);
    if (!prepared) return refuse(prepared.error());
    deployment_ = std::move(*prepared);
    lock_ = host::Fd(::open((deployment_.state + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock_ || ::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) return refuse("another `tacoma up` runs with the state in " + deployment_.state);
    if (auto opened = open_web(port); !opened) return refuse(opened.error());

    const std::string logs = deployment_.state + "/logs/";
    children_.emplace_back("prosody", std::vector<std::string>{prosody, "-F", "--config", deployment_.prosody_config}, logs + "prosody.log");
    children_.emplace_back("focus", std::vector<std::string>{focus, "--config", deployment_.focus_config}, logs + "focus.log");
    for (size_t i = 0; i < deployment_.bridge_configs.size(); ++i) {
      const std::string name = "bridge-" + std::to_string(i + 1);
      children_.emplace_back(name, std::vector<std::string>{bridge, "--config", deployment_.bridge_configs[i]}, logs + name + ".log");
    }
    watch_children();
    asio::co_spawn(io_, begin(), asio::detached);
    host::run_daemon(io_, log_, [this](std::function<void()> finish) { stop(std::move(finish)); }, kStopTime + std::chrono::seconds(2));
    for (Child& child : children_) child.signal(SIGKILL);
    return exit_code_;
  }

 private:
  int refuse(const std::string& text) {
    std::fprintf(stderr, "tacoma up: %s\n", text.c_str());
    return 1;
  }

  Result<void> open_web(uint16_t port) {
    host::HttpOptions web;
    web.address = {*IpAddress::parse(options_.bind), port};
    web.certificate_file = deployment_.certificate_file;
    web.key_file = deployment_.key_file;
    web.web_root = deployment_.web_root;
    web.log = log_.sink();
    web.routes.push_back({"GET", "/config.js", [this](const host::HttpRequest&, host::HttpAnswer answer) {
      answer({200, "text/javascript; charset=utf-8", deployment_.config_js, {{"Cache-Control", "no-cache"}}});
    }});
    const std::string loopback = "127.0.0.1";
    const Ports& ports = deployment_.ports;
    web.proxies = {{"/xmpp-websocket", loopback, ports.http, deployment_.domain},
                   {"/http-bind", loopback, ports.http, deployment_.domain},
                   {"/conference-request/v1", loopback, ports.focus, ""}};
    for (size_t i = 0; i < ports.bridges.size(); ++i)
      web.proxies.push_back({"/colibri-ws/bridge-" + std::to_string(i + 1) + "/", loopback, ports.bridges[i].channel, ""});
    auto opened = host::open_http(io_, std::move(web));
    if (!opened) return fail(opened.error());
    web_ = *opened;
    return {};
  }

  asio::awaitable<void> pause(std::chrono::milliseconds time) {
    asio::steady_timer timer(io_, time);
    error_code ignored;
    co_await timer.async_wait(result(ignored));
  }

  bool start(Child& child) {
    const auto started = child.start();
    if (!started) log_.warn(started.error());
    return static_cast<bool>(started);
  }

  void give_up(const std::string& why) {
    std::fprintf(stderr, "tacoma up: %s\n", why.c_str());
    exit_code_ = 1;
    is_stopping_ = true;
    for (Child& child : children_) child.signal(SIGTERM);
    io_.stop();
  }

  asio::awaitable<void> begin() {
    const auto limit = std::chrono::steady_clock::now() + kStartTime;
    const auto is_late = [&] { return std::chrono::steady_clock::now() > limit; };
    if (!start(children_[0])) co_return give_up("Prosody does not start");
    while (!co_await listens(deployment_.ports.component) || !co_await listens(deployment_.ports.client) || !co_await listens(deployment_.ports.http)) {
      if (is_stopping_) co_return;
      if (is_late() || early_ends_ > 3) co_return give_up("Prosody does not come up; see " + children_[0].log_file());
      co_await pause(std::chrono::milliseconds(50));
    }
    for (size_t i = 1; i < children_.size(); ++i)
      if (!start(children_[i])) co_return give_up(children_[i].name() + " does not start");
    for (;;) {
      if (is_stopping_) co_return;
      if (co_await is_healthy(true)) break;
      if (is_late() || early_ends_ > 3) co_return give_up("the deployment does not come up: " + trouble_);
      co_await pause(std::chrono::milliseconds(50));
    }
    is_up_ = true;
    was_healthy_ = true;
    std::printf("Tacoma is up: %s://%s/\nState, secrets and logs: %s\nCtrl-C stops it.\n", options_.is_plain ? "http" : "https",
                deployment_.origin.c_str(), deployment_.state.c_str());
    std::fflush(stdout);
    co_await follow();
  }

  /// Whether all parts are well. What is not is in trouble_.
  asio::awaitable<bool> is_healthy(bool all_bridges) {
    const auto focus = co_await get(deployment_.ports.focus, "/about/health");
    if (!focus) {
      trouble_ = "the focus is not connected; see " + children_[1].log_file();
      co_return false;
    }
    size_t known = 0;
    if (const size_t at = focus->find("\"bridges\":"); at != std::string::npos) known = static_cast<size_t>(std::atoi(focus->c_str() + at + 10));
    size_t well = 0;
    for (size_t i = 0; i < deployment_.ports.bridges.size(); ++i) {
      if (co_await get(deployment_.ports.bridges[i].control, "/about/health")) ++well;
      else trouble_ = children_[2 + i].name() + " is not connected; see " + children_[2 + i].log_file();
    }
    if (all_bridges && known < deployment_.ports.bridges.size() && well == deployment_.ports.bridges.size()) trouble_ = "the focus does not see all bridges yet";
    co_return well == deployment_.ports.bridges.size() && (!all_bridges || known >= well);
  }

  asio::awaitable<void> follow() {
    while (!is_stopping_) {
      co_await pause(kHealthInterval);
      const bool is_well = co_await is_healthy(false);
      if (is_well == was_healthy_ || is_stopping_) continue;
      was_healthy_ = is_well;
      if (is_well) log_.info("all parts are well again");
      else log_.warn(trouble_);
    }
  }

  void watch_children() {
    ended_.async_wait([this](const error_code& error, int) {
      if (error) return;
      std::string how;
      bool any_left = false;
      for (Child& child : children_) {
        if (child.reap(how)) on_end(child, how);
        any_left = any_left || child.is_running();
      }
      if (is_stopping_ && !any_left && finish_) return finish_();
      watch_children();
    });
  }

  void on_end(Child& child, const std::string& how) {
    if (is_stopping_) return;
    if (!is_up_) ++early_ends_;
    log_.warn(child.name() + " ended " + how + "; it is started again. Its log: " + child.log_file());
    const auto timer = std::make_shared<asio::steady_timer>(io_, kRestartPause);
    timer->async_wait([this, timer, &child](const error_code& error) {
      if (!error && !is_stopping_ && !child.is_running()) start(child);
    });
  }

  void stop(std::function<void()> finish) {
    is_stopping_ = true;
    finish_ = std::move(finish);
    if (web_) web_->stop();
    bool any = false;
    for (Child& child : children_) {
      child.signal(SIGTERM);
      any = any || child.is_running();
    }
    if (!any) finish_();
  }

  const Options options_;
  const host::Logger& log_;
  asio::io_context io_{1};
  asio::signal_set ended_;
  Deployment deployment_;
  host::Fd lock_;
  std::shared_ptr<host::HttpServer> web_;
  std::deque<Child> children_;  // prosody, focus, bridges
  std::function<void()> finish_;
  std::string trouble_;
  int exit_code_ = 0;
  int early_ends_ = 0;
  bool is_up_ = false, was_healthy_ = false, is_stopping_ = false;
};
}  // namespace

int up_main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) != "--help" && std::string_view(argv[i]) != "-h") continue;
    std::fputs(kUsage, stdout);
    return 0;
  }
  const auto options = parse(argc, argv);
  if (!options) return wrong(options.error());
  const host::Logger log("up");
  return Up(*options, log).run();
}

}  // namespace tacoma::up
