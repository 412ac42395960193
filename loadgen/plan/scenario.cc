// The sections of a scenario, in the order in which they refer to each other.
#include "loadgen/plan/scenario.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "loadgen/plan/scenario_reader.h"

namespace tacoma {
namespace {

/// A number at the end of "far-12", or 0 when "far-12" is not `stem`-number without a leading zero.
uint64_t number_after(const std::string& text, const std::string& stem) {
  if (text.size() < stem.size() + 2 || text.compare(0, stem.size(), stem) != 0 || text[stem.size()] != '-' ||
      text[stem.size() + 1] == '0') return 0;
  const Result<uint64_t> number = parse_whole(std::string_view(text).substr(stem.size() + 1));
  return number ? *number : 0;
}

}  // namespace

const std::vector<KeySet>& scenario_keys() {
  static const std::vector<KeySet> kAll = {
      {"scenario", {"scenario", "about", "duration", "seed", "crypto", "congestion", "ecn", "sample_every", "ip", "regions", "bridges", "signalling",
          "deployment", "sites", "access", "traffic", "conferences",
                    "events", "expect"}},
      {"region", {"rtt"}},
      {"bridge", {"name", "region", "uplink", "link"}},
      {"signalling", {"region", "uplink", "link"}},
      {"deployment", {"url", "password", "tls", "joins", "websocket", "domain", "muc", "focus"}},
      {"site", {"region", "behind", "wifi", "down", "up", "delay", "jitter", "jitter_shape", "loss", "bursts", "queue", "disc", "ecn"}},
      {"wifi", {"mcs", "distance", "aggregation", "queue"}},
      {"access", {"like", "site", "down", "up", "delay", "jitter", "jitter_shape", "loss", "bursts", "queue", "disc", "ecn"}},
      {"link", {"site", "down", "up", "delay", "jitter", "jitter_shape", "loss", "bursts", "queue", "disc", "ecn"}},
      {"direction", {"rate", "schedule", "trace", "delay", "jitter", "jitter_shape", "loss", "bursts", "queue", "disc", "ecn"}},
      {"set", {"down", "up", "delay", "jitter", "jitter_shape", "loss", "bursts", "queue"}},
      {"set direction", {"rate", "delay", "jitter", "jitter_shape", "loss", "bursts", "queue"}},
      {"flow", {"name", "kind", "from", "to", "count", "starts_on", "at", "until", "congestion", "rate", "schedule", "packet"}},
      {"flow end", {"access", "region"}},
      {"bursts", {"every", "length", "loss"}},
      {"conference", {"name", "count", "encryption", "people", "talk", "direct", "fair"}},
      {"encryption", {"password"}},
      {"group", {"name", "count", "region", "access", "sends", "audio", "video", "screen", "priority", "pauses", "view", "joins", "leaves", "encryption", "decode"}},
      {"video", {"size", "fps", "rate", "content", "lowest", "codec", "simulcast", "spatial", "temporal", "ladder"}},
      {"audio", {"rate", "red"}},
      {"screen", {"size", "fps", "rate", "content", "lowest", "at", "for"}},
      {"view", {"mode", "pinned", "tiles", "turns", "last_n", "max_height", "hidden"}},
      {"hidden", {"at", "for"}},
      {"pauses", {"at", "for"}},
      {"joins", {"at", "over", "each", "rate", "poisson"}},
      {"leaves", {"after"}},
      {"talk", {"model", "mean", "pause", "overlap", "speaker"}},
      {"event", {"at", "access", "bridge", "site", "set", "down", "for"}},
  };
  return kAll;
}

const std::vector<std::string>& keys_of(const char* map) {
  for (const KeySet& set : scenario_keys())
    if (set.map == map) return set.keys;
  TACOMA_ASSERT(false);
}

Result<Scenario, ScenarioErrors> ScenarioReader::read(std::string_view text) {
  scenario_.text = std::string(text);
  Result<YamlNode, YamlError> tree = parse_yaml(text);
  if (!tree) {
    error(tree.error().place, tree.error().message);
    return fail(errors_);
  }
  YamlNode root = *std::move(tree);
  for (size_t i = 0; i < sets_.size(); ++i) {
    const Result<void, YamlError> set = apply_set(root, sets_[i], static_cast<int>(i));
    if (!set) error(set.error().place, set.error().message);
  }
  if (root.kind == YamlNode::Kind::null) error({1, 1, -1}, "the scenario is empty");
  else read_top(root);
  if (suppressed_ > 0) errors_.push_back(file_ + ": and " + std::to_string(suppressed_) + " more");
  if (!errors_.empty()) return fail(errors_);
  return std::move(scenario_);
}

void ScenarioReader::read_top(const YamlNode& root) {
  if (!is_map(root, "a scenario", keys_of("scenario"))) return;
  for (const char* key : {"scenario", "duration", "conferences"})
    if (!root.find(key)) error(root.place, std::string("'") + key + "' is missing");

  name(root.find("scenario"), "scenario", scenario_.name);
  if (const YamlNode* about = root.find("about"); about && scalar(*about, "about", scenario_.about) && scenario_.about.size() > 500)
    error(about->place, "about: longer than 500 characters");
  if (const YamlNode* length = root.find("duration"); duration(length, "duration", scenario_.duration)) {
    if (scenario_.duration == Duration::zero()) error(length->place, "duration: a run of no length measures nothing");
    else if (scenario_.duration > kMaxLength) error(length->place, "duration: longer than 24h");
    else has_duration_ = true;
  }
  whole(root.find("seed"), "seed", 0, UINT64_MAX, scenario_.seed);
  std::string word;
  // YAML reads an unquoted null as no value at all; here it is a word.
  if (const YamlNode* crypto = root.find("crypto"); crypto && crypto->kind == YamlNode::Kind::null) scenario_.crypto = Crypto::null;
  else if (one_of(crypto, "crypto", {"real", "null"}, word)) scenario_.crypto = word == "real" ? Crypto::real : Crypto::null;
  if (one_of(root.find("congestion"), "congestion", {"gcc", "nada", "none"}, word))
    scenario_.congestion = word == "gcc" ? Congestion::gcc : word == "nada" ? Congestion::nada : Congestion::none;
  flag(root.find("ecn"), "ecn", scenario_.ecn);
  if (const YamlNode* every = root.find("sample_every"); duration(every, "sample_every", scenario_.sample_every) &&
      (scenario_.sample_every < Duration::milliseconds(100) || scenario_.sample_every > Duration::seconds(60)))
    error(every->place, "sample_every: must be within 100ms and 60s");
  if (one_of(root.find("ip"), "ip", {"v4", "v6"}, word)) scenario_.ip = word == "v4" ? IpFamily::v4 : IpFamily::v6;

  read_regions(root.find("regions"));
  read_sites(root.find("sites"));
  read_access(root.find("access"));
  read_bridges(root.find("bridges"));
  read_signalling(root);
  read_deployment(root);
  if (const YamlNode* conferences = root.find("conferences")) read_conferences(conferences);
  read_traffic(root.find("traffic"));
  check_courses(root);
  read_events(root.find("events"));
  read_expectations(root.find("expect"));
  if (scenario_.deployment) check_deployment(root);
}

void ScenarioReader::read_regions(const YamlNode* node) {
  scenario_.regions = {"here"};
  scenario_.one_way = {{Duration::zero()}};
  if (!node) return;
  if (!is_map(*node, "regions", {})) return;
  if (node->items.empty()) {
    error(node->place, "regions: needs at least one region");
    return;
  }
  if (node->items.size() > kMaxRegions) {
    error(node->place, "regions: at most " + std::to_string(kMaxRegions) + " are allowed");
    return;
  }
  scenario_.regions.clear();
  for (size_t i = 0; i < node->keys.size(); ++i) {
    YamlNode key;
    key.kind = YamlNode::Kind::scalar;
    key.place = node->key_places[i];
    key.scalar = node->keys[i];
    std::string region_name = node->keys[i];
    if (name(&key, "regions", region_name) && region_name == "spread")
      error(key.place, "regions: 'spread' is a word of the language, not a name");
    scenario_.regions.push_back(region_name);
  }
  const size_t n = scenario_.regions.size();
  scenario_.one_way.assign(n, std::vector<Duration>(n, Duration::zero()));
  std::vector<std::vector<bool>> given(n, std::vector<bool>(n, false));
  for (size_t i = 0; i < n; ++i) {
    const std::string what = "regions." + scenario_.regions[i];
    if (!is_map(node->items[i], what, keys_of("region"))) continue;
    const YamlNode* rtt = node->items[i].find("rtt");
    if (!rtt || !is_map(*rtt, what + ".rtt", scenario_.regions)) continue;
    for (size_t k = 0; k < rtt->keys.size(); ++k) {
      const auto found = std::find(scenario_.regions.begin(), scenario_.regions.end(), rtt->keys[k]);
      Duration time;
      if (found == scenario_.regions.end() || !duration(&rtt->items[k], what + ".rtt." + rtt->keys[k], time)) continue;
      const size_t j = static_cast<size_t>(found - scenario_.regions.begin());
      if (j == i) error(rtt->key_places[k], what + ".rtt: a region has no rtt to itself");
      else if (time > Duration::seconds(10)) error(rtt->items[k].place, what + ".rtt." + rtt->keys[k] + ": more than 10s");
      else if (given[i][j] && scenario_.one_way[i][j] != time / 2)
        error(rtt->items[k].place, what + ".rtt." + rtt->keys[k] + ": differs from the rtt given at " + in_quotes(rtt->keys[k]));
      else {
        given[i][j] = given[j][i] = true;
        scenario_.one_way[i][j] = scenario_.one_way[j][i] = time / 2;
      }
    }
  }
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < i; ++j)
      if (!given[i][j])
        error(node->key_places[i], "regions: no rtt between " + in_quotes(scenario_.regions[j]) + " and " +
            in_quotes(scenario_.regions[i]));
}

