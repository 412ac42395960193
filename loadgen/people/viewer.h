// What a person looks at: from its view, the sources of the room and the dominant speaker to what it asks its bridge for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/signal/bridge_channel.h"
#include "loadgen/plan/plan.h"

namespace tacoma {

/// Asks as Jitsi Meet does: what is on the stage in `onStageSources`, what is in visible tiles in `selectedSources`, a height for each,
/// and nothing (height 0) of all else. A shared screen takes the stage from the dominant speaker, a pin from both.
class Viewer {
 public:
  // Lines of a place on the screen (Jitsi Meet's quality levels).
  static constexpr int32_t kStage = 720, kThumbnail = 180;
  static constexpr size_t kMostSources = 4096;

  /// `pinned`: the endpoint id of whom the view pins; empty: nobody.
  Viewer(const ViewPlan& view, std::string_view pinned) : view_(&view), pinned_(pinned) {}

  /// A video source of somebody else was signalled. Its name says whose it is ("ab12cd34-v0"; v1 and higher are screens).
  void add(std::string_view source);
  void remove(std::string_view source);
  void on_speaker(std::string_view endpoint);
  /// Nothing has come from somebody for a while, or again: who is not there does not take the stage.
  void on_connectivity(std::string_view endpoint, bool active);
  /// When the view changes by itself: a page turns, the window is hidden or seen again.
  Instant deadline() const { return next_change_; }
  void on_deadline(Instant now);

  /// The channel is new: everything has to be said again.
  void forget_said() { said_.reset(); }
  /// What to ask for, if it differs from what was said last.
  std::optional<channel::ReceiverVideoConstraints> ask(Instant now);
  /// Lines that are asked for of a source: -1 no limit, 0 none. 0 for one that is beyond last-n only by the bridge's choice is not
  /// known here.
  int32_t wanted(std::string_view source) const;
  int32_t last_n() const { return view_->last_n; }
  size_t sources() const { return sources_.size(); }

 private:
  struct Shown {
    std::string source;
    int32_t height = 0;
    bool on_stage = false;
  };
  bool is_hidden(Instant now) const;
  const std::string* on_stage() const;
  void lay_out(Instant now);
  void show_tiles(Instant now, const std::string* except, int32_t height);
  void plan_change(Instant now);

  const ViewPlan* view_;
  std::string pinned_, speaker_;
  std::vector<std::string> sources_;  // in order of appearance
  std::vector<std::string> inactive_; // endpoints
  std::vector<Shown> shown_;          // the most wanted first
  std::optional<channel::ReceiverVideoConstraints> said_;
  Instant next_change_;
  bool changed_ = true, sees_all_ = false;
};

}  // namespace tacoma
