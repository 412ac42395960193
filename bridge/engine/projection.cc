#include "bridge/engine/projection.h"

#include <algorithm>

namespace tacoma::bridge {

void Projection::start(int64_t in) {
  started_ = true;
  highest_in_ = oldest_ = first_out_ = in;
  recent_ = 1;
}

std::optional<int64_t> Projection::shift_at(int64_t in) const {
  for (size_t i = shifts_.size(); i-- > 0;)
    if (in >= shifts_[i].from) return shifts_[i].shift;
  if (in < oldest_) return std::nullopt;
  return oldest_shift_;
}

std::optional<uint16_t> Projection::place_late(int64_t in) const {
  const auto shift = shift_at(in);
  if (!shift) return std::nullopt;
  return static_cast<uint16_t>(in + *shift);
}

void Projection::sent_late(int64_t in) {
  --missing_;
  const int64_t back = highest_in_ + shift_ - (in + shift_at(in).value_or(0));
  // A run of held-back packets makes highest_in_ one that did not go out: `recent_` is kept in outgoing numbers.
  if (back < 0 || back >= 64) return;
  const uint64_t bit = uint64_t{1} << back;
  if (recent_ & bit) doubled_ = static_cast<uint8_t>(std::min(doubled_ + 1, 255));
  recent_ |= bit;
}

void Projection::held_back(int64_t in, bool breaks_video) {
  if (video_ && breaks_video) waits_for_key_frame_ = true;
  // A late one leaves its gap open: what came after it is out already.
  if (!started_ || in <= highest_in_) return;
  const int64_t step = in - highest_in_;
  missing_ += step - 1;
  recent_ = step - 1 < 64 ? recent_ << (step - 1) : 0;
  highest_in_ = in;
  --shift_;
  if (!shifts_.empty() && shifts_.back().from == in) {
    shifts_.back() = {in + 1, shift_};
    return;
  }
  if (shifts_.empty()) shifts_.reserve(kMaxShifts);
  if (shifts_.size() == kMaxShifts) {
    oldest_ = shifts_.front().from;
    oldest_shift_ = shifts_.front().shift;
    shifts_.erase(shifts_.begin());
  }
  shifts_.push_back({in + 1, shift_});
}

std::optional<int64_t> Projection::source_of(uint16_t out) const {
  if (!started_) return std::nullopt;
  const int64_t highest = highest_in_ + shift_;
  const int64_t extended = highest + static_cast<int16_t>(static_cast<uint16_t>(out - static_cast<uint16_t>(highest)));
  if (extended > highest || extended < first_out_) return std::nullopt;
  for (size_t i = shifts_.size(); i-- > 0;)
    if (extended - shifts_[i].shift >= shifts_[i].from) return extended - shifts_[i].shift;
  const int64_t in = extended - oldest_shift_;
  if (in < oldest_) return std::nullopt;
  return in;
}

bool Projection::may_repeat(uint16_t out, Instant now, Duration round_trip) {
  const auto record = std::find_if(repeats_.begin(), repeats_.end(), [out](const Repeat& r) { return r.sequence == out; });
  // Records of an earlier turn of the sequence numbers have had time to grow old.
  constexpr Duration kForget = Duration::seconds(10);
  if (record != repeats_.end() && now - record->last < kForget) {
    if (record->times >= kMaxRepeats || now - record->last < round_trip) return false;
    ++record->times;
    record->last = now;
    return true;
  }
  if (record != repeats_.end()) {
    *record = {out, 1, now};
  } else if (repeats_.size() < kMaxRepeatRecords) {
    repeats_.push_back({out, 1, now});
  } else {
    if (now - repeats_[next_repeat_].last < kRepeatRecordKept) return false;
    repeats_[next_repeat_] = {out, 1, now};
    next_repeat_ = (next_repeat_ + 1) % kMaxRepeatRecords;
  }
  return true;
}

bool Projection::may_ask_key_frame(Instant now) {
  Instant& oldest = asked_[asks_ % kPlisPerWindow];
  if (asks_ >= kPlisPerWindow && now - oldest < kPliWindow) return false;
  oldest = now;
  ++asks_;
  return true;
}

std::string Projection::violation() const {
  if (!started_) return packets_sent_ == 0 ? "" : "packets went out before the first one";
  const int64_t range = highest_in_ + shift_ + 1 - first_out_;
  if (missing_ < 0) return "more late packets than gaps";
  if (static_cast<int64_t>(packets_sent_) + missing_ != range)
    return "sent " + std::to_string(packets_sent_) + " and missing " + std::to_string(missing_) + " do not make up the range of " + std::to_string(range);
  if (doubled_ > 0) return "sequence numbers went out twice";
  return "";
}

}  // namespace tacoma::bridge