void ScenarioReader::read_bridges(const YamlNode* node) {
  each_item(node, "bridges", kMaxBridges, [this](const YamlNode& item, size_t i) {
    const std::string what = "bridges[" + std::to_string(i) + "]";
    BridgeSpec bridge{"bridge-" + std::to_string(i + 1), 0, server_link()};
    if (!is_map(item, what, keys_of("bridge"))) return;
    name(item.find("name"), what + ".name", bridge.name);
    if (item.find("region")) region(item.find("region"), what + ".region", bridge.region);
    else if (scenario_.regions.size() > 1)
      error(item.place, what + ": 'region' is missing; regions are: " + list_of(scenario_.regions));
    read_bridge_link(item, what, bridge);
    check_site_region(item, what + ".link", bridge.link, bridge.region);
    if (bridge.name == "router" || bridge.name == "focus")
      error(item.place, what + ": the name " + in_quotes(bridge.name) + " is taken by the signalling");
    if (bridge.name == "network")
      error(item.place, what + ": the name 'network' is taken by the network itself, which has its own rows in the results");
    if (named(scenario_.bridges, bridge.name)) error(item.place, what + ": a second bridge called " + in_quotes(bridge.name));
    scenario_.bridges.push_back(bridge);
  });
  if (scenario_.bridges.empty()) scenario_.bridges.push_back({"bridge-1", 0, server_link()});
}

