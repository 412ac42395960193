// RTCP: what ends at the bridge, what it answers, what it passes on.
#include <algorithm>

#include "bridge/engine/conference.h"

namespace tacoma::bridge {

void Conference::on_rtcp(Instant now, Endpoint& from, const Datagram& datagram, Outbox& out) {
  ++counts.rtcp_in;
  RtcpReader reader(datagram.packet.bytes());
  if (!reader.ok()) {
    counts.drops.count(Drop::rtcp_malformed);
    return;
  }
  for (RtcpPacket packet; reader.next(packet);) {
    switch (packet.type) {
      case RtcpType::sender_report:
        if (const auto report = parse_sender_report(packet)) on_sender_report(now, from, *report, out);
        else counts.drops.count(Drop::rtcp_malformed);
        break;
      case RtcpType::receiver_report:
        if (const auto report = parse_receiver_report(packet)) on_report_blocks(now, from, report->blocks);
        else counts.drops.count(Drop::rtcp_malformed);
        break;
      case RtcpType::transport_feedback:
      case RtcpType::payload_feedback:
        on_feedback(now, from, packet, out);
        break;
      default:
        ++counts.rtcp_ignored;
    }
  }
}

void Conference::on_feedback(Instant now, Endpoint& from, const RtcpPacket& packet, Outbox& out) {
  const bool transport = packet.type == RtcpType::transport_feedback;
  if (transport && packet.count == kFormatNack) {
    if (const auto nack = parse_nack(packet)) return on_nack(now, from, *nack, out);
  } else if (transport && packet.count == kFormatTransportCc) {
    if (parse_transport_feedback(packet, feedback_.statuses)) {
      return on_transport_feedback(now, from, out);
    }
  } else if (transport && packet.count == kFormatCcfb) {
    if (const auto report = parse_ccfb(packet, feedback_.arrivals)) return on_ccfb(now, from, *report, out);
  } else if (!transport && packet.count == kFormatPli) {
    if (const auto pli = parse_pli(packet)) return on_key_frame_request(now, from, pli->media, out);
  } else if (!transport && packet.count == kFormatFir) {
    if (const auto fir = parse_fir(packet)) {
      for (size_t i = 0; i < fir->size(); ++i) on_key_frame_request(now, from, (*fir)[i].media, out);
      return;
    }
  } else if (const auto remb = !transport && packet.count == kFormatRemb ? parse_remb(packet) : std::nullopt) {
    return on_remb(now, from, *remb, out);
  } else {
    ++counts.rtcp_ignored;
    return;
  }
  counts.drops.count(Drop::rtcp_malformed);
}

void Conference::on_transport_feedback(Instant now, Endpoint& from, Outbox& out) {
  ++counts.feedback_in;
  for (const TransportStatus& status : feedback_.statuses) counts.feedback_lost += status.received ? 0 : 1;
  if (!from.downlink.is_controlled()) return;  // nobody remembers what was sent
  if (const uint64_t unknown = from.downlink.side.on_feedback(now, feedback_.statuses, feedback_.results)) counts.drops.count(Drop::feedback_unknown_packet, unknown);
  after_feedback(now, from, out);
}

void Conference::on_ccfb(Instant now, Endpoint& from, const CcfbReport& report, Outbox& out) {
  ++counts.feedback_in;
  for (const CcfbStatus& status : feedback_.arrivals) {
    counts.feedback_lost += !status.received;
    counts.ecn_marked += status.received && status.ecn == Ecn::ce;
  }
  if (!from.downlink.is_controlled()) return;
  if (const uint64_t unknown = from.downlink.side.on_feedback(now, report, feedback_.arrivals, feedback_.results)) counts.drops.count(Drop::feedback_unknown_packet, unknown);
  counts.ecn_bleached += from.downlink.side.take_ecn_failure();
  after_feedback(now, from, out);
}

void Conference::after_feedback(Instant now, Endpoint& from, Outbox& out) {
  if (from.downlink.note_wait(now)) keep_longer(from);
  if (from.downlink.is_due(now, from.constraints().assumed_bandwidth_bps)) reallocate(now, from, out);
  probe(now, from, out);
}

/// A queue has grown in front of this receiver: what it drops is asked for when what stands in it has come.
void Conference::keep_longer(const Endpoint& receiver) {
  for (Endpoint* owner : endpoints) {
    for (const auto& source : owner->receiver.sources) {
      if (!source->description.video || !source->subscriber(receiver)) continue;
      const Duration age = Encoding::kept_for(receiver.turnaround(source->has_sizes()));
      for (const auto& encoding : source->encodings)
        if (encoding->repair) encoding->repair->cache.set_age(std::max(age, encoding->repair->cache.age()));
    }
  }
}

void Conference::on_remb(Instant now, Endpoint& from, const Remb& remb, Outbox& out) {
  ++counts.remb_in;
  if (!from.downlink.side.on_remb(now, remb.rate)) counts.drops.count(Drop::limit_clamped);
  if (from.downlink.is_due(now, from.constraints().assumed_bandwidth_bps)) reallocate(now, from, out);
}

void Conference::on_sender_report(Instant now, Endpoint& from, const SenderReport& report, Outbox& out) {
  on_report_blocks(now, from, report.blocks);
  Source* source = find_source(report.sender);
  Encoding* encoding = source && source->owner == &from ? source->find_encoding(report.sender) : nullptr;
  if (!encoding || encoding->ssrc != report.sender) return;
  encoding->reception.on_sender_report(report.info.ntp, now);
  encoding->last_report = report.info;
  for (Projection& projection : source->subscribers)
    if (projection.forwards() == encoding->index) send_report(now, *source, projection, out);
}

/// The sender's clock mapping, on the clock of what goes out, with the counts of what went to this receiver (its stream is not the
/// sender's).
void Conference::send_report(Instant now, const Source& source, Projection& projection, Outbox& out) {
  const auto encoding = projection.forwards();
  if (!encoding || !source.encodings[*encoding]->last_report) return;
  SenderInfo info = *source.encodings[*encoding]->last_report;
  info.rtp_timestamp = projection.timestamp_out(info.rtp_timestamp);
  info.packets = projection.packets_sent();
  info.bytes = projection.bytes_sent();
  const bool sent = projection.receiver().sender.send_rtcp(200, out, [&](RtcpWriter& w) {
    w.sender_report(projection.ssrc(), info, {});
    w.source_description(projection.ssrc(), std::string_view(source.owner->id).substr(0, 64));
  });
  if (!sent) return;
  projection.report_sent(compact_ntp(info.ntp), now);
  ++counts.rtcp_out;
}

void Conference::on_report_blocks(Instant now, Endpoint& from, const ReportBlocks& blocks) {
  for (size_t i = 0; i < blocks.size(); ++i) {
    const ReportBlock block = blocks[i];
    Source* source = nullptr;
    Projection* projection = find_projection(from, block.ssrc, source);
    if (!projection) continue;
    // The NTP time in the report is the sender's: count from when the bridge passed it on instead.
    const auto sent = projection->report_sent_at(block.last_sr);
    if (!sent) continue;
    const Duration held = Duration::microseconds(static_cast<int64_t>(block.delay_since_last_sr) * 1'000'000 / 65536);
    const Duration round_trip = now - *sent - held;
    if (round_trip < Duration::zero()) continue;
    from.sender.on_round_trip(round_trip);
    from.downlink.side.on_round_trip(round_trip);
  }
}

void Conference::on_nack(Instant now, Endpoint& from, const Nack& nack, Outbox& out) {
  Source* source = nullptr;
  Projection* projection = find_projection(from, nack.media, source);
  nack.each([&](uint16_t sequence) {
    ++counts.nacks_in;
    if (projection) answer_nack(now, *source, *projection, sequence, out);
    else counts.drops.count(Drop::nack_not_cached);
  });
}

void Conference::answer_nack(Instant now, Source& source, Projection& projection, uint16_t sequence, Outbox& out) {
  const auto origin = projection.origin_of(sequence);
  PacketCache::Entry* entry = origin ? source.encodings[origin->run->encoding]->kept(static_cast<uint16_t>(origin->in)) : nullptr;
  if (!entry) {
    counts.drops.count(Drop::nack_not_cached);
    return;
  }
  // Another encoding has begun since, at a key frame.
  if (projection.forwards() && *projection.forwards() != origin->run->encoding) {
    counts.drops.count(Drop::nack_outdated);
    return;
  }
  Endpoint& receiver = projection.receiver();
  const bool of_new_key = source.encodings[origin->run->encoding]->follows_new_key(origin->in, now);
  if (!projection.may_repeat(sequence, now, receiver.sender.round_trip() / 2 + receiver.downlink.waited()) ||
      !receiver.downlink.may_repeat(now, DataSize::bytes(static_cast<int64_t>(entry->packet.bytes().size())), of_new_key)) {
    counts.drops.count(Drop::nack_limited);
    return;
  }
  if (send_again(now, source, projection, sequence, *origin, *entry, Cargo::repeat, out)) ++counts.retransmitted;
}

/// Writes again what went out as `sequence`. False: it does not go out, or only its number does.
bool Conference::send_again(Instant now, Source& source, Projection& projection, uint16_t sequence, const Numbering::Origin& origin,
                            const PacketCache::Entry& entry, Cargo cargo, Outbox& out) {
  Sender& sender = projection.receiver().sender;
  const auto view = RtpView::parse(entry.packet.bytes());
  TACOMA_ASSERT(view);  // it was parsed before it was cached
  const MediaPacket packet = source.owner->receiver.read_again(source, *source.encodings[origin.run->encoding], *view);
  const Run& run = origin.run_of(packet.view.timestamp());
  const bool readable = !packet.held_back;  // the structure that it refers to may be gone
  const Rewrite rewrite = readable ? Projection::rewrite(run, packet, sequence) : Rewrite{sequence, {}, false, {}};
  if (!readable || !run.cut.lets_through(packet)) {
    if (cargo == Cargo::repeat) fill(now, packet, projection, rewrite, out);
    return false;
  }
  uint8_t descriptor[kMaxDependencyDescriptor];
  const PayloadLead lead(packet, rewrite.deltas);
  EgressHeader header;
  header.build(packet, packet.is_video ? sender.video_shape : sender.audio_shape, now,
               packet.codec == Codec::av1 ? rewrite_dependency(descriptor, packet, rewrite) : BytesView());
  header.set(projection.ssrc(), rewrite);
  const uint8_t rtx_type = projection.rtx() != Ssrc() ? sender.rtx_of(view->payload_type()) : uint8_t{0};
  const auto drop = rtx_type != 0 ? sender.emit_rtx(now, header, lead.bytes(), view->payload(), projection.rtx(), rtx_type, projection.next_rtx_sequence(), cargo, out)
                                  : sender.emit(now, header, lead.bytes(), view->payload(), cargo, out);
  if (drop) counts.drops.count(*drop);
  return !drop;
}

void Conference::on_key_frame_request(Instant now, Endpoint& from, Ssrc media, Outbox& out) {
  ++counts.plis_in;
  Source* source = nullptr;
  Projection* projection = find_projection(from, media, source);
  if (!projection || !source->description.video) return;
  const uint8_t encoding = projection->forwards().value_or(projection->awaits_key_frame().value_or(0));
  const bool underway = now - source->encodings[encoding]->last_key_frame_request < Source::kKeyFrameThrottle;
  if (underway || !projection->may_ask_key_frame(now)) {
    ++counts.plis_throttled;
    return;
  }
  request_key_frame(now, *source, encoding, Source::kKeyFrameThrottle, out);
}

}  // namespace tacoma::bridge
