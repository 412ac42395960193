// What Jingle and colibri2 both say about media: payload types, header extensions, sources and the ICE transport.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/address.h"
#include "core/base/id.h"
#include "core/base/result.h"
#include "core/signal/xml.h"

namespace tacoma::jingle {

// Limits on what one stanza may describe.
inline constexpr size_t kMaxPayloadTypes = 64;
inline constexpr size_t kMaxHeaderExtensions = 32;
inline constexpr size_t kMaxParameters = 32;           // of one payload type; also its feedback kinds
inline constexpr size_t kMaxCandidates = 64;
inline constexpr size_t kMaxSourcesPerEndpoint = 20;   // SSRCs of one owner (Jicofo's limit)
inline constexpr size_t kMaxGroupsPerEndpoint = 20;
inline constexpr size_t kMaxOwners = 2048;             // in one description
inline constexpr size_t kMaxText = 1024;               // names, msids, parameters

enum class Media : uint8_t { audio, video, application };
enum class VideoType : uint8_t { none, camera, desktop };
const char* name_of(Media media);
const char* name_of(VideoType type);  // "" for none
std::optional<Media> media_of(std::string_view name);

struct Parameter {
  std::string name, value;  // a nameless parameter has an empty name (H264, red)
  bool operator==(const Parameter&) const = default;
};
struct RtcpFeedback {
  std::string type, subtype;  // "nack" "", "nack" "pli", "ccm" "fir", "transport-cc" ""
  bool operator==(const RtcpFeedback&) const = default;
};
struct PayloadType {
  uint8_t id = 0;  // 0..127
  std::string name;
  uint32_t clockrate = 0;
  uint8_t channels = 1;
  std::vector<Parameter> parameters;
  std::vector<RtcpFeedback> feedback;
  std::string_view parameter(std::string_view name) const;  // empty when absent
  bool has_feedback(std::string_view type, std::string_view subtype = {}) const;
  bool operator==(const PayloadType&) const = default;
};
struct HeaderExtension {
  uint8_t id = 0;  // 1..255
  std::string uri;
  bool operator==(const HeaderExtension&) const = default;
};
inline constexpr std::string_view kExtAudioLevel = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
inline constexpr std::string_view kExtAbsSendTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
inline constexpr std::string_view kExtTransportCc = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
inline constexpr std::string_view kExtMid = "urn:ietf:params:rtp-hdrext:sdes:mid";

/// The formats of one medium.
struct MediaFormats {
  std::vector<PayloadType> payload_types;
  std::vector<HeaderExtension> header_extensions;
  bool extmap_allow_mixed = false;
  const PayloadType* find(std::string_view codec) const;               // by name, letters' case ignored
  const PayloadType* find_rtx(uint8_t apt) const;                      // the rtx type of a payload type
  std::optional<uint8_t> extension(std::string_view uri) const;        // its id
  /// Feedback by RFC 8888 (section 6: ack ccfb), which takes the place of the transport-wide one.
  bool has_ccfb() const;
  void replace_transport_cc_by_ccfb();
  bool operator==(const MediaFormats&) const = default;
};
/// What the focus offers: opus 111 with audio level (1), transport-cc (5); AV1 41, VP8 100, H264 107, VP9 101 with their rtx, abs-send-time
/// (3), transport-cc (5), AV1's descriptor (11); ids and order as Jicofo's. All clients get the same: the bridge translates none.
MediaFormats offered_audio();
/// The same for clients that take redundant audio (RFC 2198): red 112 of 111/111 before opus, which makes it what browsers send; opus then
/// without its own FEC, so that nobody repeats himself twice. As Jicofo with opus.red enabled.
MediaFormats offered_redundant_audio();
MediaFormats offered_video();

struct Source {
  Ssrc ssrc;
  std::string name;   // ab12cd34-v0
  std::string owner;  // endpoint id; "jvb" for the bridge's own; empty when not said
  std::string msid;   // "stream track"
  VideoType video_type = VideoType::none;
  bool operator==(const Source&) const = default;
};
enum class GroupSemantics : uint8_t { sim, fid };
struct SourceGroup {
  GroupSemantics semantics = GroupSemantics::fid;
  std::vector<Ssrc> ssrcs;  // sim: low to high; fid: media, rtx
  bool operator==(const SourceGroup&) const = default;
};
struct MediaSources {
  std::vector<Source> sources;
  std::vector<SourceGroup> groups;
  bool empty() const { return sources.empty() && groups.empty(); }
  bool operator==(const MediaSources&) const = default;
};
/// One owner's sources.
struct SourceSet {
  MediaSources audio, video;
  bool empty() const { return audio.empty() && video.empty(); }
  bool operator==(const SourceSet&) const = default;
};
/// By owner, in order of owner.
using ConferenceSources = std::map<std::string, SourceSet>;

inline constexpr std::string_view kBridgeOwner = "jvb";
/// "ab12cd34-v0"
std::string source_name(std::string_view endpoint, Media media, unsigned index = 0);
/// The usual sources of an endpoint: one audio; one video with its rtx in a FID group. Zero SSRC: none.
SourceSet make_sources(std::string_view endpoint, Ssrc audio, Ssrc video, Ssrc rtx);
/// The bridge's feedback sources (names jvb-a0, jvb-v0; msid mixedmslabel ...), always offered.
SourceSet make_feedback_sources(Ssrc audio, Ssrc video);

enum class CandidateType : uint8_t { host, srflx, prflx, relay };
struct Candidate {
  std::string foundation = "1", id;
  uint8_t component = 1;
  uint32_t priority = 0;
  uint32_t generation = 0;
  SocketAddress address;
  CandidateType type = CandidateType::host;
  std::optional<SocketAddress> related;
  bool operator==(const Candidate&) const = default;
};
/// DTLS role as RFC 5763's a=setup.
enum class Setup : uint8_t { actpass, active, passive };
struct Fingerprint {
  std::string hash = "sha-256";
  std::string value;  // "AB:CD:..", upper case
  Setup setup = Setup::actpass;
  bool operator==(const Fingerprint&) const = default;
};
struct SctpMap {
  uint16_t port = 5000;
  uint16_t streams = 1024;
  bool operator==(const SctpMap&) const = default;
};
struct IceTransport {
  std::string ufrag, pwd;  // may both be empty (a transport-info with candidates only)
  std::optional<uint32_t> ice_generation;
  std::vector<Candidate> candidates;
  std::vector<Fingerprint> fingerprints;
  bool rtcp_mux = false;
  std::optional<std::string> web_socket;  // url
  std::optional<SctpMap> sctp_map;
  bool operator==(const IceTransport&) const = default;
};

// Elements. Each parser says what is wrong; counts are limited as above.
Element to_element(const PayloadType& type);
Element to_element(const HeaderExtension& extension);
Element to_element(const Source& source);
Element to_element(const SourceGroup& group);
Element to_element(const IceTransport& transport);
void add_formats(Element& parent, const MediaFormats& formats);
void add_sources(Element& parent, const MediaSources& sources);
/// Payload types, extensions and extmap-allow-mixed among the children; others are not looked at.
Result<MediaFormats> parse_formats(const Element& parent);
/// <source/> and <ssrc-group/> of ssma among the children. `max_owners` times the limits of one endpoint.
Result<MediaSources> parse_sources(const Element& parent, size_t max_owners = 1);
/// Candidates that are not UDP, or whose address is a name, are left out (ICE ignores them too).
Result<IceTransport> parse_transport(const Element& transport);
/// What Jicofo's source validation wants of one owner's sources: unique SSRCs, groups of known sources with one msid, FID
/// of two, limits. Uniqueness in the whole conference is the focus's to hold.
Result<void, std::string> validate(const SourceSet& sources);

/// Compact JSON: {"sources":{"<owner>":[[video],[video groups],[audio],[audio groups]]}}
std::string write_json_sources(const ConferenceSources& sources);
Result<ConferenceSources> parse_json_sources(std::string_view json);

}  // namespace tacoma::jingle
