// Who sends what in one conference, and what of it others are told.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/signal/media_description.h"
#include "core/signal/stanza.h"

namespace tacoma::focus {

/// The sources of a conference by owner, always valid: SSRCs are unique in the conference, a media stream id belongs to one
/// owner, and each owner's set holds jingle::validate(). The rules are those of Jicofo's ValidatingConferenceSourceMap; a
/// change that breaks one is refused whole. The bridge's feedback sources are kept under jingle::kBridgeOwner.
class SourceMap {
 public:
  /// `limit`: SSRCs, and as many groups, of one owner.
  explicit SourceMap(size_t limit) : limit_(limit) {}

  const jingle::ConferenceSources& all() const { return sources_; }
  /// The owner's sources; an empty set when it has none.
  const jingle::SourceSet& of(std::string_view owner) const;
  /// Adds to the owner's sources. Errors: bad-request, with what is wrong.
  Result<void, StanzaError> try_add(std::string_view owner, const jingle::SourceSet& added);
  /// Takes from the owner's sources what is named, which must all be there; what stays must be valid by itself.
  Result<void, StanzaError> try_remove(std::string_view owner, const jingle::SourceSet& removed);
  void remove_owner(std::string_view owner);
  void clear();

 private:
  Result<void, StanzaError> check_new(std::string_view owner, const jingle::MediaSources& added) const;
  void index(std::string_view owner, const jingle::MediaSources& sources);
  void unindex(const jingle::MediaSources& sources);

  size_t limit_;
  jingle::ConferenceSources sources_;
  std::map<Ssrc, std::string> owner_of_;                                 // by SSRC
  struct StreamUse {
    std::string owner;
    size_t sources = 0;
  };
  std::map<std::string, StreamUse, std::less<>> streams_;                // by msid
};

/// What receivers are told of a sender: of each simulcast group only the first SSRC and its retransmission, since the bridge
/// forwards every layer under it.
jingle::SourceSet without_simulcast(const jingle::SourceSet& sources);
/// At most how many bytes a stanza grows by these sources, names escaped in the worst way.
size_t longest_text(const jingle::SourceSet& sources);
/// What is in `a` and not in `b`.
jingle::SourceSet difference(const jingle::SourceSet& a, const jingle::SourceSet& b);

}  // namespace tacoma::focus
