// The SSRCs of its own under which the bridge gives one receiver the sources of one medium, when that receiver knows nothing of the
// senders' (capability ssrc-rewriting): a bounded number, lent to the sources that send.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "bridge/engine/projection.h"
#include "core/base/rng.h"

namespace tacoma::bridge {

class Source;

class SsrcPool {
 public:
  static constexpr size_t kLimit = 50;  // unless told otherwise, as Jitsi Videobridge's ssrc-limit
  /// What has sent so lately keeps its SSRC, whoever wants it.
  static constexpr Duration kActive = Duration::seconds(1);
  /// Sound under an SSRC that the receiver has never heard of waits so long: Chromium (148 and later) that gets it before its page has
  /// taken in the source map may bind it elsewhere, and that person stays silent. Pictures come later by themselves.
  static constexpr Duration kSettle = Duration::milliseconds(200);

  struct Slot {
    OutgoingStream stream;        // as its last holder left it
    Source* holder = nullptr;
    Instant last_sent;            // or was lent, if that is later
    Instant settled;              // the receiver has had time to prepare for an SSRC that is new to it
    bool is_told = true;          // the receiver knows who holds it
  };

  /// At most `limit` SSRCs; one at least.
  explicit SsrcPool(Rng rng = Rng(0), size_t limit = kLimit) : limit_(limit), rng_(rng) {}

  /// The slot that `source` holds; null: none.
  Slot* find(const Source& source);
  /// The slot with this SSRC; null: none, or nobody holds it.
  Slot* find(Ssrc ssrc);
  /// Whether there is one that nobody holds, or that was not made yet.
  bool has_room() const {
    return slots_.size() < limit_ || std::any_of(slots_.begin(), slots_.end(), [](const Slot& s) { return !s.holder; });
  }
  /// Whether what `source` holds may be used: always, but for the first kSettle of a voice's SSRC.
  bool is_settled(const Source& source, Instant now) {
    if (now >= settled_) return true;
    const Slot* slot = find(source);
    return !slot || now >= slot->settled;
  }
  /// Sets when each holder has sent last: `last_sent(source)`.
  template <typename LastSent>
  void refresh(LastSent last_sent) {
    for (Slot& slot : slots_)
      if (slot.holder) slot.last_sent = std::max(slot.last_sent, last_sent(*slot.holder));
  }
  /// A slot for a source that holds none: a new one, a free one, or that of the source which has been silent for longest (`holder`
  /// says who that is: it has to give up its stream first). Null: all are active. `taken`: SSRCs that may not be used.
  Slot* choose(Instant now, bool with_rtx, const std::function<bool(Ssrc)>& taken);
  /// All that were made, in that order.
  std::vector<Slot>& slots() { return slots_; }

 private:
  Ssrc draw(const std::function<bool(Ssrc)>& taken);
  size_t limit_;
  Instant settled_;  // all are from then on
  std::vector<Slot> slots_;
  Rng rng_;
};

}  // namespace tacoma::bridge
