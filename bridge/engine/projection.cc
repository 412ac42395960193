#include "bridge/engine/projection.h"

#include <algorithm>

#include "bridge/engine/picture_ids.h"
#include "bridge/engine/source.h"

namespace tacoma::bridge {

namespace {
/// Every video payload format has 90 kHz, Opus 48 kHz. Audio changes its source only, when an SSRC is lent to another.
constexpr int64_t kVideoClock = 90000, kAudioClock = 48000;

}  // namespace

Projection::Placement Projection::place(const MediaPacket& packet, Instant now) {
  const uint8_t encoding = packet.layer.encoding;
  const uint8_t wanted = wanted_encoding(packet);
  Placement placement;
  if (may_begin(packet, wanted)) {
    begin(packet, now);
    placement = place_ahead(packet, now);
    placement.begins = true;
  } else if (running_ && encoding == numbers_.current().encoding && numbers_.is_ahead(encoding, packet.sequence)) {
    if (packet.ahead != PictureIds()) take_back_jump(packet);
    placement = place_ahead(packet, now);
  } else {
    placement = place_late(packet, !target_ ? Drop::suspended : encoding != wanted ? Drop::layer_not_wanted
                                   : newest_[encoding] >= packet.sequence ? Drop::rtp_too_old : Drop::waiting_for_key_frame);
  }
  if (blind_since_ && packet.source->encodings[numbers_.current().encoding]->last_key_frame_request >= *blind_since_) blind_since_.reset();
  update_awaited(packet, wanted);
  return placement;
}

uint8_t Projection::wanted_encoding(const MediaPacket& packet) const {
  return static_cast<uint8_t>(target_ ? std::min<size_t>(target_->encoding, packet.source->encodings.size() - 1) : 0);
}

bool Projection::may_begin(const MediaPacket& packet, uint8_t wanted) const {
  if (!packet.key_frame || !target_ || packet.layer.encoding != wanted) return false;
  if (running_ && wanted == numbers_.current().encoding && packet.codec == filter_.cut().codec) return false;
  return packet.sequence > newest_[wanted] && (!video_ || packet.behind <= kMaxBehind);
}

void Projection::lend(const OutgoingStream& stream) {
  TACOMA_ASSERT(last_.ssrc == Ssrc() && stream.ssrc != Ssrc());
  last_ = stream;
  numbers_ = Numbering(video_ ? Numbering::kMaxRuns : Numbering::kMaxRunsOfAudio);
  if (stream.used) numbers_.begin_at(stream.next_sequence);
  deltas_ = {};
}

OutgoingStream Projection::give_back(std::string& violation) {
  violation = numbers_.violation();
  OutgoingStream stream = last_;
  if (started()) stream.next_sequence = static_cast<uint16_t>(numbers_.next());
  numbers_ = Numbering(video_ ? Numbering::kMaxRuns : Numbering::kMaxRunsOfAudio);
  last_ = {};
  running_ = false;
  blind_since_.reset();
  return stream;
}

void Projection::begin(const MediaPacket& packet, Instant now) {
  Deltas deltas = deltas_;
  if (last_.used) {
    const bool other = !started() || packet.layer.encoding != numbers_.current().encoding;
    const PictureIds ids = ids_of(packet);
    deltas.picture_id = static_cast<uint16_t>(last_.picture_id + 1 - ids.picture_id);
    deltas.tl0_pic_idx = static_cast<uint8_t>(last_.tl0_pic_idx + 1 - ids.tl0_pic_idx);
    if (other) deltas.timestamp = timestamp_delta(packet, now);
    // Template ids of another stream must not be taken for those of the last one.
    if (other && packet.codec == Codec::av1)
      deltas.template_id = static_cast<uint8_t>((last_.next_template_id - packet.av1().structure->template_id_offset) & 63);
  }
  filter_.start(packet, *target_);
  numbers_.restart(packet.layer.encoding, packet.sequence, packet.view.timestamp(), deltas, filter_.cut());
  deltas_ = deltas;
  picture_ = packet.view.timestamp() - 1;
  running_ = true;
  blind_since_.reset();
  if (packet.is_blind) blind_since_ = now;
}

/// From the time of the last encoding to this one's: by both senders' reports, or by arrival; in any case forward.
uint32_t Projection::timestamp_delta(const MediaPacket& packet, Instant now) const {
  const uint32_t timestamp = packet.view.timestamp();
  const int64_t clock = video_ ? kVideoClock : kAudioClock;
  const uint32_t by_arrival = last_.timestamp + static_cast<uint32_t>((now - last_.at).us() * clock / 1'000'000) - timestamp;
  uint32_t delta = by_arrival;
  const auto from = started() ? packet.source->encodings[numbers_.current().encoding]->last_report : std::nullopt;
  const auto& to = packet.source->encodings[packet.layer.encoding]->last_report;
  if (from && to) {
    // 32.32 seconds, of one clock. What would overflow is not believed below anyway.
    const int64_t apart = std::clamp<int64_t>(static_cast<int64_t>(to->ntp - from->ntp), -(int64_t{1} << 44), int64_t{1} << 44);
    const auto ticks = static_cast<uint32_t>((apart >> 16) * kVideoClock >> 16);
    const uint32_t by_report = from->rtp_timestamp + ticks + deltas_.timestamp - to->rtp_timestamp;
    const auto difference = static_cast<int32_t>(by_report - by_arrival);
    if (std::abs(int64_t{difference}) <= kReportsDiffer.us() * kVideoClock / 1'000'000) delta = by_report;
  }
  const uint32_t out = timestamp + delta;
  return is_newer(out, last_.timestamp) ? delta : last_.timestamp + 1 - timestamp;
}

Projection::Placement Projection::place_ahead(const MediaPacket& packet, Instant now) {
  Placement placement;
  const uint32_t timestamp = packet.view.timestamp();
  const bool new_picture = timestamp != picture_;
  const bool leaves = leaves_ && target_->encoding < packet.layer.encoding;
  if ((new_picture && (!target_ || leaves)) || packet.codec != filter_.cut().codec) {
    running_ = false;
    placement.drop = leaves ? Drop::layer_not_wanted : target_ ? Drop::waiting_for_key_frame : Drop::suspended;
    return placement;
  }
  const bool changes_cut = video_ && target_ && filter_.advance(packet, new_picture, numbers_.follows(packet.sequence), *target_);
  if (new_picture && leaves_ && filter_.is_stuck_above(*target_)) {
    running_ = false;
    placement.drop = Drop::layer_not_wanted;
    return placement;
  }
  newest_[packet.layer.encoding] = packet.sequence;
  if (changes_cut) numbers_.change(packet.sequence, timestamp, filter_.cut(), numbers_.current().deltas);
  picture_ = timestamp;
  if (!filter_.cut().lets_through(packet)) {
    filter_.withheld(packet);
    // VP8's pictures count on; with VP9 and AV1 what refers to a picture says its number, which must not change.
    const bool closes_up = new_picture && packet.codec == Codec::vp8;
    numbers_.leave_out(packet.sequence, closes_up ? 1 : 0);
    deltas_ = numbers_.current().deltas;
    placement.drop = Drop::layer_not_wanted;
    return placement;
  }
  filter_.passed(packet, false);
  const uint16_t sequence = numbers_.pass(packet.sequence);
  placement.rewrite = rewrite(numbers_.current(), packet, sequence);
  note_out(packet, numbers_.current().deltas, now);
  return placement;
}

/// From here on the ids that go out go on as if the encoding's had not jumped.
void Projection::take_back_jump(const MediaPacket& packet) {
  Deltas deltas = numbers_.current().deltas;
  deltas.picture_id = static_cast<uint16_t>(deltas.picture_id - packet.ahead.picture_id);
  deltas.tl0_pic_idx = static_cast<uint8_t>(deltas.tl0_pic_idx - packet.ahead.tl0_pic_idx);
  numbers_.change(packet.sequence, packet.view.timestamp(), filter_.cut(), deltas);
  deltas_ = deltas;
}

Projection::Placement Projection::place_late(const MediaPacket& packet, Drop otherwise) {
  Placement placement;
  uint16_t sequence = 0;
  const Run* run = started() ? numbers_.find_late(packet.layer.encoding, packet.sequence, packet.view.timestamp(), sequence) : nullptr;
  if (!run) {
    placement.drop = otherwise;
    return placement;
  }
  placement.fills = !run->cut.lets_through(packet);
  if (placement.fills) placement.drop = Drop::layer_not_wanted;
  if (packet.layer.encoding == numbers_.current().encoding) {
    if (placement.fills) filter_.withheld(packet);
    else filter_.passed(packet, true);
  }
  placement.rewrite = rewrite(*run, packet, sequence);
  numbers_.pass_late(sequence, placement.fills);
  return placement;
}

Rewrite Projection::rewrite(const Run& run, const MediaPacket& packet, uint16_t out) {
  Rewrite rewrite;
  rewrite.sequence = out;
  rewrite.deltas = run.deltas;
  rewrite.marker = packet.view.marker() || run.cut.ends_picture(packet);
  if (packet.codec == Codec::av1 && run.cut.codec == Codec::av1) {
    const Av1Facts& av1 = packet.av1();
    const uint32_t within = av1.structure->targets_within(run.cut.target);
    const auto all = static_cast<uint32_t>((uint64_t{1} << av1.structure->targets) - 1);
    const bool says = av1.descriptor.has_structure || av1.descriptor.active_targets || (run.changes_cut && packet.view.timestamp() == run.from_timestamp);
    if (says && (within != all || (run.changes_cut && !av1.descriptor.has_structure)))
      rewrite.active_targets = within & av1.descriptor.active_targets.value_or(all);
  }
  return rewrite;
}

void Projection::note_out(const MediaPacket& packet, const Deltas& deltas, Instant now) {
  last_.used = true;
  last_.timestamp = packet.view.timestamp() + deltas.timestamp;
  last_.at = now;
  const PictureIds ids = ids_of(packet);
  if (packet.codec == Codec::opaque || packet.codec == Codec::h264) return;
  last_.picture_id = static_cast<uint16_t>(ids.picture_id + deltas.picture_id);
  last_.tl0_pic_idx = static_cast<uint8_t>(ids.tl0_pic_idx + deltas.tl0_pic_idx);
  if (packet.codec == Codec::av1) {
    const DependencyStructure& s = *packet.av1().structure;
    last_.next_template_id = static_cast<uint8_t>((s.template_id_offset + deltas.template_id + s.templates) & 63);
  }
}

void Projection::failed(const MediaPacket& packet, const Placement& placement) {
  const bool was_newest = started() && static_cast<uint16_t>(numbers_.next() - 1) == placement.rewrite.sequence && packet.sequence == newest_[packet.layer.encoding];
  if (!was_newest) return numbers_.take_back_late(placement.rewrite.sequence);
  numbers_.take_back(packet.sequence);
  if (video_) running_ = false;
}

void Projection::held_back(const MediaPacket& packet, bool breaks_video) {
  hold_back(packet, breaks_video);
  update_awaited(packet, wanted_encoding(packet));
}

void Projection::hold_back(const MediaPacket& packet, bool breaks_video) {
  if (!running_ || packet.layer.encoding != numbers_.current().encoding) return;
  const bool ahead = numbers_.is_ahead(packet.layer.encoding, packet.sequence);
  if (video_ && breaks_video) running_ = false;
  // A late one leaves its gap open: what came after it is out already.
  if (!ahead) return;
  newest_[packet.layer.encoding] = packet.sequence;
  numbers_.leave_out(packet.sequence, 0);
  deltas_ = numbers_.current().deltas;
}

void Projection::update_awaited(const MediaPacket& packet, uint8_t wanted) {
  const bool goes_on = running_ && wanted == numbers_.current().encoding;
  // What can begin anywhere needs its key frame then, not before.
  const bool waits = video_ && target_ && (packet.is_blind ? goes_on && blind_since_ : !goes_on || filter_.needs_key_frame());
  if (waits) {
    awaited_ = wanted;
  } else {
    awaited_.reset();
    granted_.reset();
  }
}

std::optional<uint8_t> Projection::asks_key_frame(Instant now) {
  if (!awaited_ || granted_ == awaited_) return awaited_;
  const int64_t back = (now - waits_at_) / kWaitInterval;
  if (back > 0) {
    waits_left_ = static_cast<uint8_t>(std::min<int64_t>(kWaits, waits_left_ + back));
    waits_at_ = waits_at_ + kWaitInterval * back;
  }
  if (waits_left_ == 0) return std::nullopt;
  --waits_left_;
  granted_ = awaited_;
  return awaited_;
}

bool Projection::may_repeat(uint16_t out, Instant now, Duration round_trip) {
  if (!repeats_) repeats_ = std::make_unique<std::vector<Repeat>>();
  std::vector<Repeat>& repeats = *repeats_;
  const auto record = std::find_if(repeats.begin(), repeats.end(), [out](const Repeat& r) { return r.sequence == out; });
  // Records of an earlier turn of the sequence numbers have had time to grow old.
  constexpr Duration kForget = Duration::seconds(10);
  if (record != repeats.end() && now - record->last < kForget) {
    if (record->times >= kMaxRepeats || now - record->last < round_trip) return false;
    ++record->times;
    record->last = now;
    return true;
  }
  if (record != repeats.end()) {
    *record = {out, 1, now};
  } else if (repeats.size() < kMaxRepeatRecords) {
    repeats.push_back({out, 1, now});
  } else {
    if (now - repeats[next_repeat_].last < kRepeatRecordKept) return false;
    repeats[next_repeat_] = {out, 1, now};
    next_repeat_ = static_cast<uint16_t>((next_repeat_ + 1) % kMaxRepeatRecords);
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

std::string Projection::violation() const { return numbers_.violation(); }

}  // namespace tacoma::bridge
