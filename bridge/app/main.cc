// tacoma-bridge: the bridge as a daemon.
#include <cstdio>

#include <boost/asio/steady_timer.hpp>

#include "bridge/app/service.h"
#include "core/signal/bridge_channel.h"
#include "host/daemon/daemon.h"

namespace tacoma::bridge {
namespace {

constexpr const char* kName = "tacoma-bridge";

int refuse(const std::string& text) {
  std::fprintf(stderr, "%s: %s\n", kName, text.c_str());
  return 1;
}

/// Ends the daemon when a graceful shutdown has come to its end.
class Watch {
 public:
  Watch(host::ProcessHost& host, std::function<void()> done) : host_(host), timer_(host.io()), done_(std::move(done)) { wait(); }

 private:
  void wait() {
    timer_.expires_after(std::chrono::seconds(1));
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      bool is_over = false;
      host_.look([&](Process& process, Instant, Outbox&) {
        const Bridge& bridge = static_cast<Bridge&>(process);
        is_over = bridge.is_shutting_down() && bridge.stats().conferences == 0;
      });
      if (is_over) done_();
      else wait();
    });
  }
  host::ProcessHost& host_;
  boost::asio::steady_timer timer_;
  std::function<void()> done_;
};

int serve(Settings settings) {
  const host::Logger log(kName);
  boost::asio::io_context io{1};
  host::ProcessHost host(io, log.sink());
  std::vector<SocketAddress> bound;
  for (const SocketAddress& wanted : settings.udp) {
    const auto made = host.open_udp(wanted);
    if (!made) return refuse(made.error());
    bound.push_back(*made);
  }
  settings.bridge.candidates = candidates_of(settings, bound);
  if (settings.bridge.candidates.empty()) return refuse("no address to advertise: name some in udp.advertise");
  settings.bridge.randomness = SecureRandomness::system;
  settings.bridge.rng = host::system_rng();
  for (const auto& [service, target] : settings.servers) host.set_stream_target(service, target);

  host::HttpOptions http;
  http.address = settings.private_http;
  http.log = log.sink();
  http.routes = private_routes(host, settings, [&io] { io.stop(); });
  const auto private_server = host::open_http(io, http);
  if (!private_server) return refuse(private_server.error());
  std::shared_ptr<host::HttpServer> public_server;
  if (settings.public_http) {
    host::HttpOptions open;
    open.address = *settings.public_http;
    open.certificate_file = settings.public_certificate;
    open.key_file = settings.public_key;
    open.log = log.sink();
    open.web_sockets.push_back({std::string(channel::kTargetPrefix), &host, [&host](const std::string& target) {
      auto verdict = Bridge::ChannelVerdict::not_found;
      host.look([&](Process& process, Instant, Outbox&) { verdict = static_cast<Bridge&>(process).check_channel(target); });
      return verdict == Bridge::ChannelVerdict::welcome ? 0u : verdict == Bridge::ChannelVerdict::forbidden ? 403u : 404u;
    }, channel::kMaxMessage});
    auto opened = host::open_http(io, std::move(open));
    if (!opened) return refuse(opened.error());
    public_server = *opened;
  }

  Bridge bridge(settings.bridge);
  host.attach(bridge);
  std::string advertised;
  for (const SocketAddress& one : settings.bridge.candidates) advertised += " " + one.to_string();
  log.info("bridge " + settings.bridge.name + ", media at" + advertised + ", HTTP at " + (*private_server)->address().to_string());
  if (public_server) log.info("bridge channels at " + public_server->address().to_string() + ", offered as " + settings.bridge.channel_url_prefix);
  const Watch watch(host, [&io] { io.stop(); });
  host::run_daemon(io, log, [&](std::function<void()> finish) {
    (*private_server)->stop();
    if (public_server) public_server->stop();
    host.look([&](Process&, Instant now, Outbox& out) { bridge.leave(now, out); });
    // What was written last goes out first.
    const auto wait = std::make_shared<boost::asio::steady_timer>(io, std::chrono::milliseconds(200));
    wait->async_wait([wait, finish](const boost::system::error_code&) { finish(); });
  });
  host.detach();
  log.info("stopped");
  return 0;
}

int bridge_main(int argc, char** argv) {
  int exit_code = -1;
  const auto arguments = host::parse_arguments(argc, argv, kName, "forwards the media of Jitsi-style conferences", BridgeConfig().version, exit_code);
  if (exit_code >= 0) return exit_code;
  auto file = host::ConfigFile::read(arguments.config_file);
  if (!file) return refuse(file.error()), 2;
  Settings settings = read_settings(*file);
  const std::vector<std::string> errors = file->finish();
  for (const std::string& error : errors) std::fprintf(stderr, "%s\n", error.c_str());
  if (!errors.empty()) return 2;
  if (arguments.check_only) {
    std::printf("%s: nothing is wrong\n", arguments.config_file.c_str());
    return 0;
  }
  return serve(std::move(settings));
}

}  // namespace
}  // namespace tacoma::bridge

int main(int argc, char** argv) { return tacoma::bridge::bridge_main(argc, argv); }
