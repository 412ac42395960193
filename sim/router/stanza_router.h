// The stanza router: the XMPP server of a simulated deployment. It stands in for Prosody in the virtual worlds and is the
// embedded default of the sockets world. It speaks what a Jitsi deployment needs and no more: client streams (RFC 6120, SASL
// ANONYMOUS, PLAIN and SCRAM), components (XEP-0114), routing of IQs, messages and presence between full JIDs, and the
// multi-user chat subset (XEP-0045) as Prosody 0.12 behaves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/drop.h"
#include "core/base/process.h"
#include "core/base/rng.h"

namespace tacoma {

/// What strangers may make grow, and how far.
struct RouterLimits {
  size_t streams = 20'000;             // accepted and not closed; the next one is closed at once
  size_t rooms = 10'000;               // the next one is refused: resource-constraint
  size_t occupants_per_room = 2'000;   // the next one is refused: service-unavailable, as XEP-0045 section 7.2.9 says
  size_t rooms_per_stream = 1'000;     // that one session may be in (the focus is in all); resource-constraint
  size_t broadcast_bytes = 16 * 1024;  // of a presence, message or subject that goes to a whole room: policy-violation
  Duration login = Duration::seconds(10);  // from a stream's acceptance to its being bound; later it is closed
  size_t affiliations_per_room = 2'000;  // remembered by an owner's muc#admin; resource-constraint
};

struct RouterConfig {
  struct Account {
    std::string user, password;    // user@auth.DOMAIN
  };
  struct Component {
    std::string domain, secret;    // "focus.tacoma.test"
  };
  /// DOMAIN: people log in here with SASL ANONYMOUS. The other hosts are auth.DOMAIN (accounts), conference.DOMAIN (rooms)
  /// and internal.auth.DOMAIN (the brewery's rooms).
  std::string domain = "tacoma.test";
  std::vector<Account> accounts;
  uint32_t scram_iterations = 4096;  // behind each account's keys (RFC 5802 section 5.1): about a millisecond at the start
  std::vector<Component> components;
  /// Bare JIDs that may create rooms (Prosody: `admins` with `restrict_room_creation`) and own every room they enter. On the
  /// brewery's host every account of auth.DOMAIN may.
  std::vector<std::string> admins;
  RouterLimits limits;
  Rng rng{1};                      // stream ids, anonymous JIDs, SASL salts

  /// The embedded deployment: the focus component, which is admin, and the bridges' account, with the secrets of
  /// core/signal/deployment.h.
  static RouterConfig embedded(Rng rng);
};

struct RouterStats {
  uint64_t streams = 0, sessions = 0, rooms = 0, occupants = 0;  // now
  uint64_t streams_accepted = 0, rooms_created = 0, joins = 0;   // since the start
  uint64_t stanzas_in = 0, stanzas_out = 0;
  uint64_t bytes_out = 0;
  DropCounts drops;
};

/// Services "xmpp" (client-to-server) and "xmpp-component" (XEP-0114). It wakes only to close streams that do not log
/// in; one that has lives until its peer or the world closes it.
class StanzaRouter final : public Process {
 public:
  explicit StanzaRouter(RouterConfig config);
  ~StanzaRouter() override;

  void start(Instant now, Outbox& out) override;
  void on_datagrams(Instant now, Span<Datagram> in, Outbox& out) override;
  void on_stream(Instant now, const StreamEvent& event, Outbox& out) override;
  void on_deadline(Instant now, Outbox& out) override;
  Deadline deadline() const override;

  RouterStats stats() const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace tacoma
