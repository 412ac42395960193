#include "bridge/engine/allocator.h"

#include <algorithm>
#include <cmath>

namespace tacoma::bridge {

using namespace allocation;

std::string_view to_string(Limit limit) {
  switch (limit) {
    case Limit::none: return "none";
    case Limit::estimate: return "estimate";
    case Limit::constraint: return "constraint";
    case Limit::last_n: return "last-n";
  }
  return "";
}

namespace {

bool is_wanted(const Candidate& c) { return c.constraints.max_height != 0; }

bool fits(const LayerInfo& layer, const channel::VideoConstraints& constraints) {
  const bool height = constraints.max_height < 0 || layer.height <= constraints.max_height;
  const bool rate = constraints.max_frame_rate < 0 || static_cast<double>(layer.fps) <= constraints.max_frame_rate / static_cast<double>(kFpsTolerance);
  return height && rate;
}

/// Whether there is a step to more frames at the same height, which is then the one to take: from the preferred height on a picture
/// that stutters is worth less than a smaller one. Thumbnails may stutter, and a shared screen mostly stands still.
bool has_smoother(const Candidate& c, size_t i) {
  const bool thumbnail = c.constraints.max_height > 0 && c.constraints.max_height <= kThumbnailHeight;
  const LayerInfo& layer = c.layers[i];
  if (c.screen || thumbnail || layer.height < kPreferredHeight || layer.fps >= kPreferredFps * kFpsTolerance || i + 1 == c.layers.size()) return false;
  const LayerInfo& next = c.layers[i + 1];
  return next.height == layer.height && next.fps > layer.fps && fits(next, c.constraints);
}

/// The layers worth considering, ascending in rate and in value. The lowest always is: constraints bound what is wasted, they are no
/// reason to show nothing.
void add_allowed(const Candidate& c, std::vector<uint16_t>& allowed) {
  const size_t begin = allowed.size();
  DataRate last = DataRate::bps(-1);
  for (size_t i = 0; i < c.layers.size(); ++i) {
    const LayerInfo& layer = c.layers[i];
    if (i > 0 && (!fits(layer, c.constraints) || has_smoother(c, i))) continue;
    // Better and no dearer than those before it: they are not worth a step.
    while (allowed.size() > begin && layer.rate <= last) {
      allowed.pop_back();
      last = allowed.size() > begin ? c.layers[allowed.back()].rate : DataRate::bps(-1);
    }
    allowed.push_back(static_cast<uint16_t>(i));
    last = layer.rate;
  }
}

/// Shares in rounds. What is left is counted in what steps are charged: a step above what the source has costs kHeadroom.
class Rounds {
 public:
  Rounds(DataRate estimate, Span<const Candidate> candidates, Shares& shares)
      : candidates_(candidates), shares_(shares), unlimited_(estimate.is_infinite()), estimate_(static_cast<double>(estimate.bps())), left_(estimate_) {}

  bool unlimited() const { return unlimited_; }

  size_t run_size(size_t i) const { return shares_.first[i + 1] - shares_.first[i]; }
  const LayerInfo& layer(size_t i, int32_t at) const {
    return candidates_[i].layers[shares_.allowed[shares_.first[i] + static_cast<size_t>(at)]];
  }
  double charge(size_t i, int32_t at) const {
    if (at < 0) return 0;
    const LayerInfo& l = layer(i, at);
    const auto& previous = candidates_[i].previous;
    const bool up = !previous || *previous < l.id;
    return static_cast<double>(l.rate.bps()) * (up ? kHeadroom : 1.0);
  }
  /// A step up that is not to be tried yet. What it has may stay, whatever its rate has become.
  bool is_held(size_t i, int32_t at) const {
    const Candidate& c = candidates_[i];
    return c.held && at > 0 && (!c.previous || *c.previous < layer(i, at).id);
  }
  /// Takes `at` when it can be paid.
  bool raise(size_t i, int32_t at) {
    const double more = charge(i, at) - charge(i, shares_.chosen[i]);
    if (!can_pay(more)) return false;
    left_ -= more;
    shares_.chosen[i] = at;
    return true;
  }
  /// One step up. A step that costs less than nothing (hysteresis, rates that wavered) is not a step of its own.
  bool improve(size_t i) {
    const int32_t next = shares_.chosen[i] + 1;
    return next < static_cast<int32_t>(run_size(i)) && !is_held(i, next) && raise(i, next);
  }
  /// As near to the preferred layer as can be paid and may be tried. False: not there.
  bool reach_preferred(size_t i) {
    const auto count = static_cast<int32_t>(run_size(i));
    while (shares_.chosen[i] + 1 < count) {
      if (shares_.chosen[i] >= 0 && layer(i, shares_.chosen[i] + 1).height > kPreferredHeight) return true;
      if (is_held(i, shares_.chosen[i] + 1)) return true;
      if (!improve(i)) return false;
    }
    return count > 0;
  }
  /// Its lowest layer, whatever it costs.
  void let_through(size_t i) {
    if (unlimited_ || run_size(i) == 0) return;
    left_ -= charge(i, 0);
    shares_.chosen[i] = 0;
    shares_.follower_oversends = shares_.follower_oversends || left_ < -kFollowing * estimate_;
  }
  void oversend(size_t i) {
    if (unlimited_ || run_size(i) == 0 || shares_.chosen[i] >= 0) return;
    if (!can_pay(charge(i, 0) - static_cast<double>(kOversend.bps()))) return;
    left_ -= charge(i, 0);
    shares_.chosen[i] = 0;
    shares_.oversends = left_ < 0;
  }

