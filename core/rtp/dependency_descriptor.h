// The dependency descriptor RTP header extension (AV1 RTP payload specification, appendix A): which frames a frame needs, and
// which of a stream's decode targets need it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/bytes.h"

namespace tacoma {

inline constexpr std::string_view kDependencyDescriptorUri =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/// What a frame is to a decode target (appendix A.4).
enum class DecodeTargetIndication : uint8_t {
  not_present = 0,  // not part of it
  discardable = 1,  // nothing of it needs this frame
  switch_point = 2, // everything of it from here on decodes when this frame does
  required = 3,
};

/// Two bits a decode target, target 0 lowest.
class DecodeTargetIndications {
 public:
  DecodeTargetIndication operator[](size_t target) const { return static_cast<DecodeTargetIndication>(bits_ >> (2 * target) & 3); }
  void set(size_t target, uint64_t indication) { bits_ = (bits_ & ~(uint64_t{3} << (2 * target))) | indication << (2 * target); }
  bool has(size_t target) const { return (*this)[target] != DecodeTargetIndication::not_present; }

 private:
  uint64_t bits_ = 0;
};

/// A template dependency structure: what frames of the stream refer to by template ids. Chains are checked, not kept.
struct DependencyStructure {
  static constexpr size_t kMaxTemplates = 64, kMaxTargets = 32, kMaxDifferences = 8, kMaxSpatialIds = 4, kMaxTemporalIds = 8;
  struct Template {
    uint8_t spatial = 0, temporal = 0;
    uint8_t differences = 0;                                // frames that it needs ...
    std::array<uint8_t, kMaxDifferences> difference{};      // ... as steps back in frame numbers, 1 to 16
    DecodeTargetIndications indications;
  };
  struct Layer {
    uint8_t spatial = 0, temporal = 0;
  };
  uint8_t template_id_offset = 0;
  uint8_t templates = 0, targets = 0, chains = 0;
  uint8_t max_spatial = 0, max_temporal = 0;
  std::array<Template, kMaxTemplates> of{};
  std::array<Layer, kMaxTargets> layer_of_target{};         // the highest ids among its frames
  std::array<uint16_t, kMaxSpatialIds> heights{};           // 0: not said

  /// The decode target of the highest layers that are within these; nullopt when every target has higher ones.
  std::optional<uint8_t> target_within(uint8_t spatial, uint8_t temporal) const;
  /// Bit t: target t has no layers above those of `target`.
  uint32_t targets_within(uint8_t target) const;
  /// A frame with these indications belongs to a target of a higher spatial id than its own.
  bool is_needed_above(const DecodeTargetIndications& frame, uint8_t spatial) const;
  /// Every frame of `low` belongs to `high`, too.
  bool contains(uint8_t high, uint8_t low) const;
};

struct DependencyDescriptor {
  bool starts_frame = false, ends_frame = false;
  uint8_t template_id = 0;
  uint16_t frame_number = 0;
  bool has_structure = false;
  std::optional<uint32_t> active_targets;                   // bit t: target t is being sent; when the packet says so
  uint8_t spatial = 0, temporal = 0;
  uint8_t differences = 0;
  std::array<uint16_t, DependencyStructure::kMaxDifferences> difference{};  // frames needed, as steps back, 1 to 4096
  DecodeTargetIndications indications;
  uint8_t targets = 0;                                      // of the structure
  uint16_t mask_bit = 0;                                    // where the active targets are or would be, in bits; 0: in no extended part
};

/// Reads an extension element. Frames refer to `known`, the stream's newest structure (null: none yet), unless the packet brings its
/// own, which is then left in `fresh`. nullopt: cut off, over a limit, or about a template that is not there.
std::optional<DependencyDescriptor> parse_dependency_descriptor(BytesView data, const DependencyStructure* known, DependencyStructure& fresh);

/// What a rewrite changes.
struct DependencyShift {
  uint16_t frame_number = 0;                 // added
  uint8_t template_id = 0;                   // added, modulo 64, to the template id and the structure's offset
  std::optional<uint32_t> active_targets;    // said with this packet, whatever it said before
};
/// Writes the changed element. Returns its size, at most data.size() + 5; 0 when `out` is too small. `parsed` is of `data`.
size_t shift_dependency_descriptor(MutableBytes out, BytesView data, const DependencyDescriptor& parsed, const DependencyShift& shift);

}  // namespace tacoma
