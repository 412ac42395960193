// tacoma-focus: the focus as a daemon.
#include <cstdio>

#include <boost/asio/steady_timer.hpp>

#include "focus/app/service.h"
#include "host/daemon/daemon.h"

namespace tacoma::focus {
namespace {

constexpr const char* kName = "tacoma-focus";

int refuse(const std::string& text) {
  std::fprintf(stderr, "%s: %s\n", kName, text.c_str());
  return 1;
}

int serve(Settings settings) {
  const host::Logger log(kName);
  boost::asio::io_context io{1};
  host::ProcessHost host(io, log.sink());
  settings.focus.rng = host::system_rng();
  host.set_stream_target("xmpp-component", settings.server);
  Desk desk(host);
  host::HttpOptions http;
  http.address = settings.http;
  http.routes = routes(host, desk);
  http.log = log.sink();
  const auto server = host::open_http(io, std::move(http));
  if (!server) return refuse(server.error());

  Focus focus(settings.focus);
  bool was_ready = false;
  host.set_watcher([&](Process&) {
    desk.collect(focus);
    if (focus.ready() == was_ready) return;
    was_ready = focus.ready();
    if (was_ready) log.info("connected, and in the brewery " + settings.focus.brewery + "@" + settings.focus.brewery_domain);
    else log.warn("the stream to the XMPP server is lost");
  });
  host.attach(focus);
  log.info("focus of " + settings.focus.domain + ", component " + settings.focus.component + ", HTTP at " + (*server)->address().to_string());
  host::run_daemon(io, log, [&](std::function<void()> finish) {
    (*server)->stop();
    host.set_watcher({});
    host.look([&](Process&, Instant now, Outbox& out) { focus.leave(now, out); });
    const auto wait = std::make_shared<boost::asio::steady_timer>(io, std::chrono::milliseconds(200));
    wait->async_wait([wait, finish](const boost::system::error_code&) { finish(); });
  });
  host.detach();
  log.info("stopped");
  return 0;
}

int focus_main(int argc, char** argv) {
  int exit_code = -1;
  const auto arguments = host::parse_arguments(argc, argv, kName, "sets up Jitsi-style conferences", kVersion, exit_code);
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
}  // namespace tacoma::focus

int main(int argc, char** argv) { return tacoma::focus::focus_main(argc, argv); }
