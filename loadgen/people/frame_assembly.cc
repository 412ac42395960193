#include "loadgen/people/frame_assembly.h"

#include "core/rtp/sequence.h"

namespace tacoma {
namespace {
template <typename Pending>
AssembledFrame as_frame(const Pending& p) {
  return {p.first, p.last, p.timestamp, p.key, p.completed, p.height, p.layer, p.shown};
}
}  // namespace

std::optional<AssembledFrame> FrameAssembly::insert(Instant now, const FramePart& part) {
  if (next_seq_ && part.seq < *next_seq_) return std::nullopt;
  if (part.padding) {
    if (next_seq_ && part.seq == *next_seq_) {
      ++*next_seq_;
      return std::nullopt;
    }
    if (frames_.size() == kMost) drop_all();
    Pending pad;
    pad.first = pad.last = part.seq;
    pad.padding = pad.complete = true;
    frames_.push_back(pad);
    return std::nullopt;
  }
  Pending* frame = nullptr;
  for (size_t i = frames_.size(); i-- > 0;) {
    if (frames_[i].timestamp == part.timestamp && frames_[i].layer == part.layer && !frames_[i].padding) {
      frame = &frames_[i];
      break;
    }
  }
  if (!frame) {
    if (frames_.size() >= (part.layered ? kMostLayers : kMost)) drop_all();
    frames_.push_back(Pending());
    frame = &frames_.back();
    frame->timestamp = part.timestamp;
    frame->layer = part.layer;
    frame->completed = now;
  }
  if (frame->complete) return std::nullopt;  // a repeated timestamp: not a frame we can place
  ++frame->packets;
  if (part.starts) {
    frame->first = part.seq;
    frame->key = part.key;
    frame->height = part.height;
  }
  if (part.ends) {
    frame->last = part.seq;
    frame->shown = part.shown;
  }
  if (frame->first < 0 || frame->last < 0 || frame->last - frame->first + 1 != frame->packets) return std::nullopt;
  frame->complete = true;
  frame->completed = now;
  return as_frame(*frame);
}

std::optional<AssembledFrame> FrameAssembly::next() {
  for (;;) {
    // The newest complete key frame makes everything before it unnecessary, unless decoding can go on without a gap.
    size_t follows = frames_.size(), key = frames_.size();
    for (size_t i = 0; i < frames_.size(); ++i) {
      if (!frames_[i].complete) continue;
      if (next_seq_ && frames_[i].first == *next_seq_) {
        follows = i;
        break;
      }
      if (frames_[i].key && (key == frames_.size() || frames_[i].first > frames_[key].first)) key = i;
    }
    const size_t chosen = follows != frames_.size() ? follows : key;
    if (chosen == frames_.size()) return std::nullopt;
    const Pending frame = frames_[chosen];
    next_seq_ = frame.last + 1;
    // Out with it, and with what lies before it.
    size_t kept = 0;
    for (size_t i = 0; i < frames_.size(); ++i) {
      const Pending& f = frames_[i];
      const bool is_before = i == chosen || (f.last >= 0 && f.last < *next_seq_) || (f.first >= 0 && f.first < *next_seq_);
      // A part of which neither end was seen has no place among the numbers, but a time. (Not by arrival: the key frame may have been repaired.)
      const bool is_unplaced_older = f.first < 0 && f.last < 0 && frame.key && is_newer(frame.timestamp, f.timestamp);
      if (!is_before && !is_unplaced_older) frames_[kept++] = f;
    }
    frames_.resize(kept);
    if (!frame.padding) return as_frame(frame);
  }
}

void FrameAssembly::drop_all() {
  frames_.clear();
  next_seq_.reset();
}

bool FrameAssembly::drop_before(Instant since) {
  size_t key = frames_.size();
  while (key > 0 && !(frames_[key - 1].key && frames_[key - 1].completed > since)) --key;
  // With what belongs to its picture.
  while (key > 1 && frames_[key - 2].timestamp == frames_[key - 1].timestamp) --key;
  if (key > 0) frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(key - 1));
  else std::erase_if(frames_, [since](const Pending& f) { return f.completed <= since; });
  next_seq_.reset();
  return key > 0;
}

}  // namespace tacoma
