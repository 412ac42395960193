// A Plan is a scenario with nothing left to chance: every host, link, join, utterance and network change of the run, drawn
// from the seed. The same Plan runs in every world; that is the validation experiment.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/crypto_mode.h"
#include "core/base/network.h"

namespace tacoma {

/// Somebody talks from `from` until `to`; outside of these a person is silent (DTX).
struct Utterance {
  Instant from, to;
};

/// What a video sender encodes. One clip is encoded once and shared by all who send it.
struct VideoFormat {
  uint32_t width = 640, height = 360;
  uint32_t fps = 25;
  DataRate rate = DataRate::kbps(600);
  bool operator==(const VideoFormat& o) const { return width == o.width && height == o.height && fps == o.fps && rate == o.rate; }
};

struct PersonPlan {
  std::string name;         // "standup/far-1", unique; also the host's name
  std::string group;        // "standup/far": what events and reports refer to
  std::string endpoint_id;  // 8 lower-case hex digits: MUC nick and endpoint id
  HostId host;
  uint32_t conference = 0;  // index into Plan::conferences
  std::string region, access;
  Instant joins;
  std::optional<Instant> leaves;  // nullopt: stays to the end
  bool sends_audio = true, sends_video = true;
  VideoFormat video;
  uint32_t clip = 0;              // which of the library's pictures and voices; neighbours differ
  bool decodes = false;           // one of the sampled few that decode for real
  std::vector<Utterance> talks;   // ascending, not overlapping
  uint64_t seed = 0;
};

struct ConferencePlan {
  std::string name;
  std::string room;               // "standup@conference.tacoma.test"
  std::vector<uint32_t> people;   // indices into Plan::people, in order of join
};

struct BridgePlan {
  std::string name, region;
  HostId host;
};

/// A process dies or comes back (fresh, with no memory of before).
struct ProcessChange {
  Instant at;
  HostId host;
  bool up = false;
};

/// A mark on every time axis of the report.
struct PlannedEvent {
  Instant at;
  std::string kind;     // "link", "bridge", "join", "leave"
  std::string subject;  // "standup/far", "eu-1"
  std::string text;     // "down 400 kbps for 10 s"
};

/// "join_time.p95 < 2s", checked after the run.
struct Expectation {
  std::string text;
  std::string metric;
  std::string group;  // "standup" or "standup/far": only people of it count; empty: everybody
  enum class Compare : uint8_t { less, less_equal, greater, greater_equal } compare = Compare::less;
  double bound = 0;  // in the metric's own unit: seconds, ratio (2 % is 0.02), bits per second, MOS
};

struct Plan {
  std::string scenario, about;
  uint64_t seed = 1;
  Duration length;
  Duration sample_every = Duration::seconds(1);
  Crypto crypto = Crypto::real;
  NetworkPlan network;
  HostId router_host, focus_host;
  std::vector<BridgePlan> bridges;
  std::vector<ConferencePlan> conferences;
  std::vector<PersonPlan> people;
  std::vector<ProcessChange> process_changes;  // ascending
  std::vector<PlannedEvent> events;            // ascending
  std::vector<Expectation> expectations;
};

}  // namespace tacoma