 private:
  /// As long as the answers are the same, so is what is shared out: what the nearest refusal lacks is what all of it lacks.
  bool can_pay(double more) {
    if (unlimited_ || more <= left_) return true;
    shares_.lacks = std::min(shares_.lacks, DataRate::bps(static_cast<int64_t>(std::ceil(more - left_))));
    return false;
  }

  Span<const Candidate> candidates_;
  Shares& shares_;
  bool unlimited_;
  const double estimate_;
  double left_;
};

void share(Rounds& rounds, Span<const Candidate> candidates, const Shares& shares) {
  for (size_t i = 0; i < candidates.size(); ++i)
    if (candidates[i].follows) rounds.let_through(i);
  // The stage first: whoever looks at one picture wants that one, and thumbnails only beside it.
  bool stage_waits = false;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].interest != Interest::on_stage || rounds.run_size(i) == 0) continue;
    if (rounds.reach_preferred(i)) continue;
    if (candidates[i].screen) rounds.oversend(i);
    stage_waits = true;
  }
  if (stage_waits) return;
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t i = 0; i < candidates.size(); ++i)
      if (shares.chosen[i] + 1 < static_cast<int32_t>(rounds.run_size(i))) moved = rounds.improve(i) || moved;
  }
}

Grant grant_of(const Candidate& c, const Rounds& rounds, size_t i, int32_t chosen, bool within_last_n) {
  Grant grant;
  grant.limit = !within_last_n ? Limit::last_n : Limit::constraint;
  if (!within_last_n || !is_wanted(c)) return grant;
  grant.wanted_height = c.constraints.max_height;
  if (c.layers.empty()) {
    // Whatever comes first: its cost is known when it has come.
    grant.target = c.previous.value_or(LayerId());
    grant.limit = Limit::none;
    return grant;
  }
  const auto count = static_cast<int32_t>(rounds.run_size(i));
  grant.ideal = rounds.layer(i, count - 1).rate;
  if (chosen >= 0) {
    const LayerInfo& layer = rounds.layer(i, chosen);
    grant.target = layer.id;
    grant.rate = layer.rate;
    grant.height = layer.height;
  }
  if (chosen + 1 < count) grant.limit = Limit::estimate;
  else if (rounds.layer(i, chosen).id == c.layers[c.layers.size() - 1].id) grant.limit = Limit::none;
  return grant;
}

}  // namespace

void allocate(DataRate estimate, int32_t last_n, Span<const Candidate> candidates, Shares& shares) {
  shares.clear();
  shares.allowed.clear();
  shares.first.clear();
  shares.chosen.assign(candidates.size(), -1);
  const size_t most = last_n < 0 ? candidates.size() : static_cast<size_t>(last_n);
  size_t given = 0;
  std::vector<Grant>& grants = shares.grants;
  grants.resize(candidates.size());
  for (size_t i = 0; i < candidates.size(); ++i) {
    shares.first.push_back(static_cast<uint32_t>(shares.allowed.size()));
    // Those that are not wanted at all do not use up a place.
    const bool in = is_wanted(candidates[i]) && given < most;
    grants[i].limit = in || !is_wanted(candidates[i]) ? Limit::none : Limit::last_n;
    if (!in) continue;
    ++given;
    add_allowed(candidates[i], shares.allowed);
  }
  shares.first.push_back(static_cast<uint32_t>(shares.allowed.size()));
  Rounds rounds(estimate, candidates, shares);
  share(rounds, candidates, shares);
  for (size_t i = 0; i < candidates.size(); ++i) {
    const bool within = grants[i].limit != Limit::last_n;
    grants[i] = grant_of(candidates[i], rounds, i, shares.chosen[i], within);
    shares.used = shares.used + grants[i].rate;
    shares.ideal = shares.ideal + grants[i].ideal;
  }
}

}  // namespace tacoma::bridge
