// colibri2: how a focus drives a bridge (namespace jitsi:colibri2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/signal/media_description.h"
#include "core/signal/stanza.h"

namespace tacoma::colibri2 {

inline constexpr size_t kMaxEndpoints = 2048;     // in one request (expire and force-mute may name many)
inline constexpr size_t kMaxCapabilities = 16;
inline constexpr size_t kMaxMediaSources = 40;    // of one endpoint

inline constexpr std::string_view kCapSourceNames = "source-names";  // mandatory on create
inline constexpr std::string_view kCapSsrcRewriting = "ssrc-rewriting";

/// The formats of one medium of an endpoint.
struct MediaDescription {
  jingle::Media type = jingle::Media::audio;
  jingle::MediaFormats formats;
  bool operator==(const MediaDescription&) const = default;
};
enum class SctpRole : uint8_t { client, server };
struct Sctp {
  std::optional<uint16_t> port;
  std::optional<SctpRole> role;
  bool operator==(const Sctp&) const = default;
};
struct Transport {
  std::optional<bool> ice_controlling;
  bool use_unique_port = false;
  bool ice_restart = false;
  std::optional<jingle::IceTransport> ice;
  std::optional<Sctp> sctp;
  bool operator==(const Transport&) const = default;
};
/// One signalled source with its SSRCs and groups.
struct MediaSource {
  jingle::Media type = jingle::Media::audio;
  std::string id;  // the source's name
  jingle::MediaSources ssrcs;
  bool operator==(const MediaSource&) const = default;
};
struct ForceMute {
  bool audio = false, video = false;
  bool operator==(const ForceMute&) const = default;
};
struct Endpoint {
  std::string id;
  bool create = false, expire = false;
  std::string stats_id, muc_role;
  std::vector<std::string> capabilities;
  std::vector<MediaDescription> media;
  std::optional<Transport> transport;
  std::optional<std::vector<MediaSource>> sources;  // full replacement; empty list: no sources any more
  std::optional<ForceMute> force_mute;
  std::optional<int32_t> initial_last_n;
  bool has_capability(std::string_view name) const;
  const jingle::MediaFormats* formats(jingle::Media type) const;
  bool operator==(const Endpoint&) const = default;
};
/// Parsed enough to be refused properly: bridges here do not relay yet.
struct Relay {
  std::string id, mesh_id;
  bool create = false, expire = false;
  bool operator==(const Relay&) const = default;
};
struct ConferenceModify {
  std::string meeting_id;  // required
  std::string name;        // the room's JID
  bool create = false, expire = false, rtcstats_enabled = false;
  std::vector<Endpoint> endpoints;
  std::vector<Relay> relays;
  bool has_connects = false;
  bool operator==(const ConferenceModify&) const = default;
};
struct ConferenceModified {
  std::vector<Endpoint> endpoints;
  std::vector<MediaSource> sources;  // the bridge's feedback sources, on create
  bool operator==(const ConferenceModified&) const = default;
};

Element to_element(const ConferenceModify& request);
Element to_element(const ConferenceModified& answer);
/// An iq of type get to the bridge's brewery occupant.
Element make_request(const Jid& bridge, std::string_view id, const ConferenceModify& request);
Element make_answer(const Element& request, const ConferenceModified& answer);
/// True for get and set.
bool is_request(const Element& iq);
Result<ConferenceModify> parse_request(const Element& iq);
Result<ConferenceModified> parse_answer(const Element& iq);

enum class Reason : uint8_t {
  none, conference_not_found, conference_already_exists, unknown_endpoint, graceful_shutdown, feature_not_implemented,
};
const char* name_of(Reason reason);
/// A refusal: stanza condition, colibri2 reason, and the endpoint it is about.
struct Error {
  Condition condition = Condition::bad_request;
  Reason reason = Reason::none;
  std::string endpoint;  // of unknown_endpoint
  std::string text;
};
Element make_error(const Element& request, const Error& error);
/// Reads an iq of type error.
Error parse_error(const Element& iq);

/// media-source elements <-> an endpoint's sources. An SSRC's owner is `owner`.
std::vector<MediaSource> to_media_sources(const jingle::SourceSet& sources);
jingle::SourceSet to_source_set(const std::vector<MediaSource>& sources, std::string_view owner);

}  // namespace tacoma::colibri2
