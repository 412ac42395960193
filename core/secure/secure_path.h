// A 5-tuple becomes a keyed path: ICE finds and proves the way, DTLS agrees on keys, SRTP protects what goes over it.
// Bridge and participant hold one SecurePath for each peer and see nothing below it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/crypto_mode.h"
#include "core/base/process.h"
#include "core/base/result.h"
#include "core/base/rng.h"
#include "core/secure/credentials.h"
#include "core/secure/dtls.h"
#include "core/secure/ice.h"
#include "core/secure/null_handshake.h"
#include "core/secure/srtp.h"

namespace tacoma {

/// What a datagram turned out to be.
enum class ArrivalKind : uint8_t {
  stun,     // authenticated and consumed: `from` is the peer's, so later datagrams from there may be routed here
  dtls,     // consumed
  rtp,      // opened: datagram.packet now holds the plain RTP packet
  rtcp,     // opened: datagram.packet now holds the plain RTCP compound packet
  dropped,  // to be counted under `drop`
};
struct Arrival {
  ArrivalKind kind = ArrivalKind::dropped;
  Drop drop = Drop::unknown_first_byte;  // of dropped
};

struct PathEvent {
  enum class Kind : uint8_t {
    ice_connected,  // a pair is selected; DTLS starts. Again after an ICE restart
    keyed,          // media may flow both ways
    failed,         // never became, or never again will be, usable: `reason`. The last event
    consent_lost,   // the peer has answered no check for 30 s: nothing is sent any more until an ICE restart succeeds
    closed,         // the peer said goodbye (DTLS close_notify). The last event
  };
  enum class Reason : uint8_t { none, ice_timeout, dtls_timeout, dtls_fingerprint, dtls_error, srtp_error };
  Kind kind = Kind::keyed;
  Reason reason = Reason::none;
};
const char* name_of(PathEvent::Kind kind);
const char* name_of(PathEvent::Reason reason);

/// The peer's setup attribute (RFC 4145 as used by RFC 5763): active: it is the client. actpass: Config::dtls_role stands.
enum class DtlsSetup : uint8_t { active, passive, actpass };

/// States, and what happens in each:
/// - waiting (from construction): checks are answered and their sources remembered; up to kMaxEarlyDtls DTLS datagrams from
///   those are kept.
/// - connecting (from set_remote): checks go out, 20 ms apart; DTLS is kept as before.
/// - securing (from a selected pair, `ice_connected`): DTLS flights go out; DTLS is taken from proven addresses only.
/// - keyed (DTLS done, fingerprint right): RTP and RTCP are taken from any address that holds the keys; consent checks go out
///   every 4 to 6 s.
/// - ended (`failed`, `closed`, close()): everything is dropped, nothing is sent.
/// SRTP before `keyed` is Drop::srtp_not_ready. After consent_lost the keys stay, remote() is empty until ICE connects again.
/// With Crypto::null ICE is the same; DTLS is a stand-in with the datagrams of a real handshake (count, order, sizes,
/// timers, fingerprint check), and SRTP adds the same sizes without encrypting.
class SecurePath {
 public:
  static constexpr size_t kMaxEarlyDtls = 4;  // a ClientHello of up to four datagrams
  static constexpr size_t kMaxEvents = 16;    // an owner that restarts ICE but never polls loses what comes beyond

  struct Config {
    IceRole ice_role = IceRole::controlled;
    DtlsRole dtls_role = DtlsRole::client;
    IceCredentials credentials;                    // made from rng when empty; an owner that demultiplexes by ufrag keeps it unique
    std::vector<SocketAddress> local_addresses;    // the process's own, of each family it has; advertised as candidates
    std::shared_ptr<const DtlsIdentity> identity;  // of the same crypto mode
    Crypto crypto = Crypto::real;
    SecureRandomness randomness = SecureRandomness::seeded;
    Rng rng{0};
  };
  explicit SecurePath(Config config);
  ~SecurePath();
  SecurePath(const SecurePath&) = delete;
  SecurePath& operator=(const SecurePath&) = delete;

  const IceCredentials& credentials() const { return ice_.local(); }
  const Fingerprint& fingerprint() const { return identity_->fingerprint(); }
  /// Host candidates for signalling, the first address preferred.
  std::vector<IceCandidate> candidates() const;

