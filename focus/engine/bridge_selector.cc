#include "focus/engine/bridge_selector.h"

#include <charconv>
#include <tuple>
#include <utility>

#include "core/base/assert.h"

namespace tacoma::focus {

Bridge* BridgeSelector::update(std::string_view jid, BridgeStats stats) {
  Bridge* bridge = find(jid);
  if (!bridge) {
    if (bridges_.size() >= limit_) return nullptr;
    const uint32_t id = next_id_++;
    by_jid_.emplace(std::string(jid), id);
    bridge = &bridges_[id].bridge;
    bridge->id = BridgeId(id);
    bridge->jid = jid;
  }
  const auto average = stats.others.find("average_participant_stress");
  if (average != stats.others.end()) {
    double value = 0;
    const char* end = average->second.data() + average->second.size();
    const auto [last, fault] = std::from_chars(average->second.data(), end, value);
    if (fault == std::errc() && last == end && value >= 0 && value <= 1) bridge->average_participant_stress = value;
  }
  bridge->stats = std::move(stats);
  return bridge;
}

bool BridgeSelector::remove(std::string_view jid) {
  const auto found = by_jid_.find(jid);
  if (found == by_jid_.end()) return false;
  const auto entry = bridges_.find(found->second);
  recoveries_.erase({entry->second.bridge.failed_until, found->second});
  bridges_.erase(entry);
  by_jid_.erase(found);
  return true;
}

Bridge* BridgeSelector::find(std::string_view jid) {
  const auto found = by_jid_.find(jid);
  return found == by_jid_.end() ? nullptr : &bridges_.find(found->second)->second.bridge;
}

Bridge* BridgeSelector::find(BridgeId id) {
  const auto found = bridges_.find(id.value());
  return found == bridges_.end() ? nullptr : &found->second.bridge;
}

bool BridgeSelector::is_usable(const Bridge& bridge, Instant now) {
  const BridgeStats& s = bridge.stats;
  return !s.drain && !s.graceful_shutdown && !s.shutting_down && s.healthy.value_or(true) && bridge.failed_until <= now;
}

void BridgeSelector::fail(Bridge& bridge, Instant until) {
  recoveries_.erase({bridge.failed_until, bridge.id.value()});
  bridge.failed_until = until;
  recoveries_.emplace(until, bridge.id.value());
}

bool BridgeSelector::pop_recovered(Instant now) {
  if (recoveries_.empty() || recoveries_.begin()->first > now) return false;
  recoveries_.erase(recoveries_.begin());
  return true;
}

Bridge* BridgeSelector::select(std::string_view region, Instant now) {
  Entry* best = nullptr;
  std::tuple<bool, bool, double> best_rank;
  for (auto& [id, entry] : bridges_) {
    if (!is_usable(entry.bridge, now)) continue;
    const double stress = corrected_stress(entry, now);
    const bool elsewhere = !region.empty() && entry.bridge.stats.region != region;
    const std::tuple rank(stress >= overloaded_stress_, elsewhere, stress);
    if (best && rank >= best_rank) continue;
    best = &entry;
    best_rank = rank;
  }
  return best ? &best->bridge : nullptr;
}

void BridgeSelector::endpoint_added(Bridge& bridge, Instant now) {
  ++bridge.endpoints;
  Entry& entry = bridges_.find(bridge.id.value())->second;
  advance(entry, now);
  ++entry.added[static_cast<size_t>(entry.added_second) % kRampSeconds];
}

void BridgeSelector::endpoint_removed(Bridge& bridge) {
  TACOMA_ASSERT(bridge.endpoints > 0);
  --bridge.endpoints;
}

size_t BridgeSelector::usable(Instant now) const {
  size_t count = 0;
  for (const auto& [id, entry] : bridges_) count += is_usable(entry.bridge, now) ? 1 : 0;
  return count;
}

void BridgeSelector::advance(Entry& entry, Instant now) {
  const int64_t second = now.since_start() / Duration::seconds(1);
  if (second - entry.added_second >= static_cast<int64_t>(kRampSeconds)) {
    entry.added.fill(0);
    entry.added_second = second;
  }
  while (entry.added_second < second) entry.added[static_cast<size_t>(++entry.added_second) % kRampSeconds] = 0;
}

double BridgeSelector::corrected_stress(Entry& entry, Instant now) const {
  advance(entry, now);
  uint32_t recent = 0;
  for (uint32_t n : entry.added) recent += n;
  return entry.bridge.stats.stress + recent * entry.bridge.average_participant_stress;
}

}  // namespace tacoma::focus
