// A packet of media between ingest and egress.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "bridge/engine/layers.h"
#include "core/base/drop.h"
#include "core/base/packet_pool.h"
#include "core/rtp/dependency_descriptor.h"
#include "core/rtp/extensions.h"
#include "core/rtp/rtp_packet.h"
#include "core/rtp/vp8.h"
#include "core/rtp/vp9.h"

namespace tacoma::bridge {

class Source;

enum class Codec : uint8_t { opaque, vp8, vp9, av1, h264 };

/// A dependency descriptor, and the structure that it refers to (the encoding's; valid while the packet is routed).
struct Av1Facts {
  DependencyDescriptor descriptor;
  BytesView bytes;
  const DependencyStructure* structure = nullptr;
};

/// The numbers by which a picture is known, or distances of such.
struct PictureIds {
  uint16_t picture_id = 0;   // VP8, VP9; AV1: frame number
  uint8_t tl0_pic_idx = 0;   // VP8, VP9
  bool operator==(const PictureIds&) const = default;
};

/// Read once at ingress; immutable until it is forwarded or dropped.
struct MediaPacket {
  PacketRef packet;
  RtpView view;                        // of the packet's bytes, without RTX
  Source* source = nullptr;
  int64_t sequence = 0;                // extended, of its encoding
  int64_t behind = 0;                  // how many numbers the encoding's newest packet is ahead of it
  LayerId layer;
  Codec codec = Codec::opaque;         // opaque also where it is known, but nothing of it is read
  std::variant<std::monostate, Vp8Descriptor, Vp9Descriptor, Av1Facts> facts;
  bool is_video = false;
  bool is_red = false;                 // redundant audio (RFC 2198); receivers that did not negotiate it get the primary block alone:
  uint8_t primary_type = 0;            // its payload type, ...
  BytesView primary;                   // ... and it; empty until Receiver::read_primary
  bool key_frame = false;              // a receiver may start here: the first packet of a key frame
  bool is_blind = false;               // of a codec that nothing is known of: `key_frame` is the first packet of any picture
  PictureIds ahead;                    // what its ids have jumped by, and those of all that follow it
  uint8_t top_spatial = 0;             // the highest spatial id that its encoding has, as far as is known
  std::optional<AudioLevel> level;
  BytesView audio_level, video_orientation;  // extension data that goes through
  std::optional<Drop> held_back;       // for every receiver, and why

  const Vp8Descriptor& vp8() const { return *std::get_if<Vp8Descriptor>(&facts); }
  const Vp9Descriptor& vp9() const { return *std::get_if<Vp9Descriptor>(&facts); }
  const Av1Facts& av1() const { return *std::get_if<Av1Facts>(&facts); }
};

}  // namespace tacoma::bridge
