// Two SecurePaths joined by a link with delay, loss and a seed, in virtual time: a bridge that knows no candidates and a client
// that has the bridge's.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "core/secure/secure_path.h"

namespace tacoma {

struct PathPair {
  struct Options {
    Crypto crypto = Crypto::real;
    uint64_t seed = 1;
    double loss = 0;
    Duration delay = Duration::milliseconds(20);
    bool v6 = false;
    SecureRandomness randomness = SecureRandomness::seeded;
    bool wrong_fingerprint = false;      // the client is told another one for the bridge
    bool bridge_lies = false;            // the bridge is told another one for the client
    bool wrong_password = false;         // the client has a wrong password for the bridge
    Duration bridge_hears_late = Duration::zero();  // the client's description reaches the bridge so much later
    IceRole client_role = IceRole::controlled;
    std::shared_ptr<const DtlsIdentity> bridge_identity = nullptr, client_identity = nullptr;
  };
  struct Sent {
    Instant at;
    bool from_bridge;
    std::vector<uint8_t> bytes;
    bool operator==(const Sent& o) const { return at == o.at && from_bridge == o.from_bridge && bytes == o.bytes; }
  };

  explicit PathPair(Options o) : options(o), loss(Rng(o.seed).split("loss")) {
    const Rng rng(o.seed);
    bridge_address = address(o.v6, 1, 10000);
    client_address = address(o.v6, 2, 40000);
    const auto identity = [&](const char* name, const std::shared_ptr<const DtlsIdentity>& given) {
      return given ? given : DtlsIdentity::make(rng.split(name), o.randomness, o.crypto);
    };
    SecurePath::Config b;
    b.ice_role = IceRole::controlling;
    b.dtls_role = DtlsRole::server;
    b.local_addresses = {bridge_address};
    b.identity = identity("bridge identity", o.bridge_identity);
    b.crypto = o.crypto;
    b.randomness = o.randomness;
    b.rng = rng.split("bridge");
    SecurePath::Config c = b;
    c.ice_role = o.client_role;
    c.dtls_role = DtlsRole::client;
    c.local_addresses = {client_address};
    c.identity = identity("client identity", o.client_identity);
    c.rng = rng.split("client");
    bridge = std::make_unique<SecurePath>(b);
    client = std::make_unique<SecurePath>(c);
  }

  static SocketAddress address(bool v6, uint8_t host, uint16_t port) {
    if (!v6) return {IpAddress::v4(192, 0, 2, host), port};
    SocketAddress a{*IpAddress::parse("2001:db8::"), port};
    a.ip.bytes[15] = host;
    return a;
  }

  void introduce() {
    Fingerprint for_client = bridge->fingerprint();
    if (options.wrong_fingerprint) for_client.sha256[0] ^= 1;
    IceCredentials credentials = bridge->credentials();
    if (options.wrong_password) credentials.pwd[0] = credentials.pwd[0] == 'a' ? 'b' : 'a';
    client->set_remote(now, credentials, bridge->candidates(), for_client, DtlsSetup::passive, out);
    carry(false);
    if (options.bridge_hears_late == Duration::zero()) introduce_bridge();
    else bridge_told_at = now + options.bridge_hears_late;
  }
  void introduce_bridge() {
    Fingerprint fingerprint = client->fingerprint();
    if (options.bridge_lies) fingerprint.sha256[31] ^= 1;
    bridge->set_remote(now, client->credentials(), {}, fingerprint, DtlsSetup::active, out);
    carry(true);
  }

  // Runs until `end` or until `done` says so.
  void run(Instant end, const std::function<bool()>& done = [] { return false; }) {
    while (!done()) {
      Instant next = std::min({bridge->deadline().at, client->deadline().at, bridge_told_at});
      if (!flying.empty()) next = std::min(next, flying.front().arrives);
      if (next > end) {
        now = end;
        return;
      }
      now = std::max(now, next);
      ++steps;
      step();
    }
  }
  void step() {
    if (now >= bridge_told_at) {
      bridge_told_at = Instant::never();
      introduce_bridge();
    }
    for (int i = 0; i < 2; ++i) {
      SecurePath& path = i == 0 ? *bridge : *client;
      if (path.deadline().at > now) continue;
      path.on_deadline(now, out);
      TACOMA_ASSERT(path.deadline().at > now);  // the law
      carry(i == 0);
    }
    while (!flying.empty() && flying.front().arrives <= now) {
      Flight f = std::move(flying.front());
      flying.pop_front();
      deliver(f.to_bridge, f.bytes);
    }
    collect();
  }
  Arrival deliver(bool to_bridge, BytesView bytes) {
    Datagram d{to_bridge ? client_address : bridge_address, to_bridge ? bridge_address : client_address, pool.copy(bytes), now};
    const Arrival a = (to_bridge ? bridge : client)->on_datagram(now, d, out);
    if (a.kind == ArrivalKind::dropped) (to_bridge ? bridge_drops : client_drops).count(a.drop);
    carry(to_bridge);
    return a;
  }
  void carry(bool from_bridge) {
    for (Outbox::Send& send : out.sends()) {
      const BytesView bytes = send.packet.bytes();
      const bool lost = from_bridge && send.to == left_address;
      TACOMA_ASSERT(lost || send.to == (from_bridge ? client_address : bridge_address));
      sent.push_back({now, from_bridge, std::vector<uint8_t>(bytes.begin(), bytes.end())});
      if (lost || cut || (checks_lost && from_bridge && bytes[0] == 0 && bytes[1] == 1) || loss.chance(options.loss)) continue;
      flying.push_back({now + options.delay, !from_bridge, sent.back().bytes});
    }
    out.clear();
  }
  // A NAT between them forgets the client, and gives it another port: what goes to the old one is lost.
  void rebind(uint16_t port) {
    left_address = std::exchange(client_address, SocketAddress{client_address.ip, port});
  }
  void collect() {
    for (PathEvent e; bridge->poll_event(e);) bridge_events.push_back(e);
    for (PathEvent e; client->poll_event(e);) client_events.push_back(e);
  }
  bool keyed() const { return bridge->ready() && client->ready(); }
  static bool has(const std::vector<PathEvent>& events, PathEvent::Kind kind) {
    for (const PathEvent& e : events)
      if (e.kind == kind) return true;
    return false;
  }

  struct Flight {
    Instant arrives;
    bool to_bridge;
    std::vector<uint8_t> bytes;
  };
  Options options;
  PacketPool pool{8 << 20};
  Outbox out{pool};
  Rng loss;
  Instant now;
  Instant bridge_told_at = Instant::never();
  bool cut = false;
  bool checks_lost = false;  // those of the bridge
  uint64_t steps = 0;
  SocketAddress bridge_address, client_address, left_address;
  std::unique_ptr<SecurePath> bridge, client;
  std::deque<Flight> flying;
  std::vector<Sent> sent;
  std::vector<PathEvent> bridge_events, client_events;
  DropCounts bridge_drops, client_drops;
};

inline Instant at_seconds(int64_t s) { return Instant::at(Duration::seconds(s)); }

}  // namespace tacoma
