// One received VP8 or VP9 stream: repair, frames, what is rendered and when.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/histogram.h"
#include "core/base/packet_pool.h"
#include "core/rtp/sequence.h"
#include "core/secure/frame_cipher.h"
#include "loadgen/people/frame_assembly.h"
#include "loadgen/people/kept_packets.h"
#include "loadgen/people/missing_packets.h"
#include "loadgen/people/picture_check.h"
#include "loadgen/people/playout.h"
#include "loadgen/people/quality.h"
#include "loadgen/people/receive_meter.h"

namespace tacoma {

class VideoReceiver {
 public:
  /// A frame that waits longer than this for repair asks for a key frame, while the repair goes on.
  static constexpr Duration kRepairWait = Duration::milliseconds(400);
  static constexpr Duration kKeyFrameSpacing = Duration::milliseconds(1'000);  // between two PLIs
  static constexpr Duration kKeyFrameGrace = Duration::milliseconds(300);      // for a key frame that is already coming
  static constexpr size_t kMostUpcoming = 64;                                  // decoded frames that wait for their time

  enum class Outcome : uint8_t { used, duplicate, malformed };
  /// Distributions over the whole run of all video that one person received.
  struct Delays {
    Histogram packets, frames;
  };

  VideoReceiver();
  /// From now on decodes for real. `picture`: which drawing the sender sends.
  void decode_for_real(uint32_t picture, const VideoFormat& sent);
  /// Frames are encrypted end to end; null: the key is not known here, and nothing of it is shown. The cipher outlives the receiver.
  void decrypt(FrameCipher* cipher);
  /// They are not any more.
  void take_plain() { encrypted_ = false; }

  /// `packet` holds `view` and may be kept. `retransmitted`: it came as RTX and has been unwrapped.
  Outcome packet(Instant now, Instant arrived, VideoCodec codec, const RtpView& view, const PacketRef& packet, bool retransmitted, Delays& delays);
  void sender_report(const SenderInfo& info, Instant arrived) { meter_.sender_report(info, arrived); }
  void set_foreign_clock() { meter_.set_foreign_clock(); }

  /// When due() wants to be called.
  Instant next_due() const;
  /// Appends what to ask for again to `ask`; true when a key frame is to be asked for.
  bool due(Instant now, Duration round_trip, std::vector<uint16_t>& ask);
  void restart();
  /// The bridge says that it sends this source, or no more: then a picture that stands still is no freeze.
  void set_forwarded(Instant now, bool forwarded);
  /// `length`: of the interval.
  void take(Instant now, Duration length, ReceiveSample& sample);

  Reception& reception() { return meter_.reception(); }
  bool has_picture() const { return has_picture_; }
  /// A comparison that the last packet caused.
  std::optional<PictureCheck::Seen> take_seen() { auto seen = seen_; seen_.reset(); return seen; }
  /// Frames that could not be opened since the last call.
  uint32_t take_undecryptable() { return std::exchange(undecryptable_, 0); }
  const PictureCheck* check() const { return check_.get(); }
  uint64_t frames_rendered() const { return rendered_total_; }
  uint64_t repaired() const { return repaired_total_; }

 private:
  static std::optional<size_t> read_vp8(const RtpView& view, FramePart& part);
  std::optional<size_t> read_vp9(const RtpView& view, FramePart& part);
  bool open(Instant now, const AssembledFrame& frame);
  void play(Instant now, const AssembledFrame& frame);
  void settle(Instant now);
  Instant key_frame_due() const;

  ReceiveMeter meter_;
  IntervalDelays frame_delays_;
  MissingPackets missing_;
  SequenceUnwrapper sequences_;
  TimestampUnwrapper timestamps_;
  FrameAssembly assembly_;
  PlayoutDelay playout_;
  FreezeDetector freezes_;
  std::vector<Instant> upcoming_;       // ascending: when decoded frames will be on screen
  Instant key_wanted_ = Instant::never();
  Instant key_allowed_;
  uint32_t complete_ = 0, rendered_ = 0, repaired_ = 0, late_ = 0, switches_ = 0;  // in this interval
  uint32_t height_ = 0;
  bool forwarded_ = true, in_picture_ = false;  // in_picture_: layers of the next picture have come
  VideoCodec codec_ = VideoCodec::vp8;
  std::array<uint16_t, 4> heights_{};   // of VP9's layers
  uint64_t rendered_total_ = 0, repaired_total_ = 0;
  std::unique_ptr<KeptPackets> kept_;   // for those who decode or decrypt
  std::unique_ptr<PictureCheck> check_;
  FrameCipher* cipher_ = nullptr;
  uint32_t undecryptable_ = 0;
  bool encrypted_ = false;
  std::optional<PictureCheck::Seen> seen_;
  bool has_picture_ = false;
};

}  // namespace tacoma
