// The compact JSON form of sources: {"sources":{"<owner>":[[video],[video groups],[audio],[audio groups]]}}
#include <nlohmann/json.hpp>

#include "core/signal/media_description.h"

namespace tacoma::jingle {

namespace {
// Reading needs maps: an ordered object looks each key up by a walk, which a stranger could make long.
using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

OrderedJson sources_json(const std::vector<Source>& sources) {
  OrderedJson list = OrderedJson::array();
  for (const Source& s : sources) {
    OrderedJson one = OrderedJson::object({{"s", s.ssrc.value()}});
    if (!s.name.empty()) one["n"] = s.name;
    if (!s.msid.empty()) one["m"] = s.msid;
    if (s.video_type == VideoType::desktop) one["v"] = "d";
    list.push_back(std::move(one));
  }
  return list;
}

OrderedJson groups_json(const std::vector<SourceGroup>& groups) {
  OrderedJson list = OrderedJson::array();
  for (const SourceGroup& group : groups) {
    OrderedJson one = OrderedJson::array({group.semantics == GroupSemantics::sim ? "s" : "f"});
    for (const Ssrc ssrc : group.ssrcs) one.push_back(ssrc.value());
    list.push_back(std::move(one));
  }
  return list;
}

std::optional<Ssrc> read_ssrc(const Json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  const auto number = value.get<uint64_t>();
  if (number == 0 || number > 0xffffffff) return std::nullopt;
  return Ssrc(static_cast<uint32_t>(number));
}

/// A short text member; empty when absent. False when it is something else.
bool read_text(const Json& object, const char* key, std::string& out) {
  const auto found = object.find(key);
  if (found == object.end()) return true;
  if (!found->is_string() || found->get_ref<const std::string&>().size() > kMaxText) return false;
  out = found->get<std::string>();
  return true;
}

Result<void, std::string> read_sources(const Json& list, Media media, const std::string& owner, std::vector<Source>& out) {
  if (!list.is_array()) return fail("sources of '" + owner + "' are not a list");
  for (const Json& one : list) {
    if (out.size() >= kMaxSourcesPerEndpoint) return fail("too many sources of '" + owner + "'");
    if (!one.is_object()) return fail("a source of '" + owner + "' is not an object");
    const auto number = one.find("s");
    const auto ssrc = number == one.end() ? std::nullopt : read_ssrc(*number);
    if (!ssrc) return fail("a source of '" + owner + "' has no valid ssrc");
    Source source;
    source.ssrc = *ssrc;
    source.owner = owner;
    std::string video_type;
    if (!read_text(one, "n", source.name) || !read_text(one, "m", source.msid) || !read_text(one, "v", video_type))
      return fail("a source of '" + owner + "' is malformed");
    if (media == Media::video) source.video_type = video_type == "d" ? VideoType::desktop : VideoType::camera;
    out.push_back(std::move(source));
  }
  return {};
}

Result<void, std::string> read_groups(const Json& list, const std::string& owner, std::vector<SourceGroup>& out) {
  if (!list.is_array()) return fail("groups of '" + owner + "' are not a list");
  for (const Json& one : list) {
    if (out.size() >= kMaxGroupsPerEndpoint) return fail("too many groups of '" + owner + "'");
    if (!one.is_array() || one.size() < 2 || one.size() > kMaxSourcesPerEndpoint + 1 || !one[0].is_string())
      return fail("a group of '" + owner + "' is malformed");
    SourceGroup group;
    const auto& semantics = one[0].get_ref<const std::string&>();
    if (semantics != "s" && semantics != "f") return fail("a group of '" + owner + "' has unknown semantics");
    group.semantics = semantics == "s" ? GroupSemantics::sim : GroupSemantics::fid;
    for (size_t i = 1; i < one.size(); ++i) {
      const auto ssrc = read_ssrc(one[i]);
      if (!ssrc) return fail("a group of '" + owner + "' has no valid ssrc");
      group.ssrcs.push_back(*ssrc);
    }
    out.push_back(std::move(group));
  }
  return {};
}
}  // namespace

std::string write_json_sources(const ConferenceSources& sources) {
  OrderedJson owners = OrderedJson::object();
  for (const auto& [owner, set] : sources) {
    OrderedJson lists = OrderedJson::array({sources_json(set.video.sources), groups_json(set.video.groups),
                                            sources_json(set.audio.sources), groups_json(set.audio.groups)});
    while (!lists.empty() && lists.back().empty()) lists.erase(lists.size() - 1);
    owners[owner] = std::move(lists);
  }
  OrderedJson all = OrderedJson::object();
  all["sources"] = std::move(owners);
  return all.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

Result<ConferenceSources> parse_json_sources(std::string_view text) {
  const Json all = Json::parse(text, nullptr, false);
  if (!all.is_object()) return fail("json-message is not a JSON object");
  const auto owners = all.find("sources");
  if (owners == all.end() || !owners->is_object()) return fail("json-message holds no sources");
  if (owners->size() > kMaxOwners) return fail("too many owners of sources");
  ConferenceSources out;
  for (const auto& [owner, lists] : owners->items()) {
    if (owner.empty() || owner.size() > kMaxText) return fail("malformed owner of sources");
    if (!lists.is_array() || lists.size() > 4) return fail("sources of '" + owner + "' are not four lists");
    SourceSet& set = out[owner];
    for (size_t i = 0; i < lists.size(); ++i) {
      MediaSources& media = i < 2 ? set.video : set.audio;
      const auto read = i % 2 == 0 ? read_sources(lists[i], i < 2 ? Media::video : Media::audio, owner, media.sources)
                                   : read_groups(lists[i], owner, media.groups);
      if (!read) return fail(read.error());
    }
  }
  return out;
}

}  // namespace tacoma::jingle
