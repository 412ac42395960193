// A router with some people, a focus account and a bridge account on it.
#pragma once

#include "core/signal/deployment.h"
#include "core/signal/muc.h"
#include "sim/router/stanza_router.h"
#include "tests/unit/router/wires.h"

namespace tacoma::test {

inline Jid jid(std::string_view text) { return Jid::parse(text).value(); }

/// Clients are destroyed after the wires that hold them: they are declared first in each test.
struct Deployment {
  explicit Deployment(RouterConfig config = make_config()) : router(std::move(config)) {
    wires.attach(router);
    wires.listen(router, "xmpp");
    wires.listen(router, "xmpp-component");
  }
  /// The embedded deployment; `admin` is an account that may create rooms, as the focus may.
  static RouterConfig make_config() {
    RouterConfig config = RouterConfig::embedded(Rng(1));
    config.accounts.push_back({"admin", "secret"});
    config.admins.push_back("admin@auth.tacoma.test");
    return config;
  }
  /// Attaches, logs in.
  void enter(Client& client) {
    wires.attach(client);
    wires.run();
  }
  /// Joins and forgets what the room said.
  void join(Client& client, std::string_view occupant, std::string_view password = {}) {
    client.send(muc::make_join(jid(occupant), password));
    wires.run();
    client.take();
  }
  StanzaRouter router;
  Wires wires;
};

/// The condition of the error that came last, "-" when the last was no error, "" when nothing came.
inline std::string last_error(Client& client) {
  const auto all = client.take();
  if (all.empty()) return "";
  if (all.back().attr("type") != "error") return "-";
  return name_of(parse_error(all.back()).condition);
}

}  // namespace tacoma::test
