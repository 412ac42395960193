#include "bridge/engine/stats.h"

namespace tacoma {

BridgeCounts& BridgeCounts::operator+=(const BridgeCounts& o) {
  rtp_in += o.rtp_in;
  ingest_drops += o.ingest_drops;
  packets_in += o.packets_in;
  bytes_in += o.bytes_in;
  fan_out += o.fan_out;
  packets_out += o.packets_out;
  bytes_out += o.bytes_out;
  route_drops += o.route_drops;
  mended += o.mended;
  fillers += o.fillers;
  retransmitted += o.retransmitted;
  recovered += o.recovered;
  nacks_in += o.nacks_in;
  nacks_out += o.nacks_out;
  plis_in += o.plis_in;
  plis_out += o.plis_out;
  plis_throttled += o.plis_throttled;
  rtcp_in += o.rtcp_in;
  rtcp_out += o.rtcp_out;
  rtcp_ignored += o.rtcp_ignored;
  feedback_in += o.feedback_in;
  feedback_lost += o.feedback_lost;
  ecn_marked += o.ecn_marked;
  ecn_bleached += o.ecn_bleached;
  remb_in += o.remb_in;
  allocations += o.allocations;
  probe_packets_out += o.probe_packets_out;
  probe_bytes_out += o.probe_bytes_out;
  limits_out += o.limits_out;
  dominant_speaker_changes += o.dominant_speaker_changes;
  ssrcs_lent += o.ssrcs_lent;
  channel_messages_in += o.channel_messages_in;
  channel_messages_out += o.channel_messages_out;
  drops += o.drops;
  return *this;
}

}  // namespace tacoma
