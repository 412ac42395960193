// The bridge channel of one endpoint: a stream of messages beside the media, and what the endpoint asked for by it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/engine/allocator.h"
#include "core/base/process.h"
#include "core/secure/data_channel.h"
#include "core/signal/bridge_channel.h"

namespace tacoma::bridge {

/// What a receiver wants to see: all that its messages have said so far. Until the first one nothing is known.
struct ReceiverWants {
  bool is_known = false;
  int32_t last_n = -1;                       // -1: no limit
  std::vector<std::string> selected, on_stage;  // source names, most wanted first
  channel::VideoConstraints defaults;
  std::map<std::string, channel::VideoConstraints> named;
  std::optional<int64_t> assumed_bandwidth_bps;

  const channel::VideoConstraints& of(const std::string& source) const {
    const auto found = named.find(source);
    return found == named.end() ? defaults : found->second;
  }
  /// Lower comes first.
  uint32_t rank_of(const std::string& source) const {
    const auto found = ranks_.find(source);
    return found == ranks_.end() ? kUnranked : found->second;
  }
  static Interest interest_of(uint32_t rank) { return rank < kSelected ? Interest::on_stage : rank < kUnranked ? Interest::selected : Interest::other; }
  void apply(const channel::ReceiverVideoConstraints& said);
  void apply(const channel::LastN& said);

 private:
  static constexpr uint32_t kSelected = channel::kMaxNames, kUnranked = 2 * kSelected;
  std::map<std::string, uint32_t> ranks_;  // of on_stage and selected
};

struct Channel {
  /// An endpoint may send so many messages at once, and so many a second in the long run; more are dropped.
  static constexpr double kBurst = 200, kPerSecond = 50;

  std::string password;        // whoever knows it is the endpoint; empty: there is no channel
  StreamId stream{0};          // zero: not open
  DataChannel* data = nullptr;  // where there can be one; of the two the newer is open
  ReceiverWants wants;
  std::map<std::string, channel::VideoType> video_types;  // of its own sources, as it says; bounded by kMaxNames
  channel::ReceiverAudioSubscription audio;
  Instant statistics_at = Instant::never();  // when the last ConnectionStats went out
  std::vector<std::string> forwarded, told_forwarded;  // names of video sources that it gets; what the last ForwardedSources said

  /// Camera where it has not said otherwise.
  channel::VideoType type_of(const std::string& source) const {
    const auto found = video_types.find(source);
    return found == video_types.end() ? channel::VideoType::camera : found->second;
  }
  /// Whether it wants this audio source.
  bool hears(const std::string& source) const;
  bool is_open() const { return stream != StreamId(0) || (data && data->is_open()); }
  bool may_speak(Instant now);
  void send(std::string_view text, Outbox& out) const {
    if (stream != StreamId(0)) out.write_stream(stream, text);
    else if (data && data->is_open()) data->post(text);
  }

 private:
  double allowance_ = kBurst;
  Instant allowance_at_;
};

}  // namespace tacoma::bridge
