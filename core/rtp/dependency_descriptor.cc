#include "core/rtp/dependency_descriptor.h"

#include <algorithm>

#include "core/base/bit_reader.h"

namespace tacoma {

namespace {
constexpr size_t kMandatoryBytes = 3;
constexpr size_t kFlagsBit = 24, kStructureBit = 29;  // after the mandatory fields; after the five flags

// ns(n) of the AV1 specification: a number below n.
uint32_t non_symmetric(BitReader& r, uint32_t n) {
  uint32_t width = 0;
  for (uint32_t x = n; x != 0; x >>= 1) ++width;
  const uint32_t m = (1u << width) - n;
  const uint32_t value = r.read(width - 1);
  return value < m ? value : (value << 1) - m + r.read(1);
}

void write_bits(MutableBytes out, size_t at, size_t bits, uint32_t value) {
  for (size_t i = 0; i < bits; ++i) {
    const uint8_t bit = static_cast<uint8_t>(0x80 >> ((at + i) % 8));
    uint8_t& byte = out.data()[(at + i) / 8];
    byte = static_cast<uint8_t>(value >> (bits - 1 - i) & 1 ? byte | bit : byte & ~bit);
  }
}

bool read_layers(BitReader& r, DependencyStructure& s) {
  uint8_t spatial = 0, temporal = 0;
  for (;;) {
    if (!r.ok() || s.templates == DependencyStructure::kMaxTemplates) return false;
    s.of[s.templates].spatial = spatial;
    s.of[s.templates++].temporal = temporal;
    s.max_temporal = std::max(s.max_temporal, temporal);
    const uint32_t next = r.read(2);
    if (next == 3) break;
    if (next == 1) ++temporal;
    if (next == 2) {
      temporal = 0;
      ++spatial;
    }
    if (spatial >= DependencyStructure::kMaxSpatialIds || temporal >= DependencyStructure::kMaxTemporalIds) return false;
  }
  s.max_spatial = spatial;
  return r.ok();
}

bool read_differences(BitReader& r, DependencyStructure::Template& t) {
  while (r.read(1)) {
    if (t.differences == DependencyStructure::kMaxDifferences) return false;
    t.difference[t.differences++] = static_cast<uint8_t>(r.read(4) + 1);
  }
  return r.ok();
}

bool read_structure(BitReader& r, DependencyStructure& s) {
  s = {};
  s.template_id_offset = static_cast<uint8_t>(r.read(6));
  s.targets = static_cast<uint8_t>(r.read(5) + 1);
  if (!read_layers(r, s)) return false;
  for (size_t t = 0; t < s.templates; ++t)
    for (size_t target = 0; target < s.targets; ++target) s.of[t].indications.set(target, r.read(2));
  for (size_t t = 0; t < s.templates; ++t)
    if (!read_differences(r, s.of[t])) return false;
  s.chains = static_cast<uint8_t>(non_symmetric(r, s.targets + 1u));
  if (s.chains != 0) {
    for (size_t target = 0; target < s.targets; ++target) non_symmetric(r, s.chains);  // which chain protects it
    for (size_t i = 0; i < size_t{s.templates} * s.chains && r.ok(); ++i) r.read(4);
  }
  for (size_t target = 0; target < s.targets; ++target) {
    auto& layer = s.layer_of_target[target];
    for (size_t t = 0; t < s.templates; ++t) {
      if (!s.of[t].indications.has(target)) continue;
      layer.spatial = std::max(layer.spatial, s.of[t].spatial);
      layer.temporal = std::max(layer.temporal, s.of[t].temporal);
    }
  }
  if (r.read(1)) {
    for (size_t i = 0; i <= s.max_spatial; ++i) {
      r.read(16);  // width
      s.heights[i] = static_cast<uint16_t>(std::min<uint32_t>(r.read(16) + 1, 0xffff));
    }
  }
  return r.ok();
}

bool read_custom_differences(BitReader& r, DependencyDescriptor& d) {
  d.differences = 0;
  for (uint32_t size = r.read(2); size != 0; size = r.read(2)) {
    if (d.differences == d.difference.size()) return false;
    d.difference[d.differences++] = static_cast<uint16_t>(r.read(4 * size) + 1);
  }
  return r.ok();
}
}  // namespace

std::optional<uint8_t> DependencyStructure::target_within(uint8_t spatial, uint8_t temporal) const {
  std::optional<uint8_t> best;
  for (uint8_t t = 0; t < targets; ++t) {
    const Layer& l = layer_of_target[t];
    if (l.spatial > spatial || l.temporal > temporal) continue;
    if (!best || l.spatial > layer_of_target[*best].spatial ||
        (l.spatial == layer_of_target[*best].spatial && l.temporal > layer_of_target[*best].temporal))
      best = t;
  }
  return best;
}

uint32_t DependencyStructure::targets_within(uint8_t target) const {
  uint32_t mask = 0;
  for (uint8_t t = 0; t < targets; ++t)
    if (layer_of_target[t].spatial <= layer_of_target[target].spatial && layer_of_target[t].temporal <= layer_of_target[target].temporal) mask |= 1u << t;
  return mask;
}

bool DependencyStructure::is_needed_above(const DecodeTargetIndications& frame, uint8_t spatial) const {
  for (size_t t = 0; t < targets; ++t)
    if (layer_of_target[t].spatial > spatial && frame.has(t)) return true;
  return false;
}

bool DependencyStructure::contains(uint8_t high, uint8_t low) const {
  for (size_t t = 0; t < templates; ++t)
    if (of[t].indications.has(low) && !of[t].indications.has(high)) return false;
  return true;
}

std::optional<DependencyDescriptor> parse_dependency_descriptor(BytesView data, const DependencyStructure* known, DependencyStructure& fresh) {
  if (data.size() < kMandatoryBytes) return std::nullopt;
  BitReader r(data);
  DependencyDescriptor d;
  d.starts_frame = r.read(1);
  d.ends_frame = r.read(1);
  d.template_id = static_cast<uint8_t>(r.read(6));
  d.frame_number = static_cast<uint16_t>(r.read(16));
  bool custom_indications = false, custom_differences = false, custom_chains = false;
  if (data.size() > kMandatoryBytes) {
    d.has_structure = r.read(1);
    const bool has_mask = r.read(1);
    custom_indications = r.read(1);
    custom_differences = r.read(1);
    custom_chains = r.read(1);
    if (d.has_structure) {
      if (!read_structure(r, fresh)) return std::nullopt;
      known = &fresh;
    }
    d.mask_bit = static_cast<uint16_t>(r.at());
    if (has_mask) {
      if (!known) return std::nullopt;
      d.active_targets = r.read(known->targets);
    }
  }
  if (!known) return std::nullopt;
  const size_t index = (d.template_id + 64u - known->template_id_offset) % 64;
  if (index >= known->templates) return std::nullopt;
  const DependencyStructure::Template& t = known->of[index];
  d.targets = known->targets;
  d.spatial = t.spatial;
  d.temporal = t.temporal;
  d.indications = t.indications;
  d.differences = t.differences;
  std::copy(t.difference.begin(), t.difference.end(), d.difference.begin());
  if (custom_indications)
    for (size_t target = 0; target < known->targets; ++target) d.indications.set(target, r.read(2));
  if (custom_differences && !read_custom_differences(r, d)) return std::nullopt;
  if (custom_chains)
    for (size_t i = 0; i < known->chains; ++i) r.read(8);
  if (!r.ok()) return std::nullopt;
  return d;
}

size_t shift_dependency_descriptor(MutableBytes out, BytesView data, const DependencyDescriptor& parsed, const DependencyShift& shift) {
  // A mask that is said anew takes the place of one that was there, or is put in.
  const bool says_mask = shift.active_targets.has_value();
  const bool extended = data.size() > kMandatoryBytes;
  const size_t inserted = !says_mask ? 0 : (extended ? 0u : 5u) + (parsed.active_targets ? 0u : parsed.targets);
  const size_t bits = data.size() * 8 + inserted;
  const size_t size = (bits + 7) / 8;
  if (out.size() < size) return 0;
  std::fill(out.data(), out.data() + size, uint8_t{0});
  std::copy(data.begin(), data.end(), out.data());
  if (says_mask) {
    const size_t mask_at = extended ? parsed.mask_bit : kStructureBit;
    if (extended && !parsed.active_targets) {  // what follows moves up
      BitReader rest(data, mask_at);
      for (size_t at = mask_at; at < data.size() * 8; ++at) write_bits(out, at + parsed.targets, 1, rest.read(1));
    }
    write_bits(out, kFlagsBit + 1, 1, 1);
    write_bits(out, mask_at, parsed.targets, *shift.active_targets);
  }
  store_u16(out.data() + 1, static_cast<uint16_t>(parsed.frame_number + shift.frame_number));
  write_bits(out, 2, 6, (parsed.template_id + shift.template_id) % 64u);
  if (parsed.has_structure) {
    BitReader offset(data, kStructureBit);
    write_bits(out, kStructureBit, 6, (offset.read(6) + shift.template_id) % 64);
  }
  return size;
}

}  // namespace tacoma
