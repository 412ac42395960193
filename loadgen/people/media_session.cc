#include "loadgen/people/media_session.h"

#include "loadgen/people/rtcp_batch.h"

namespace tacoma {

MediaSession::MediaSession(SecurePath::Config config, const MediaFormats& formats, MediaSender& sender, MediaReceiver& receiver,
                           Ssrc source, std::string cname)
    : path_(std::move(config)), formats_(formats), sender_(sender), receiver_(receiver), source_(source), cname_(std::move(cname)) {}

MediaSession::~MediaSession() { stop_media(); }

void MediaSession::stop_media() {
  media_on_ = false;
  sender_.stop();
  receiver_.stop();
}

void MediaSession::close(Instant now, Outbox& out) {
  stop_media();
  path_.close(now, out);
}

bool MediaSession::poll_event(Instant now, PathEvent& event) {
  if (!path_.poll_event(event)) return false;
  switch (event.kind) {
    case PathEvent::Kind::ice_connected: break;
    case PathEvent::Kind::keyed:
      media_on_ = true;
      sender_.start(now, formats_.send);
      receiver_.start(now, formats_.receive);
      break;
    case PathEvent::Kind::failed:
    case PathEvent::Kind::consent_lost:
    case PathEvent::Kind::closed: stop_media(); break;
  }
  return true;
}

void MediaSession::on_datagram(Instant now, Datagram& datagram, Outbox& out) {
  const Arrival arrival = path_.on_datagram(now, datagram, out);
  switch (arrival.kind) {
    case ArrivalKind::stun:
    case ArrivalKind::dtls: break;
    case ArrivalKind::rtp:
      // A packet that opens before the owner has polled the keyed event is the peer's haste, not ours to measure yet.
      if (media_on_) receiver_.rtp(now, datagram);
      else drops_.count(Drop::receiver_not_ready);
      break;
    case ArrivalKind::rtcp: on_rtcp(now, datagram); break;
    case ArrivalKind::dropped: drops_.count(arrival.drop); break;
  }
}

void MediaSession::after_batch(Instant now, Outbox& out) {
  if (media_on_ && media_due() <= now) send_media(now, out);
}

void MediaSession::on_deadline(Instant now, Outbox& out) {
  if (now >= path_.deadline().at) path_.on_deadline(now, out);
  if (media_on_ && media_due() <= now) send_media(now, out);
}

Deadline MediaSession::deadline() const {
  Deadline next = path_.deadline();
  if (!media_on_) return next;
  if (sender_.next_due() < next.at) next = {sender_.next_due(), "media"};
  if (receiver_.next_due() < next.at) next = {receiver_.next_due(), "feedback"};
  return next;
}

void MediaSession::on_rtcp(Instant now, const Datagram& datagram) {
  RtcpReader reader(datagram.packet.bytes());
  if (!reader.ok()) return drops_.count(Drop::rtcp_malformed);
  RtcpPacket packet;
  while (reader.next(packet)) {
    ReportBlocks blocks;
    if (packet.type == RtcpType::sender_report) {
      const auto report = parse_sender_report(packet);
      if (!report) return drops_.count(Drop::rtcp_malformed);
      receiver_.sender_report(report->sender, report->info, datagram.arrived);
      blocks = report->blocks;
    } else if (packet.type == RtcpType::receiver_report) {
      const auto report = parse_receiver_report(packet);
      if (!report) return drops_.count(Drop::rtcp_malformed);
      blocks = report->blocks;
    } else {
      on_feedback(now, packet);
    }
    for (size_t i = 0; i < blocks.size(); ++i) sender_.report(now, blocks[i]);
  }
}

void MediaSession::on_feedback(Instant now, const RtcpPacket& packet) {
  if (packet.type == RtcpType::transport_feedback && packet.count == kFormatNack) {
    const auto nack = parse_nack(packet);
    if (!nack) return drops_.count(Drop::rtcp_malformed);
    if (media_on_) sender_.nack(now, *nack);
  } else if (packet.type == RtcpType::transport_feedback && packet.count == kFormatTransportCc) {
    if (!parse_transport_feedback(packet, statuses_)) return drops_.count(Drop::rtcp_malformed);
    sender_.transport_feedback(now, Span<const TransportStatus>(statuses_));
  } else if (packet.type == RtcpType::transport_feedback && packet.count == kFormatCcfb) {
    const auto report = parse_ccfb(packet, arrivals_);
    if (!report) return drops_.count(Drop::rtcp_malformed);
    sender_.transport_feedback(now, *report, arrivals_);
  } else if (packet.type == RtcpType::payload_feedback && packet.count == kFormatPli) {
    const auto pli = parse_pli(packet);
    if (!pli) return drops_.count(Drop::rtcp_malformed);
    sender_.key_frame_request(now, pli->media);
  } else if (packet.type == RtcpType::payload_feedback && packet.count == kFormatFir) {
    const auto fir = parse_fir(packet);
    if (!fir) return drops_.count(Drop::rtcp_malformed);
    for (size_t i = 0; i < fir->size(); ++i) sender_.key_frame_request(now, (*fir)[i].media);
  } else if (packet.type == RtcpType::payload_feedback && packet.count == kFormatRemb) {
    const auto remb = parse_remb(packet);
    if (!remb) return drops_.count(Drop::rtcp_malformed);
    sender_.remb(now, remb->rate);
  }
}

void MediaSession::send_media(Instant now, Outbox& out) {
  if (!path_.ready()) return stop_media();
  if (sender_.reports_due(now) || receiver_.next_due() <= now) {
    RtcpBatch rtcp(path_, out, source_, cname_, drops_);
    if (sender_.reports_due(now)) {
      rtcp.report([&](RtcpWriter& writer) {
        sender_.write_reports(now, writer);
        return true;
      });
    }
    if (receiver_.next_due() <= now) receiver_.write_due(now, sender_.round_trip(), source_, rtcp);
    rtcp.flush();
  }
  sender_.send_due(now, path_, out);
}

}  // namespace tacoma
