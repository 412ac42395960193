// tacoma-focus: the focus as a daemon.
#include "focus/app/room_file.h"
#include "focus/app/service.h"
#include "host/daemon/daemon.h"

namespace tacoma::focus {
namespace {

Result<void> serve(Settings settings, const host::Logger& log) {
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
  if (!server) return fail(server.error());

  RoomFile rooms(io, settings.rooms_file, log.sink());
  settings.focus.rooms_before = rooms.read(settings.focus.limits.conferences);
  Focus focus(settings.focus);
  bool was_ready = false;
  host.set_watcher([&](Process&) {
    desk.collect(focus);
    rooms.update(focus);
    if (focus.ready() == was_ready) return;
    was_ready = focus.ready();
    if (was_ready) log.info("connected, and in the brewery " + settings.focus.brewery + "@" + settings.focus.brewery_domain);
    else log.warn("the stream to the XMPP server is lost");
  });
  host.attach(focus);
  log.info("focus of " + settings.focus.domain + ", component " + settings.focus.component + ", HTTP at " + (*server)->address().to_string());
  host::run_daemon(io, log, [&] {
    (*server)->stop();
    host.set_watcher({});  // the rooms that it leaves now stay in the file: the next one shall look at them
    host.look([&](Process&, Instant now, Outbox& out) { focus.leave(now, out); });
  });
  host.detach();
  return {};
}
}  // namespace
}  // namespace tacoma::focus

int main(int argc, char** argv) {
  using namespace tacoma;
  return host::daemon_main(argc, argv, {"tacoma-focus", "sets up Jitsi-style conferences", std::string(focus::kVersion)}, focus::read_settings,
                           focus::serve);
}
