// One receiver's view of one source: the layer that it is given, as one continuous stream.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/engine/allotment.h"
#include "bridge/engine/numbering.h"
#include "core/base/id.h"
#include "core/base/time.h"
#include "core/rtp/rtcp.h"

namespace tacoma::bridge {

class Endpoint;

/// What a receiver knows of one RTP stream that it gets: where it stands, so that another source can go on with it.
struct OutgoingStream {
  Ssrc ssrc, rtx;                 // rtx zero: repeats are plain
  uint16_t rtx_sequence = 0;
  bool used = false;              // something has been sent; only then the rest counts
  uint16_t next_sequence = 0;
  uint32_t timestamp = 0;
  uint16_t picture_id = 0;        // of the newest picture; AV1: frame number
  uint8_t tl0_pic_idx = 0;
  uint8_t next_template_id = 0;   // AV1
  Instant at;                     // when the newest was sent
};

/// Chooses among the packets of a source's encodings those that make up the target layer, and gives them continuous sequence numbers,
/// timestamps, picture ids and frame numbers. Another encoding begins at one of its key frames; until that comes the old one goes on, if it may.
/// Other layers of the same encoding begin and end where the codec allows it (LayerFilter). What upstream lost leaves a gap, so
/// that a late packet still finds its place and gets the rewrite that was in force there.
class Projection {
 public:
  static constexpr size_t kMaxRepeatRecords = 128;
  /// A record gives way to another number's only when it is as old: who asks for more than fits waits.
  static constexpr Duration kRepeatRecordKept = Duration::milliseconds(250);
  static constexpr uint8_t kMaxRepeats = 5;
  static constexpr size_t kPlisPerWindow = 3;
  static constexpr Duration kPliWindow = Duration::seconds(10);
  /// A receiver may cause so many waits for a key frame at once, and one more each interval: a target that flips cannot do more.
  static constexpr uint8_t kWaits = 4;
  static constexpr Duration kWaitInterval = Duration::seconds(2);
  /// A key frame is begun with no later than this many packets behind its encoding's newest: what was passed over has to be repaired.
  static constexpr int64_t kMaxBehind = 64;
  /// How far a mapping of timestamps by sender reports may be from one by arrival: beyond, the reports are not believed.
  static constexpr Duration kReportsDiffer = Duration::seconds(2);

  /// What goes out has `ssrc`, and what is repeated of it `rtx` (zero: repeats are plain). Without `ssrc` a stream has to be lent first.
  Projection(Endpoint& receiver, bool video, Ssrc ssrc, Ssrc rtx, uint16_t first_rtx_sequence)
      : receiver_(&receiver), numbers_(video ? Numbering::kMaxRuns : Numbering::kMaxRunsOfAudio), video_(video) {
    last_.ssrc = ssrc;
    last_.rtx = rtx;
    last_.rtx_sequence = first_rtx_sequence;
  }

  Endpoint& receiver() const { return *receiver_; }
  Ssrc ssrc() const { return last_.ssrc; }
  Ssrc rtx() const { return last_.rtx; }
  /// Goes on with a stream; there was none.
  void lend(const OutgoingStream& stream);
  /// Ends with it, and returns where it stands. Empty, or the law that was broken, goes to `violation`.
  OutgoingStream give_back(std::string& violation);
  Allotment allotment;
  /// The layer that the receiver shall get from now on, as soon as that is possible; nullopt: nothing (suspended). Ids above what the
  /// source has mean its highest. At first: all of the lowest encoding.
  void set_target(std::optional<LayerId> target) { target_ = target; leaves_ = false; }
  const std::optional<LayerId>& target() const { return target_; }
  /// What is above the target ends with its picture, though a key frame has to come before the target begins.
  void leave_larger() { leaves_ = target_.has_value(); }
  /// The encoding that goes out now; nullopt: none.
  std::optional<uint8_t> forwards() const { return running_ ? std::optional(numbers_.current().encoding) : std::nullopt; }
  bool started() const { return numbers_.started(); }
  const Numbering& numbers() const { return numbers_; }

  /// When the newest packet went out; zero: none has.
  Instant last_sent() const { return last_.at; }
  /// This packet would be the first of an encoding.
  bool begins_with(const MediaPacket& packet) const { return may_begin(packet, wanted_encoding(packet)); }

