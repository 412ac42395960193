#include "loadgen/traffic/tcp_receiver.h"

#include <algorithm>

namespace tacoma {

void TcpReceiver::on_datagrams(Instant now, Span<Datagram> in, Outbox& out) {
  for (const Datagram& datagram : in) {
    const std::optional<TcpSegment> segment = parse_segment(datagram.packet.bytes());
    if (!segment) continue;
    if (segment->kind == TcpSegment::Kind::syn) {
      peer_ = datagram.from;
      send_segment({TcpSegment::Kind::syn_ack, 0, 0}, peer_, out);
    }
    if (segment->kind != TcpSegment::Kind::data || datagram.from != peer_) continue;
    const bool in_order = segment->number == expected_ && held_.empty();
    take(*segment);
    if (!in_order || ++unanswered_ >= 2) acknowledge(out);
    else ack_at_ = now + kDelay;
  }
}

void TcpReceiver::take(const TcpSegment& segment) {
  uint64_t begin = segment.number, end = segment.number + segment.length;
  if (end <= expected_) return;
  const auto touches = [&](const Range& range) { return range.begin <= end && begin <= range.end; };
  for (const Range& range : held_)
    if (touches(range)) {
      begin = std::min(begin, range.begin);
      end = std::max(end, range.end);
    }
  if (begin > expected_ && held_.size() >= kMostGaps && std::none_of(held_.begin(), held_.end(), touches)) return;
  held_.erase(std::remove_if(held_.begin(), held_.end(), touches), held_.end());
  if (begin <= expected_) {
    bytes_ += end - expected_;
    expected_ = end;
    return;
  }
  const auto place = std::find_if(held_.begin(), held_.end(), [&](const Range& range) { return range.begin > begin; });
  held_.insert(place, {begin, end});
}

void TcpReceiver::acknowledge(Outbox& out) {
  send_segment({TcpSegment::Kind::ack, 0, expected_}, peer_, out);
  unanswered_ = 0;
  ack_at_ = Instant::never();
}

void TcpReceiver::on_deadline(Instant now, Outbox& out) {
  if (now >= ack_at_) acknowledge(out);
}

void TcpReceiver::take_sample(FlowSample& out) {
  out.bytes += bytes_;
  bytes_ = 0;
}

}  // namespace tacoma
