// Who is seen how sharply: shares one receiver's estimate among the video sources of its conference. A pure function; the rules are
// those of Jitsi Videobridge's allocation (its doc/allocation.md), stated in docs/congestion.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "bridge/engine/layers.h"
#include "core/base/bytes.h"
#include "core/base/units.h"
#include "core/signal/bridge_channel.h"

namespace tacoma::bridge {

namespace allocation {
/// What an on-stage source is given before anybody else gets anything, where it fits.
inline constexpr int32_t kPreferredHeight = 360;
inline constexpr float kPreferredFps = 30;
inline constexpr int32_t kThumbnailHeight = 180;  // constraints up to this ask for a thumbnail
/// A camera may be said to run at 30 and be counted at 29: sufficient.
inline constexpr float kFpsTolerance = 0.8f;
/// How far an on-stage screen share, in its lowest layer, may go over the estimate: text is unreadable or it is there.
inline constexpr DataRate kOversend = DataRate::kbps(500);
/// What a step up has to leave free, so that an estimate or a rate that wavers does not switch to and fro.
inline constexpr double kHeadroom = 1.15;
/// A sender that follows an estimate is always a little behind it: within so much of the estimate it does follow.
inline constexpr double kFollowing = 0.5;
}  // namespace allocation

/// How a receiver wants a source.
enum class Interest : uint8_t { on_stage, selected, other };

/// One video source that a receiver might get. The caller puts those that somebody looks at first: on-stage, selected, then by who
/// spoke last.
struct Candidate {
  Interest interest = Interest::other;
  bool screen = false;                       // shares a screen
  channel::VideoConstraints constraints;     // height 0: not at all
  Span<const LayerInfo> layers;              // ascending; empty: nothing has come yet
  std::optional<LayerId> previous;           // what it has now
  bool follows = false;                      // its sender is about to adapt to this receiver: the lowest layer goes out all the same
  bool held = false;                         // nothing above what it has, or above its lowest layer, for now
};

enum class Limit : uint8_t { none, estimate, constraint, last_n };  // what keeps a source from its highest layer
std::string_view to_string(Limit limit);

struct Grant {
  std::optional<LayerId> target;             // nullopt: suspended
  DataRate rate;                             // of the target
  DataRate ideal;                            // of the layer that it would have if everything fitted
  int32_t height = 0;                        // of the target
  int32_t wanted_height = 0;                 // what is worth sending for it: -1 all there is, 0 nothing
  Limit limit = Limit::none;
};

struct Shares {
  std::vector<Grant> grants;                 // of the candidates, in their order
  DataRate used, ideal;                      // sums
  DataRate lacks;                            // with so much more of estimate more would be given, or more of it within; infinite: never
  bool oversends = false;                    // more than the estimate, by the screen on stage
  bool follower_oversends = false;           // more than the estimate, by a source whose sender adapts
  void clear() { grants.clear(); used = ideal = DataRate::zero(); lacks = DataRate::infinite(); oversends = follower_oversends = false; }

  std::vector<uint16_t> allowed;             // scratch: for each candidate a run of layer indexes, ascending
  std::vector<uint32_t> first;               // scratch: where its run begins
  std::vector<int32_t> chosen;               // scratch: in its run; -1 none
};

/// Fills `shares`. `estimate`: what the receiver can take of video; infinite: no limit. `last_n`: at most so many sources are given
/// anything; -1: no limit. Without the oversend of kOversend, and of those that follow, the sum of the rates is never over the estimate; with a
/// higher estimate it is never less. No allocation once the scratch is warm.
void allocate(DataRate estimate, int32_t last_n, Span<const Candidate> candidates, Shares& shares);

}  // namespace tacoma::bridge
