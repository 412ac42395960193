#include "core/rtp/ccfb_recorder.h"

#include <algorithm>

namespace tacoma {

CcfbRecorder::Stream* CcfbRecorder::stream_of(Ssrc ssrc, uint16_t sequence) {
  if (const uint32_t* known = index_.find(ssrc)) return &streams_[*known];
  if (streams_.size() == kMostStreams) return nullptr;
  index_.set(ssrc, static_cast<uint32_t>(streams_.size()));
  Stream& made = streams_.emplace_back();
  made.ssrc = ssrc;
  made.base = sequence;
  return &made;
}

void CcfbRecorder::forget(Stream& stream, size_t count) {
  const size_t gone = std::min(count, stream.arrivals.size());
  for (size_t i = stream.reported; i < gone; ++i) overflowed_ += !stream.arrivals[i].at.is_never();
  stream.arrivals.erase(stream.arrivals.begin(), stream.arrivals.begin() + static_cast<std::ptrdiff_t>(gone));
  stream.base += static_cast<int64_t>(count);
  stream.reported -= std::min(stream.reported, count);
}

void CcfbRecorder::on_packet(Ssrc ssrc, uint16_t sequence, Instant arrived, Ecn ecn) {
  Stream* stream = stream_of(ssrc, sequence);
  if (!stream) {
    ++overflowed_;
    return;
  }
  const int64_t extended = stream->sequences.unwrap(sequence);
  if (extended < stream->base) return;  // the sender's account of it is closed
  size_t place = static_cast<size_t>(extended - stream->base);
  if (place >= stream->reported + kMostWaiting) {
    const size_t excess = place + 1 - kMostWaiting;
    forget(*stream, excess);
    place -= excess;
  }
  if (place >= stream->arrivals.size()) stream->arrivals.resize(place + 1);
  Arrival& arrival = stream->arrivals[place];
  const bool is_first = arrival.at.is_never();
  if (!is_first && (ecn != Ecn::ce || arrival.ecn == Ecn::ce)) return;
  if (is_first) arrival.at = arrived;
  arrival.ecn = ecn;
  stream->reported = std::min(stream->reported, place);
  if (deadline_.is_never()) {
    const Instant next = last_report_ + kInterval;
    deadline_ = next > arrived ? next : arrived + kInterval;
  }
  if (stream->arrivals.size() - stream->reported >= kMostWaiting) deadline_ = arrived;
}

bool CcfbRecorder::build(Instant now, Ssrc sender, RtcpWriter& out) {
  blocks_.clear();
  packets_.clear();
  size_t room = out.left() < kCcfbOverhead ? 0 : out.left() - kCcfbOverhead;
  // A stream that a message had no room for comes first in the next one.
  for (size_t n = 0, at = first_; n < streams_.size(); ++n, at = (at + 1) % streams_.size()) {
    Stream& stream = streams_[at];
    const size_t waiting = stream.arrivals.size() - stream.reported;
    if (waiting == 0) continue;
    first_ = at;
    if (room < ccfb_block_size(1)) break;
    const size_t count = std::min(waiting, (room - 8) / 4 * 2);
    room -= ccfb_block_size(count);
    blocks_.push_back({stream.ssrc, static_cast<uint16_t>(stream.base + static_cast<int64_t>(stream.reported)), static_cast<uint16_t>(count)});
    for (size_t i = 0; i < count; ++i) {
      const Arrival& arrival = stream.arrivals[stream.reported + i];
      const bool received = !arrival.at.is_never();
      packets_.push_back({stream.ssrc, 0, received, arrival.ecn, received ? now - arrival.at : Duration::zero()});
    }
    stream.reported += count;
    if (stream.reported > kKept) forget(stream, stream.reported - kKept);
  }
  if (blocks_.empty()) return false;
  const bool written = write_ccfb(out, {sender, compact_ntp(to_ntp(now))}, blocks_, packets_);
  TACOMA_ASSERT(written);
  return true;
}

}  // namespace tacoma
