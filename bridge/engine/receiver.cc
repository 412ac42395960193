#include "bridge/engine/receiver.h"

#include <algorithm>

#include "bridge/engine/endpoint.h"
#include "bridge/engine/sender.h"
#include "core/rtp/h264.h"
#include "core/rtp/red.h"
#include "core/rtp/rtx.h"

namespace tacoma::bridge {

ExtensionIds extension_ids(const jingle::MediaFormats& formats) {
  const auto id = [&](std::string_view uri) { return formats.extension(uri).value_or(uint8_t{0}); };
  return {id(kAudioLevelUri), id(kAbsSendTimeUri), id(kTransportCcUri), id(kMidUri), id(kVideoOrientationUri), id(kDependencyDescriptorUri)};
}

bool takes_red(const jingle::MediaFormats& audio) { return audio.find("red") != nullptr; }

namespace {
bool same_name(std::string_view name, std::string_view known) {
  return name.size() == known.size() && std::equal(name.begin(), name.end(), known.begin(), [](char a, char b) { return (a >= 'a' && a <= 'z' ? a - 32 : a) == b; });
}

Codec codec_of(std::string_view name) {
  const auto is = [name](std::string_view known) { return same_name(name, known); };
  if (is("VP8")) return Codec::vp8;
  if (is("VP9")) return Codec::vp9;
  if (is("AV1")) return Codec::av1;
  if (is("H264")) return Codec::h264;
  return Codec::opaque;
}
}  // namespace

void Receiver::set_formats(const jingle::MediaFormats* audio, const jingle::MediaFormats* video) {
  payload_types_.clear();
  video_nack_ = false;
  has_audio_ = audio != nullptr;
  has_video_ = video != nullptr;
  const auto take = [this](const jingle::MediaFormats& formats, bool is_video, uint32_t& clock) {
    bool first = true;
    for (const jingle::PayloadType& type : formats.payload_types) {
      const uint8_t id = type.id & 0x7f;
      auto entry = std::find_if(payload_types_.begin(), payload_types_.end(), [id](const PayloadType& t) { return t.id == id; });
      if (entry == payload_types_.end()) entry = payload_types_.insert(entry, PayloadType{Kind::unknown, id, 0, Codec::opaque});
      if (type.name == "rtx") {
        const std::string_view apt = type.parameter("apt");
        uint32_t number = 0;
        for (char c : apt) number = c >= '0' && c <= '9' && number < 128 ? number * 10 + static_cast<uint32_t>(c - '0') : 128;
        if (!apt.empty() && number < 128) *entry = {Kind::rtx, id, static_cast<uint8_t>(number), Codec::opaque};
        continue;
      }
      entry->kind = is_video ? Kind::video : Kind::audio;
      entry->codec = is_video ? codec_of(type.name) : Codec::opaque;
      entry->is_red = !is_video && same_name(type.name, "RED");
      if (first && type.clockrate != 0) clock = type.clockrate;
      first = false;
      if (is_video && type.has_feedback("nack")) video_nack_ = true;
    }
  };
  audio_ids_ = audio ? extension_ids(*audio) : ExtensionIds::none();
  video_ids_ = video ? extension_ids(*video) : ExtensionIds::none();
  if ((audio && audio->has_ccfb()) || (video && video->has_ccfb())) {
    if (!ccfb_) ccfb_ = std::make_unique<CcfbRecorder>();
  } else {
    ccfb_.reset();
  }
  if (audio) take(*audio, false, audio_clock_);
  if (video) take(*video, true, video_clock_);
}

Receiver::PayloadType Receiver::type_of(uint8_t id) const {
  for (const PayloadType& type : payload_types_)
    if (type.id == id) return type;
  return {};
}

Receiver::Found Receiver::find(Ssrc ssrc) const {
  // A handful at most (kMaxSourcesPerEndpoint): a scan beats a hash.
  for (const auto& source : sources)
    if (Encoding* encoding = source->find_encoding(ssrc)) return {source.get(), encoding, encoding->ssrc != ssrc};
  return {};
}

std::optional<Drop> Receiver::ingest(Instant now, Datagram& datagram, MediaPacket& out, BridgeCounts& counts) {
  auto parsed = RtpView::parse(datagram.packet.bytes());
  if (!parsed) return Drop::rtp_malformed;
  // With BUNDLE an id means the same in both media; whichever negotiated the extension knows it.
  const uint8_t transport_id = video_ids_.transport_cc != 0 ? video_ids_.transport_cc : audio_ids_.transport_cc;
  if (ccfb_) ccfb_->on_packet(parsed->ssrc(), parsed->sequence(), datagram.arrived, datagram.ecn);
  else if (const auto sequence = read_transport_sequence(*parsed, transport_id)) arrivals_.on_packet(*sequence, datagram.arrived);

  const PayloadType type = type_of(parsed->payload_type());
  if (type.kind == Kind::unknown) return Drop::rtp_unknown_payload_type;
  const Found found = find(parsed->ssrc());
  if (!found.source || found.is_rtx != (type.kind == Kind::rtx)) return Drop::rtp_unknown_ssrc;
  Source& source = *found.source;
  Encoding& encoding = *found.encoding;
  if (found.is_rtx) {
    if (const auto drop = unwrap(datagram, *parsed, encoding)) return drop;
  }
  const PayloadType media_type = found.is_rtx ? type_of(type.apt) : type;
  if ((media_type.kind == Kind::video) != source.description.video) return Drop::rtp_unknown_payload_type;

  const int64_t sequence = encoding.sequences.unwrap(parsed->sequence());
  switch (encoding.window.mark(sequence)) {
    case SequenceWindow::Seen::duplicate: return found.is_rtx ? Drop::rtx_unneeded : Drop::rtp_duplicate;
    case SequenceWindow::Seen::too_old: return Drop::rtp_too_old;
    case SequenceWindow::Seen::fresh: break;
  }
  if (!found.is_rtx) {
    encoding.reception.on_packet(parsed->sequence(), parsed->timestamp(), datagram.arrived);
    if (next_report_.is_never()) next_report_ = now + kReportInterval;
  }
  if (encoding.repair && encoding.repair->missing.on_packet(parsed->sequence(), now) == NackTracker::Seen::filled) ++counts.recovered;

  out.packet = std::move(datagram.packet);
  out.view = *parsed;
  out.source = &source;
  out.sequence = sequence;
  out.behind = encoding.sequences.newest() - sequence;
  out.is_video = source.description.video;
  out.layer.encoding = encoding.index;
  inspect(now, out, encoding, media_type, counts);
  return std::nullopt;
}

std::optional<Drop> Receiver::unwrap(Datagram& datagram, RtpView& view, const Encoding& encoding) {
  if (view.payload().empty()) return Drop::padding_only;  // a bandwidth probe
  const PayloadType type = type_of(view.payload_type());
  const size_t size = unwrap_rtx(datagram.packet.mutable_bytes(), view, encoding.ssrc, type.apt);
  if (size == 0) return Drop::rtx_malformed;
  datagram.packet.resize(size);
  const auto original = RtpView::parse(datagram.packet.bytes());
  if (!original) return Drop::rtx_malformed;
  // An RTX packet that repeats what is newer than anything seen would only move the window.
  if (!encoding.sequences.started() || encoding.sequences.peek(original->sequence()) > encoding.sequences.newest()) return Drop::rtx_unneeded;
  view = *original;
  return std::nullopt;
}

namespace {
/// Its stream has more layers than are taken, by what it says of itself.
bool says_too_many_layers(const MediaPacket& packet) {
  if (packet.codec == Codec::vp9) return packet.vp9().structure && packet.vp9().structure->spatial_layers > kMaxSpatialLayers;
  return packet.codec == Codec::av1 && packet.av1().descriptor.has_structure && packet.av1().structure->max_temporal >= kMaxTemporalLayers;
}
}  // namespace

void Receiver::inspect(Instant now, MediaPacket& packet, Encoding& encoding, const PayloadType& type, BridgeCounts& counts) {
  packet.key_frame = true;  // any packet of audio may be a start
  packet.is_blind = packet.is_video && type.codec == Codec::opaque;
  if (packet.is_video ? video_muted : audio_muted) packet.held_back = Drop::force_muted;
  else if (packet.view.payload().empty()) packet.held_back = Drop::padding_only;
  else if (packet.is_video) packet.held_back = read_facts(packet, encoding, type.codec);
  if (!packet.is_video) {
    packet.is_red = type.is_red;
    return inspect_audio(packet);
  }
  packet.video_orientation = video_orientation(packet.view);
  if (packet.held_back) return;
  if (says_too_many_layers(packet)) counts.drops.count(Drop::over_layer_limit);
  if (packet.behind == 0) {
    packet.ahead = encoding.picture_ids.on_newest(packet);
    // A key frame may begin with any numbers.
    if (packet.ahead != PictureIds() && !packet.key_frame) counts.drops.count(Drop::picture_id_jump);
  }
  // Decoders begin anew here. A narrow uplink has better uses than repeats of what was before.
  if (packet.key_frame && packet.codec != Codec::opaque && packet.sequence > encoding.key_from) {
    encoding.key_from = packet.sequence;
    encoding.key_at = now;
    if (encoding.repair) encoding.repair->missing.forget_before(packet.view.sequence());
  }
  bool needed_above = true;
  if (packet.codec == Codec::vp9) needed_above = !packet.vp9().not_needed_above;
  if (packet.codec == Codec::av1) needed_above = packet.av1().structure->is_needed_above(packet.av1().descriptor.indications, packet.layer.spatial);
  encoding.meter->on_packet(now, packet.layer.spatial, packet.layer.temporal, packet.view.packet().size(), packet.view.timestamp(), needed_above);
}

bool Receiver::read_primary(MediaPacket& packet) const {
  if (!packet.primary.empty()) return true;
  const auto red = parse_red(packet.view.payload());
  if (!red) return false;
  // What is inside has to be what the sender could have sent by itself.
  const PayloadType inner = type_of(red->primary_type);
  if (inner.kind != Kind::audio || inner.is_red) return false;
  packet.primary_type = red->primary_type;
  packet.primary = red->primary;
  return true;
}

BytesView Receiver::video_orientation(const RtpView& packet) const {
  if (video_ids_.video_orientation == 0) return {};
  return packet.extension(video_ids_.video_orientation).value_or(BytesView()).subspan(0, 1);
}

MediaPacket Receiver::read_again(Source& source, Encoding& encoding, const RtpView& view) {
  MediaPacket packet;
  packet.view = view;
  packet.source = &source;
  packet.layer.encoding = encoding.index;
  packet.is_video = source.description.video;
  packet.behind = 1;  // it teaches nothing about its encoding
  if (!packet.is_video) return packet;
  packet.held_back = read_facts(packet, encoding, type_of(view.payload_type()).codec);
  packet.video_orientation = video_orientation(view);
  return packet;
}

/// What the codec says of a packet; a reason when nobody should get it.
std::optional<Drop> Receiver::read_facts(MediaPacket& packet, Encoding& encoding, Codec codec) {
  packet.codec = codec;
  switch (codec) {
    case Codec::opaque: return read_opaque(packet, encoding);
    case Codec::vp9: return read_vp9(packet, encoding);
    case Codec::av1: return read_av1(packet, encoding);
    case Codec::h264: return read_h264(packet, encoding);
    case Codec::vp8: break;
  }
  const BytesView payload = packet.view.payload();
  const auto descriptor = parse_vp8(payload);
  packet.key_frame = descriptor && starts_vp8_key_frame(payload, *descriptor);
  if (!descriptor) return Drop::descriptor_malformed;
  packet.facts = *descriptor;
  packet.layer.temporal = descriptor->temporal_layer.value_or(0);
  if (packet.key_frame)
    if (const auto size = vp8_key_frame_size(payload, *descriptor)) encoding.heights[0] = size->height;
  return std::nullopt;
}

/// Nothing tells a key frame. A receiver may start with any picture, of which this is the first packet for certain: what was sent right
/// before it is here, and belongs to another one. (Of what was before the encoding's first packet nobody knows.)
std::optional<Drop> Receiver::read_opaque(MediaPacket& packet, Encoding& encoding) {
  packet.key_frame = false;
  if (packet.behind != 0) return std::nullopt;
  const uint32_t timestamp = packet.view.timestamp();
  packet.key_frame = !encoding.newest_picture || (*encoding.newest_picture != timestamp && encoding.window.has(packet.sequence - 1));
  encoding.newest_picture = timestamp;
  return std::nullopt;
}

std::optional<Drop> Receiver::read_vp9(MediaPacket& packet, Encoding& encoding) {
  const auto descriptor = parse_vp9(packet.view.payload());
  packet.key_frame = descriptor && starts_vp9_key_frame(*descriptor);
  if (!descriptor) return Drop::descriptor_malformed;
  if (descriptor->spatial >= kMaxSpatialLayers || descriptor->temporal >= kMaxTemporalLayers) {
    packet.key_frame = false;
    return Drop::over_layer_limit;
  }
  if (descriptor->structure && packet.behind == 0) {
    encoding.top_spatial = static_cast<uint8_t>(std::min<size_t>(descriptor->structure->spatial_layers, kMaxSpatialLayers) - 1);
    for (size_t s = 0; s < kMaxSpatialLayers; ++s) encoding.heights[s] = descriptor->structure->heights[s];
  }
  packet.facts = *descriptor;
  packet.layer.spatial = descriptor->spatial;
  packet.layer.temporal = descriptor->temporal;
  packet.top_spatial = encoding.top_spatial = std::max(encoding.top_spatial, descriptor->spatial);
  return std::nullopt;
}

std::optional<Drop> Receiver::read_av1(MediaPacket& packet, Encoding& encoding) {
  const auto bytes = video_ids_.dependency_descriptor != 0 ? packet.view.extension(video_ids_.dependency_descriptor) : std::nullopt;
  if (!bytes) {
    // Without descriptor only the aggregation header says something: N, a coded video sequence begins (AV1 RTP section 4.4).
    packet.codec = Codec::opaque;
    packet.key_frame = (packet.view.payload()[0] & 0x08) != 0;
    return std::nullopt;
  }
  packet.key_frame = false;
  if (!encoding.structures) encoding.structures = std::make_unique<Encoding::Structures>();
  Encoding::Structures& all = *encoding.structures;
  const DependencyStructure* structure = all.has_newest ? &all.newest : nullptr;
  auto descriptor = parse_dependency_descriptor(*bytes, structure, all.fresh);
  if (!descriptor && all.has_before) {
    structure = &all.before;
    descriptor = parse_dependency_descriptor(*bytes, structure, all.fresh);
  }
  if (!descriptor) return Drop::descriptor_malformed;
  if (descriptor->has_structure) {
    structure = &all.fresh;
    if (packet.behind == 0) {
      all.before = all.newest;
      all.has_before = all.has_newest;
      all.newest = all.fresh;
      all.has_newest = true;
      structure = &all.newest;
      for (size_t s = 0; s < kMaxSpatialLayers; ++s) encoding.heights[s] = all.newest.heights[s];
    }
  }
  if (descriptor->spatial >= kMaxSpatialLayers || descriptor->temporal >= kMaxTemporalLayers) return Drop::over_layer_limit;
  packet.facts = Av1Facts{*descriptor, *bytes, structure};
  packet.layer.spatial = descriptor->spatial;
  packet.layer.temporal = descriptor->temporal;
  packet.top_spatial = encoding.top_spatial = structure->max_spatial;
  packet.key_frame = descriptor->has_structure && descriptor->starts_frame && descriptor->differences == 0;
  return std::nullopt;
}

std::optional<Drop> Receiver::read_h264(MediaPacket& packet, Encoding& encoding) {
  const auto payload = parse_h264(packet.view.payload());
  packet.key_frame = false;
  if (!payload) return Drop::descriptor_malformed;
  // Where parameter sets come in band, a decoder has to have them first. Out of band they are when a second key frame comes without: when
  // what was sent right before its first slice is here, and was none.
  if (payload->parameters) encoding.has_parameters = true;
  if (payload->height != 0) encoding.heights[0] = payload->height;
  const bool second = payload->idr && encoding.first_idr && *encoding.first_idr != packet.view.timestamp();
  if (payload->idr && !encoding.first_idr) encoding.first_idr = packet.view.timestamp();
  packet.key_frame = payload->parameters || (second && !encoding.has_parameters && encoding.window.has(packet.sequence - 1));
  return std::nullopt;
}

void Receiver::inspect_audio(MediaPacket& packet) {
  Source& source = *packet.source;
  packet.level = read_audio_level(packet.view, audio_ids_.audio_level);
  if (!packet.level) return;
  packet.audio_level = packet.view.extension(audio_ids_.audio_level)->subspan(0, 1);
  source.silent_packets = packet.level->level == 127 ? source.silent_packets + 1 : 0;
  if (source.silent_packets > Source::kSilenceTolerated && !packet.held_back) packet.held_back = Drop::audio_silence;
}

void Receiver::report(Instant now, Sender& sender, Ssrc feedback_ssrc, std::string_view cname, BridgeCounts& counts, Outbox& out) {
  nack(now, sender, feedback_ssrc, counts, out);
  if (next_report_ <= now) receiver_report(now, sender, feedback_ssrc, cname, counts, out);
  if (arrivals_.deadline() <= now) {
    const Ssrc media = sources.empty() ? Ssrc() : sources.back()->description.ssrc();
    for (bool more = true; more;) {
      more = false;
      if (sender.send_rtcp(1180, out, [&](RtcpWriter& w) { more = arrivals_.build(feedback_ssrc, media, w); })) ++counts.rtcp_out;
    }
    arrivals_.reported(now);
  }
  if (ccfb_ && ccfb_->deadline() <= now) {
    for (bool more = true; more;) {
      more = false;
      if (sender.send_rtcp(1180, out, [&](RtcpWriter& w) { more = ccfb_->build(now, feedback_ssrc, w); })) ++counts.rtcp_out;
    }
    ccfb_->reported(now);
  }
}

void Receiver::nack(Instant now, Sender& sender, Ssrc feedback_ssrc, BridgeCounts& counts, Outbox& out) {
  for (const auto& source : sources) {
    for (const auto& encoding : source->encodings) {
      if (!encoding->repair || encoding->repair->missing.deadline() > now) continue;
      to_ask_.clear();
      encoding->repair->missing.due(now, sender.round_trip(), to_ask_);
      if (to_ask_.empty()) continue;
      // 256 missing at most (NackLimits): at worst one entry of four bytes each.
      if (!sender.send_rtcp(1180, out, [&](RtcpWriter& w) { w.nack(feedback_ssrc, encoding->ssrc, to_ask_); })) continue;
      counts.nacks_out += to_ask_.size();
      ++counts.rtcp_out;
    }
  }
}

void Receiver::receiver_report(Instant now, Sender& sender, Ssrc feedback_ssrc, std::string_view cname, BridgeCounts& counts, Outbox& out) {
  std::array<ReportBlock, kMaxReportBlocks> blocks;
  size_t count = 0;
  for (const auto& source : sources) {
    Duration longest = Duration::zero();
    for (const Projection& p : source->subscribers) longest = std::max(longest, p.receiver().turnaround(source->has_sizes()));
    for (const auto& encoding : source->encodings) {
      // Those that have sent since the last report (RFC 3550 section 6.4).
      if (encoding->reception.received() == encoding->received_at_last_report) {
        if (encoding->repair) encoding->repair->cache.clear();
        continue;
      }
      if (count == blocks.size()) break;
      encoding->received_at_last_report = encoding->reception.received();
      blocks[count++] = encoding->reception.report(encoding->ssrc, now);
      if (encoding->repair) encoding->repair->cache.set_age(Encoding::kept_for(longest));
    }
  }
  // Nothing came: reports rest until something does.
  next_report_ = count == 0 ? Instant::never() : now + kReportInterval;
  if (count == 0) {
    for (const auto& source : sources)
      for (const auto& encoding : source->encodings)
        if (encoding->repair) encoding->repair->cache.clear();
    return;
  }
  const bool sent = sender.send_rtcp(1180, out, [&](RtcpWriter& w) {
    w.receiver_report(feedback_ssrc, Span<const ReportBlock>(blocks.data(), count));
    w.source_description(feedback_ssrc, cname);
  });
  if (sent) ++counts.rtcp_out;
}

Instant Receiver::deadline() const {
  Instant at = std::min(next_report_, arrivals_.deadline());
  if (ccfb_) at = std::min(at, ccfb_->deadline());
  for (const auto& source : sources)
    for (const auto& encoding : source->encodings)
      if (encoding->repair) at = std::min(at, encoding->repair->missing.deadline());
  return at;
}

}  // namespace tacoma::bridge
