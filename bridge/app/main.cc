// tacoma-bridge: the bridge as a daemon.
#include <boost/asio/steady_timer.hpp>

#include "bridge/app/service.h"
#include "core/signal/bridge_channel.h"
#include "host/daemon/daemon.h"

namespace tacoma::bridge {
namespace {

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

Result<void> serve(Settings settings, const host::Logger& log) {
  boost::asio::io_context io{1};
  host::ProcessHost host(io, log.sink());
  std::vector<SocketAddress> bound;
  for (const SocketAddress& wanted : settings.udp) {
    const auto made = host.open_udp(wanted);
    if (!made) return fail(made.error());
    bound.push_back(*made);
  }
  settings.bridge.candidates = candidates_of(settings, bound);
  if (settings.bridge.candidates.empty()) return fail("no address to advertise: name some in udp.advertise");
  settings.bridge.randomness = SecureRandomness::system;
  settings.bridge.rng = host::system_rng();
  for (const auto& [service, target] : settings.servers) host.set_stream_target(service, target);

  host::HttpOptions http;
  http.address = settings.private_http;
  http.log = log.sink();
  http.routes = private_routes(host, settings, [&io] { io.stop(); });
  const auto private_server = host::open_http(io, http);
  if (!private_server) return fail(private_server.error());
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
    if (!opened) return fail(opened.error());
    public_server = *opened;
  }

  Bridge bridge(settings.bridge);
  host.attach(bridge);
  std::string advertised;
  for (const SocketAddress& one : settings.bridge.candidates) advertised += " " + one.to_string();
  log.info("bridge " + settings.bridge.name + ", media at" + advertised + ", HTTP at " + (*private_server)->address().to_string());
  if (public_server) log.info("bridge channels at " + public_server->address().to_string() + ", offered as " + settings.bridge.channel_url_prefix);
  const Watch watch(host, [&io] { io.stop(); });
  host::run_daemon(io, log, [&] {
    (*private_server)->stop();
    if (public_server) public_server->stop();
    host.look([&](Process&, Instant now, Outbox& out) { bridge.leave(now, out); });
  });
  host.detach();
  return {};
}
}  // namespace
}  // namespace tacoma::bridge

int main(int argc, char** argv) {
  using namespace tacoma;
  return host::daemon_main(argc, argv, {"tacoma-bridge", "forwards the media of Jitsi-style conferences", BridgeConfig().version},
                           bridge::read_settings, bridge::serve);
}
