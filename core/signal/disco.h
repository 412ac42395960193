// Service discovery (XEP-0030), entity capabilities (XEP-0115), ping (XEP-0199) and health checks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/signal/stanza.h"

namespace tacoma {

struct Identity {
  std::string category, type, name;
  auto operator<=>(const Identity&) const = default;
};

struct DiscoInfo {
  std::vector<Identity> identities;
  std::vector<std::string> features;
  std::vector<std::pair<std::string, std::string>> room_info;  // fields of a muc#roominfo form
  bool has(std::string_view feature) const;
};
inline constexpr size_t kMaxFeatures = 512;

// Features of Jitsi participants that a focus reads.
inline constexpr std::string_view kFeatureAudio = "urn:xmpp:jingle:apps:rtp:audio";
inline constexpr std::string_view kFeatureVideo = "urn:xmpp:jingle:apps:rtp:video";
inline constexpr std::string_view kFeatureRtx = "urn:ietf:rfc:4588";
inline constexpr std::string_view kFeatureTcc = "http://jitsi.org/tcc";
inline constexpr std::string_view kFeatureRemb = "http://jitsi.org/remb";
inline constexpr std::string_view kFeatureJsonSources = "http://jitsi.org/json-encoded-sources";
inline constexpr std::string_view kFeatureSourceNames = "http://jitsi.org/source-name";
inline constexpr std::string_view kFeatureSsrcRewriting = "http://jitsi.org/ssrc-rewriting-1";
inline constexpr std::string_view kFeatureOpusRed = "http://jitsi.org/opus-red";
/// Not of Jitsi: the client reports by RFC 8888 (ack ccfb), as one who can ECN.
inline constexpr std::string_view kFeatureCcfb = "urn:ietf:rfc:8888";
inline constexpr std::string_view kFeatureMultipleStreams = "http://jitsi.org/receive-multiple-video-streams";

Element make_disco_query(const Jid& to, std::string_view id, std::string_view node = {});
bool is_disco_query(const Element& iq);
/// The result to a query; echoes its node.
Element make_disco_result(const Element& request, const DiscoInfo& info);
/// Error when it is no result with a query, or holds more than kMaxFeatures features or identities.
Result<DiscoInfo> parse_disco(const Element& iq);
/// disco#items: which rooms a MUC service has.
Element make_disco_items_query(const Jid& to, std::string_view id);
/// The items' JIDs; those that are none are left out, as is what comes after kMaxItems. Error when it is no result.
inline constexpr size_t kMaxItems = 10'000;
Result<std::vector<Jid>> parse_disco_items(const Element& iq);
/// The XEP-0115 verification string (SHA-1, base64) of identities and features.
std::string caps_verification(const DiscoInfo& info);

Element make_ping(const Jid& to, std::string_view id);
bool is_ping(const Element& iq);

/// <iq type='get'><healthcheck/></iq>: answered by a result, or internal-server-error when the bridge is ill.
Element make_healthcheck(const Jid& to, std::string_view id);
bool is_healthcheck(const Element& iq);

}  // namespace tacoma