  /// What signalling said of the peer. May come after its first checks. Candidates may be empty. Calling it again adds
  /// candidates; with other credentials it is the second half of an ICE restart (restart_ice() comes first). A changed
  /// fingerprint or setup is ignored once DTLS runs.
  /// False, and nothing changes, when the credentials break RFC 8839 section 5.4.
  bool set_remote(Instant now, const IceCredentials& remote, Span<const IceCandidate> candidates, const Fingerprint& fingerprint,
                  DtlsSetup setup, Outbox& out);
  /// ICE restart with new local credentials (made from rng when empty); keys and replay state stay.
  void restart_ice(Instant now, IceCredentials local = {});

  /// Takes a datagram of this path. For rtp and rtcp the plain packet is left in datagram.packet, in place.
  Arrival on_datagram(Instant now, Datagram& datagram, Outbox& out);
  void on_deadline(Instant now, Outbox& out);
  Deadline deadline() const;
  /// Events in order, each once.
  bool poll_event(PathEvent& event);
  /// Says goodbye where it can (close_notify) and ends.
  void close(Instant now, Outbox& out);

  /// Keys are there and a pair is selected.
  bool ready() const { return srtp_.has_value() && ice_.selected().has_value() && !ended_; }
  /// Where to send; call only while ready().
  const SocketAddress& remote() const { return *ice_.selected(); }
  /// What protect_rtp adds; known (and final) when keyed.
  size_t rtp_overhead() const { return srtp_ ? srtp_overhead(srtp_->profile()) : kMaxSrtpOverhead; }
  std::optional<SrtpProfile> profile() const { return srtp_ ? std::optional(srtp_->profile()) : std::nullopt; }

  /// As SrtpSession; receiver_not_ready while not ready().
  Result<size_t, Drop> protect_rtp(BytesView header, BytesView payload, MutableBytes out) {
    if (!ready()) return fail(Drop::receiver_not_ready);
    return srtp_->protect_rtp(header, payload, out);
  }
  Result<size_t, Drop> protect_rtp(MutableBytes buffer, size_t size) {
    if (!ready()) return fail(Drop::receiver_not_ready);
    return srtp_->protect_rtp(buffer, size);
  }
  Result<size_t, Drop> protect_rtcp(MutableBytes buffer, size_t size) {
    if (!ready()) return fail(Drop::receiver_not_ready);
    return srtp_->protect_rtcp(buffer, size);
  }

  /// Data beside the media (RFC 8261), Crypto::real only. To be asked for before DTLS has run, or soon after: false is too late.
  bool carry_data();
  /// Sends at most DtlsSession::kMaxData bytes; false while not ready() or not asked for.
  bool send_data(Instant now, BytesView data, Outbox& out);
  /// What the peer sent, a record each; false: nothing more.
  bool poll_data(std::vector<uint8_t>& data) { return dtls_ && dtls_->poll_data(data); }

  const IceAgent& ice() const { return ice_; }

 private:
  Arrival on_media(Instant now, PacketRef& packet, const SocketAddress& from);
  std::optional<Drop> on_dtls(Instant now, BytesView bytes, const SocketAddress& from, Outbox& out);
  void take_ice_events(Instant now, Outbox& out);
  void start_dtls(Instant now, Outbox& out);
  void check_dtls();
  void end(PathEvent::Kind kind, PathEvent::Reason reason);
  void raise(PathEvent::Kind kind, PathEvent::Reason reason = PathEvent::Reason::none);

  IceAgent ice_;
  std::shared_ptr<const DtlsIdentity> identity_;
  std::unique_ptr<DtlsSession> dtls_;          // Crypto::real, once connected
  std::unique_ptr<NullHandshake> null_dtls_;   // Crypto::null, once connected
  std::optional<SrtpSession> srtp_;
  std::optional<Fingerprint> remote_fingerprint_;
  std::vector<std::vector<uint8_t>> early_;    // DTLS datagrams from before there was somebody to take them
  std::vector<SocketAddress> local_addresses_;
  std::vector<PathEvent> events_;              // not yet polled, at most kMaxEvents
  Rng rng_;
  DtlsRole dtls_role_;
  Crypto crypto_;
  SecureRandomness randomness_;
  bool carries_data_ = false;
  bool ended_ = false;
};

}  // namespace tacoma
