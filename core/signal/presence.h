// What Jitsi's participants, focus and bridges write into their presence.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/signal/media_description.h"
#include "core/signal/xml.h"

namespace tacoma {

/// One source as its owner sees it. A source that is missing from SourceInfo counts as muted.
struct SourceState {
  std::string name;  // <endpoint>-a0, <endpoint>-v0
  bool muted = true;
  jingle::VideoType video_type = jingle::VideoType::none;  // none for audio
  bool operator==(const SourceState&) const = default;
};
inline constexpr size_t kMaxSourceStates = 40;

/// SourceInfo's JSON text, and back; error when it is not an object of objects or holds over kMaxSourceStates.
std::string write_source_info(const std::vector<SourceState>& sources);
Result<std::vector<SourceState>> parse_source_info(std::string_view json);

/// A participant's presence extensions. Elements without a namespace of their own stand in jabber:client.
struct ParticipantPresence {
  std::string display_name;             // <nick/>
  std::string stats_id, region, codecs; // codecs: "vp8", "av1,vp9,vp8,h264"
  std::vector<SourceState> sources;
  std::optional<bool> audio_muted, video_muted;
  bool encrypted = false;               // its media is, end to end
  std::string caps_node, caps_ver;      // XEP-0115; both or none
  std::vector<std::string> features;    // <features><feature var=''/></features>: jibri and jigasi write it
};
void add_participant(Element& presence, const ParticipantPresence& participant);
/// Malformed SourceInfo reads as none: it is the owner's loss.
ParticipantPresence parse_participant(const Element& presence);

/// The focus's presence extensions.
struct FocusPresence {
  std::vector<std::pair<std::string, std::string>> properties;  // conference-properties, in order
  bool bridge_not_available = false;
};
void add_focus(Element& presence, const FocusPresence& focus);
FocusPresence parse_focus(const Element& presence);

/// A bridge's <stats/> in the brewery. Unknown keys stay in `others`.
struct BridgeStats {
  double stress = 0;                       // stress_level, 0..1
  bool drain = true;                       // a bridge counts as draining until it publishes false
  bool graceful_shutdown = false, shutting_down = false;
  std::optional<bool> healthy;
  std::string version, release, region, relay_id;
  uint32_t endpoints = 0, conferences = 0;
  std::map<std::string, std::string> others;
};
inline constexpr size_t kMaxStats = 256;
void add_bridge_stats(Element& presence, const BridgeStats& stats);
/// nullopt when the presence holds no stats; numbers that do not read as such are left at their defaults.
std::optional<BridgeStats> parse_bridge_stats(const Element& presence);

}  // namespace tacoma
