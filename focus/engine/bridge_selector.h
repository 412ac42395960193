// Which bridges there are, how they fare, and which one a conference should use.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/id.h"
#include "core/base/time.h"
#include "core/signal/presence.h"

namespace tacoma::focus {

/// A bridge since it entered the brewery; a bridge that leaves and comes back gets a new one.
using BridgeId = Id<struct BridgeTag, uint32_t>;

struct Bridge {
  BridgeId id;
  std::string jid;                            // its occupant JID in the brewery: where IQs go
  BridgeStats stats;                          // what it says of itself
  double average_participant_stress = 0.01;   // what one more participant costs
  Instant failed_until = Instant();           // not operational before this time
  size_t endpoints = 0;                       // that this focus has on it
};

class BridgeSelector {
 public:
  BridgeSelector(size_t limit, double overloaded_stress) : limit_(limit), overloaded_stress_(overloaded_stress) {}

  /// A presence of a bridge; adds it when it is new. Null when there are too many.
  Bridge* update(std::string_view jid, BridgeStats stats);
  /// The bridge left. True when it was known.
  bool remove(std::string_view jid);
  Bridge* find(std::string_view jid);
  Bridge* find(BridgeId id);

  static bool is_usable(const Bridge& bridge, Instant now);
  /// The bridge is not operational until then.
  void fail(Bridge& bridge, Instant until);
  /// When the next failed bridge may be used again.
  Instant next_recovery() const { return recoveries_.empty() ? Instant::never() : recoveries_.begin()->first; }
  /// Takes one bridge whose time out of use is over; false when there is none.
  bool pop_recovered(Instant now);
  /// The usable bridge with the lowest stress, corrected for the endpoints added in the last 20 s that it cannot have
  /// reported yet. One that is not overloaded goes before one that is, then one of `region` (may be empty) before others;
  /// equal ones in order of arrival.
  Bridge* select(std::string_view region, Instant now);
  /// An endpoint was put on the bridge or taken from it.
  void endpoint_added(Bridge& bridge, Instant now);
  void endpoint_removed(Bridge& bridge);

  size_t size() const { return bridges_.size(); }
  size_t usable(Instant now) const;
  /// In order of arrival.
  template <typename Visit>
  void each(Visit visit) {
    for (auto& [id, entry] : bridges_) visit(entry.bridge);
  }

 private:
  static constexpr size_t kRampSeconds = 20;
  struct Entry {
    Bridge bridge;
    std::array<uint32_t, kRampSeconds> added{};  // endpoints added in each of the last seconds, by second modulo 20
    int64_t added_second = 0;                    // the newest second in `added`
  };
  static void advance(Entry& entry, Instant now);
  double corrected_stress(Entry& entry, Instant now) const;

  size_t limit_;
  double overloaded_stress_;
  uint32_t next_id_ = 1;
  std::map<uint32_t, Entry> bridges_;  // by id: in order of arrival
  std::map<std::string, uint32_t, std::less<>> by_jid_;
  std::set<std::pair<Instant, uint32_t>> recoveries_;
};

}  // namespace tacoma::focus
