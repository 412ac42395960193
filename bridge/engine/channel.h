// The bridge channel of one endpoint: a stream of messages beside the media, and what the endpoint asked for by it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/process.h"
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
  uint64_t changes = 0;                      // grows with each message that may have changed something

  const channel::VideoConstraints& of(const std::string& source) const {
    const auto found = named.find(source);
    return found == named.end() ? defaults : found->second;
  }
  void apply(const channel::ReceiverVideoConstraints& said);
  void apply(const channel::LastN& said);
};

struct Channel {
  /// An endpoint may send so many messages at once, and so many a second in the long run; more are dropped.
  static constexpr double kBurst = 200, kPerSecond = 50;

  std::string password;        // whoever knows it is the endpoint; empty: there is no channel
  StreamId stream{0};          // zero: not open
  ReceiverWants wants;
  std::map<std::string, channel::VideoType> video_types;  // of its own sources, as it says; bounded by kMaxNames
  channel::ReceiverAudioSubscription audio;
  std::vector<std::string> forwarded, told_forwarded;  // names of video sources that it gets; what the last ForwardedSources said

  bool is_open() const { return stream != StreamId(0); }
  bool may_speak(Instant now);
  void send(std::string_view text, Outbox& out) const {
    if (is_open()) out.write_stream(stream, text);
  }

 private:
  double allowance_ = kBurst;
  Instant allowance_at_;
};

}  // namespace tacoma::bridge
