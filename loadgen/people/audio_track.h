// The schedule of a person's speech: which Opus packet goes out when.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/rng.h"
#include "loadgen/media/clip.h"
#include "loadgen/plan/plan.h"

namespace tacoma {

/// One packet every 20 ms while the plan says that the person talks, comfort noise with DTX gaps otherwise. Packet i is due
/// exactly 20 ms x i after the start, whatever happened to those before it.
class AudioTrack {
 public:
  struct Packet {
    BytesView payload;
    uint32_t timestamp = 0;  // RTP
    uint8_t level = 127;
    bool voice = false;
    bool first = false;      // after a gap: RTP marker (RFC 3551 section 4.1)
  };
  AudioTrack(const SpeechClip& clip, const std::vector<Utterance>& talks, Rng& rng);

  /// The clock starts; once.
  void start(Instant now);
  bool started() const { return started_; }
  /// When the next packet goes out; after a long silence possibly a little before, when take() gives nothing.
  Instant due() const { return at(index_); }
  /// Skips what was due more than `behind` ago.
  void skip_to(Instant now, Duration behind);
  /// The packet that is due, with an empty payload when there is none after all. The next one is prepared.
  Packet take();
  /// RTP time of an instant at or after the start.
  uint32_t timestamp_at(Instant t) const;

 private:
  static constexpr uint32_t kMostSkipped = 100;  // DTX packets passed over in one step: 2 s
  Instant at(uint64_t index) const { return zero_ + kAudioPacketTime * static_cast<int64_t>(index); }
  void prepare();

  const SpeechClip* clip_;
  const std::vector<Utterance>* talks_;
  uint32_t first_timestamp_;
  Duration phase_;                   // so that not all people send at the same time
  Instant zero_;
  uint64_t index_ = 0;               // of next_
  uint64_t talk_at_ = 0, quiet_at_ = 0;
  size_t talk_ = 0;                  // first utterance that is not over
  AudioPacket next_;
  bool gap_ = true, started_ = false;
};

}  // namespace tacoma
