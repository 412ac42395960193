#include "bridge/engine/conference.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/rtp/red.h"

namespace tacoma::bridge {

void Endpoint::set_formats(const jingle::MediaFormats* audio, const jingle::MediaFormats* video) {
  receiver.set_formats(audio, video);
  if ((audio && audio->has_ccfb()) || (video && video->has_ccfb())) downlink.side.use_ecn();
  sender.rtx_types.clear();
  sender.any_rtx_type = sender.any_video_type = 0;
  const auto shape = [](const jingle::MediaFormats* formats) {
    if (!formats) return EgressShape();
    const ExtensionIds ids = extension_ids(*formats);
    return EgressShape{ids.audio_level, ids.abs_send_time, ids.transport_cc, ids.video_orientation, ids.dependency_descriptor};
  };
  sender.audio_shape = shape(audio);
  sender.audio_shape.takes_red = audio && takes_red(*audio);
  sender.video_shape = shape(video);
  if (!video) return;
  for (const jingle::PayloadType& type : video->payload_types) {
    const jingle::PayloadType* rtx = video->find_rtx(type.id);
    if (!rtx) continue;
    sender.rtx_types.push_back({static_cast<uint8_t>(type.id & 0x7f), static_cast<uint8_t>(rtx->id & 0x7f)});
    if (sender.any_rtx_type == 0) sender.any_rtx_type = rtx->id & 0x7f;
  }
  if (!video->payload_types.empty()) sender.any_video_type = video->payload_types.front().id & 0x7f;
}

void Conference::join(Endpoint& endpoint) {
  for (Endpoint* other : endpoints)
    for (const auto& source : other->receiver.sources) subscribe(*source, endpoint);
  endpoint.joined = ++joins_;
  endpoints.push_back(&endpoint);
  by_floor_.push_back(&endpoint);
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
  std::erase(by_floor_, &endpoint);
  shares_are_void();
}

void Conference::subscribe(Source& source, Endpoint& receiver) {
  if (source.owner == &receiver || !receiver.receiver.accepts(source.description.video)) return;
  // RTX numbers start anywhere; taken from the SSRC so that they differ among sources and repeat from run to run.
  const bool rewrites = receiver.rewrites_ssrcs();
  // By a quarter, not by doubling: there is one of these for each receiver and source.
  if (source.subscribers.size() == source.subscribers.capacity()) source.subscribers.reserve(source.subscribers.size() * 5 / 4 + 1);
  source.subscribers.emplace_back(receiver, source.description.video, rewrites ? Ssrc() : source.description.ssrc(),
                                  rewrites ? Ssrc() : source.description.rtx(), static_cast<uint16_t>(source.description.ssrc().value() * 40503u >> 8));
  if (!source.description.video && !receiver.channel.hears(source.description.name)) source.subscribers.back().set_target(std::nullopt);
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
  shares_are_void();
}

void Conference::end_source(Source& source) {
  for (Projection& p : source.subscribers) end_projection(source, p);
  for (const EncodingDescription& encoding : source.description.encodings) {
    by_ssrc_.erase(encoding.ssrc);
    if (encoding.rtx != Ssrc()) by_ssrc_.erase(encoding.rtx);
  }
}

void Conference::end_projection(const Source& source, Projection& projection) {
  note_violation(source, projection, projection.violation());
  if (projection.receiver().rewrites_ssrcs()) take_back_ssrc(source, projection);
}

void Conference::note_violation(const Source& source, const Projection& projection, const std::string& why) {
  constexpr size_t kKept = 100;  // one is too many; a hundred tell enough
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
  if (encoding.repair && !packet.held_back) encoding.repair->cache.store(packet.view.sequence(), std::move(packet.packet), now);
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
  if (!packet.is_video && !packet.held_back && congestion_.loudest != 0 && !source.owner->among_loudest && source.owner != dominant_)
    packet.held_back = Drop::audio_not_loudest;
  const bool breaks_video = packet.held_back && *packet.held_back != Drop::padding_only && *packet.held_back != Drop::over_layer_limit;
  if (packet.is_red && !packet.held_back) mend(now, packet, out);
  EgressHeader header;
  std::array<bool, kMaxEncodings> wants_key_frame{};
  for (Projection& projection : source.subscribers) {
    if (packet.held_back) projection.held_back(packet, breaks_video);
    if (const auto drop = packet.held_back ? packet.held_back : forward(now, packet, projection, header, out)) {
      counts.drops.count(*drop);
      ++counts.route_drops;
    }
    if (projection.awaits_key_frame() && projection.receiver().sender.ready() && has_ssrc_for(projection))
      if (const auto encoding = projection.asks_key_frame(now)) wants_key_frame[*encoding] = true;
  }
  if (packet.held_back == Drop::force_muted) return;
  for (size_t encoding = 0; encoding < kMaxEncodings; ++encoding)
    if (wants_key_frame[encoding]) request_key_frame(now, source, encoding, Source::kKeyFrameRetry, out);
}

std::optional<Drop> Conference::forward(Instant now, MediaPacket& packet, Projection& projection, EgressHeader& header, Outbox& out) {
  Sender& sender = projection.receiver().sender;
  if (!sender.ready()) {
    projection.held_back(packet, true);
    return Drop::receiver_not_ready;
  }
  if (projection.ssrc() == Ssrc() && projection.begins_with(packet)) {
    if (!lend_ssrc(now, *packet.source, projection)) return Drop::no_ssrc;
    tell_new_maps(projection.receiver(), packet.is_video, out);
  }
  Endpoint& receiver = projection.receiver();
  if (!packet.is_video && receiver.rewrites_ssrcs() && !receiver.ssrcs(false).is_settled(*packet.source, now)) return Drop::no_ssrc;
  const bool strips = packet.is_red && !sender.audio_shape.takes_red;
  if (strips && !packet.source->owner->receiver.read_primary(packet)) {
    projection.held_back(packet, false);
    return Drop::red_malformed;
  }
  const Projection::Placement placement = projection.place(packet, now);
  if (placement.drop) {
    if (placement.fills) fill(now, packet, projection, placement.rewrite, out);
    return placement.drop;
  }
  if (placement.begins) send_report(now, *packet.source, projection, out);
  const EgressShape& shape = packet.is_video ? sender.video_shape : sender.audio_shape;
  const BytesView payload = strips ? packet.primary : packet.view.payload();
  const PayloadLead lead(packet, placement.rewrite.deltas);
  EgressHeader changed;
  EgressHeader* used = &header;
  if (changes_dependency(packet, placement.rewrite)) {
    uint8_t descriptor[kMaxDependencyDescriptor];
    changed.build(packet, shape, now, rewrite_dependency(descriptor, packet, placement.rewrite));
    used = &changed;
  } else if (!header.is_for(shape)) {
    header.build(packet, shape, now, packet.codec == Codec::av1 ? packet.av1().bytes : BytesView());
  }
  used->set(projection.ssrc(), placement.rewrite);
  if (const auto drop = sender.emit(now, *used, lead.bytes(), payload, packet.is_video ? Cargo::video : Cargo::audio, out)) {
    projection.failed(packet, placement);
    return drop;
  }
  const size_t size = used->bytes().size() + payload.size();
  projection.sent(size);
  ++counts.packets_out;
  counts.bytes_out += size;
  return std::nullopt;
}

/// What was lost on the way here goes out from its copies, plain and before this packet, to those who do not take copies themselves. When the
/// lost one comes after all, it is a duplicate.
void Conference::mend(Instant now, MediaPacket& packet, Outbox& out) {
  Source& source = *packet.source;
  Encoding& encoding = *source.encodings[packet.layer.encoding];
  const auto is_lost = [&](int64_t back) { return !encoding.window.has(packet.sequence - back); };
  if (packet.behind != 0 || encoding.reception.received() < 2 || (!is_lost(1) && !is_lost(2))) return;
  const auto needs = [](const Projection& p) { return !p.receiver().sender.audio_shape.takes_red && p.receiver().sender.ready() && p.target(); };
  if (std::none_of(source.subscribers.begin(), source.subscribers.end(), needs) || !source.owner->receiver.read_primary(packet)) return;
  const auto red = parse_red(packet.view.payload());
  for (size_t i = 0; red && i < red->count; ++i) {
    const RedBlock& copy = red->copies[i];
    const auto back = static_cast<int64_t>(red->distance(i));
    if (back == 0 || back > 2 || !is_lost(back) || copy.data.empty() || copy.payload_type != packet.primary_type) continue;
    uint8_t bytes[kRtpFixedHeader + kMaxRedLength];
    RtpHeader rtp;
    rtp.payload_type = copy.payload_type;
    rtp.sequence = static_cast<uint16_t>(packet.view.sequence() - back);
    rtp.timestamp = packet.view.timestamp() - copy.timestamp_offset;
    rtp.ssrc = packet.view.ssrc();
    const size_t head = write_rtp_header(bytes, rtp, {});
    std::memcpy(bytes + head, copy.data.data(), copy.data.size());
    const auto view = RtpView::parse(BytesView(bytes, head + copy.data.size()));
    if (!view) continue;
    encoding.window.mark(packet.sequence - back);
    MediaPacket mended;
    mended.view = *view;
    mended.source = &source;
    mended.sequence = packet.sequence - back;
    mended.behind = back;
    mended.layer = packet.layer;
    mended.key_frame = true;
    EgressHeader header;
    ++counts.mended;
    for (Projection& projection : source.subscribers) {
      if (!needs(projection)) continue;
      ++counts.fan_out;
      if (const auto drop = forward(now, mended, projection, header, out)) {
        counts.drops.count(*drop);
        ++counts.route_drops;
      }
    }
  }
}

/// Takes up the number of a late packet that this receiver has no use for: it cannot know that, and would ask for it.
void Conference::fill(Instant now, const MediaPacket& packet, const Projection& projection, const Rewrite& rewrite, Outbox& out) {
  static constexpr uint8_t kPadding[1] = {1};
  Sender& sender = projection.receiver().sender;
  EgressHeader header;
  header.build(packet, packet.is_video ? sender.video_shape : sender.audio_shape, now, {});
  Rewrite unmarked = rewrite;
  unmarked.marker = false;
  header.set(projection.ssrc(), unmarked);
  header.make_padding();
  if (!sender.emit(now, header, {}, BytesView(kPadding), packet.is_video ? Cargo::video : Cargo::audio, out)) ++counts.fillers;
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
  std::erase(by_floor_, &speaker);
  by_floor_.insert(by_floor_.begin(), &speaker);
  shares_are_void();
  recent_speakers_.reserve(kRecentSpeakers + 1);
  std::erase(recent_speakers_, &speaker);
  recent_speakers_.insert(recent_speakers_.begin(), &speaker);
  if (recent_speakers_.size() > kRecentSpeakers) recent_speakers_.pop_back();
  tell_speaker(nullptr, out);
  // Whoever now looks at the new speaker should see a sharp picture at once.
  for (const auto& source : speaker.receiver.sources) {
    if (!source->description.video || !source->started()) continue;
    std::array<bool, kMaxEncodings> seen{};
    for (const Projection& projection : source->subscribers)
      if (const auto encoding = projection.forwards()) seen[*encoding] = true;
    for (size_t encoding = 0; encoding < kMaxEncodings; ++encoding)
      if (seen[encoding]) request_key_frame(now, *source, encoding, Source::kKeyFrameThrottle, out);
  }
}

void Conference::on_receiver_ready(Instant now, Endpoint& receiver, Outbox& out) {
  reallocate(now, receiver, out);
  for (Endpoint* other : endpoints) {
    if (other == &receiver) continue;
    for (const auto& source : other->receiver.sources) {
      if (!source->description.video || !source->started()) continue;
      for (const Projection& projection : source->subscribers)
        if (&projection.receiver() == &receiver && projection.target())
          request_key_frame(now, *source, std::min<size_t>(projection.target()->encoding, source->encodings.size() - 1), Source::kKeyFrameThrottle, out);
    }
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
