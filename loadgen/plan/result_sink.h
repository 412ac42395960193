// Where a run's measurements go, row by row, while it runs. The run folder (docs/results.md) is one implementation; tests
// use their own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/drop.h"
#include "core/base/histogram.h"
#include "core/base/time.h"
#include "core/base/units.h"

namespace tacoma {

/// video is the camera, screen a shared screen.
enum class Media : uint8_t { audio, video, screen };
constexpr const char* name_of(Media m) { return m == Media::audio ? "audio" : m == Media::video ? "video" : "screen"; }

/// The steps of a join, each an instant; durations are differences. In this order on the wire.
enum class JoinStep : uint8_t { started, conference_request, muc, jingle, ice, dtls, first_audio, first_video };
constexpr const char* name_of(JoinStep s) {
  constexpr const char* kNames[] = {"started", "conference_request", "muc", "jingle", "ice", "dtls", "first_audio", "first_video"};
  return kNames[static_cast<size_t>(s)];
}

/// What one person received of one other person's source in one interval. Counts are of the interval, not running sums.
struct ReceiveSample {
  uint32_t person = 0;      // the receiver, index into Plan::people
  uint32_t from = 0;        // the sender, likewise, or a guest (ResultSink::guest)
  Media media = Media::audio;
  uint32_t packets = 0;     // media packets that arrived first hand
  uint32_t bytes = 0;       // RTP packets whole, without UDP/IP
  uint32_t expected = 0;    // by sequence numbers
  uint32_t lost = 0;        // missing when they were due for repair (loss before repair)
  uint32_t repaired = 0;    // of those, made good in time: video by RTX, audio by RED
  uint32_t by_red = 0;      // of those repaired: audio that came as a copy in a later packet (RFC 2198)
  double by_fec = 0;        // audio, of those lost and not repaired: the estimate of what Opus's own FEC makes good
  Duration jitter;          // RFC 3550 section 6.4.1, at the end of the interval
  Duration delay_p50, delay_max;  // capture to arrival, packets
  uint32_t frames_complete = 0;   // video
  uint32_t frames_rendered = 0;
  Duration frame_delay_p50, frame_delay_max;  // capture to complete frame
  uint32_t freezes = 0;     // webrtc-stats: gap >= max(3 x mean, mean + 150 ms)
  Duration frozen;          // their length within the interval
  Duration longest_freeze;  // of those that touch the interval, from its beginning so far
  double mos = 0;           // audio: E-model estimate; 0 when there was no audio to judge
  uint32_t height = 0;      // video: lines of the newest picture, as its key frame says; 0: unknown
  uint32_t switches = 0;    // of the height
  uint32_t late_frames = 0;  // complete only after the time at which the playout wanted them
  bool forwarded = true;    // the bridge says that it sends this source
  int32_t wanted_height = -1;  // what was asked for: -1 any, 0 none
  double quality = 0;       // video: estimate, 1 to 5 (people/quality.h); 0 when there was nothing to judge
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

/// What one person's layers were decided by, at the end of an interval.
struct RateSample {
  uint32_t person = 0;
  DataRate target = DataRate::infinite();    // of its own congestion controller; infinite: none
  DataRate remb = DataRate::infinite();      // what the bridge can use of its video
  std::optional<DataRate> estimate;          // of its downlink, as the bridge told last
  int32_t max_height = -1;                   // of its camera, by SenderSourceConstraints; -1 none
  uint32_t sent_height = 0;                  // of its camera's largest encoding that is on
  uint32_t sources = 0, wanted = 0, forwarded = 0;  // of others' video: there, asked for, sent by the bridge
  int32_t last_n = -1;
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
  /// Somebody whom the plan does not know is in a conference's room: the number that stands for this endpoint as ReceiveSample::from.
  /// nullopt: it is not to be recorded.
  virtual std::optional<uint32_t> guest(uint32_t conference, std::string_view endpoint_id) = 0;
  virtual void join_step(uint32_t person, JoinStep step, Instant at) = 0;
  virtual void received(Instant at, const ReceiveSample& sample) = 0;
  virtual void sent(Instant at, const SendSample& sample) = 0;
  virtual void rates(Instant at, const RateSample& sample) = 0;
  virtual void decoded(Instant at, const DecodedFrame& frame) = 0;
  virtual void bridge(Instant at, const BridgeSample& sample) = 0;
  /// Something worth a mark that the plan did not know: "bridge lost", "join failed". `subject` is a person's or host's name.
  virtual void event(Instant at, std::string_view kind, std::string_view subject, std::string_view text) = 0;
  /// At the end: whole-run delay distributions of what one person received, and its drops.
  virtual void delays(uint32_t person, Media media, bool frames, const Histogram& histogram) = 0;
  virtual void drops(std::string_view subject, const DropCounts& counts) = 0;
};

}  // namespace tacoma
