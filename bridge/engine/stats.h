// What a bridge counts, and the sums that must agree.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/drop.h"
#include "core/base/time.h"

namespace tacoma {

/// Running sums. Each conference has its own; the bridge's are those of all conferences, ended ones too.
struct BridgeCounts {
  // RTP that was opened (decrypted), retransmissions included. rtp_in = packets_in + padding and what ingest dropped.
  uint64_t rtp_in = 0;
  uint64_t ingest_drops = 0;            // RTP that was opened and went no further
  // Media: packets that came as far as routing, each once.
  uint64_t packets_in = 0, bytes_in = 0;
  uint64_t fan_out = 0;                 // sum over packets_in of the source's subscribers at that moment
  uint64_t packets_out = 0, bytes_out = 0;  // without retransmissions
  uint64_t route_drops = 0;             // per packet and subscriber: fan_out = packets_out + route_drops
  uint64_t mended = 0;                  // lost packets of audio that went out from copies in later ones
  uint64_t fillers = 0;                 // empty packets that took up the number of a late one without use
  uint64_t retransmitted = 0;           // answers to NACKs
  uint64_t recovered = 0;               // upstream gaps that RTX or late packets filled
  uint64_t nacks_in = 0, nacks_out = 0; // sequence numbers asked for
  uint64_t plis_in = 0, plis_out = 0;   // PLI and FIR; plis_out are PLIs
  uint64_t plis_throttled = 0;          // of plis_in: one is on its way already, or the receiver asks too often
  uint64_t rtcp_in = 0, rtcp_out = 0;   // datagrams
  uint64_t rtcp_ignored = 0;            // packets of known types that end here: SDES, BYE, APP, XR
  uint64_t feedback_in = 0;             // transport-wide feedback packets from receivers
  uint64_t feedback_lost = 0;           // packets that they report as not received
  uint64_t ecn_marked = 0;              // packets that they report as marked (RFC 8888)
  uint64_t ecn_bleached = 0;            // receivers to whom packets go without ECN, since the path takes codepoints away
  uint64_t remb_in = 0;
  uint64_t allocations = 0;             // times that a receiver's estimate was shared out
  uint64_t probe_packets_out = 0, probe_bytes_out = 0;
  uint64_t limits_out = 0;              // REMB to senders
  uint64_t dominant_speaker_changes = 0;
  uint64_t ssrcs_lent = 0;              // SSRC rewriting: mappings made
  uint64_t channel_messages_in = 0, channel_messages_out = 0;
  DropCounts drops;                     // all of the above by reason

  BridgeCounts& operator+=(const BridgeCounts& o);
};

struct BridgeStatsNow {
  uint32_t conferences = 0, endpoints = 0;
  uint32_t channels = 0;                // endpoints whose channel is open
  uint64_t conferences_created = 0, endpoints_created = 0, endpoints_expired = 0;
  uint64_t ice_succeeded = 0, ice_failed = 0, dtls_failed = 0;
  uint64_t xmpp_disconnects = 0;
  BridgeCounts counts;  // with what was dropped before it could be said whose it was
};

struct ConferenceStats {
  std::string meeting_id, name;
  std::vector<std::string> endpoints;  // in join order
  uint32_t ready_endpoints = 0;        // whose path is keyed
  uint32_t sources = 0, subscriptions = 0;
  std::string dominant_speaker;        // endpoint id; empty: nobody has spoken
  Instant dominant_since;
  BridgeCounts counts;
};

/// The laws of forwarding, checked over everything that the bridge ever forwarded.
struct BridgeAudit {
  std::vector<std::string> violations;  // sentences
  bool holds() const { return violations.empty(); }
};

}  // namespace tacoma
