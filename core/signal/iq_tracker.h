// Requests that wait for their answer.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "core/base/time.h"
#include "core/signal/stanza.h"

namespace tacoma {

/// Remembers the iqs that were sent, each with what its answer is for, until the answer comes or its time is over.
/// Bounded: `kMaxPending` requests.
template <typename Context>
class IqTracker {
 public:
  static constexpr size_t kMaxPending = 16384;

  /// `prefix` keeps the ids of several trackers on one stream apart.
  explicit IqTracker(std::string prefix = {}) : prefix_(std::move(prefix)) {}

  /// The id to send a request to `to` with, or nullopt at the limit. `to` empty: our own server.
  std::optional<std::string> track(const Jid& to, Instant deadline, Context context) {
    if (pending_.size() >= kMaxPending) return std::nullopt;
    const uint64_t number = ++last_;
    pending_.emplace(number, Entry{to, deadline, std::move(context)});
    deadlines_.emplace(deadline, number);
    return prefix_ + std::to_string(number);
  }
  /// Takes the context of the request that this result or error answers: same id, and from the address that was asked
  /// (RFC 6120 section 8.2.3). nullopt for an answer to nothing.
  std::optional<Context> match(const Element& answer) {
    if (!is_answer(answer)) return std::nullopt;
    const std::string_view id = answer.attr("id");
    if (id.size() <= prefix_.size() || id.size() > prefix_.size() + 19 || id.substr(0, prefix_.size()) != prefix_) return std::nullopt;
    uint64_t number = 0;
    for (char c : id.substr(prefix_.size())) {
      if (c < '0' || c > '9') return std::nullopt;
      number = number * 10 + static_cast<uint64_t>(c - '0');
    }
    const auto found = pending_.find(number);
    if (found == pending_.end()) return std::nullopt;
    if (!found->second.to.empty() && from_of(answer) != found->second.to) return std::nullopt;
    return take(found);
  }
  /// Takes one request whose time is over; nullopt when there is none.
  std::optional<Context> pop_expired(Instant now) {
    if (deadlines_.empty() || deadlines_.begin()->first > now) return std::nullopt;
    return take(pending_.find(deadlines_.begin()->second));
  }
  Instant earliest() const { return deadlines_.empty() ? Instant::never() : deadlines_.begin()->first; }
  size_t size() const { return pending_.size(); }
  void clear() { pending_.clear(); deadlines_.clear(); }

 private:
  struct Entry {
    Jid to;
    Instant deadline;
    Context context;
  };
  Context take(typename std::map<uint64_t, Entry>::iterator entry) {
    Context context = std::move(entry->second.context);
    deadlines_.erase({entry->second.deadline, entry->first});
    pending_.erase(entry);
    return context;
  }
  std::string prefix_;
  uint64_t last_ = 0;
  std::map<uint64_t, Entry> pending_;
  std::set<std::pair<Instant, uint64_t>> deadlines_;
};

}  // namespace tacoma
