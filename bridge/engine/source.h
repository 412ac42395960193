// A source: what an endpoint sends under one name, as one to three RTP streams, and those who get it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/engine/allotment.h"
#include "bridge/engine/layers.h"
#include "bridge/engine/media_packet.h"
#include "bridge/engine/picture_ids.h"
#include "bridge/engine/projection.h"
#include "core/rtp/nack.h"
#include "core/rtp/packet_cache.h"
#include "core/rtp/reception.h"

namespace tacoma::bridge {

class Endpoint;

/// The streams of one encoding, as signalled.
struct EncodingDescription {
  Ssrc ssrc, rtx;                      // rtx zero: none
  bool operator==(const EncodingDescription& o) const { return ssrc == o.ssrc && rtx == o.rtx; }
};

/// What signalling says of a source.
struct SourceDescription {
  std::vector<EncodingDescription> encodings;  // 1 to kMaxEncodings, low to high
  bool video = false;
  std::string name = {};               // ab12cd34-v0
  /// What receivers know it by, unless their SSRCs are rewritten.
  Ssrc ssrc() const { return encodings.front().ssrc; }
  Ssrc rtx() const { return encodings.front().rtx; }
  bool operator==(const SourceDescription& o) const { return encodings == o.encodings && video == o.video && name == o.name; }
};

/// One RTP stream that comes in, with its RTX partner.
class Encoding {
 public:
  static constexpr size_t kCachePackets = 512;
  /// How long packets are kept for NACKs: the longest turnaround of a receiver, and
  static constexpr Duration kNackDelay = Duration::milliseconds(80);  // for reordering that is waited for, batches, jitter
  static constexpr Duration kShortestCache = Duration::milliseconds(100);
  static constexpr Duration kLongestCache = Duration::seconds(1);
  /// However old: of a slow stream the loss of a frame's last packet shows with the next frame only.
  static constexpr size_t kLeastCached = 6;

  Encoding(const EncodingDescription& what, uint8_t index_, bool video, uint32_t clock_rate, bool nack)
      : ssrc(what.ssrc), rtx(what.rtx), index(index_), reception(clock_rate) {
    if (nack) repair = std::make_unique<Repair>();
    if (video) meter = std::make_unique<LayerMeter>();
  }

  const Ssrc ssrc, rtx;                 // rtx zero: none
  const uint8_t index;                  // in its source, 0 the lowest
  SequenceUnwrapper sequences;
  SequenceWindow window;
  Reception reception;
  struct Repair {
    NackTracker missing;
    PacketCache cache{kCachePackets, kShortestCache, kLeastCached};
  };
  std::unique_ptr<Repair> repair;       // of video with nack
  std::unique_ptr<LayerMeter> meter;    // video
  std::array<uint16_t, kMaxSpatialLayers> heights{};  // as the stream last said; 0: it has not
  uint8_t top_spatial = 0;              // the highest spatial id that it said it has, or that has come
  PictureIdTracker picture_ids;         // of codecs that have some
  bool has_parameters = false;          // H.264: sequence parameter sets come in band
  std::optional<uint32_t> first_idr;    // H.264: timestamp
  std::optional<uint32_t> newest_picture;  // codecs that nothing is known of: timestamp
  int64_t key_from = INT64_MIN;         // the newest key frame's first packet; of opaque codecs it is not known
  Instant key_at = Instant::never();
  /// AV1: what its dependency descriptors refer to, and what late ones from before may.
  struct Structures {
    DependencyStructure newest, before, fresh;
    bool has_newest = false, has_before = false;
  };
  std::unique_ptr<Structures> structures;  // once there was a descriptor
  static Duration kept_for(Duration turnaround) { return std::clamp(turnaround + kNackDelay, kShortestCache, kLongestCache); }
  /// The picture can go on with this packet without anything before it that is still to come, and that has been so for a short time only.
  static constexpr Duration kNewKey = Duration::seconds(1);
  bool follows_new_key(int64_t sequence, Instant now) const { return sequence >= key_from && !key_at.is_never() && now - key_at < kNewKey; }
  /// A packet that is kept for repairs, by its incoming number; null: it is not.
  PacketCache::Entry* kept(uint16_t sequence) { return repair ? repair->cache.find(sequence) : nullptr; }
  uint64_t received_at_last_report = 0;
  std::optional<SenderInfo> last_report;  // the sender's newest SR
  Instant last_key_frame_request = Instant::at(Duration::seconds(-3600));
};

class Source {
 public:
  static constexpr uint32_t kSilenceTolerated = 3;   // packets of level 127 that still go out
  static constexpr Duration kKeyFrameThrottle = Duration::milliseconds(200);
  static constexpr Duration kKeyFrameRetry = Duration::milliseconds(500);
  /// A layer that has been silent for so long while others of its source come is not there any more ...
  static constexpr Duration kLayerGone = Duration::seconds(1);
  /// ... and all of them, when nothing comes at all.
  static constexpr Duration kSourceGone = Duration::seconds(10);

  Source(Endpoint& from, const SourceDescription& what, uint32_t clock_rate, bool nack);

  const SourceDescription description;
  Endpoint* const owner;
  std::vector<Projection> subscribers;  // in join order
  std::vector<std::unique_ptr<Encoding>> encodings;  // low to high, as described
  uint32_t silent_packets = 0;

  SenderWish wanted;                    // of a video source, by those who receive it
  LayersSeen seen;

  bool started() const;
  /// It comes in several sizes: as simulcast was signalled, or as its spatial layers said.
  bool has_sizes() const;
  /// This receiver's projection, or null.
  Projection* subscriber(const Endpoint& receiver);
  /// The encoding with this SSRC (media or rtx), or null.
  Encoding* find_encoding(Ssrc ssrc) const;
  /// The layers that are being received, ascending by id. Valid until the next call. Empty for audio.
  Span<const LayerInfo> layers(Instant now);

 private:
  uint16_t height_of(const Encoding& encoding, uint8_t spatial) const;
  std::vector<LayerInfo> layers_;
};

}  // namespace tacoma::bridge
