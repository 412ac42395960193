// A bridge's SecurePath next to its peer's, up to the point where a fuzz target takes over.
#pragma once

#include "core/secure/secure_path.h"

namespace tacoma {

struct FuzzPath {
  explicit FuzzPath(Crypto crypto) {
    static const auto real = DtlsIdentity::make(Rng(1), SecureRandomness::seeded, Crypto::real);
    static const auto null = DtlsIdentity::make(Rng(1), SecureRandomness::seeded, Crypto::null);
    SecurePath::Config config;
    config.ice_role = IceRole::controlling;
    config.dtls_role = DtlsRole::server;
    config.local_addresses = {bridge_address};
    config.identity = crypto == Crypto::real ? real : null;
    config.crypto = crypto;
    config.rng = Rng(2);
    bridge = std::make_unique<SecurePath>(config);
    config.ice_role = IceRole::controlled;
    config.dtls_role = DtlsRole::client;
    config.local_addresses = {client_address};
    config.rng = Rng(3);
    client = std::make_unique<SecurePath>(config);
    const auto introduce = [&](SecurePath& to, const SecurePath& from, Span<const IceCandidate> candidates, DtlsSetup setup) {
      to.set_remote(now, from.credentials(), candidates, from.fingerprint(), setup, out);
    };
    const auto candidates = bridge->candidates();
    introduce(*client, *bridge, candidates, DtlsSetup::passive);
    carry(false);
    introduce(*bridge, *client, {}, DtlsSetup::active);
    carry(true);
  }

  // Carries datagrams both ways for so many steps of 10 ms.
  void run(int steps) {
    for (int i = 0; i < steps; ++i, now = now + Duration::milliseconds(10)) {
      if (bridge->deadline().at <= now) bridge->on_deadline(now, out);
      carry(true);
      if (client->deadline().at <= now) client->on_deadline(now, out);
      carry(false);
    }
  }
  void carry(bool from_bridge) {
    for (int bounce = 0; bounce < 20 && !out.sends().empty(); ++bounce, from_bridge = !from_bridge) {
      std::vector<Outbox::Send> sends = std::move(out.sends());
      out.clear();
      for (Outbox::Send& send : sends) deliver(!from_bridge, std::move(send.packet));
    }
    out.clear();
  }
  Arrival deliver(bool to_bridge, PacketRef packet) {
    Datagram d{to_bridge ? client_address : bridge_address, to_bridge ? bridge_address : client_address, std::move(packet), now};
    return (to_bridge ? bridge : client)->on_datagram(now, d, out);
  }
  // Lets time pass with nobody answering; the law must hold.
  void wait(int deadlines) {
    for (int i = 0; i < deadlines && !bridge->deadline().at.is_never(); ++i) {
      now = std::max(now, bridge->deadline().at);
      bridge->on_deadline(now, out);
      out.clear();
      TACOMA_ASSERT(bridge->deadline().at > now);
    }
  }

  PacketPool pool{1 << 20};
  Outbox out{pool};
  Instant now;
  SocketAddress bridge_address{IpAddress::v4(192, 0, 2, 1), 10000}, client_address{IpAddress::v4(192, 0, 2, 9), 4000};
  std::unique_ptr<SecurePath> bridge, client;
};

}  // namespace tacoma
