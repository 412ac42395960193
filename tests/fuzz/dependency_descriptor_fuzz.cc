// links: tacoma_rtp tacoma_base
// Two dependency descriptors one after the other, length first: what parses is rewritten, and says the same afterwards but for what was changed.
#include "core/rtp/dependency_descriptor.h"

using namespace tacoma;

namespace {
void check(BytesView in, const DependencyStructure* known, DependencyStructure& fresh) {
  const auto d = parse_dependency_descriptor(in, known, fresh);
  if (!d) return;
  const DependencyStructure mine = d->has_structure ? fresh : *known;
  TACOMA_ASSERT(d->targets == mine.targets);
  for (uint8_t t = 0; t < mine.targets; ++t) TACOMA_ASSERT(mine.targets_within(t) & 1u << t);
  uint8_t out[300];
  for (const bool mask : {false, true}) {
    DependencyShift shift{7, 9, {}};
    if (mask) shift.active_targets = 1;
    const size_t size = shift_dependency_descriptor(MutableBytes(out, sizeof out), in, *d, shift);
    TACOMA_ASSERT(size >= in.size() && size <= in.size() + 5);
    DependencyStructure again, shifted = mine;
    shifted.template_id_offset = static_cast<uint8_t>((shifted.template_id_offset + 9) % 64);
    const auto e = parse_dependency_descriptor(BytesView(out, size), &shifted, again);
    TACOMA_ASSERT(e && e->frame_number == static_cast<uint16_t>(d->frame_number + 7) && e->template_id == (d->template_id + 9) % 64);
    TACOMA_ASSERT(e->differences == d->differences && e->difference == d->difference && e->spatial == d->spatial && e->temporal == d->temporal);
    for (size_t t = 0; t < d->targets; ++t) TACOMA_ASSERT(e->indications[t] == d->indications[t]);
    TACOMA_ASSERT(e->active_targets == (mask ? shift.active_targets : d->active_targets));
  }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t first = data[0] < size ? data[0] : size - 1;
  static DependencyStructure known, fresh;
  known = {};
  check(BytesView(data + 1, first), nullptr, known);
  if (known.templates == 0) return 0;
  if (size - 1 - first <= 255) check(BytesView(data + 1 + first, size - 1 - first), &known, fresh);
  return 0;
}
