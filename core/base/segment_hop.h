// A reliable stream over one link, as TCP would fare there: segments that share rate and queue with the link's datagrams, and
// a loss that holds up what follows until the segment is sent again. The light world and the shaping of the sockets world
// use it, so a stream meets the same delays in both.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/base/fifo.h"
#include "core/base/link_model.h"

namespace tacoma {

/// One direction of one stream over one link. Only lengths pass through here, the owner keeps the bytes. What is simpler than
/// TCP: the window is fixed (kWindow segments on the link), it is loss of the first segment that stops the sending of the
/// others, and acknowledgements are free.
class SegmentHop {
 public:
  static constexpr uint32_t kSegment = 1460;  // payload of a full segment: 1,500 bytes of IPv4
  static constexpr size_t kWindow = 32;
  static constexpr uint32_t kMaxLosses = 10;  // of one segment, then the stream has failed
  static constexpr uint32_t kFirstTimeoutMs = 200, kLastTimeoutMs = 60'000;  // doubling in between (RFC 6298, with Linux's minimum)

  /// What is not payload but takes its turn among it.
  enum class Mark : uint8_t { none, syn, syn_ack, ack, fin };
  /// What came out at the far end: payload bytes, or one mark.
  struct Arrived {
    uint32_t length = 0;
    Mark mark = Mark::none;
  };

  /// `overhead` is the header bytes of a segment, `round_trip` what the path takes at best.
  SegmentHop(int64_t overhead, Duration round_trip)
      : overhead_(overhead), timeout_(std::max(Duration::milliseconds(kFirstTimeoutMs), round_trip * 2)) {}

  /// Payload, or a mark, that reaches this link at `ready`; calls come in order of it.
  void push_bytes(Instant ready, size_t count) {
    held_ += count;
    while (count > 0) {
      if (!pending_.empty() && pending_.back().ready == ready && pending_.back().mark == Mark::none && pending_.back().length < (1u << 30)) {
        const size_t part = std::min<size_t>(count, (1u << 30) - pending_.back().length);
        pending_.back().length += static_cast<uint32_t>(part);
        count -= part;
      } else {
        pending_.push({ready, 0, Mark::none});
      }
    }
  }
  void push_mark(Instant ready, Mark mark) { pending_.push({ready, 0, mark}); }

  /// Offers to the link what is ready and fits into the window.
  void offer(Instant now, LinkModel& link) {
    while (!pending_.empty() && pending_.front().ready <= now && on_link_.size() < kWindow && now >= retry_at_ && !failed_) {
      Item& item = pending_.front();
      const uint32_t length = std::min(item.length, kSegment);
      const LinkVerdict verdict = link.offer(now, int64_t{length} + overhead_);
      if (!verdict.delivered) {
        Duration wait = timeout_ * (int64_t{1} << losses_);
        if (item.mark == Mark::syn || item.mark == Mark::syn_ack) wait = std::max(wait, Duration::seconds(1) * (int64_t{1} << losses_));
        retry_at_ = now + std::min(wait, Duration::milliseconds(kLastTimeoutMs));
        failed_ = ++losses_ >= kMaxLosses;
        return;
      }
      losses_ = 0;
      on_link_.push({verdict.arrival, length, item.mark});
      item.length -= length;
      if (item.length == 0) pending_.pop();
    }
  }
  /// Takes what has arrived by now; adjoining payload comes as one.
  bool take_arrived(Instant now, Arrived& out) {
    if (on_link_.empty() || on_link_.front().ready > now) return false;
    out = {on_link_.front().length, on_link_.front().mark};
    on_link_.pop();
    while (out.mark == Mark::none && !on_link_.empty() && on_link_.front().ready <= now && on_link_.front().mark == Mark::none) {
      out.length += on_link_.front().length;
      on_link_.pop();
    }
    held_ -= out.length;
    return true;
  }
  /// When to call take_arrived and offer again.
  Instant next() const {
    Instant at = on_link_.empty() ? Instant::never() : on_link_.front().ready;
    if (!pending_.empty() && on_link_.size() < kWindow && !failed_) at = std::min(at, std::max(pending_.front().ready, retry_at_));
    return at;
  }
  /// One segment was lost too often.
  bool failed() const { return failed_; }
  /// Payload bytes pushed and not taken yet.
  size_t held() const { return held_; }

 private:
  struct Item {
    Instant ready;  // on_link_: when it arrives
    uint32_t length;
    Mark mark;
  };
  Fifo<Item> pending_, on_link_;
  int64_t overhead_;
  Duration timeout_;
  Instant retry_at_;
  size_t held_ = 0;
  uint32_t losses_ = 0;
  bool failed_ = false;
};

}  // namespace tacoma
