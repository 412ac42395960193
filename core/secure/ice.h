// A full ICE agent (RFC 8445) for one stream of one component, without I/O: time and datagrams come in, datagrams go to
// the Outbox. Both ends are full agents; candidates of the peer may come by signalling or be learnt from its checks.
//
// The process has one UDP port a family and the Outbox sends from it, so a candidate pair is named by its remote
// address alone, and no two pairs share a foundation: the Frozen state has no use here and all pairs start Waiting.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/process.h"
#include "core/base/result.h"
#include "core/base/rng.h"
#include "core/secure/credentials.h"
#include "core/secure/stun.h"

namespace tacoma {

class IceAgent {
 public:
  static constexpr Duration kPacing = Duration::milliseconds(20);           // Ta; RFC 8445 section 14.2 asks for 5 ms or more
  static constexpr Duration kInitialRto = Duration::milliseconds(500);      // RFC 8445 section 14.3
  // RFC 8489 section 6.2.1 doubles the wait without bound and gives up after 7; on a link that loses 30 % each way one check
  // in fifty would fail so. Waits stay below kMaxRto here and a check is sent more often, over no longer a time.
  static constexpr Duration kMaxRto = Duration::seconds(2);
  static constexpr int kMaxTransmissions = 14;
  static constexpr Duration kConnectTimeout = Duration::seconds(30);        // from set_remote to a selected pair
  static constexpr Duration kConsentInterval = Duration::seconds(5);        // times 0.8 to 1.2, RFC 7675 section 5.1
  static constexpr Duration kConsentExpiry = Duration::seconds(30);
  // Consent checks go out once (RFC 7675 section 5.1), and a narrow queue may drop one after the other. Where none was answered for so long
  // and the peer checks us, a check of ICE goes out, which is sent again until it is answered.
  static constexpr Duration kConsentDoubt = Duration::seconds(12);
  static constexpr size_t kMaxPairs = 32;                                   // signalled and learnt together
  // A peer whose address has changed (a NAT's new binding) is followed once nothing came from the selected one for so long: while it
  // sends, where it is heard every few milliseconds; while it only checks, longer than its consent checks lie apart (RFC 7675).
  static constexpr Duration kSilentOfData = Duration::milliseconds(500);
  static constexpr Duration kSilentOfChecks = kConsentInterval * 14 / 10;
  static constexpr size_t kMaxConsentChecks = 8;                            // unanswered ones whose answer still counts

  enum class Event : uint8_t { connected, failed, consent_lost };

  struct Config {
    IceRole role = IceRole::controlled;
    IceCredentials local;
    std::vector<SocketAddress> local_addresses;  // at most one a family matters; decides which families can pair
    SecureRandomness randomness = SecureRandomness::seeded;
    Rng rng{0};
  };
  explicit IceAgent(Config config);

  const IceCredentials& local() const { return local_; }
  IceRole role() const { return role_; }
  bool has_remote() const { return !remote_.pwd.empty(); }
  /// Credentials and candidates of the peer (candidates may be none: they are learnt from its checks). Calling it again with
  /// the same credentials adds candidates (trickle); other credentials start a new generation like restart().
  /// False, and nothing changes, when the credentials are not valid().
  bool set_remote(Instant now, IceCredentials remote, Span<const IceCandidate> candidates);
  /// ICE restart (RFC 8445 section 9): new local credentials, all pairs forgotten. Comes before set_remote with the peer's
  /// new ones; until then the peer's checks with our new credentials are answered. The selected pair of before stays usable
  /// for data until another is selected.
  void restart(Instant now, IceCredentials local);

  /// Takes a STUN datagram. nullopt: authenticated and used. Before set_remote, checks are answered and remembered.
  std::optional<Drop> on_stun(Instant now, BytesView datagram, const SocketAddress& from, Outbox& out);
  /// Authenticated data came from there: a peer that has moved is followed, once the new address has answered a check.
  void on_data(Instant now, const SocketAddress& from) {
    if (selected_ == from) heard_selected_ = now;
    else if (selected_ && !restarting_) follow(now, from, kSilentOfData);
  }
  void on_deadline(Instant now, Outbox& out);
  Deadline deadline() const { return deadline_; }

