#include "core/signal/media_description.h"

#include <algorithm>
#include <array>
#include <set>

namespace tacoma::jingle {

namespace {
bool equal_nocase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

/// One owner's sources of one medium: groups of known sources that share one msid, and msids that nothing else uses.
Result<void, std::string> validate_media(const MediaSources& media) {
  std::map<Ssrc, const Source*> known;
  for (const Source& s : media.sources) known[s.ssrc] = &s;
  std::map<Ssrc, size_t> set_of;  // SSRCs that groups tie together get one number
  for (size_t i = 0; i < media.sources.size(); ++i) set_of[media.sources[i].ssrc] = i;
  for (const SourceGroup& group : media.groups) {
    if (group.semantics == GroupSemantics::fid && group.ssrcs.size() != 2) return fail("a FID group has two sources");
    if (group.semantics == GroupSemantics::sim && group.ssrcs.size() < 2) return fail("a SIM group has at least two sources");
    for (const Ssrc ssrc : group.ssrcs) {
      const auto found = known.find(ssrc);
      if (found == known.end()) return fail("a group names ssrc " + std::to_string(ssrc.value()) + ", which is no source");
      if (found->second->msid.empty()) return fail("ssrc " + std::to_string(ssrc.value()) + " is in a group but has no msid");
      if (found->second->msid != known[group.ssrcs[0]]->msid) return fail("the sources of a group have different msids");
      const size_t from = set_of[ssrc], to = set_of[group.ssrcs[0]];
      for (auto& [member, number] : set_of)
        if (number == from) number = to;
    }
  }
  std::map<std::string, size_t> user_of_msid;
  for (const Source& s : media.sources) {
    if (s.msid.empty()) continue;
    const auto [entry, is_new] = user_of_msid.emplace(s.msid, set_of[s.ssrc]);
    if (!is_new && entry->second != set_of[s.ssrc]) return fail("msid '" + s.msid + "' is used twice");
  }
  return {};
}

/// As core/rtp has it, which this room does not include.
constexpr std::string_view kDependencyDescriptor = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

PayloadType make_type(uint8_t id, std::string_view name, uint32_t clockrate, uint8_t channels = 1) {
  PayloadType type;
  type.id = id;
  type.name = name;
  type.clockrate = clockrate;
  type.channels = channels;
  return type;
}
}  // namespace

const char* name_of(Media media) {
  switch (media) {
    case Media::audio: return "audio";
    case Media::video: return "video";
    case Media::application: return "application";
  }
  return "?";
}

const char* name_of(VideoType type) {
  switch (type) {
    case VideoType::none: return "";
    case VideoType::camera: return "camera";
    case VideoType::desktop: return "desktop";
  }
  return "?";
}

std::optional<Media> media_of(std::string_view name) {
  for (const Media m : {Media::audio, Media::video, Media::application})
    if (name == name_of(m)) return m;
  return std::nullopt;
}

std::string_view PayloadType::parameter(std::string_view wanted) const {
  for (const Parameter& p : parameters)
    if (p.name == wanted) return p.value;
  return {};
}

bool PayloadType::has_feedback(std::string_view type, std::string_view subtype) const {
  return std::any_of(feedback.begin(), feedback.end(), [&](const RtcpFeedback& f) { return f.type == type && f.subtype == subtype; });
}

const PayloadType* MediaFormats::find(std::string_view codec) const {
  for (const PayloadType& type : payload_types)
    if (equal_nocase(type.name, codec)) return &type;
  return nullptr;
}

const PayloadType* MediaFormats::find_rtx(uint8_t apt) const {
  for (const PayloadType& type : payload_types)
    if (equal_nocase(type.name, "rtx") && type.parameter("apt") == std::to_string(apt)) return &type;
  return nullptr;
}

std::optional<uint8_t> MediaFormats::extension(std::string_view uri) const {
  for (const HeaderExtension& e : header_extensions)
    if (e.uri == uri) return e.id;
  return std::nullopt;
}

bool MediaFormats::has_ccfb() const {
  return std::any_of(payload_types.begin(), payload_types.end(), [](const PayloadType& type) { return type.has_feedback("ack", "ccfb"); });
}

void MediaFormats::replace_transport_cc_by_ccfb() {
  for (PayloadType& type : payload_types) {
    std::erase_if(type.feedback, [](const RtcpFeedback& f) { return f.type == "transport-cc"; });
    type.feedback.push_back({"ack", "ccfb"});
  }
}

MediaFormats offered_audio() {
  MediaFormats formats;
  PayloadType opus = make_type(111, "opus", 48000, 2);
  opus.parameters = {{"minptime", "10"}, {"useinbandfec", "1"}};
  opus.feedback = {{"transport-cc", ""}};
  formats.payload_types = {opus};
  formats.header_extensions = {{1, std::string(kExtAudioLevel)}, {5, std::string(kExtTransportCc)}};
  formats.extmap_allow_mixed = true;
  return formats;
}

MediaFormats offered_redundant_audio() {
  MediaFormats formats = offered_audio();
  PayloadType& opus = formats.payload_types.front();
  std::erase_if(opus.parameters, [](const Parameter& p) { return p.name == "useinbandfec"; });
  PayloadType red = make_type(112, "red", opus.clockrate, opus.channels);
  red.parameters = {{"", std::to_string(opus.id) + "/" + std::to_string(opus.id)}};
  formats.payload_types.insert(formats.payload_types.begin(), red);
  return formats;
}

MediaFormats offered_video() {
  MediaFormats formats;
  struct Codec {
    uint8_t id, rtx;
    std::string_view name;
  };
  static constexpr Codec kCodecs[] = {{41, 42, "AV1"}, {100, 96, "VP8"}, {107, 99, "H264"}, {101, 97, "VP9"}};
  for (const Codec& codec : kCodecs) {
    PayloadType& type = formats.payload_types.emplace_back(make_type(codec.id, codec.name, 90000));
    type.feedback = {{"ccm", "fir"}, {"nack", ""}, {"nack", "pli"}, {"transport-cc", ""}};
    // One parameter without a name, as Jicofo writes it.
    if (codec.name == "H264") type.parameters = {{"", "profile-level-id=42e01f;level-asymmetry-allowed=1;packetization-mode=1;"}};
  }
  for (const Codec& codec : kCodecs) {
    PayloadType& rtx = formats.payload_types.emplace_back(make_type(codec.rtx, "rtx", 90000));
    rtx.parameters = {{"apt", std::to_string(codec.id)}};
    rtx.feedback = {{"ccm", "fir"}, {"nack", ""}, {"nack", "pli"}};
  }
  formats.header_extensions = {{3, std::string(kExtAbsSendTime)}, {5, std::string(kExtTransportCc)}, {11, std::string(kDependencyDescriptor)}};
  formats.extmap_allow_mixed = true;
  return formats;
}

std::string source_name(std::string_view endpoint, Media media, unsigned index) {
  return std::string(endpoint) + (media == Media::audio ? "-a" : "-v") + std::to_string(index);
}

SourceSet make_sources(std::string_view endpoint, Ssrc audio, Ssrc video, Ssrc rtx) {
  SourceSet set;
  const std::string id(endpoint);
  if (audio != Ssrc()) set.audio.sources.push_back({audio, source_name(id, Media::audio), id, id + "-audio-0-1 " + id + "-a-track-1", VideoType::none});
  if (video == Ssrc()) return set;
  const std::string msid = id + "-video-0-1 " + id + "-v-track-1";
  set.video.sources.push_back({video, source_name(id, Media::video), id, msid, VideoType::camera});
  if (rtx == Ssrc()) return set;
  set.video.sources.push_back({rtx, source_name(id, Media::video), id, msid, VideoType::camera});
  set.video.groups.push_back({GroupSemantics::fid, {video, rtx}});
  return set;
}

SourceSet make_feedback_sources(Ssrc audio, Ssrc video) {
  SourceSet set;
  const std::string owner(kBridgeOwner);
  set.audio.sources.push_back({audio, source_name(owner, Media::audio), owner, "mixedmslabel mixedlabelaudio0", VideoType::none});
  set.video.sources.push_back({video, source_name(owner, Media::video), owner, "mixedmslabel mixedlabelvideo0", VideoType::none});
  return set;
}

Result<void, std::string> validate(const SourceSet& set) {
  std::set<Ssrc> seen;
  for (const MediaSources* media : {&set.audio, &set.video}) {
    for (const Source& s : media->sources)
      if (!seen.insert(s.ssrc).second) return fail("ssrc " + std::to_string(s.ssrc.value()) + " is used twice");
  }
  if (seen.size() > kMaxSourcesPerEndpoint) return fail("too many sources");
  if (set.audio.groups.size() + set.video.groups.size() > kMaxGroupsPerEndpoint) return fail("too many source groups");
  for (const MediaSources* media : {&set.audio, &set.video}) {
    const auto valid = validate_media(*media);
    if (!valid) return valid;
  }
  return {};
}

}  // namespace tacoma::jingle
