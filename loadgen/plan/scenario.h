// A Scenario is the text of scenarios/*.yaml, validated and with its defaults filled in; docs/scenario.md is the language.
// draw_plan() turns it into a Plan. Nothing here throws out of the room: a wrong text is a list of sentences.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/crypto_mode.h"
#include "core/base/network.h"
#include "core/base/result.h"
#include "core/base/url.h"
#include "loadgen/plan/plan.h"
#include "loadgen/plan/trace_file.h"

namespace tacoma {

// Limits on what one text may ask for.
inline constexpr size_t kMaxScenarioBytes = 256 * 1024;
inline constexpr size_t kMaxScenarioNodes = 100'000;  // scalars, lists and maps together
inline constexpr int kMaxScenarioNesting = 16;
inline constexpr size_t kMaxScenarioErrors = 20;      // reported at once
inline constexpr uint32_t kMaxPeople = 100'000;
inline constexpr uint32_t kMaxBridges = 1'000;
inline constexpr uint32_t kMaxRegions = 100;
inline constexpr uint32_t kMaxConferences = 50'000;
inline constexpr uint32_t kMaxEvents = 10'000;
inline constexpr uint32_t kMaxExpectations = 200;
inline constexpr uint64_t kMaxTurns = 10'000'000;    // planned utterances of all rooms, by the mean length of a turn
inline constexpr uint64_t kMaxTurnDraws = 1'000'000'000;  // turns times the people of their room: who speaks is drawn among all
inline constexpr uint32_t kMaxSites = 10'000;
inline constexpr uint32_t kMaxFlows = 10'000;
inline constexpr uint64_t kMaxCourseSteps = 5'000'000;    // changes of links by schedules and recorded traces, in all
inline constexpr uint64_t kMaxChangedLinks = 250'000;     // people and bridges that events of links address, added up over the events
inline constexpr uint32_t kMaxDeploymentPeople = 2'000;   // of a run that loads somebody's deployment
inline constexpr double kMaxDeploymentJoins = 100;        // joins a second there
inline constexpr Duration kMaxLength = Duration::seconds(24 * 3600);

/// Both directions of a host's link into its region, or to the site it stands behind.
struct AccessProfile {
  std::string name;
  LinkConfig up, down;
  std::shared_ptr<const LinkCourse> up_course = nullptr, down_course = nullptr;  // what changes by itself
  std::optional<uint32_t> site = std::nullopt;                                   // index into Scenario::sites
};

/// The built-in last-mile profiles: fibre, cable, dsl, lte, wifi, bad-wifi, office, perfect.
const std::vector<AccessProfile>& built_in_access();

struct BridgeSpec {
  std::string name;
  uint32_t region = 0;
  AccessProfile link;
};

/// A link that several hosts share.
struct SiteSpec {
  uint32_t region = 0;
  std::optional<uint32_t> behind;  // index into Scenario::sites
  AccessProfile link;              // its name is the site's; its own `site` is unused
  std::optional<WifiCell> wifi = std::nullopt;
};

/// Traffic beside the meetings, from hosts of its own to hosts of its own.
struct TrafficSpec {
  enum class Kind : uint8_t { udp, long_tcp, short_tcp } kind = Kind::udp;
  FlowPlan::Control control = FlowPlan::Control::new_reno;
  std::string name;
  uint32_t count = 1, starts_on = 1;  // starts_on: of short_tcp, how many begin with a transfer, not with a pause
  uint32_t from = 0, to = 0;          // indices into Scenario::access
  uint32_t from_region = 0, to_region = 0;
  Instant start;
  std::optional<Instant> stop;
  std::vector<FlowPlan::Period> periods;
  uint32_t packet_bytes = 1500;
};

/// When the people of a group join, counted through all rooms of the conference: `at` + k * `gap`, or by a Poisson process.
struct JoinsSpec {
  Instant at = Instant::at(Duration::seconds(1));  // by then the servers know each other
  Duration gap;                  // mean time between two joins
  Duration over;                 // joins by `over`: all within this long (Poisson: at uniform moments)
  bool poisson = false;
};

struct GroupSpec {
  std::string name;              // "far"; events and expectations say "standup/far"
  uint32_t count = 1;
  bool numbered = true;          // names "far-1", "far-2" ...; false: the one person is called as its group
  std::optional<uint32_t> region;  // nullopt: spread over all regions in turn
  uint32_t access = 0;           // index into Scenario::access
  bool sends_audio = true, sends_video = true;
  VideoFormat video;
  std::optional<VideoFormat> screen;
  Instant screen_from;
  std::optional<Duration> screen_for;  // nullopt: to the end
  double priority = 1;
  std::optional<DataRate> audio_rate;
  uint8_t red = 0;
  Instant pauses_from = Instant::never(), pauses_to = Instant::never();
  ViewPlan view;
  JoinsSpec joins;
  std::optional<Instant> leaves; // at this time,
  std::optional<Duration> stays; // or this long after joining; neither: to the end
  std::optional<std::string> password;  // of end-to-end encryption, if not the conference's; empty: none
  uint32_t decodes = 0;          // how many decode for real, counted through all rooms of the conference
};

struct TalkSpec {
  enum class Model : uint8_t { turns, nobody, everyone, speaker } model = Model::turns;
  Duration mean = Duration::seconds(6);
  Duration pause = Duration::milliseconds(500);
  double overlap = 0.1;          // `turns`: chance that somebody else talks into a turn
  std::string speaker;           // of Model::speaker: the group whose first person talks
};

struct ConferenceSpec {
  std::string name;
  uint32_t count = 1;            // equal rooms: "standup-1", "standup-2" ...
  bool numbered = false;         // true as soon as `count` is given
  std::string password;          // of end-to-end encryption; empty: none
  std::vector<GroupSpec> people;
  TalkSpec talk;
  bool direct = false;           // two people a room, without focus and bridge
  std::vector<FairShare> fair;
};

/// What an event changes of one direction of a link; what is not set stays.
struct LinkPatch {
  std::optional<DataRate> rate;
  std::optional<Duration> delay, jitter, queue;
  std::optional<JitterShape> jitter_shape;
  std::shared_ptr<const DeliveryTrace> trace;           // of profiles and sites only, as what follows
  std::shared_ptr<const LinkCourse> course;
  std::optional<double> loss;
  std::optional<std::optional<GilbertElliott>> bursts;  // an inner nullopt switches bursts off
  std::optional<QueueDisc> disc;                        // of profiles only: an event cannot change it
  std::optional<bool> ecn;                              // likewise
};

/// `base` with what the patch sets.
LinkConfig apply(const LinkPatch& patch, LinkConfig base);

struct EventSpec {
  enum class Kind : uint8_t { link, bridge_down, bridge_up } kind = Kind::link;
  Instant at;
  std::optional<Duration> lasts;  // then it is undone; nullopt: stays
  std::string subject;            // "standup", "standup/far", "standup/far-2" or a bridge's or site's name
  bool is_of_site = false;
  LinkPatch up, down;
  std::string text;               // for the report: "down 400 kbps for 10 s"
};

/// What a scenario says of the deployment that its people go to. What is empty, the deployment's config.js tells.
struct DeploymentSpec {
  Url url;                          // of the room; of several rooms, the beginning of their names
  std::string room;                 // "load", from the URL
  std::string websocket, domain, muc, focus, password;
  std::optional<bool> verify_tls;   // nullopt: unless it is on this machine
  double joins = 10;                // most in a second
  // Known when it has been looked at (loadgen/app/deployment.h).
  std::vector<std::string> hosts;
  IpAddress local;
  uint64_t salt = 0;                // two runs of one seed may be in one room: their people must differ
};

struct Scenario {
  std::string text;               // as it was read
  std::string name, about;
  Duration duration;
  uint64_t seed = 1;
  Crypto crypto = Crypto::real;
  Congestion congestion = Congestion::gcc;
  bool ecn = false;               // bridges and people say what marks arrive, and send as ones who can ECN
  Duration sample_every = Duration::seconds(1);
  IpFamily ip = IpFamily::v4;
  std::vector<std::string> regions;
  std::vector<std::vector<Duration>> one_way;  // [from][to]
  std::vector<BridgeSpec> bridges;
  std::optional<DeploymentSpec> deployment;    // then bridges and signalling are not used
  BridgeSpec signalling;                       // where focus and stanza router stand; its name is unused
  std::vector<AccessProfile> access;           // the built-in ones and the scenario's own
  std::vector<SiteSpec> sites;
  std::vector<TrafficSpec> traffic;
  std::vector<ConferenceSpec> conferences;
  std::vector<EventSpec> events;               // in order of time
  std::vector<Expectation> expectations;
};

/// The language's maps and their keys: {"scenario", {"scenario", "about" ...}}, {"group", ...}. The reader, the schema for
/// editors and the documentation are held to it.
struct KeySet {
  std::string map;
  std::vector<std::string> keys;
};
const std::vector<KeySet>& scenario_keys();

/// Up to kMaxScenarioErrors sentences such as
/// "quickstart.yaml:3:1: unknown key 'durations' (did you mean 'duration'?)".
using ScenarioErrors = std::vector<std::string>;

/// Reads a scenario. `file` is what errors call it. Each of `sets` is "dotted.path=value" and replaces or adds that value
/// before anything is validated; list items go by number from 0 or by their name ("conferences.standup.people.far.count=3").
Result<Scenario, ScenarioErrors> read_scenario(std::string_view text, std::string_view file,
                                               const std::vector<std::string>& sets = {});
/// The same from a file, which must be a readable, regular file of at most kMaxScenarioBytes.
Result<Scenario, ScenarioErrors> read_scenario_file(const std::string& path, const std::vector<std::string>& sets = {});

}  // namespace tacoma