  /// Where data goes: set once a pair is nominated, cleared when consent is lost.
  const std::optional<SocketAddress>& selected() const { return selected_; }
  /// Whether the peer has proven that it holds this address (an authenticated check or answer came from it).
  bool knows(const SocketAddress& remote) const;
  bool poll_event(Event& event);
  size_t pair_count() const { return pairs_.size(); }

 private:
  enum class State : uint8_t { waiting, in_progress, succeeded, failed };
  struct Pair {
    SocketAddress remote;
    uint64_t priority = 0;
    stun::TransactionId transaction{};
    Instant next_send = Instant::never();  // retransmission, or the end of the last wait
    Duration rto = Duration::zero();
    uint32_t remote_priority = 0;
    uint32_t triggered = 0;                // place in the triggered-check queue, 0: not in it
    uint8_t transmissions = 0;
    State state = State::waiting;
    bool heard = false;                    // an authenticated message came from there
    Instant heard_at;                      // the newest check from there
    bool nominate = false;                 // controlling: the check carries USE-CANDIDATE
    IceRole asked_as = IceRole::controlled;  // our role in the check under way
    bool nominated_by_peer = false;        // controlled: USE-CANDIDATE was received
  };

  std::optional<Drop> on_request(Instant now, BytesView datagram, const stun::Message& m, const SocketAddress& from, Outbox& out);
  std::optional<Drop> on_answer(Instant now, BytesView datagram, const stun::Message& m, const SocketAddress& from);
  std::optional<Drop> on_consent_answer(Instant now, BytesView datagram, const stun::Message& m, const SocketAddress& from);
  bool keeps_role(const stun::Message& m);
  void answer(const stun::Message& m, const SocketAddress& to, uint16_t error, std::string_view reason, Outbox& out);
  Pair* find(const SocketAddress& remote);
  Pair* add_pair(const SocketAddress& remote, uint32_t priority);
  void trigger(Instant now, Pair& pair);
  void switch_role();
  uint64_t pair_priority(uint32_t remote_priority) const;
  Pair* next_to_check();
  void start_check(Instant now, Pair& pair, Outbox& out);
  void retransmit(Instant now, Pair& pair, Outbox& out);
  void send_request(const SocketAddress& to, const stun::TransactionId& id, bool use_candidate, Outbox& out);
  void check_succeeded(Instant now, Pair& pair);
  void check_failed(Pair& pair);
  void nominate_best();
  void select(Instant now, Pair& pair);
  void follow(Instant now, const SocketAddress& from, Duration silent);
  void ask_again(Instant now, Pair& pair);
  void send_consent(Instant now, Outbox& out);
  void give_up();
  void raise(Event event);
  void schedule(Instant now);

  IceCredentials local_, remote_;
  std::vector<Pair> pairs_;
  std::optional<SocketAddress> selected_;
  Rng rng_;
  uint64_t tie_breaker_ = 0;
  Deadline deadline_;
  Instant give_up_ = Instant::never();
  Instant next_consent_ = Instant::never();
  Instant consent_until_ = Instant::never();
  Instant heard_selected_;       // data, a check or an answer came from the selected address
  Instant last_check_ = Instant::at(Duration::seconds(-1));  // when the pacer let the last one go
  std::array<stun::TransactionId, kMaxConsentChecks> consent_ids_{};
  uint32_t consent_sent_ = 0;
  uint32_t trigger_count_ = 0;
  std::array<Event, 4> events_{};
  uint8_t event_count_ = 0;
  IceRole role_;
  SecureRandomness randomness_;
  bool has_v4_ = false, has_v6_ = false;
  bool restarting_ = false;      // from restart to the next selected pair
  bool awaiting_remote_ = true;  // the peer's credentials of this generation are not known yet
};

}  // namespace tacoma
