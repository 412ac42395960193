// One simulated person: a full Jitsi client that logs in, joins a room, is invited to a bridge, sends real media and measures
// what comes back. It never learns which world hosts it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/drop.h"
#include "core/base/process.h"
#include "core/base/rng.h"
#include "core/secure/credentials.h"
#include "core/secure/frame_cipher.h"
#include "loadgen/plan/plan.h"
#include "loadgen/plan/result_sink.h"

namespace tacoma {

struct SpeechClip;
class VideoClip;

/// How long a person waits before it tries again or gives up.
struct ParticipantTimes {
  Duration iq_timeout = Duration::seconds(10);           // as lib-jitsi-meet
  Duration request_retry = Duration::seconds(1);         // conference request while the focus is not ready, doubling
  Duration request_retry_max = Duration::seconds(120);
  Duration reconnect = Duration::seconds(1);             // after the stream went away or the join failed, doubling
  Duration reconnect_max = Duration::seconds(32);
  Duration restart_spacing = Duration::seconds(5);       // between two session-terminates with restart: the focus refuses more
  Duration restart_window = Duration::seconds(60);
  size_t restarts_per_window = 5;
  Duration new_offer = Duration::seconds(2);             // how long a failed session waits for a new offer by itself
};

/// What the run gives to one person. All pointers must outlive the participant.
struct ParticipantConfig {
  uint32_t index = 0;                           // into plan->people: says when it joins, leaves, talks and what it sends
  const Plan* plan = nullptr;                   // also: crypto, sample_every, the room
  SocketAddress address;                        // its own UDP address
  std::shared_ptr<const SpeechClip> speech;     // needed if it sends audio
  // Needed if it sends video or shares a screen: a clip each encoding of its person's format, small to large; null for a model.
  std::vector<std::shared_ptr<const VideoClip>> video, screen;
  const FrameCipher::Material* key = nullptr;   // of end-to-end encryption; null: none
  ResultSink* results = nullptr;
  Rng rng{1};                                   // SSRCs, ICE credentials, keys, phase of the media clocks
  SecureRandomness randomness = SecureRandomness::system;  // of its DTLS and ICE; seeded: from rng, for runs that repeat
  ParticipantTimes times;
};

/// Where it stands, for progress lines and tests.
struct ParticipantStats {
  enum class Stage : uint8_t { waiting, connecting, requesting, joining, in_room, connected, left };
  Stage stage = Stage::waiting;       // in_room: no media path (yet, or any more); connected: ICE and DTLS are up
  uint32_t sessions = 0;              // Jingle sessions accepted so far
  uint32_t remote_sources = 0;        // that it knows of now
  uint64_t packets_sent = 0, packets_received = 0;  // RTP, first transmissions
  uint64_t retransmitted = 0, repaired = 0;         // sent as RTX, received as RTX and used
  uint64_t reported_lost = 0;         // of its packets, as the bridge's transport-wide feedback says
  uint64_t frames_rendered = 0;
  uint64_t nacks_sent = 0, plis_sent = 0, plis_received = 0;
  bool channel_open = false;          // the bridge channel
  uint64_t channel_messages = 0;      // received on it
  // Of those who decode for real.
  uint64_t frames_decoded = 0, frames_damaged = 0;
  uint64_t audio_decoded = 0, audio_damaged = 0, audio_concealed = 0;
  uint64_t voice_heard = 0;           // audio packets marked as voice that were loud
  DropCounts drops;
};

class Participant final : public Process {
 public:
  explicit Participant(ParticipantConfig config);
  ~Participant() override;

  void start(Instant now, Outbox& out) override;
  void on_datagrams(Instant now, Span<Datagram> in, Outbox& out) override;
  void on_stream(Instant now, const StreamEvent& event, Outbox& out) override;
  void on_deadline(Instant now, Outbox& out) override;
  Deadline deadline() const override;

  /// Ends the session and leaves the room, before its time.
  void leave(Instant now, Outbox& out);
  /// The end of the run: writes the last, partial interval, the delay distributions and the drops to the results. Once, last.
  void finish(Instant now);
  ParticipantStats stats() const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace tacoma
