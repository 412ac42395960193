// Jingle as focus and clients speak it (XEP-0166, 0167, 0176, 0320, 0338, 0339 and Jitsi's own elements).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/signal/media_description.h"
#include "core/signal/stanza.h"

namespace tacoma::jingle {

enum class Action : uint8_t {
  session_initiate, session_accept, session_terminate, session_info, source_add, source_remove, transport_info,
};
const char* name_of(Action action);

enum class Senders : uint8_t { both, initiator, responder, none };

struct Content {
  std::string name;  // audio, video, data
  Senders senders = Senders::both;
  /// Absent in transport-info; Media::application for a data content, which has neither formats nor sources.
  std::optional<Media> media;
  MediaFormats formats;
  MediaSources sources;      // of all owners
  bool rtcp_mux = false;     // in the description: clients look there
  std::optional<uint32_t> max_ptime;   // ms
  std::optional<int32_t> initial_last_n;
  std::optional<IceTransport> transport;
};

struct BridgeSession {
  std::string id, region;
  bool restart = false;      // client: terminate and invite me again
  bool ice_restart = false;
};

struct Reason {
  std::string condition;     // success, expired, gone, general-error, connectivity-error, decline ...
  std::string text;
};

struct StartMuted { bool audio = false, video = false; };

inline constexpr size_t kMaxContents = 8;
/// lib-jitsi-meet says its transport once for each line of its SDP, under the same few names: of transport-info the first
/// of each name counts.
inline constexpr size_t kMaxTransportContents = 512;

struct Jingle {
  Action action = Action::session_initiate;
  std::string sid;
  std::string initiator, responder;         // full JIDs or empty
  std::vector<Content> contents;
  std::vector<std::string> bundle;          // contents of the BUNDLE group, empty: no group
  std::optional<BridgeSession> bridge_session;
  std::optional<ConferenceSources> json_sources;  // in place of sources in the contents
  std::optional<Reason> reason;
  std::optional<std::string> ice_state;     // session-info: "failed"
  std::optional<StartMuted> start_muted;

  const Content* content(std::string_view name) const;
  /// The first transport found in the contents: with BUNDLE all are the same.
  const IceTransport* transport() const;
};

/// The <jingle/> element. Put it into an iq of type set.
Element to_element(const Jingle& jingle);
/// True for an iq of type set that carries Jingle.
bool is_jingle(const Element& iq);
/// Reads the <jingle/> of an iq. Errors say what is wrong: "unknown action 'x'", "ssrc '-1' is not a number", ...
Result<Jingle> parse(const Element& iq);

/// The sources of a message by owner, from its JSON or else its contents. A source without ssrc-info belongs to
/// `default_owner` (the sender). A group belongs to the owner of its first SSRC. Errors: limits of media_description.h.
Result<ConferenceSources> sources_of(const Jingle& jingle, std::string_view default_owner);
/// Puts the sources into the contents `audio` and `video`, which are made when missing and needed (source-add,
/// source-remove).
void put_sources(Jingle& jingle, const ConferenceSources& sources);

/// The answer to a message of an unknown session: item-not-found with <unknown-session/>.
Element make_unknown_session(const Element& request);

}  // namespace tacoma::jingle
