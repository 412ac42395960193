// One received Opus stream: loss, lateness and what they would do to the sound.
#pragma once

#include <cstdint>
#include <memory>

#include "core/base/histogram.h"
#include "core/rtp/red.h"
#include "core/rtp/sequence.h"
#include "loadgen/people/missing_packets.h"
#include "loadgen/people/playout.h"
#include "loadgen/people/receive_meter.h"

namespace tacoma {

class AudioDecoder;

/// What a real decoder made of a stream, summed over the run.
struct AudioDecoded {
  uint64_t packets = 0;    // decoded
  uint64_t damaged = 0;    // refused by the decoder
  uint64_t concealed = 0;  // 20 ms made up for a missing packet
  uint64_t voiced = 0;     // packets marked as voice that were louder than -50 dBov
};

class AudioReceiver {
 public:
  /// The share of the missing packets with a successor that in-band FEC makes good: the encoder protects speech (its LBRR frames, RFC
  /// 6716 section 2.1.7, at a lower rate), not silence and music, and what comes back sounds a little worse.
  static constexpr double kFecCredit = 0.7;
  /// An interval with fewer packets than this (0.2 s of talk) says nothing about sound.
  static constexpr uint32_t kEnoughToJudge = 10;
  /// From the first sample of a packet at the microphone to its sending, and in the decoder: 20 ms of speech, 6.5 ms of
  /// look-ahead (RFC 6716 section 2.1.7).
  static constexpr Duration kCodecDelay = Duration::microseconds(26'500);

  explicit AudioReceiver(bool decodes);
  ~AudioReceiver();
  AudioReceiver(AudioReceiver&&) noexcept;
  AudioReceiver& operator=(AudioReceiver&&) noexcept;

  /// False for a duplicate. `sound`: what it holds for a decoder, empty when we have no key for it. `red`: when it is redundant audio, all
  /// of it. `voice`: the voice activity bit of RFC 6464. Its delay, where known, is added to `delays`.
  bool packet(Instant arrived, const RtpView& packet, BytesView sound, const RedPayload* red, bool voice, Histogram& delays);
  void sender_report(const SenderInfo& info, Instant arrived) { meter_.sender_report(info, arrived); }
  void set_foreign_clock() { meter_.set_foreign_clock(); }
  Instant next_due() const { return missing_.next_due(); }
  void due(Instant now);
  void restart();
  void take(ReceiveSample& sample);
  Reception& reception() { return meter_.reception(); }
  const AudioDecoded& decoded() const { return decoded_; }

 private:
  void take_copies(Instant arrived, int64_t seq, int64_t ticks, const RedPayload& red);
  void decode(int64_t seq, BytesView payload, bool voice);

  ReceiveMeter meter_;
  MissingPackets missing_;
  SequenceUnwrapper sequences_;
  TimestampUnwrapper timestamps_;
  PlayoutDelay playout_;
  uint32_t sounds_ = 0;             // in this interval: packets with sound
  uint32_t late_ = 0;               // in this interval: came after their time
  uint32_t gap_ends_ = 0;           // likewise: packets that came right behind missing ones, with FEC of the one before
  Duration delay_least_ = Duration::infinite();  // of packets of this interval whose delay is known
  std::unique_ptr<AudioDecoder> decoder_;
  int64_t next_decoded_ = -1, highest_ = -1;
  AudioDecoded decoded_;
};

}  // namespace tacoma
