// The focus: it answers conference requests, sits in every room, invites people by Jingle and allocates them on bridges by
// colibri2. One process; its only stream is a component stream (XEP-0114) to the XMPP server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/drop.h"
#include "core/base/process.h"
#include "core/base/result.h"
#include "core/base/rng.h"
#include "core/signal/conference_request.h"

namespace tacoma {

/// What strangers may make grow, and how far.
struct FocusLimits {
  size_t conferences = 10'000;            // the next request is answered resource-constraint
  size_t members_per_conference = 2'000;  // later ones are not invited
  size_t bridges = 1'000;                 // later ones are not used
  size_t features_cached = 1'000;         // disco#info answers kept by caps node#ver
  size_t sources_per_member = 20;         // SSRCs, and as many groups (ValidatingConferenceSourceMap of Jicofo)
};

struct FocusTimes {
  Duration iq_timeout = Duration::seconds(15);
  Duration disco_timeout = Duration::seconds(5);          // after it a member counts as audio, video and nothing else
  Duration single_participant = Duration::seconds(20);    // one left alone is sent `expired`
  Duration empty_room = Duration::seconds(15);            // nobody (left) in the room: the focus leaves
  Duration health_check = Duration::seconds(10);          // between two health checks of a bridge
  Duration bridge_recovery = Duration::seconds(60);       // a bridge that erred is not used for as long
  Duration restart_spacing = Duration::seconds(5);        // between two restarts that one client asks for
  Duration restart_window = Duration::seconds(60);
  size_t restarts_per_window = 5;                          // and as many ICE restarts
  Duration rediscovery = Duration::seconds(1);            // from the first sign of a room that we should be in to entering it
  Duration login = Duration::seconds(10);                 // from opening the component stream to its being ready
  Duration reconnect = Duration::seconds(1);              // after the XMPP server went away, doubling to 32 s
};

struct FocusConfig {
  std::string domain = "tacoma.test";      // rooms at conference.DOMAIN, brewery at internal.auth.DOMAIN
  std::string secret;                      // of the component focus.DOMAIN
  std::string component, muc_domain, brewery_domain;  // in place of focus.DOMAIN and the two above; empty: those
  std::string brewery = "jvbbrewery";      // the bridges' room, its node
  size_t max_participants_per_bridge = 500; // of one conference; later ones wait (there is one bridge a conference)
  double overloaded_stress = 0.8;          // such a bridge is chosen only when all are
  size_t min_participants = 2;             // invites start with as many
  /// A data channel, for clients that can do it on bridges that have it; all others are offered the bridge's WebSocket. Never both.
  bool use_sctp = true;
  /// Clients that can do it hear of others' sources from the bridge, by its channel; they are signalled the bridge's own only.
  bool use_ssrc_rewriting = true;
  /// Bare JIDs of rooms that a focus before this one was in: those that still hold people are entered.
  std::vector<std::string> rooms_before;
  FocusLimits limits;
  FocusTimes times;
  Rng rng{1};                              // meeting ids, Jingle session ids

  /// The embedded deployment, with the names and the secret of core/signal/deployment.h.
  static FocusConfig embedded(Rng rng);
};

struct FocusStats {
  uint64_t conferences = 0, participants = 0, sessions = 0;   // now: rooms, people in them, people with a Jingle session
  uint64_t bridges = 0;             // now: in the brewery
  uint64_t conferences_created = 0, participants_seen = 0;    // since the start
  uint64_t invites = 0;            // session-initiate sent, for whatever reason
  uint64_t accepts = 0;
  uint64_t re_invites = 0;         // of the invites: not the first of this member
  uint64_t moved = 0;              // of the re-invites: because a bridge was lost
  uint64_t restarts_requested = 0; // session-terminate with restart
  uint64_t restarts_refused = 0;   // by the rate limit
  uint64_t ice_failed = 0;         // session-info that says so
  uint64_t ice_restarts_requested = 0, ice_restarts_refused = 0;  // in place; refused by the rate limit
  uint64_t ice_restarts_relayed = 0;  // the client was told the bridge's new side
  uint64_t rooms_found = 0;        // entered because people were there, not because somebody asked
  uint64_t expired_alone = 0;      // terminated because alone
  uint64_t lost_bridges = 0;       // left, failed or timed out while in use or not
  uint64_t invite_failures = 0;    // given up: the bridge or the client refused for good
  uint64_t source_errors = 0;      // source-add and source-remove refused
  uint64_t reconnects = 0;         // of the component stream
  DropCounts drops;
};

/// The answer to a conference request that did not come by XMPP.
struct ConferenceAnswer {
  uint64_t number = 0;  // as request_conference gave it
  Result<ConferenceRequest, StanzaError> answer;
};

class Focus final : public Process {
 public:
  explicit Focus(FocusConfig config);
  ~Focus() override;

  void start(Instant now, Outbox& out) override;
  void on_datagrams(Instant now, Span<Datagram> in, Outbox& out) override;
  void on_stream(Instant now, const StreamEvent& event, Outbox& out) override;
  void on_deadline(Instant now, Outbox& out) override;
  Deadline deadline() const override;

  /// A conference request of somebody outside XMPP. Its answer comes by poll_answer, at once or later; never when the stream
  /// to the server is lost meanwhile.
  uint64_t request_conference(Instant now, const ConferenceRequest& request, Outbox& out);
  std::optional<ConferenceAnswer> poll_answer();

  /// Leaves all rooms and ends the stream: the end of the process.
  void leave(Instant now, Outbox& out);

  /// True once the component stream is up and the brewery is joined.
  bool ready() const;
  FocusStats stats() const;
  /// The rooms that it is in or enters, as bare JIDs in order of their creation.
  std::vector<std::string> rooms() const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace tacoma