  struct Placement {
    std::optional<Drop> drop;
    bool fills = false;   // dropped, but its number must go out without meaning, or the receiver would go on asking for it
    bool begins = false;  // the first packet of an encoding
    Rewrite rewrite;
  };
  /// Where this packet goes. When it is not dropped, sent() or failed() follows, before the next packet.
  Placement place(const MediaPacket& packet, Instant now);
  void sent(size_t bytes) {
    ++packets_sent_;
    bytes_sent_ += static_cast<uint32_t>(bytes);
  }
  /// It could not go out. Video begins again at a key frame.
  void failed(const MediaPacket& packet, const Placement& placement);
  /// The bridge holds it back, from all or from this receiver. Video begins again at a key frame when it `breaks_video`.
  void held_back(const MediaPacket& packet, bool breaks_video);

  /// The encoding whose next key frame this projection waits for. Of a codec that nothing is known of: that it has begun with, until one
  /// has been asked for.
  std::optional<uint8_t> awaits_key_frame() const { return awaited_; }
  /// The same, as far as this receiver may make the bridge ask for it.
  std::optional<uint8_t> asks_key_frame(Instant now);

  /// The packet that has or should have gone out as `out`; its run is valid until the next packet.
  std::optional<Numbering::Origin> origin_of(uint16_t out) const { return numbers_.origin_of(out); }
  /// The rewrite of a packet of that run.
  static Rewrite rewrite(const Run& run, const MediaPacket& packet, uint16_t out);

  /// Whether this packet may be sent again now; notes that it is.
  bool may_repeat(uint16_t out, Instant now, Duration round_trip);
  /// Whether this receiver may ask for another key frame now; notes that it does.
  bool may_ask_key_frame(Instant now);
  uint16_t next_rtx_sequence() { return last_.rtx_sequence++; }

  uint32_t packets_sent() const { return packets_sent_; }
  uint32_t bytes_sent() const { return bytes_sent_; }
  /// A time of the encoding's sender on the clock of the stream that goes out.
  uint32_t timestamp_out(uint32_t timestamp) const { return timestamp + (started() ? numbers_.current().deltas.timestamp : 0); }
  void report_sent(uint32_t compact_ntp, Instant at) { report_ntp_ = compact_ntp; report_at_ = at; }
  /// When the sender report with this NTP time went out to the receiver.
  std::optional<Instant> report_sent_at(uint32_t compact_ntp) const {
    if (compact_ntp == 0 || compact_ntp != report_ntp_) return std::nullopt;
    return report_at_;
  }

  /// Empty when the law of numbers holds.
  std::string violation() const;

 private:
  struct Repeat {
    uint16_t sequence;
    uint8_t times;
    Instant last;
  };
  uint8_t wanted_encoding(const MediaPacket& packet) const;
  void hold_back(const MediaPacket& packet, bool breaks_video);
  bool may_begin(const MediaPacket& packet, uint8_t wanted) const;
  void begin(const MediaPacket& packet, Instant now);
  uint32_t timestamp_delta(const MediaPacket& packet, Instant now) const;
  Placement place_ahead(const MediaPacket& packet, Instant now);
  void take_back_jump(const MediaPacket& packet);
  Placement place_late(const MediaPacket& packet, Drop otherwise);
  void note_out(const MediaPacket& packet, const Deltas& deltas, Instant now);
  void update_awaited(const MediaPacket& packet, uint8_t wanted);

  Endpoint* receiver_;
  std::optional<LayerId> target_ = LayerId{0, kMaxSpatialLayers - 1, kMaxTemporalLayers - 1};
  Numbering numbers_;
  LayerFilter filter_;
  bool video_ = false;
  bool running_ = false;                // what comes of the current encoding goes out
  bool leaves_ = false;                 // leave_larger()
  std::optional<uint8_t> awaited_;
  std::optional<Instant> blind_since_;  // the encoding began, perhaps not with a key frame, and none has been asked for since
  uint32_t picture_ = 0;                // timestamp of the newest picture of the current encoding
  std::array<int64_t, kMaxEncodings> newest_{INT64_MIN, INT64_MIN, INT64_MIN};  // incoming numbers that were decided on

  OutgoingStream last_;                 // the newest that went out, as it went out
  Deltas deltas_;                       // of the newest run

  uint32_t packets_sent_ = 0, bytes_sent_ = 0;
  uint32_t report_ntp_ = 0;
  uint32_t asks_ = 0;
  Instant report_at_;
  std::unique_ptr<std::vector<Repeat>> repeats_;  // a ring; null before the first
  std::array<Instant, kPlisPerWindow> asked_{};
  Instant waits_at_;                    // when the last one was given back
  uint16_t next_repeat_ = 0;
  uint8_t waits_left_ = kWaits;
  std::optional<uint8_t> granted_;      // the wait that has been paid for
};

}  // namespace tacoma::bridge
