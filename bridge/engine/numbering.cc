#include "bridge/engine/numbering.h"

#include <algorithm>

#include "core/base/assert.h"

namespace tacoma::bridge {

void Numbering::push(const Run& run) {
  if (count_ == room_ && count_ < max_runs_) {
    const auto room = static_cast<uint16_t>(std::min<size_t>(room_ == 1 ? 2 : room_ * 4, max_runs_));
    auto larger = std::make_unique<Run[]>(room);
    for (size_t i = 0; i < count_; ++i) larger[i] = at(i);  // from its first one: nothing has wrapped before it is full
    more_ = std::move(larger);
    room_ = room;
  }
  if (count_ == max_runs_) {
    first_ = static_cast<uint16_t>((first_ + 1) & (max_runs_ - 1));
    --count_;
  }
  ++count_;
  at(count_ - 1) = run;
}

void Numbering::restart(uint8_t encoding, int64_t in, uint32_t timestamp, const Deltas& deltas, const LayerCut& cut) {
  if (!started_) {
    started_ = true;
    if (!begins_at_) next_ = first_out_ = in;
  }
  push({in, next_ - in, timestamp, deltas, cut, encoding, true});
  highest_ = in - 1;
}

void Numbering::change(int64_t in, uint32_t timestamp, const LayerCut& cut, const Deltas& deltas) {
  Run run = current();
  run.deltas = deltas;
  run.from = in;
  run.from_timestamp = timestamp;
  run.cut = cut;
  // A run that nothing has gone out with gives way, unless the cut changed there, too: what is late of that frame is judged by it.
  const bool remembers = current().changes_cut && current().from_timestamp != timestamp;
  const bool replaces = current().from == in && !remembers;
  run.changes_cut = true;
  if (replaces) at(count_ - 1) = run;
  else push(run);
}

void Numbering::continue_from(int64_t in, int64_t shift, const Deltas& deltas) {
  Run run = current();
  run.changes_cut = run.changes_cut && run.from == in;  // a run that nothing has gone out with gives way
  const bool replaces = run.from >= in;
  run.from = in + 1;
  run.shift = shift;
  run.deltas = deltas;
  if (replaces) at(count_ - 1) = run;
  else push(run);
}

void Numbering::take_back(int64_t in) {
  TACOMA_ASSERT(highest_ == in);
  --next_;
  --passed_;
  recent_ >>= 1;
  continue_from(in, current().shift - 1, current().deltas);
}

void Numbering::leave_out(int64_t in, uint16_t picture_ids) {
  const int64_t step = in - highest_;
  missing_ += step - 1;
  next_ += step - 1;
  recent_ = step - 1 < 64 ? recent_ << (step - 1) : 0;
  highest_ = in;
  Deltas deltas = current().deltas;
  deltas.picture_id = static_cast<uint16_t>(deltas.picture_id - picture_ids);
  continue_from(in, current().shift - 1, deltas);
}

const Run* Numbering::find_late(uint8_t encoding, int64_t in, uint32_t timestamp, uint16_t& out) const {
  for (size_t i = count_; i-- > 0;) {
    const Run& run = at(i);
    if (run.encoding != encoding || run.from > in) continue;
    const int64_t number = in + run.shift;
    if (number >= (i + 1 < count_ ? at(i + 1).first_out() : next_)) return nullptr;
    out = static_cast<uint16_t>(number);
    return i + 1 < count_ && belongs_to(at(i + 1), encoding, timestamp) ? &at(i + 1) : &run;
  }
  return nullptr;
}

void Numbering::pass_late(uint16_t out, bool filled) {
  --missing_;
  if (filled) ++filled_;
  else ++passed_;
  const int64_t back = next_ - 1 - extend(out);
  if (back < 0 || back >= 64) return;
  const uint64_t bit = uint64_t{1} << back;
  if (recent_ & bit) doubled_ = static_cast<uint8_t>(std::min(doubled_ + 1, 255));
  recent_ |= bit;
}

void Numbering::take_back_late(uint16_t out) {
  ++missing_;
  --passed_;
  const int64_t back = next_ - 1 - extend(out);
  if (back >= 0 && back < 64) recent_ &= ~(uint64_t{1} << back);
}

std::optional<Numbering::Origin> Numbering::origin_of(uint16_t out) const {
  if (!started_) return std::nullopt;
  const int64_t number = extend(out);
  if (number >= next_ || number < first_out_) return std::nullopt;
  for (size_t i = count_; i-- > 0;)
    if (number >= at(i).first_out()) return Origin{&at(i), number - at(i).shift, i + 1 < count_ ? &at(i + 1) : nullptr};
  return std::nullopt;
}

std::string Numbering::violation() const {
  if (!started_) return passed_ == 0 ? "" : "packets went out before the first one";
  const int64_t range = next_ - first_out_;
  if (missing_ < 0) return "more late packets than gaps";
  if (static_cast<int64_t>(passed_ + filled_) + missing_ != range)
    return "sent " + std::to_string(passed_) + ", filled " + std::to_string(filled_) + " and missing " + std::to_string(missing_) +
           " do not make up the range of " + std::to_string(range);
  if (doubled_ > 0) return "sequence numbers went out twice";
  return "";
}

}  // namespace tacoma::bridge
