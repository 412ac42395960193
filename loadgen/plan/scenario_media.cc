// What people send and look at: the media keys of a group.
#include <algorithm>
#include <cstdio>
#include <tuple>

#include "loadgen/plan/scenario_reader.h"

namespace tacoma {
namespace {
constexpr uint32_t kSmallestWidth = 160, kSmallestHeight = 90;  // of what a source sends; simulcast goes below
constexpr uint32_t kLeastEncodedHeight = 64;                    // of any encoding
constexpr uint64_t kMostTiles = 1000;
constexpr uint64_t kMostRedCopies = 2;
constexpr size_t kShortestPassword = 4, kLongestPassword = 200;  // shorter ones could not be kept out of results
}  // namespace

void ScenarioReader::read_sends(const YamlNode* node, const std::string& what, GroupSpec& group) {
  if (!node) return;
  group.sends_audio = group.sends_video = false;
  std::string word;
  if (node->kind == YamlNode::Kind::scalar) {
    if (one_of(node, what, {"audio", "video", "nothing"}, word))
      (word == "audio" ? group.sends_audio : group.sends_video) = word != "nothing";
    return;
  }
  each_item(node, what, 2, [&](const YamlNode& item, size_t) {
    if (!one_of(&item, what, {"audio", "video"}, word)) return;
    bool& sends = word == "audio" ? group.sends_audio : group.sends_video;
    if (sends) error(item.place, what + ": " + in_quotes(word) + " stands twice");
    sends = true;
  });
}

/// A rate, or a map.
void ScenarioReader::read_audio(const YamlNode* node, const std::string& what, GroupSpec& group) {
  if (!node) return;
  const bool is_whole = node->kind == YamlNode::Kind::map;
  if (is_whole && !is_map(*node, what, keys_of("audio"))) return;
  const YamlNode* rate_node = is_whole ? node->find("rate") : node;
  const std::string called = is_whole ? what + ".rate" : what;
  if (DataRate rate; value<DataRate>(rate_node, called, parse_rate, rate)) {
    if (!group.sends_audio) error(rate_node->place, called + ": the group does not send audio");
    else if (rate < DataRate::kbps(6) || rate > DataRate::kbps(400)) error(rate_node->place, called + ": must be within 6kbps and 400kbps");
    else group.audio_rate = rate;
  }
  uint64_t copies = 0;
  if (is_whole && whole(node->find("red"), what + ".red", 0, kMostRedCopies, copies)) group.red = static_cast<uint8_t>(copies);
}

// A bridge takes copies out for those who did not negotiate them; what is sealed end to end it cannot.
void ScenarioReader::check_red(const YamlNode& people, const ConferenceSpec& conference) {
  for (const GroupSpec& sender : conference.people) {
    if (sender.red == 0 || !sender.sends_audio || sender.password.value_or(conference.password).empty()) continue;
    for (const GroupSpec& group : conference.people)
      if (group.red == 0)
        return error(people.place, conference.name + ".people: " + sender.name + " sends redundant audio end-to-end encrypted, which " +
                     group.name + " (audio.red 0) cannot take and no bridge can take apart");
  }
}

void ScenarioReader::read_priority(const YamlNode* node, const std::string& what, GroupSpec& group) {
  std::string text;
  if (!node || !scalar(*node, what, text)) return;
  char rest = 0;
  double weight = 0;
  if (text.size() > 8 || std::sscanf(text.c_str(), "%lf%c", &weight, &rest) != 1 || !(weight >= 0.1 && weight <= 10))
    error(node->place, what + ": " + in_quotes(text) + " is not a weight within 0.1 and 10");
  else group.priority = weight;
}

/// "none", or a map with the password.
void ScenarioReader::read_encryption(const YamlNode& node, const std::string& what, std::string& password) {
  password.clear();
  if (node.kind == YamlNode::Kind::scalar && node.scalar == "none") return;
  if (!is_map(node, what + " (or 'none')", keys_of("encryption"))) return;
  const YamlNode* given = node.find("password");
  if (!given) return error(node.place, what + ": 'password' is missing");
  if (scalar(*given, what + ".password", password) && (password.size() < kShortestPassword || password.size() > kLongestPassword))
    error(given->place, what + ".password: must have " + std::to_string(kShortestPassword) + " to " + std::to_string(kLongestPassword) + " characters");
}

void ScenarioReader::read_pauses(const YamlNode* node, const std::string& what, GroupSpec& group) {
  if (!node || !is_map(*node, what, keys_of("pauses"))) return;
  for (const char* key : {"at", "for"})
    if (!node->find(key)) error(node->place, what + ": '" + key + "' is missing");
  Duration time;
  if (!moment(node->find("at"), what + ".at", group.pauses_from) || !duration(node->find("for"), what + ".for", time)) return;
  if (time == Duration::zero()) error(node->find("for")->place, what + ".for: must be more than 0s");
  group.pauses_to = group.pauses_from + time;
}

void ScenarioReader::read_video(const YamlNode& node, const std::string& what, const char* map, VideoFormat& video) {
  if (!is_map(node, what, keys_of(map))) return;
  std::string size, word;
  if (const YamlNode* size_node = node.find("size"); size_node && scalar(*size_node, what + ".size", size)) {
    unsigned width = 0, height = 0;
    char rest = 0;
    if (std::sscanf(size.c_str(), "%5ux%5u%c", &width, &height, &rest) != 2 ||
        size.find_first_not_of("0123456789x") != std::string::npos)
      error(size_node->place, what + ".size: " + in_quotes(size) + " is not a size (write '640x360')");
    else if (width < kSmallestWidth || width > 1920 || height < kSmallestHeight || height > 1080 || width % 2 != 0 || height % 2 != 0)
      error(size_node->place, what + ".size: " + in_quotes(size) + " is not within 160x90 and 1920x1080, both even");
    else { video.width = width; video.height = height; }
  }
  uint64_t fps = video.fps;
  if (whole(node.find("fps"), what + ".fps", 1, 60, fps)) video.fps = static_cast<uint32_t>(fps);
  DataRate rate;
  if (const YamlNode* rate_node = node.find("rate"); value<DataRate>(rate_node, what + ".rate", parse_rate, rate)) {
    if (rate < DataRate::kbps(50) || rate > DataRate::mbps(20))
      error(rate_node->place, what + ".rate: must be within 50kbps and 20Mbps");
    else video.rate = rate;
  }
  if (one_of(node.find("content"), what + ".content", {"clip", "model"}, word))
    video.content = word == "clip" ? VideoContent::clip : VideoContent::model;
  if (const YamlNode* lowest = node.find("lowest"); value<DataRate>(lowest, what + ".lowest", parse_rate, rate)) {
    if (video.content != VideoContent::model) error(lowest->place, what + ".lowest: only for 'content: model'");
    else if (rate < DataRate::kbps(30) || rate > video.rate) error(lowest->place, what + ".lowest: must be within 30kbps and the rate");
    else video.lowest = rate;
  }
  video.lowest = std::min(video.lowest, video.rate);
  const YamlNode* codec = node.find("codec");
  if (one_of(codec, what + ".codec", {"vp8", "vp9"}, word)) video.codec = word == "vp9" ? VideoCodec::vp9 : VideoCodec::vp8;
  const bool is_vp9 = video.codec == VideoCodec::vp9;
  if (is_vp9 && video.content == VideoContent::model) error(codec->place, what + ".codec: a model is of VP8");
  uint64_t encodings = video.encodings, spatial = video.spatial_layers, layers = video.temporal_layers;
  for (const auto& [key, count, target] : {std::tuple{"simulcast", &encodings, &video.encodings}, {"spatial", &spatial, &video.spatial_layers}}) {
    const YamlNode* halved = node.find(key);
    if (!whole(halved, what + "." + key, 1, VideoFormat::kMostEncodings, *count)) continue;
    const uint32_t step = 2u << (*count - 1);
    if (video.width % step != 0 || video.height % step != 0 || (video.height >> (*count - 1)) < kLeastEncodedHeight)
      error(halved->place, what + "." + key + ": " + std::to_string(video.width) + "x" + std::to_string(video.height) +
          " cannot be halved " + std::to_string(*count - 1) + " times (each size even, no less than 64 lines)");
    else *target = static_cast<uint32_t>(*count);
    if ((key == std::string_view("spatial")) != is_vp9 && *count > 1)
      error(halved->place, what + "." + key + (is_vp9 ? ": VP9 sends its sizes as 'spatial' layers of one stream" : ": for 'codec: vp9' only; VP8 sends its sizes by 'simulcast'"));
  }
  uint64_t rungs = video.ladder;
  if (const YamlNode* ladder = node.find("ladder"); whole(ladder, what + ".ladder", 1, VideoFormat::kMostRungs, rungs)) {
    if (rungs > 1 && (is_vp9 || video.content == VideoContent::model || video.encodings > 1))
      error(ladder->place, what + ".ladder: for VP8 clips of one encoding; others have layers or rates of their own");
    else video.ladder = static_cast<uint8_t>(rungs);
  }
  if (whole(node.find("temporal"), what + ".temporal", 1, 3, layers)) video.temporal_layers = static_cast<uint32_t>(layers);
}

void ScenarioReader::read_screen(const YamlNode& node, const std::string& what, GroupSpec& group) {
  VideoFormat screen;
  screen.width = 1280;
  screen.height = 720;
  screen.fps = 5;
  screen.rate = DataRate::kbps(1000);
  screen.lowest = DataRate::kbps(200);
  if (node.kind == YamlNode::Kind::null) {
    group.screen = screen;
    return;
  }
  read_video(node, what, "screen", screen);
  group.screen = screen;
  if (const YamlNode* at = node.find("at")) moment(at, what + ".at", group.screen_from);
  Duration lasts;
  if (const YamlNode* node_for = node.find("for"); duration(node_for, what + ".for", lasts)) {
    if (lasts == Duration::zero()) error(node_for->place, what + ".for: must be more than 0s");
    else group.screen_for = lasts;
  }
}

void ScenarioReader::read_view(const YamlNode& node, const std::string& what, GroupSpec& group) {
  using Mode = ViewPlan::Mode;
  ViewPlan& view = group.view;
  const Keys modes = {"everything", "stage", "tiles", "stage+tiles", "nothing"};
  const auto mode_of = [&](const YamlNode* from, const std::string& called) {
    std::string word;
    if (!one_of(from, called, modes, word)) return;
    view.mode = static_cast<Mode>(std::find(modes.begin(), modes.end(), word) - modes.begin());
  };
  if (node.kind == YamlNode::Kind::scalar) return mode_of(&node, what);
  if (!is_map(node, what, keys_of("view"))) return;
  if (!node.find("mode")) return error(node.place, what + ": 'mode' is missing");
  mode_of(node.find("mode"), what + ".mode");
  if (const YamlNode* pinned = node.find("pinned")) {
    if (view.mode == Mode::everything || view.mode == Mode::nothing) error(pinned->place, what + ".pinned: needs a stage or tiles");
    scalar(*pinned, what + ".pinned", view.pinned);
  }
  uint64_t number = 0;
  const bool has_tiles = view.mode == Mode::tiles || view.mode == Mode::stage_tiles;
  if (const YamlNode* tiles = node.find("tiles"); whole(tiles, what + ".tiles", 1, kMostTiles, number)) {
    if (!has_tiles) error(tiles->place, what + ".tiles: only for 'tiles' and 'stage+tiles'");
    view.tiles = static_cast<uint32_t>(number);
  }
  Duration time;
  if (const YamlNode* turns = node.find("turns"); duration(turns, what + ".turns", time)) {
    if (view.mode != Mode::tiles) error(turns->place, what + ".turns: only for 'mode: tiles'");
    else if (time < Duration::seconds(1)) error(turns->place, what + ".turns: must be 1s or more");
    else view.turns = time;
  }
  if (whole(node.find("last_n"), what + ".last_n", 0, kMostTiles, number)) view.last_n = static_cast<int32_t>(number);
  if (whole(node.find("max_height"), what + ".max_height", kLeastEncodedHeight, 2160, number)) view.max_height = static_cast<int32_t>(number);
  const YamlNode* hidden = node.find("hidden");
  if (!hidden || !is_map(*hidden, what + ".hidden", keys_of("hidden"))) return;
  Instant at;
  if (!hidden->find("at")) error(hidden->place, what + ".hidden: 'at' is missing");
  if (!moment(hidden->find("at"), what + ".hidden.at", at)) return;
  view.hidden_from = at;
  if (const YamlNode* lasts = hidden->find("for"); duration(lasts, what + ".hidden.for", time)) {
    if (time == Duration::zero()) error(lasts->place, what + ".hidden.for: must be more than 0s");
    else view.hidden_to = at + time;
  }
}

// A pinned person is one of the room: a group of one, or one of a numbered group.
void ScenarioReader::check_pinned(const YamlNode& people, const ConferenceSpec& conference) {
  Keys names;
  for (const GroupSpec& group : conference.people) {
    if (!group.numbered) names.push_back(group.name);
    else for (uint32_t i = 1; i <= std::min<uint32_t>(group.count, 1000); ++i) names.push_back(group.name + "-" + std::to_string(i));
  }
  for (const GroupSpec& group : conference.people) {
    const std::string& pinned = group.view.pinned;
    if (pinned.empty() || std::find(names.begin(), names.end(), pinned) != names.end()) continue;
    error(people.place, conference.name + ".people: " + group.name + " pins " + in_quotes(pinned) + ", who is nobody of the room" +
        did_you_mean(pinned, names));
  }
}

}  // namespace tacoma
