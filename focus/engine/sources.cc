#include "focus/engine/sources.h"

#include <algorithm>
#include <set>
#include <utility>

namespace tacoma::focus {
namespace {

using jingle::MediaSources;
using jingle::SourceSet;

Failure<StanzaError> bad_request(std::string text) {
  StanzaError error;
  error.condition = Condition::bad_request;
  error.text = std::move(text);
  return {std::move(error)};
}

template <typename T>
bool contains(const std::vector<T>& list, const T& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

void append(MediaSources& to, const MediaSources& from) {
  to.sources.insert(to.sources.end(), from.sources.begin(), from.sources.end());
  to.groups.insert(to.groups.end(), from.groups.begin(), from.groups.end());
}

/// Removes the named SSRCs and groups; the text of the error when one is not there.
Result<void> take(MediaSources& from, const MediaSources& named) {
  for (const jingle::Source& source : named.sources) {
    const auto place = std::find_if(from.sources.begin(), from.sources.end(), [&](const auto& s) { return s.ssrc == source.ssrc; });
    if (place == from.sources.end()) return fail("ssrc " + std::to_string(source.ssrc.value()) + " is not there to be removed");
    from.sources.erase(place);
  }
  for (const jingle::SourceGroup& group : named.groups) {
    const auto place = std::find(from.groups.begin(), from.groups.end(), group);
    if (place == from.groups.end()) return fail("a group is not there to be removed");
    from.groups.erase(place);
  }
  return {};
}

MediaSources difference(const MediaSources& a, const MediaSources& b) {
  MediaSources result;
  for (const auto& source : a.sources)
    if (!contains(b.sources, source)) result.sources.push_back(source);
  for (const auto& group : a.groups)
    if (!contains(b.groups, group)) result.groups.push_back(group);
  return result;
}

}  // namespace

const SourceSet& SourceMap::of(std::string_view owner) const {
  static const SourceSet kNone;
  const auto found = sources_.find(std::string(owner));
  return found == sources_.end() ? kNone : found->second;
}

Result<void, StanzaError> SourceMap::check_new(std::string_view owner, const MediaSources& added) const {
  for (const jingle::Source& source : added.sources) {
    if (owner_of_.contains(source.ssrc)) return bad_request("ssrc " + std::to_string(source.ssrc.value()) + " is already used");
    if (source.msid.empty()) continue;
    const auto stream = streams_.find(source.msid);
    if (stream != streams_.end() && stream->second.owner != owner) return bad_request("msid '" + source.msid + "' is already used");
  }
  return {};
}

Result<void, StanzaError> SourceMap::try_add(std::string_view owner, const SourceSet& added) {
  for (const MediaSources* media : {&added.audio, &added.video})
    if (auto fits = check_new(owner, *media); !fits) return fits;
  SourceSet after = of(owner);
  append(after.audio, added.audio);
  append(after.video, added.video);
  if (after.audio.sources.size() + after.video.sources.size() > limit_) return bad_request("too many ssrcs");
  if (after.audio.groups.size() + after.video.groups.size() > limit_) return bad_request("too many ssrc groups");
  if (auto valid = jingle::validate(after); !valid) return bad_request(valid.error());
  if (after.empty()) return {};
  for (const MediaSources* media : {&added.audio, &added.video}) index(owner, *media);
  sources_[std::string(owner)] = std::move(after);
  return {};
}

Result<void, StanzaError> SourceMap::try_remove(std::string_view owner, const SourceSet& removed) {
  const auto found = sources_.find(std::string(owner));
  if (found == sources_.end()) {
    if (removed.empty()) return {};
    return bad_request("there are no sources to be removed");
  }
  SourceSet after = found->second;
  if (auto taken = take(after.audio, removed.audio); !taken) return bad_request(taken.error());
  if (auto taken = take(after.video, removed.video); !taken) return bad_request(taken.error());
  if (auto valid = jingle::validate(after); !valid) return bad_request(valid.error());
  for (const MediaSources* media : {&found->second.audio, &found->second.video}) unindex(*media);
  if (after.empty()) {
    sources_.erase(found);
    return {};
  }
  for (const MediaSources* media : {&after.audio, &after.video}) index(owner, *media);
  found->second = std::move(after);
  return {};
}

void SourceMap::remove_owner(std::string_view owner) {
  const auto found = sources_.find(std::string(owner));
  if (found == sources_.end()) return;
  for (const MediaSources* media : {&found->second.audio, &found->second.video}) unindex(*media);
  sources_.erase(found);
}

void SourceMap::clear() {
  sources_.clear();
  owner_of_.clear();
  streams_.clear();
}

void SourceMap::index(std::string_view owner, const MediaSources& sources) {
  for (const jingle::Source& source : sources.sources) {
    owner_of_[source.ssrc] = owner;
    if (source.msid.empty()) continue;
    StreamUse& use = streams_[source.msid];
    use.owner = owner;
    ++use.sources;
  }
}

void SourceMap::unindex(const MediaSources& sources) {
  for (const jingle::Source& source : sources.sources) {
    owner_of_.erase(source.ssrc);
    const auto stream = streams_.find(source.msid);
    if (stream != streams_.end() && --stream->second.sources == 0) streams_.erase(stream);
  }
}

SourceSet without_simulcast(const SourceSet& sources) {
  std::set<Ssrc> hidden;
  for (const jingle::SourceGroup& group : sources.video.groups)
    if (group.semantics == jingle::GroupSemantics::sim)
      for (size_t i = 1; i < group.ssrcs.size(); ++i) hidden.insert(group.ssrcs[i]);
  if (hidden.empty()) return sources;
  SourceSet result;
  result.audio = sources.audio;
  for (const jingle::SourceGroup& group : sources.video.groups) {
    if (group.semantics == jingle::GroupSemantics::sim) continue;
    if (!hidden.contains(group.ssrcs.front())) result.video.groups.push_back(group);
    else hidden.insert(group.ssrcs.begin(), group.ssrcs.end());
  }
  for (const jingle::Source& source : sources.video.sources)
    if (!hidden.contains(source.ssrc)) result.video.sources.push_back(source);
  return result;
}

size_t longest_text(const SourceSet& sources) {
  size_t bytes = 0;
  for (const MediaSources* media : {&sources.audio, &sources.video}) {
    // A quote in JSON in XML takes seven bytes; 300 is more than the elements around the names of one source.
    for (const jingle::Source& source : media->sources) bytes += 8 * (source.name.size() + source.owner.size() + source.msid.size()) + 300;
    for (const jingle::SourceGroup& group : media->groups) bytes += 100 + 50 * group.ssrcs.size();
  }
  return bytes;
}

SourceSet difference(const SourceSet& a, const SourceSet& b) {
  return {difference(a.audio, b.audio), difference(a.video, b.video)};
}

}  // namespace tacoma::focus
