// A Plan is a scenario with nothing left to chance: every host, link, join, utterance and network change of the run, drawn
// from the seed. The same Plan runs in every world; that is the validation experiment.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/congestion.h"
#include "core/base/crypto_mode.h"
#include "core/base/network.h"

namespace tacoma {

/// Somebody talks from `from` until `to`; outside of these a person is silent (DTX).
struct Utterance {
  Instant from, to;
};

/// Where frames come from: an encoded clip that is shared by all who send it, or RFC 8593's statistical source, which adapts its
/// rate as an encoder would and whose payload means nothing.
enum class VideoContent : uint8_t { clip, model };

enum class VideoCodec : uint8_t { vp8, vp9 };

/// What one source of video sends.
struct VideoFormat {
  static constexpr uint32_t kMostEncodings = 3;
  uint32_t width = 640, height = 360;      // of the largest encoding
  uint32_t fps = 25;
  DataRate rate = DataRate::kbps(600);     // of the largest encoding, at its best
  VideoContent content = VideoContent::clip;
  DataRate lowest = DataRate::kbps(150);   // of a model, all encodings but the smallest switched off
  uint32_t encodings = 1;                  // simulcast, each half as wide and high as the next
  uint32_t temporal_layers = 1;            // 1 to 3, each with half the frames of the next
  uint32_t spatial_layers = 1;             // of VP9: k-SVC in one stream, sizes and rates as of encodings
  VideoCodec codec = VideoCodec::vp8;
  uint8_t ladder = 1;                      // rates that a VP8 clip of one encoding exists in, 1 to kMostRungs
  static constexpr uint8_t kMostRungs = 4;
  bool operator==(const VideoFormat&) const = default;

  /// One encoding by itself, 0 the smallest. Its rate in relation to the next is Chromium's: 200, 700 and 2500 kbps for 180, 360 and
  /// 720 lines.
  VideoFormat encoding(uint32_t index) const { return smaller(encodings - 1 - index); }
  /// One rate of the ladder, 0 the lowest: each is 60 % of the next.
  VideoFormat rung(uint32_t index) const {
    VideoFormat one = *this;
    for (uint32_t i = index + 1; i < ladder; ++i) one.rate = DataRate::bps(one.rate.bps() * 3 / 5);
    one.ladder = 1;
    return one;
  }
  /// How many clips a source of it is sent from.
  uint32_t clips() const { return encodings * ladder; }
  /// One spatial layer of an encoding, as if it were one by itself; 0 the smallest.
  VideoFormat layer(uint32_t spatial) const {
    VideoFormat one = smaller(spatial_layers - 1 - spatial);
    one.spatial_layers = 1;
    return one;
  }

 private:
  VideoFormat smaller(uint32_t below) const {
    constexpr int64_t kShares[kMostEncodings] = {2500, 700, 200};
    VideoFormat one = *this;
    one.width >>= below;
    one.height >>= below;
    one.rate = DataRate::bps(rate.bps() * kShares[below] / kShares[0]);
    one.lowest = lowest < one.rate ? lowest : one.rate;
    one.encodings = 1;
    return one;
  }
};

/// What a person looks at, which it tells the bridge on the bridge channel.
struct ViewPlan {
  enum class Mode : uint8_t {
    everything,   // every source, as large as it comes
    stage,        // the one that is pinned, or else the dominant speaker
    tiles,        // equal tiles, `tiles` a page
    stage_tiles,  // the stage, and beside it a strip of small tiles
    nothing,      // no video at all
  };
  Mode mode = Mode::everything;
  std::string pinned;              // a person's name in the room: on the stage, or the first tile; empty: nobody
  uint32_t tiles = 25;             // on one page, or in the strip
  std::optional<Duration> turns;   // the pages, so often; nullopt: the first one stays
  int32_t last_n = -1;             // how many sources at most; -1: no limit
  int32_t max_height = -1;         // of the stage, or of each tile; -1: what fits the place
  std::optional<Instant> hidden_from, hidden_to;  // the window is not seen: no video
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
  std::optional<VideoFormat> screen;  // a second source
  Instant screen_from, screen_to = Instant::never();  // when it is shared
  double priority = 1;                                // of what is sent, where others share the network
  std::optional<DataRate> audio_rate;                 // constant, without silences, in place of speech
  uint8_t red = 0;                                    // how many packets before it each one of audio repeats (RFC 2198); 0: no RED at all
  Instant pauses_from = Instant::never(), pauses_to = Instant::never();  // sends nothing meanwhile
  ViewPlan view;
  static constexpr uint16_t kNoKey = 0xffff;
  uint16_t key = kNoKey;          // of end-to-end encryption: index into its conference's passwords
  uint32_t clip = 0;              // which of the library's pictures and voices; neighbours differ
  bool decodes = false;           // one of the sampled few that decode for real
  std::vector<Utterance> talks;   // ascending, not overlapping
  uint64_t seed = 0;
};

/// From `at` on, what each receiver of a room should get where all share the network fairly: what measured rates are held against.
struct FairShare {
  Instant at;
  DataRate rate;
};

struct ConferencePlan {
  std::string name;
  std::string room;               // "standup@conference.tacoma.test"
  std::vector<uint32_t> people;   // indices into Plan::people, in order of join
  bool direct = false;            // its two people send to each other, without focus and bridge
  std::vector<FairShare> fair = {};          // ascending
  std::vector<std::string> passwords = {};   // of end-to-end encryption; more than one where some have a wrong one
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

/// A deployment whose servers are not part of the run: the people meet there.
struct DeploymentPlan {
  std::string url;                 // of the room, as it was given: "https://meet.example.org/load"
  std::string websocket;           // XMPP over WebSocket, without the room: "wss://meet.example.org/xmpp-websocket"
  std::string domain, muc, focus;  // JIDs: of the login, of the rooms, of the focus's component
  std::string password;            // of the rooms; empty: none
  bool verify_tls = true;
  std::vector<std::string> hosts;  // that streams may go to, besides this machine
  IpAddress local;                 // of this machine: what media is sent from
};

struct Plan {
  std::string scenario, about;
  uint64_t seed = 1;
  Duration length;
  Duration sample_every = Duration::seconds(1);
  Crypto crypto = Crypto::real;
  Congestion congestion = Congestion::gcc;
  bool ecn = false;                            // who has a controller sends ECT and reports by RFC 8888
  bool uses_ecn() const { return ecn && congestion != Congestion::none; }
  NetworkPlan network;
  std::optional<DeploymentPlan> deployment;    // then there are no hosts of router, focus and bridges
  HostId router_host, focus_host;
  std::vector<BridgePlan> bridges;
  std::vector<ConferencePlan> conferences;
  std::vector<PersonPlan> people;
  std::vector<ProcessChange> process_changes;  // ascending
  std::vector<PlannedEvent> events;            // ascending
  std::vector<Expectation> expectations;
};

}  // namespace tacoma
