#include "bridge/engine/conference.h"

#include <algorithm>

namespace tacoma::bridge {

void Endpoint::set_formats(const jingle::MediaFormats* audio, const jingle::MediaFormats* video) {
  receiver.set_formats(audio, video);
  sender.rtx_of.fill(0);
  const auto shape = [](const jingle::MediaFormats* formats) {
    if (!formats) return EgressShape();
    const ExtensionIds ids = extension_ids(*formats);
    return EgressShape{ids.audio_level, ids.abs_send_time, ids.transport_cc, ids.video_orientation};
  };
  sender.audio_shape = shape(audio);
  sender.video_shape = shape(video);
  if (!video) return;
  for (const jingle::PayloadType& type : video->payload_types)
    if (const jingle::PayloadType* rtx = video->find_rtx(type.id)) sender.rtx_of[type.id & 0x7f] = rtx->id & 0x7f;
}

void Conference::join(Endpoint& endpoint) {
  for (Endpoint* other : endpoints)
    for (const auto& source : other->receiver.sources) subscribe(*source, endpoint);
  endpoints.push_back(&endpoint);
}

void Conference::leave(Endpoint& endpoint) {
  set_sources(endpoint, {});
  endpoints.erase(std::remove(endpoints.begin(), endpoints.end(), &endpoint), endpoints.end());
  for (Endpoint* other : endpoints) {
    for (const auto& source : other->receiver.sources) {
      const auto of = std::find_if(source->subscribers.begin(), source->subscribers.end(),
                                   [&](const Projection& p) { return &p.receiver() == &endpoint; });
      if (of == source->subscribers.end()) continue;
      end_projection(*source, *of);
      source->subscribers.erase(of);
    }
  }
  if (dominant_ == &endpoint) dominant_ = nullptr;
  std::erase(recent_speakers_, &endpoint);
}

void Conference::subscribe(Source& source, Endpoint& receiver) {
  if (source.owner == &receiver || !receiver.receiver.accepts(source.description.video)) return;
  // RTX numbers start anywhere; taken from the SSRC so that they differ among sources and repeat from run to run.
  source.subscribers.emplace_back(receiver, source.description.video, static_cast<uint16_t>(source.description.ssrc().value() * 40503u >> 8));
}

void Conference::set_sources(Endpoint& endpoint, const std::vector<SourceDescription>& wanted) {
  auto& sources = endpoint.receiver.sources;
  for (size_t i = 0; i < sources.size();) {
    if (std::find(wanted.begin(), wanted.end(), sources[i]->description) != wanted.end()) {
      ++i;
      continue;
    }
    end_source(*sources[i]);
    sources.erase(sources.begin() + static_cast<std::ptrdiff_t>(i));
  }
  for (const SourceDescription& description : wanted) {
    const bool there = std::any_of(sources.begin(), sources.end(), [&](const auto& s) { return s->description == description; });
    if (there) continue;
    const bool nack = description.video && endpoint.receiver.negotiated_nack();
    sources.push_back(std::make_unique<Source>(endpoint, description, endpoint.receiver.clock_rate(description.video), nack));
    Source& source = *sources.back();
    for (const EncodingDescription& encoding : description.encodings) {
      by_ssrc_.set(encoding.ssrc, &source);
      if (encoding.rtx != Ssrc()) by_ssrc_.set(encoding.rtx, &source);
    }
    source.subscribers.reserve(endpoints.size());
    for (Endpoint* other : endpoints) subscribe(source, *other);
  }
}

void Conference::end_source(const Source& source) {
  for (const Projection& p : source.subscribers) end_projection(source, p);
  for (const EncodingDescription& encoding : source.description.encodings) {
    by_ssrc_.erase(encoding.ssrc);
    if (encoding.rtx != Ssrc()) by_ssrc_.erase(encoding.rtx);
  }
}

void Conference::end_projection(const Source& source, const Projection& projection) {
  constexpr size_t kKept = 100;  // one is too many; a hundred tell enough
  const std::string why = projection.violation();
  if (!why.empty() && violations.size() < kKept)
    violations.push_back(name + ": " + source.owner->id + " to " + projection.receiver().id + ": " + why);
}

void Conference::on_rtp(Instant now, Endpoint& from, Datagram& datagram, Outbox& out) {
  ++counts.rtp_in;
  MediaPacket packet;
  if (const auto drop = from.receiver.ingest(now, datagram, packet, counts)) {
    ++counts.ingest_drops;
    counts.drops.count(*drop);
    return;
  }
  if (packet.level && !packet.held_back) note_level(now, packet, out);
  route(now, packet, out);
  Encoding& encoding = *packet.source->encodings[packet.layer.encoding];
  if (encoding.missing && !packet.held_back) encoding.cache.store(packet.view.sequence(), std::move(packet.packet), now);
}

void Conference::route(Instant now, MediaPacket& packet, Outbox& out) {
  Source& source = *packet.source;
  const size_t fan_out = source.subscribers.size();
  ++counts.packets_in;
  counts.bytes_in += packet.view.packet().size();
  counts.fan_out += fan_out;
  if (fan_out == 0) {
    counts.drops.count(Drop::no_receiver);
    return;
  }
  if (packet.held_back) {
    const bool breaks_video = *packet.held_back != Drop::padding_only;
    if (packet.layer.encoding == 0)
      for (Projection& projection : source.subscribers) projection.held_back(packet.sequence, breaks_video);
    counts.drops.count(*packet.held_back, fan_out);
    counts.route_drops += fan_out;
    return;
  }
  if (packet.layer.encoding != 0) {
    counts.drops.count(Drop::layer_not_wanted, fan_out);
    counts.route_drops += fan_out;
    return;
  }
  EgressHeader header;
  bool wants_key_frame = false;
  for (Projection& projection : source.subscribers) {
    if (const auto drop = forward(now, packet, projection, header, out)) {
      projection.held_back(packet.sequence, *drop != Drop::rtp_too_old);
      counts.drops.count(*drop);
      ++counts.route_drops;
      wants_key_frame = wants_key_frame || *drop == Drop::waiting_for_key_frame;
    }
  }
  if (wants_key_frame) request_key_frame(now, source, 0, Source::kKeyFrameRetry, out);
}

std::optional<Drop> Conference::forward(Instant now, MediaPacket& packet, Projection& projection, EgressHeader& header, Outbox& out) {
  Sender& sender = projection.receiver().sender;
  if (!sender.ready()) return Drop::receiver_not_ready;
  if (!projection.target()) return Drop::suspended;
  if (projection.waits_for_key_frame() && !(packet.key_frame && projection.is_ahead(packet.sequence))) return Drop::waiting_for_key_frame;
  const auto sequence = projection.place(packet.sequence);
  if (!sequence) return Drop::rtp_too_old;
  if (!projection.started()) send_report(now, *packet.source, projection, out);
  const EgressShape& shape = packet.is_video ? sender.video_shape : sender.audio_shape;
  if (!header.is_for(shape)) header.build(packet, shape, now);
  const BytesView payload = packet.view.payload();
  if (const auto drop = sender.emit(now, header, payload, *sequence, packet.is_video ? Cargo::video : Cargo::audio, out)) return drop;
  const size_t size = header.bytes().size() + payload.size();
  projection.key_frame_came();
  projection.sent(packet.sequence, size);
  ++counts.packets_out;
  counts.bytes_out += size;
  return std::nullopt;
}

void Conference::note_level(Instant now, const MediaPacket& packet, Outbox& out) {
  Endpoint& speaker = *packet.source->owner;
  speaker.loudness.on_level(*packet.level, now);
  if (&speaker == dominant_) return;
  if (!speaker_rule::takes_floor(speaker.loudness, dominant_ ? &dominant_->loudness : nullptr, dominant_since_, now)) return;
  on_new_speaker(now, speaker, out);
}

void Conference::on_new_speaker(Instant now, Endpoint& speaker, Outbox& out) {
  dominant_ = &speaker;
  dominant_since_ = now;
  ++counts.dominant_speaker_changes;
  recent_speakers_.reserve(kRecentSpeakers + 1);
  std::erase(recent_speakers_, &speaker);
  recent_speakers_.insert(recent_speakers_.begin(), &speaker);
  if (recent_speakers_.size() > kRecentSpeakers) recent_speakers_.pop_back();
  tell_speaker(nullptr, out);
  // Whoever now looks at the new speaker should see a sharp picture at once.
  for (const auto& source : speaker.receiver.sources)
    if (source->description.video && !source->subscribers.empty() && source->started())
      request_key_frame(now, *source, 0, Source::kKeyFrameThrottle, out);
}

void Conference::on_receiver_ready(Instant now, Endpoint& receiver, Outbox& out) {
  for (Endpoint* other : endpoints) {
    if (other == &receiver) continue;
    for (const auto& source : other->receiver.sources)
      if (source->description.video && source->started()) request_key_frame(now, *source, 0, Source::kKeyFrameThrottle, out);
  }
}

void Conference::request_key_frame(Instant now, Source& source, size_t encoding, Duration throttle, Outbox& out) {
  Encoding& wanted = *source.encodings[encoding];
  if (now - wanted.last_key_frame_request < throttle) return;
  const bool sent = source.owner->sender.send_rtcp(64, out, [&](RtcpWriter& w) { w.pli(feedback_video, wanted.ssrc); });
  if (!sent) return;
  wanted.last_key_frame_request = now;
  ++counts.plis_out;
  ++counts.rtcp_out;
}

ConferenceStats Conference::stats() const {
  ConferenceStats s;
  s.meeting_id = meeting_id;
  s.name = name;
  for (const Endpoint* endpoint : endpoints) {
    s.endpoints.push_back(endpoint->id);
    s.ready_endpoints += endpoint->path.ready() ? 1 : 0;
    s.sources += static_cast<uint32_t>(endpoint->receiver.sources.size());
    for (const auto& source : endpoint->receiver.sources) s.subscriptions += static_cast<uint32_t>(source->subscribers.size());
  }
  if (dominant_) s.dominant_speaker = dominant_->id;
  s.dominant_since = dominant_since_;
  s.counts = counts;
  return s;
}

void Conference::audit(std::vector<std::string>& violations_out) const {
  violations_out.insert(violations_out.end(), violations.begin(), violations.end());
  for (const Endpoint* endpoint : endpoints)
    for (const auto& source : endpoint->receiver.sources)
      for (const Projection& p : source->subscribers)
        if (const std::string why = p.violation(); !why.empty())
          violations_out.push_back(name + ": " + endpoint->id + " to " + p.receiver().id + ": " + why);
}

}  // namespace tacoma::bridge
