// RTCP: what ends at the bridge, what it answers, what it passes on.
#include <algorithm>

#include "bridge/engine/conference.h"

namespace tacoma::bridge {

namespace {
Projection* projection_of(Source& source, const Endpoint& receiver) {
  for (Projection& p : source.subscribers)
    if (&p.receiver() == &receiver) return &p;
  return nullptr;
}
}  // namespace

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
    if (parse_transport_feedback(packet, statuses_)) {
      ++counts.feedback_in;
      for (const TransportStatus& status : statuses_) counts.feedback_lost += status.received ? 0 : 1;
      return;
    }
  } else if (!transport && packet.count == kFormatPli) {
    if (const auto pli = parse_pli(packet)) return on_key_frame_request(now, from, pli->media, out);
  } else if (!transport && packet.count == kFormatFir) {
    if (const auto fir = parse_fir(packet)) {
      for (size_t i = 0; i < fir->size(); ++i) on_key_frame_request(now, from, (*fir)[i].media, out);
      return;
    }
  } else {
    ++counts.rtcp_ignored;
    return;
  }
  counts.drops.count(Drop::rtcp_malformed);
}

void Conference::on_sender_report(Instant now, Endpoint& from, const SenderReport& report, Outbox& out) {
  on_report_blocks(now, from, report.blocks);
  Source* source = find_source(report.sender);
  Encoding* encoding = source && source->owner == &from ? source->find_encoding(report.sender) : nullptr;
  if (!encoding || encoding->ssrc != report.sender) return;
  encoding->reception.on_sender_report(report.info.ntp, now);
  encoding->last_report = report.info;
  if (encoding->index == 0) for (Projection& projection : source->subscribers) send_report(now, *source, projection, out);
}

/// The sender's clock mapping, with the counts of what went to this receiver (its stream is not the sender's).
void Conference::send_report(Instant now, const Source& source, Projection& projection, Outbox& out) {
  const Encoding& encoding = *source.encodings.front();
  if (!encoding.last_report) return;
  SenderInfo info = *encoding.last_report;
  info.packets = projection.packets_sent();
  info.bytes = projection.bytes_sent();
  const bool sent = projection.receiver().sender.send_rtcp(200, out, [&](RtcpWriter& w) {
    w.sender_report(source.description.ssrc(), info, {});
    w.source_description(source.description.ssrc(), std::string_view(source.owner->id).substr(0, 64));
  });
  if (!sent) return;
  projection.report_sent(compact_ntp(info.ntp), now);
  ++counts.rtcp_out;
}

void Conference::on_report_blocks(Instant now, Endpoint& from, const ReportBlocks& blocks) {
  for (size_t i = 0; i < blocks.size(); ++i) {
    const ReportBlock block = blocks[i];
    Source* source = find_source(block.ssrc);
    Projection* projection = source ? projection_of(*source, from) : nullptr;
    if (!projection) continue;
    // The NTP time in the report is the sender's: count from when the bridge passed it on instead.
    const auto sent = projection->report_sent_at(block.last_sr);
    if (!sent) continue;
    const Duration held = Duration::microseconds(static_cast<int64_t>(block.delay_since_last_sr) * 1'000'000 / 65536);
    const Duration round_trip = now - *sent - held;
    if (round_trip >= Duration::zero()) from.sender.on_round_trip(round_trip);
  }
}

void Conference::on_nack(Instant now, Endpoint& from, const Nack& nack, Outbox& out) {
  Source* source = find_source(nack.media);
  Projection* projection = source && source->description.ssrc() == nack.media ? projection_of(*source, from) : nullptr;
  nack.each([&](uint16_t sequence) {
    ++counts.nacks_in;
    if (projection) answer_nack(now, *source, *projection, sequence, out);
    else counts.drops.count(Drop::nack_not_cached);
  });
}

void Conference::answer_nack(Instant now, Source& source, Projection& projection, uint16_t sequence, Outbox& out) {
  const auto in = projection.source_of(sequence);
  PacketCache::Entry* entry = in ? source.encodings.front()->cache.find(static_cast<uint16_t>(*in), now) : nullptr;
  if (!entry) {
    counts.drops.count(Drop::nack_not_cached);
    return;
  }
  Sender& sender = projection.receiver().sender;
  if (!projection.may_repeat(sequence, now, sender.round_trip() / 2)) {
    counts.drops.count(Drop::nack_limited);
    return;
  }
  const auto view = RtpView::parse(entry->packet.bytes());
  TACOMA_ASSERT(view);  // it was parsed before it was cached
  MediaPacket packet;
  packet.view = *view;
  packet.source = &source;
  packet.is_video = source.description.video;
  packet.video_orientation = source.owner->receiver.video_orientation(*view);
  EgressHeader header;
  header.build(packet, packet.is_video ? sender.video_shape : sender.audio_shape, now);
  const uint8_t rtx_type = sender.rtx_of[view->payload_type()];
  const Ssrc rtx = rtx_type != 0 ? source.description.rtx() : Ssrc();
  const uint16_t rtx_sequence = rtx != Ssrc() ? projection.next_rtx_sequence() : uint16_t{0};
  if (const auto drop = sender.emit_again(now, header, packet, sequence, rtx, rtx_type, rtx_sequence, Cargo::repeat, out)) counts.drops.count(*drop);
  else ++counts.retransmitted;
}

void Conference::on_key_frame_request(Instant now, Endpoint& from, Ssrc media, Outbox& out) {
  ++counts.plis_in;
  Source* source = find_source(media);
  Projection* projection = source ? projection_of(*source, from) : nullptr;
  if (!projection || !source->description.video) return;
  const bool underway = now - source->encodings.front()->last_key_frame_request < Source::kKeyFrameThrottle;
  if (underway || !projection->may_ask_key_frame(now)) {
    ++counts.plis_throttled;
    return;
  }
  request_key_frame(now, *source, 0, Source::kKeyFrameThrottle, out);
}

}  // namespace tacoma::bridge
