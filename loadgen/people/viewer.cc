#include "loadgen/people/viewer.h"

#include <algorithm>

namespace tacoma {
namespace {

using Mode = ViewPlan::Mode;

bool is_of(std::string_view source, std::string_view endpoint) {
  return !endpoint.empty() && source.size() > endpoint.size() && source.substr(0, endpoint.size()) == endpoint && source[endpoint.size()] == '-';
}
bool is_screen(std::string_view source) { return source.size() > 3 && source.substr(source.size() - 3, 2) == "-v" && source.back() != '0'; }

int32_t tile_height(size_t tiles) { return tiles <= 1 ? 720 : tiles <= 4 ? 360 : 180; }

}  // namespace

void Viewer::add(std::string_view source) {
  if (sources_.size() >= kMostSources || std::find(sources_.begin(), sources_.end(), source) != sources_.end()) return;
  sources_.emplace_back(source);
  changed_ = true;
}

void Viewer::remove(std::string_view source) {
  const auto at = std::find(sources_.begin(), sources_.end(), source);
  if (at == sources_.end()) return;
  sources_.erase(at);
  changed_ = true;
}

void Viewer::on_speaker(std::string_view endpoint) {
  if (speaker_ == endpoint) return;
  speaker_ = endpoint;
  if (view_->mode == Mode::stage || view_->mode == Mode::stage_tiles) changed_ = true;
}

void Viewer::on_connectivity(std::string_view endpoint, bool active) {
  const auto at = std::find(inactive_.begin(), inactive_.end(), endpoint);
  if (active == (at == inactive_.end())) return;
  if (active) inactive_.erase(at);
  else if (inactive_.size() < kMostSources) inactive_.emplace_back(endpoint);
  if (view_->mode == Mode::stage || view_->mode == Mode::stage_tiles) changed_ = true;
}

bool Viewer::is_hidden(Instant now) const {
  return view_->hidden_from && now >= *view_->hidden_from && !(view_->hidden_to && now >= *view_->hidden_to);
}

void Viewer::plan_change(Instant now) {
  next_change_ = Instant::never();
  for (const std::optional<Instant>& at : {view_->hidden_from, view_->hidden_to})
    if (at && *at > now) next_change_ = std::min(next_change_, *at);
  if (view_->turns) next_change_ = std::min(next_change_, Instant::at(*view_->turns * (now.since_start() / *view_->turns + 1)));
}

void Viewer::on_deadline(Instant now) {
  if (now < next_change_) return;
  plan_change(now);
  changed_ = true;
}

const std::string* Viewer::on_stage() const {
  const auto find = [this](const auto& fits) -> const std::string* {
    const auto at = std::find_if(sources_.rbegin(), sources_.rend(), fits);  // the newest
    return at == sources_.rend() ? nullptr : &*at;
  };
  if (const std::string* pinned = find([&](const std::string& s) { return is_of(s, pinned_); })) return pinned;
  if (const std::string* screen = find([](const std::string& s) { return is_screen(s); })) return screen;
  const bool is_there = std::find(inactive_.begin(), inactive_.end(), speaker_) == inactive_.end();
  const std::string* speaker = is_there ? find([&](const std::string& s) { return is_of(s, speaker_); }) : nullptr;
  if (speaker) return speaker;
  return sources_.empty() ? nullptr : &sources_.front();
}

void Viewer::show_tiles(Instant now, const std::string* except, int32_t height) {
  std::vector<const std::string*> order;
  for (const bool pinned : {true, false})
    for (const std::string& source : sources_)
      if (&source != except && is_of(source, pinned_) == pinned) order.push_back(&source);
  if (order.empty()) return;
  const size_t pages = (order.size() + view_->tiles - 1) / view_->tiles;
  const size_t page = view_->turns ? static_cast<size_t>(now.since_start() / *view_->turns) % pages : 0;
  const size_t from = page * view_->tiles, to = std::min(order.size(), from + view_->tiles);
  if (height < 0) height = tile_height(to - from);
  for (size_t i = from; i < to; ++i) shown_.push_back({*order[i], height, false});
}

void Viewer::lay_out(Instant now) {
  shown_.clear();
  sees_all_ = view_->mode == Mode::everything && !is_hidden(now);
  if (is_hidden(now) || view_->mode == Mode::nothing || sees_all_) return;
  if (view_->mode == Mode::tiles) return show_tiles(now, nullptr, view_->max_height);
  const std::string* stage = on_stage();
  if (stage) shown_.push_back({*stage, view_->max_height < 0 ? kStage : view_->max_height, true});
  if (view_->mode == Mode::stage_tiles) show_tiles(now, stage, kThumbnail);
}

std::optional<channel::ReceiverVideoConstraints> Viewer::ask(Instant now) {
  if (said_ && !changed_) return std::nullopt;
  if (!said_) plan_change(now);
  changed_ = false;
  lay_out(now);
  channel::ReceiverVideoConstraints wanted;
  wanted.last_n = sees_all_ || !shown_.empty() ? view_->last_n : 0;
  wanted.defaults = channel::VideoConstraints{sees_all_ ? view_->max_height : 0, -1};
  wanted.selected.emplace();
  wanted.on_stage.emplace();
  wanted.constraints.emplace();
  for (const Shown& one : shown_) {
    if (wanted.constraints->size() == channel::kMaxNames) break;
    (one.on_stage ? wanted.on_stage : wanted.selected)->push_back(one.source);
    (*wanted.constraints)[one.source] = channel::VideoConstraints{one.height, -1};
  }
  if (said_ && wanted == *said_) return std::nullopt;
  said_ = wanted;
  return wanted;
}

int32_t Viewer::wanted(std::string_view source) const {
  if (!said_) return -1;
  for (const Shown& one : shown_)
    if (one.source == source) return one.height;
  return said_->defaults->max_height;
}

}  // namespace tacoma