void ScenarioReader::read_signalling(const YamlNode& root) {
  scenario_.signalling = {"signalling", 0, server_link()};
  const YamlNode* node = root.find("signalling");
  if (is_prosody(node)) {
    if (!root.find("deployment"))
      error(node->place, "signalling: a Prosody belongs to a deployment: name it by 'deployment: https://HOST:PORT/ROOM' or --deployment ('tacoma up' starts one)");
    return;
  }
  if (!node || !is_map(*node, "signalling", keys_of("signalling"))) return;
  region(node->find("region"), "signalling.region", scenario_.signalling.region);
  read_bridge_link(*node, "signalling", scenario_.signalling);
  check_site_region(*node, "signalling.link", scenario_.signalling.link, scenario_.signalling.region);
}

void ScenarioReader::read_conferences(const YamlNode* node) {
  each_item(node, "conferences", kMaxConferences, [this](const YamlNode& item, size_t i) {
    const std::string what = "conferences[" + std::to_string(i) + "]";
    if (!is_map(item, what, keys_of("conference"))) return;
    ConferenceSpec conference;
    conference.name = i == 0 ? "room" : "room" + std::to_string(i + 1);
    name(item.find("name"), what + ".name", conference.name);
    uint64_t count = 1;
    conference.numbered = item.find("count") != nullptr;
    whole(item.find("count"), what + ".count", 1, kMaxConferences, count);
    conference.count = static_cast<uint32_t>(count);
    for (const ConferenceSpec& other : scenario_.conferences)
      if (other.name == conference.name || (other.numbered && number_after(conference.name, other.name) >= 1) ||
          (conference.numbered && number_after(other.name, conference.name) >= 1))
        error(item.place, what + ": the name " + in_quotes(conference.name) + " collides with " + in_quotes(other.name));
    if (named(scenario_.bridges, conference.name))
      error(item.place, what + ": the name " + in_quotes(conference.name) + " is taken by a bridge; events and results name both");
    if (const YamlNode* encryption = item.find("encryption")) read_encryption(*encryption, what + ".encryption", conference.password);
    const YamlNode* people = item.find("people");
    if (!people) error(item.place, what + ": 'people' is missing");
    each_item(people, what + ".people", 10'000, [&](const YamlNode& group, size_t k) { read_group(group, conference, k == 0); });
    if (people && people->kind == YamlNode::Kind::list && people->items.empty())
      error(people->place, what + ".people: nobody is in the room");
    if (people) check_pinned(*people, conference);
    if (people) check_red(*people, conference);
    read_talk(item.find("talk"), what + ".talk", conference);
    flag(item.find("direct"), what + ".direct", conference.direct);
    read_fair(item.find("fair"), what + ".fair", conference);
    uint64_t members = 0;
    for (const GroupSpec& group : conference.people) members += group.count;
    if (conference.direct && members != 2)
      error(item.find("direct")->place, what + ".direct: two people can do without a bridge; here are " + std::to_string(members));
    scenario_.conferences.push_back(std::move(conference));
  });
  if (node->kind == YamlNode::Kind::null || (node->kind == YamlNode::Kind::list && node->items.empty()))
    error(node->place, "conferences: there is none");
  uint64_t people = 0, rooms = 0, turns = 0, draws = 0;
  for (const ConferenceSpec& conference : scenario_.conferences) {
    rooms += conference.count;
    uint64_t in_room = 0;
    for (const GroupSpec& group : conference.people) in_room += group.count;
    people += conference.count * in_room;
    const TalkSpec& talk = conference.talk;
    if (!has_duration_ || (talk.model != TalkSpec::Model::turns && talk.model != TalkSpec::Model::speaker)) continue;
    const uint64_t own = conference.count * static_cast<uint64_t>(scenario_.duration / (talk.mean + talk.pause));
    turns += own;
    if (talk.model == TalkSpec::Model::turns) draws += own * in_room;
  }
  if (people > kMaxPeople)
    error(node->place, "conferences: " + std::to_string(people) + " people; at most " + std::to_string(kMaxPeople) +
        " are allowed");
  if (rooms > kMaxConferences)
    error(node->place, "conferences: " + std::to_string(rooms) + " rooms; at most " + std::to_string(kMaxConferences) +
        " are allowed");
  if (turns > kMaxTurns)
    error(node->place, "conferences: some " + std::to_string(turns) + " turns to speak; at most " + std::to_string(kMaxTurns) +
        " are allowed (a longer talk.mean makes fewer)");
  else if (draws > kMaxTurnDraws)
    error(node->place, "conferences: some " + std::to_string(turns) + " turns to speak, each drawn among all people of a room, are " +
        std::to_string(draws) + " draws; at most " + std::to_string(kMaxTurnDraws) +
        " are allowed (a longer talk.mean or smaller rooms make fewer)");
}

void ScenarioReader::read_group(const YamlNode& item, ConferenceSpec& conference, bool is_first) {
  const std::string what = conference.name + ".people[" + std::to_string(conference.people.size()) + "]";
  if (!is_map(item, what, keys_of("group"))) return;
  GroupSpec group;
  group.name = "people";
  const YamlNode* name_node = item.find("name");
  name(name_node, what + ".name", group.name);
  if (!name_node && !is_first && named(conference.people, group.name))
    error(item.place, what + ": a second group without a name; give it one");
  for (const GroupSpec& other : conference.people)
    if (name_node && (other.name == group.name || number_after(group.name, other.name) >= 1 ||
        number_after(other.name, group.name) >= 1))
      error(name_node->place, what + ": the name " + in_quotes(group.name) + " collides with " + in_quotes(other.name));
  uint64_t count = 1;
  group.numbered = item.find("count") != nullptr;
  whole(item.find("count"), what + ".count", 1, kMaxPeople, count);
  group.count = static_cast<uint32_t>(count);

  const YamlNode* where_node = item.find("region");
  uint32_t home = 0;
  if (where_node && where_node->kind == YamlNode::Kind::scalar && where_node->scalar == "spread") group.region = std::nullopt;
  else if (where_node) { if (region(where_node, what + ".region", home)) group.region = home; }
  else if (scenario_.regions.size() == 1) group.region = 0;
  else error(item.place, what + ": 'region' is missing; it may be spread or " + list_of(scenario_.regions, " or "));

  // The way to a deployment is real: nothing is added to it unless it is asked for.
  std::string access = scenario_.deployment ? "perfect" : "cable";
  const YamlNode* access_node = item.find("access");
  if (access_node) scalar(*access_node, what + ".access", access);
  if (const AccessProfile* profile = named(scenario_.access, access)) {
    group.access = static_cast<uint32_t>(profile - scenario_.access.data());
    check_site_region(access_node ? *access_node : item, what + ".access", *profile, group.region);
  }
  else error(access_node->place, what + ".access: no access profile is called " + in_quotes(access) +
      did_you_mean(access, names_of(scenario_.access)) +
                 "; profiles are: " + list_of(names_of(scenario_.access)));

  read_sends(item.find("sends"), what + ".sends", group);
  if (const YamlNode* video = item.find("video")) {
    if (!group.sends_video) error(video->place, what + ".video: the group does not send video");
    read_video(*video, what + ".video", "video", group.video);
  }
  read_audio(item.find("audio"), what + ".audio", group);
  read_priority(item.find("priority"), what + ".priority", group);
  read_pauses(item.find("pauses"), what + ".pauses", group);
  if (const YamlNode* screen = item.find("screen")) read_screen(*screen, what + ".screen", group);
  if (const YamlNode* view = item.find("view")) read_view(*view, what + ".view", group);
  const uint64_t people = count * conference.count;
  read_joins(item.find("joins"), what + ".joins", people, group.joins);
  const Instant last_join = group.joins.poisson ? group.joins.at : group.joins.at +
      group.joins.gap * static_cast<int64_t>(std::min<uint64_t>(people, kMaxPeople) - 1);
  if (has_duration_ && last_join >= Instant::at(scenario_.duration))
    error(item.find("joins") ? item.find("joins")->place : item.place, what + ".joins: the last one would join at " +
        to_text(last_join.since_start()) +
          ", not before the end of the run (duration " + to_text(scenario_.duration) + ")");
  read_leaves(item.find("leaves"), what + ".leaves", group);
  if (group.leaves && *group.leaves <= last_join)
    error(item.find("leaves")->place, what + ".leaves: " + to_text(group.leaves->since_start()) +
        " is not after the last join (" + to_text(last_join.since_start()) + ")");
  const YamlNode* encryption = item.find("encryption");
  if (encryption) read_encryption(*encryption, what + ".encryption", group.password.emplace());
  const bool is_model = (group.sends_video && group.video.content == VideoContent::model) || (group.screen && group.screen->content == VideoContent::model);
  if (is_model && !group.password.value_or(conference.password).empty())
    error(encryption ? encryption->place : item.place, what + ": a model's frames hold nothing to encrypt; 'encryption' needs 'content: clip', or 'none'");
  if (group.sends_video && group.video.codec == VideoCodec::vp9 && !group.password.value_or(conference.password).empty())
    error(encryption ? encryption->place : item.place, what + ": 'encryption' is for 'codec: vp8'");
  uint64_t decodes = 0;
  whole(item.find("decode"), what + ".decode", 0, people, decodes);
  group.decodes = static_cast<uint32_t>(decodes);
  conference.people.push_back(std::move(group));
}

void ScenarioReader::read_joins(const YamlNode* node, const std::string& what, uint64_t people, JoinsSpec& joins) {
  if (!node || !is_map(*node, what, keys_of("joins"))) return;
  moment(node->find("at"), what + ".at", joins.at);
  flag(node->find("poisson"), what + ".poisson", joins.poisson);
  const YamlNode* pace = nullptr;
  for (const char* key : {"over", "each", "rate"})
    if (const YamlNode* found = node->find(key)) {
      if (pace) error(found->place, what + ": only one of 'over', 'each' and 'rate' may stand");
      pace = found;
    }
  double per_second = 0;
  if (duration(node->find("over"), what + ".over", joins.over))
    joins.gap = joins.over / static_cast<int64_t>(std::max<uint64_t>(people, 1));
  else if (duration(node->find("each"), what + ".each", joins.gap)) { }
  else if (value<double>(node->find("rate"), what + ".rate", parse_per_second, per_second))
    joins.gap = Duration::from_seconds(1 / per_second);
  if (joins.poisson && !pace) error(node->place, what + ": 'poisson' needs 'over', 'each' or 'rate'");
  // With `over`, the last one joins one gap before its end; the rest follows from the check of the last join.
  if (has_duration_ && joins.gap > scenario_.duration) {
    error(pace->place, what + ": longer than the run (duration " + to_text(scenario_.duration) + ")");
    joins.gap = Duration::zero();
  }
  if (joins.poisson && has_duration_ && joins.at + joins.over > Instant::at(scenario_.duration))
    error(pace->place, what + ": ends after the run (duration " + to_text(scenario_.duration) + ")");
}

void ScenarioReader::read_leaves(const YamlNode* node, const std::string& what, GroupSpec& group) {
  if (!node) return;
  if (node->kind == YamlNode::Kind::map) {
    Duration stays;
    is_map(*node, what, keys_of("leaves"));
    if (!duration(node->find("after"), what + ".after", stays)) {
      if (!node->find("after")) error(node->place, what + ": write '40s' or '{ after: 20s }'");
    } else if (stays == Duration::zero()) {
      error(node->place, what + ".after: must be more than 0s");
    } else {
      group.stays = stays;
    }
    return;
  }
  Instant at;
  if (moment(node, what, at)) group.leaves = at;
}

void ScenarioReader::read_talk(const YamlNode* node, const std::string& what, ConferenceSpec& conference) {
  if (!conference.people.empty()) conference.talk.speaker = conference.people.front().name;
  if (!node || !is_map(*node, what, keys_of("talk"))) return;
  TalkSpec& talk = conference.talk;
  std::string word;
  if (one_of(node->find("model"), what + ".model", {"turns", "nobody", "everyone", "speaker"}, word))
    talk.model = word == "turns" ? TalkSpec::Model::turns : word == "nobody" ? TalkSpec::Model::nobody
               : word == "everyone" ? TalkSpec::Model::everyone : TalkSpec::Model::speaker;
  if (const YamlNode* mean = node->find("mean"); duration(mean, what + ".mean", talk.mean) &&
      (talk.mean < Duration::milliseconds(500) || talk.mean > Duration::seconds(3600))) {
    error(mean->place, what + ".mean: must be within 500ms and 1h");
    talk.mean = Duration::seconds(6);
  }
  if (const YamlNode* pause = node->find("pause"); duration(pause, what + ".pause", talk.pause) &&
      talk.pause > Duration::seconds(3600)) {
    error(pause->place, what + ".pause: must be at most 1h");
    talk.pause = Duration::zero();
  }
  value<double>(node->find("overlap"), what + ".overlap", parse_percent, talk.overlap);
  if (const YamlNode* speaker = node->find("speaker"); speaker && scalar(*speaker, what + ".speaker", word)) {
    if (!named(conference.people, word))
      error(speaker->place, what + ".speaker: no group is called " + in_quotes(word) +
          did_you_mean(word, names_of(conference.people)));
    else if (talk.model != TalkSpec::Model::speaker) error(speaker->place, what + ".speaker: only for 'model: speaker'");
    else talk.speaker = word;
  }
}

// --- Events ---

std::vector<std::string> ScenarioReader::subjects() const {
  std::vector<std::string> all;
  for (const ConferenceSpec& conference : scenario_.conferences) {
    all.push_back(conference.name);
    for (const GroupSpec& group : conference.people) all.push_back(conference.name + "/" + group.name);
  }
  return all;
}

/// A conference, one of its rooms, a group or one person, of all its rooms or of one.
uint64_t ScenarioReader::people_of(const std::string& subject) const {
  const size_t slash = subject.find('/');
  const std::string room = subject.substr(0, slash);
  uint64_t people = 0;
  for (const ConferenceSpec& conference : scenario_.conferences) {
    const uint64_t number = number_after(room, conference.name);
    if (room != conference.name && !(conference.numbered && number >= 1 && number <= conference.count)) continue;
    const uint64_t rooms = room == conference.name ? conference.count : 1;
    const std::string person = slash == std::string::npos ? "" : subject.substr(slash + 1);
    for (const GroupSpec& group : conference.people) {
      const uint64_t nth = number_after(person, group.name);
      if (slash == std::string::npos || person == group.name) people += rooms * group.count;
      else if (group.numbered && nth >= 1 && nth <= group.count) people += rooms;
    }
  }
  return people;
}

void ScenarioReader::read_events(const YamlNode* node) {
  each_item(node, "events", kMaxEvents, [this](const YamlNode& item, size_t) { read_event(item); });
  std::stable_sort(scenario_.events.begin(), scenario_.events.end(),
      [](const EventSpec& a, const EventSpec& b) { return a.at < b.at; });
  uint64_t links = 0;
  for (const EventSpec& event : scenario_.events)
    if (event.kind == EventSpec::Kind::link) links += event.is_of_site ? 1 : std::max<uint64_t>(people_of(event.subject), 1);
  if (links > kMaxChangedLinks)
    error(node->place, "events: they change " + std::to_string(links) + " links, counted once an event; at most " +
        std::to_string(kMaxChangedLinks) + " are allowed (name a group or a person in place of a conference)");
}

/// "down 400kbps, loss 5%": the keys of `set` as they were written.
std::string ScenarioReader::describe_patch(const YamlNode& set) const {
  std::string out;
  for (size_t i = 0; i < set.keys.size() && i < set.items.size(); ++i) {
    if (!out.empty()) out += ", ";
    out += set.keys[i] + " ";
    if (set.items[i].kind == YamlNode::Kind::map) out += "(" + describe_patch(set.items[i]) + ")";
    else out += set.items[i].scalar;
  }
  return out.substr(0, 200);
}

void ScenarioReader::read_event(const YamlNode& item) {
  const std::string what = "events";
  if (!is_map(item, what, keys_of("event"))) return;
  EventSpec event;
  if (!item.find("at")) error(item.place, "events: 'at' is missing");
  moment(item.find("at"), "events.at", event.at);
  const YamlNode* access = item.find("access");
  const YamlNode* bridge = item.find("bridge");
  const YamlNode* set = item.find("set");
  const YamlNode* down = item.find("down");
  const YamlNode* site_node = item.find("site");
  if ((access != nullptr) + (bridge != nullptr) + (site_node != nullptr) != 1)
    return error(item.place, "events: exactly one of 'access', 'bridge' and 'site' must stand");
  if (std::optional<uint32_t> found; site_node && site(site_node, "events.site", found) && found) {
    event.subject = scenario_.sites[*found].link.name;
    event.is_of_site = true;
  }
  if (access && scalar(*access, "events.access", event.subject) && people_of(event.subject) == 0)
    error(access->place, "events.access: no conference, group or person is called " + in_quotes(event.subject) +
        did_you_mean(event.subject, subjects()) +
                             "; groups are: " + list_of(subjects()));
  if (bridge && scalar(*bridge, "events.bridge", event.subject) && !named(scenario_.bridges, event.subject))
    error(bridge->place, "events.bridge: no bridge is called " + in_quotes(event.subject) +
        did_you_mean(event.subject, names_of(scenario_.bridges)) +
                             "; bridges are: " + list_of(names_of(scenario_.bridges)));
  if (down) {
    if (!bridge) error(down->place, "events: 'down' is for bridges; for an access link write 'set: { down: 400kbps }'");
    if (set) error(down->place, "events: 'down' and 'set' exclude each other");
    if (item.find("for")) error(item.find("for")->place, "events: write the time as 'down: 10s'");
    event.kind = EventSpec::Kind::bridge_down;
    Duration time;
    if (down->kind == YamlNode::Kind::scalar && down->scalar == "forever") {
      event.text = "goes down";
    } else if (duration(down, "events.down", time)) {
      if (time == Duration::zero()) error(down->place, "events.down: must be more than 0s, or 'forever'");
      event.lasts = time;
      event.text = "down for " + to_text(time);
    }
  } else if (!set) {
    error(item.place, bridge ? "events: 'set' or 'down' is missing" : "events: 'set' is missing");
  } else {
    read_link(*set, "events.set", "set", event.up, event.down);
    if (set->items.empty()) error(set->place, "events.set: changes nothing");
    event.text = describe_patch(*set);
    Duration time;
    if (const YamlNode* lasts = item.find("for"); duration(lasts, "events.for", time)) {
      if (time == Duration::zero()) error(lasts->place, "events.for: must be more than 0s");
      event.lasts = time;
      event.text += " for " + to_text(time);
    }
  }
  scenario_.events.push_back(std::move(event));
}

// --- Expectations ---

void ScenarioReader::read_expectations(const YamlNode* node) {
  each_item(node, "expect", kMaxExpectations, [this](const YamlNode& item, size_t) { read_expectation(item); });
}

void ScenarioReader::read_expectation(const YamlNode& item) {
  std::string text;
  if (!scalar(item, "expect", text)) return;
  const std::vector<std::string> groups = subjects();
  const Result<Expectation> parsed =
      parse_expectation(text, [&](const std::string& g) { return std::find(groups.begin(), groups.end(), g) != groups.end(); },
          groups);
  if (!parsed) return error(item.place, "expect: " + parsed.error());
  const auto has_fair = [](const ConferenceSpec& conference) { return !conference.fair.empty(); };
  if (find_metric(parsed->metric)->name == std::string_view("recovery") && std::none_of(scenario_.conferences.begin(), scenario_.conferences.end(), has_fair))
    return error(item.place, "expect: 'recovery' is measured where a conference has 'fair' shares, and none has; after a lower rate of a person's own link it is "
                             "'link_" + parsed->metric + "'");
  scenario_.expectations.push_back(*parsed);
}

Result<Scenario, ScenarioErrors> read_scenario(std::string_view text, std::string_view file, const std::vector<std::string>& sets) {
  return ScenarioReader(file, sets).read(text);
}

Result<Scenario, ScenarioErrors> read_scenario_file(const std::string& path, const std::vector<std::string>& sets) {
  std::error_code code;
  const std::filesystem::file_status status = std::filesystem::status(path, code);
  if (!std::filesystem::exists(status)) return fail(ScenarioErrors{path + ": there is no such file"});
  if (std::filesystem::is_directory(status)) return fail(ScenarioErrors{path + ": is a folder, not a scenario"});
  if (!std::filesystem::is_regular_file(status)) return fail(ScenarioErrors{path + ": is not a regular file"});
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (!file) return fail(ScenarioErrors{path + ": cannot be read: " + std::strerror(errno)});
  std::string text(kMaxScenarioBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  const bool broke = std::ferror(file) != 0;
  std::fclose(file);
  if (broke) return fail(ScenarioErrors{path + ": cannot be read"});
  return read_scenario(text, path, sets);
}

}  // namespace tacoma
