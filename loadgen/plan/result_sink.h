// Where a run's measurements go, row by row, while it runs. The run folder (docs/results.md) is one implementation; tests
// use their own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/drop.h"
#include "core/base/histogram.h"
#include "core/base/time.h"

namespace tacoma {

enum class Media : uint8_t { audio, video };
constexpr const char* name_of(Media m) { return m == Media::audio ? "audio" : "video"; }

/// The steps of a join, each an instant; durations are differences. In this order on the wire.
enum class JoinStep : uint8_t { started, conference_request, muc, jingle, ice, dtls, first_audio, first_video };
constexpr const char* name_of(JoinStep s) {
  constexpr const char* kNames[] = {"started", "conference_request", "muc", "jingle", "ice", "dtls", "first_audio", "first_video"};
  return kNames[static_cast<size_t>(s)];
}

/// What one person received of one other person's source in one interval. Counts are of the interval, not running sums.
struct ReceiveSample {
  uint32_t person = 0;      // the receiver, index into Plan::people
  uint32_t from = 0;        // the sender, likewise
  Media media = Media::audio;
  uint32_t packets = 0;     // media packets that arrived first hand
  uint32_t bytes = 0;       // RTP packets whole, without UDP/IP
  uint32_t expected = 0;    // by sequence numbers
  uint32_t lost = 0;        // missing when they were due for repair (loss before repair)
  uint32_t repaired = 0;    // of those, came by RTX in time
  Duration jitter;          // RFC 3550 section 6.4.1, at the end of the interval
  Duration delay_p50, delay_max;  // capture to arrival, packets
  uint32_t frames_complete = 0;   // video
  uint32_t frames_rendered = 0;
  Duration frame_delay_p50, frame_delay_max;  // capture to complete frame
  uint32_t freezes = 0;     // webrtc-stats: gap >= max(3 x mean, mean + 150 ms)
  Duration frozen;          // their length within the interval
  double mos = 0;           // audio: E-model estimate; 0 when there was no audio to judge
};

/// What one person sent in one interval.
struct SendSample {
  uint32_t person = 0;
  Media media = Media::audio;
  uint32_t packets = 0, bytes = 0;
  uint32_t retransmitted = 0;
  uint32_t key_frames = 0;
  uint32_t frames = 0;
};

/// A decoded picture of a sampled receiver against what its sender drew.
struct DecodedFrame {
  uint32_t person = 0, from = 0;
  uint32_t frame = 0;       // the number read back from the picture
  double psnr_db = 0;       // luma
};

/// Running sums of a bridge at a time.
struct BridgeSample {
  uint32_t bridge = 0;      // index into Plan::bridges
  uint32_t endpoints = 0;
  uint64_t packets_in = 0, bytes_in = 0;    // media (RTP), decrypted
  uint64_t packets_out = 0, bytes_out = 0;  // media, without retransmissions
  uint64_t retransmitted = 0;
  uint64_t nacks_in = 0, nacks_out = 0, plis_in = 0, plis_out = 0;
};

/// Calls may come from several threads in the sockets world: implementations lock.
class ResultSink {
 public:
  virtual ~ResultSink() = default;
  virtual void join_step(uint32_t person, JoinStep step, Instant at) = 0;
  virtual void received(Instant at, const ReceiveSample& sample) = 0;
  virtual void sent(Instant at, const SendSample& sample) = 0;
  virtual void decoded(Instant at, const DecodedFrame& frame) = 0;
  virtual void bridge(Instant at, const BridgeSample& sample) = 0;
  /// Something worth a mark that the plan did not know: "bridge lost", "join failed". `subject` is a person's or host's name.
  virtual void event(Instant at, std::string_view kind, std::string_view subject, std::string_view text) = 0;
  /// At the end: whole-run delay distributions of what one person received, and its drops.
  virtual void delays(uint32_t person, Media media, bool frames, const Histogram& histogram) = 0;
  virtual void drops(std::string_view subject, const DropCounts& counts) = 0;
};

}  // namespace tacoma
