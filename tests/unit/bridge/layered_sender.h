// Senders of layered video with made-up payloads and true descriptors, and the little of a bridge that a projection needs around it.
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <vector>

#include "bridge/engine/receiver.h"
#include "bridge/engine/sender.h"
#include "core/base/rng.h"

namespace tacoma::test {

using Bytes = std::vector<uint8_t>;

/// opaque: three encodings of a codec that the bridge knows nothing of.
enum class Kind { vp8, vp9_svc, vp9_ksvc, vp9_simulcast, av1_svc, av1_ksvc, av1_simulcast, h264, opaque };
inline constexpr Kind kAllKinds[] = {Kind::vp8,     Kind::vp9_svc,  Kind::vp9_ksvc,      Kind::vp9_simulcast,
                                     Kind::av1_svc, Kind::av1_ksvc, Kind::av1_simulcast, Kind::h264, Kind::opaque};
const char* to_string(Kind kind);
bool is_av1(Kind kind);
size_t encodings_of(Kind kind);

struct SentPacket;
/// One frame of one spatial layer, and the frames that it refers to.
struct ModelFrame {
  int id = 0;
  size_t encoding = 0;
  uint8_t spatial = 0, temporal = 0;
  bool key = false;
  std::vector<const ModelFrame*> references;
  std::vector<SentPacket*> packets;
  uint32_t timestamp = 0;
  int64_t capture_ms = 0;
};
struct SentPacket {
  const ModelFrame* frame = nullptr;
  size_t index = 0;       // in its frame
  uint8_t encoding = 0;
  int64_t sequence = 0;   // extended
  uint64_t order = 0;     // in which it was sent
  Bytes bytes;
  bool lost = false, arrived = false;
};

class LayeredSender {
 public:
  LayeredSender(Kind kind, Rng rng);
  Kind kind() const { return kind_; }
  size_t encodings() const { return streams_.size(); }
  void ask_key_frame(size_t encoding) { streams_[encoding].key_asked = true; }
  /// The packets of the next picture of all encodings, 33 ms after the last.
  std::vector<SentPacket*> next_picture();
  SentPacket* find(size_t encoding, int64_t sequence);
  /// All its packets and those of everything that it needs have arrived.
  bool could_be_decoded(const ModelFrame& frame) const;
  /// When encoding `e` captured at `ms`, as its sender reports would say.
  uint32_t timestamp_at(size_t encoding, int64_t ms) const { return streams_[encoding].first_timestamp + static_cast<uint32_t>(ms * 90); }

 private:
  struct Layer {
    const ModelFrame *t0 = nullptr, *t1 = nullptr, *t2 = nullptr;  // the newest of each temporal layer
  };
  struct Stream {
    Layer layers[3];
    bool key_asked = true, in_sync_cycle = false;
    uint32_t phase = 0;      // of the temporal pattern
    int64_t sequence = 0, first_sequence = 0;
    uint16_t picture_id = 0, frame_number = 0;
    uint8_t tl0 = 0, template_offset = 0;
    uint32_t first_timestamp = 0;
    std::deque<SentPacket> packets;
  };
  struct Shape {
    bool key, refresh, switching_up;
    uint8_t temporal, spatial, top;
    bool above;              // predicted from the spatial layer below
    bool sync;               // VP8: refers to the base layer only
  };
  ModelFrame& add_frame(Stream& s, size_t encoding, const Shape& shape);
  void picture_of(size_t encoding, std::vector<SentPacket*>& out);
  void packetise(Stream& s, ModelFrame& frame, const Shape& shape, bool last_of_picture, std::vector<SentPacket*>& out);
  Bytes payload(const Stream& s, const Shape& shape, const ModelFrame& frame, size_t index, size_t count) const;
  Bytes dependency(const Stream& s, const Shape& shape, size_t index, size_t count) const;

  Kind kind_;
  Rng rng_;
  std::vector<Stream> streams_;
  std::deque<ModelFrame> frames_;
  int64_t now_ms_ = 0;
  uint64_t order_ = 0;
};

/// A receiver with one source, and one projection of it.
struct ReceivingWorld {
  explicit ReceivingWorld(size_t encodings);
  /// False: dropped at ingress, or held back from all (the projection knows). The packet is valid until the next.
  bool ingest(Instant now, const SentPacket& sent, bridge::MediaPacket& out);
  bridge::MediaPacket read_again(const SentPacket& sent);
  PacketPool pool;
  bridge::Receiver receiver;
  bridge::Source* source;
  bridge::Projection projection;
  BridgeCounts counts;
};

/// The packet as the receiver gets it, not encrypted.
Bytes write_out(const bridge::MediaPacket& packet, const bridge::Rewrite& rewrite, Instant now);

struct WireIds {
  std::optional<int> picture_id;
  std::optional<uint8_t> tl0;
};
WireIds read_ids(Kind kind, const RtpView& view);

/// Decides by dependency descriptors alone whether each frame has what it needs.
class WireDecoder {
 public:
  bool decode(const Bytes& first_packet);

 private:
  DependencyStructure structure_;
  bool has_structure_ = false;
  std::set<uint16_t> decoded_;
};

}  // namespace tacoma::test
