#include "loadgen/traffic/tcp_sender.h"

#include <algorithm>

namespace tacoma {

void TcpSender::start(Instant now, Outbox&) { begin_ = std::max(now + Duration::nanoseconds(1), flow_.start); }

Deadline TcpSender::deadline() const {
  if (state_ == State::waiting || state_ == State::idle) return {begin_, "begin"};
  return {std::min(timeout_at_, state_ == State::sending ? flow_.stop : Instant::never()), "timeout"};
}

void TcpSender::on_deadline(Instant now, Outbox& out) {
  if (now >= flow_.stop) {  // what is on the way may still arrive; nothing more is sent
    state_ = State::done;
    begin_ = timeout_at_ = Instant::never();
    return;
  }
  if (state_ == State::waiting && now >= begin_) return connect(now, out);
  if (state_ == State::idle && now >= begin_) return begin_transfer(now, out);
  if (now >= timeout_at_) on_timeout(now, out);
}

void TcpSender::connect(Instant now, Outbox& out) {
  state_ = State::connecting;
  send_segment({TcpSegment::Kind::syn, 0, 0}, to_, out);
  last_sent_ = now;
  timeout_at_ = now + timeout_;
}

void TcpSender::on_datagrams(Instant now, Span<Datagram> in, Outbox& out) {
  for (const Datagram& datagram : in) {
    const std::optional<TcpSegment> segment = parse_segment(datagram.packet.bytes());
    if (!segment || datagram.from != to_ || state_ == State::done) continue;
    if (segment->kind == TcpSegment::Kind::syn_ack && state_ == State::connecting) {
      timeout_at_ = Instant::never();
      timeout_ = kFirstTimeout;
      finish_transfer(now);
      if (state_ == State::idle && begin_ <= now) begin_transfer(now, out);
    } else if (segment->kind == TcpSegment::Kind::ack && state_ == State::sending) {
      on_ack(now, segment->number, out);
    }
  }
}

// The next transfer, after its pause.
void TcpSender::finish_transfer(Instant now) {
  timeout_at_ = Instant::never();
  state_ = transfer_ < flow_.transfers.size() ? State::idle : State::done;
  begin_ = state_ == State::idle ? now + flow_.transfers[transfer_].idle : Instant::never();
}

void TcpSender::begin_transfer(Instant now, Outbox& out) {
  const FlowPlan::Transfer& transfer = flow_.transfers[transfer_++];
  state_ = State::sending;
  begin_ = Instant::never();
  end_ = transfer.bytes == FlowPlan::kEndless ? UINT64_MAX : acked_ + static_cast<uint64_t>(transfer.bytes);
  if (now - last_sent_ > timeout_) window_.on_idle();
  send_more(now, out);
}

void TcpSender::on_ack(Instant now, uint64_t number, Outbox& out) {
  if (number > highest_ || number < acked_) return;  // of no byte that was sent, or late
  if (number == acked_) return on_duplicate(now, out);
  measure(now, number);
  const int64_t newly = static_cast<int64_t>(number - acked_);
  acked_ = number;
  next_ = std::max(next_, acked_);
  if (!recovering_) {
    window_.on_ack(now, newly, smoothed_);
  } else if (acked_ >= recover_) {
    recovering_ = false;
    window_.on_recovered(flight());
  } else {
    window_.on_partial_ack(newly);
    resend_first(now, out);
  }
  duplicates_ = 0;
  timeout_at_ = acked_ < next_ ? now + timeout_ : Instant::never();
  if (acked_ == end_) return finish_transfer(now);
  send_more(now, out);
}

void TcpSender::on_duplicate(Instant now, Outbox& out) {
  if (acked_ == next_) return;
  ++duplicates_;
  if (recovering_) {
    window_.on_duplicate();
  } else if (duplicates_ == 3 && acked_ >= recover_) {  // RFC 6582 section 3.2 step 2: once a window
    recovering_ = true;
    recover_ = next_;
    window_.on_loss(now, flight());
    resend_first(now, out);
  }
  send_more(now, out);
}

void TcpSender::on_timeout(Instant now, Outbox& out) {
  timeout_ = std::min(timeout_ * 2, kMostTimeout);
  if (state_ == State::connecting) return connect(now, out);
  window_.on_timeout(now, flight());
  recovering_ = false;
  duplicates_ = 0;
  recover_ = highest_;
  next_ = acked_;  // all over again from there; what the other end holds is skipped by its acknowledgements
  sent_.clear();
  timeout_at_ = now + timeout_;
  send_more(now, out);
}

// RFC 6298 section 2, from the newest segment that is acknowledged for the first time.
void TcpSender::measure(Instant now, uint64_t acked) {
  std::optional<Duration> trip;
  while (!sent_.empty() && sent_.front().end <= acked) {
    if (!sent_.front().again) trip = now - sent_.front().at;
    sent_.pop();
  }
  if (!trip) return;
  if (!measured_) {
    smoothed_ = *trip;
    variation_ = *trip / 2;
    measured_ = true;
  } else {
    const Duration off = *trip > smoothed_ ? *trip - smoothed_ : smoothed_ - *trip;
    variation_ = (variation_ * 3 + off) / 4;
    smoothed_ = (smoothed_ * 7 + *trip) / 8;
  }
  timeout_ = std::clamp(smoothed_ + variation_ * 4, kLeastTimeout, kMostTimeout);
}

void TcpSender::send_more(Instant now, Outbox& out) {
  if (now >= flow_.stop) return;
  const int64_t extra = recovering_ ? 0 : int64_t{std::min(duplicates_, 2u)} * TcpSegment::kMost;  // limited transmit
  const int64_t allowed = std::min(window_.bytes() + extra, kReceiveWindow);
  while (next_ < end_) {
    const uint16_t length = static_cast<uint16_t>(std::min<uint64_t>(TcpSegment::kMost, end_ - next_));
    if (flight() + length > allowed) break;
    send_at(now, next_, length, out);
    sent_.push({next_ + length, now, next_ < highest_});
    next_ += length;
    highest_ = std::max(highest_, next_);
  }
  if (timeout_at_.is_never() && acked_ < next_) timeout_at_ = now + timeout_;
}

void TcpSender::send_at(Instant now, uint64_t number, uint16_t length, Outbox& out) {
  send_segment({TcpSegment::Kind::data, length, number}, to_, out);
  last_sent_ = now;
  ++packets_;
  again_ += number < highest_;
}

void TcpSender::resend_first(Instant now, Outbox& out) {
  if (acked_ >= next_) return;
  send_at(now, acked_, static_cast<uint16_t>(std::min<uint64_t>(TcpSegment::kMost, next_ - acked_)), out);
  if (!sent_.empty()) sent_.front().again = true;
  timeout_at_ = now + timeout_;
}

void TcpSender::take_sample(FlowSample& out) {
  out.packets += packets_;
  out.retransmitted += again_;
  packets_ = again_ = 0;
}

}  // namespace tacoma
