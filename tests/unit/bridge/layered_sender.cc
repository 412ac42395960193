#include "layered_sender.h"
#include "nobody.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string>

namespace tacoma::test {

using namespace bridge;

namespace {
constexpr uint8_t kVp8Type = 100, kVp9Type = 101, kAv1Type = 41, kH264Type = 102, kOpaqueType = 45, kDependencyId = 11;

uint8_t payload_type(Kind kind) {
  switch (kind) {
    case Kind::vp8: return kVp8Type;
    case Kind::vp9_svc: case Kind::vp9_ksvc: case Kind::vp9_simulcast: return kVp9Type;
    case Kind::av1_svc: case Kind::av1_ksvc: case Kind::av1_simulcast: return kAv1Type;
    case Kind::h264: return kH264Type;
    case Kind::opaque: return kOpaqueType;
  }
  return 0;
}
bool is_vp9(Kind kind) { return payload_type(kind) == kVp9Type; }

/// A template of a dependency structure: spatial and temporal id, what it is to each decode target, steps back.
struct TemplateRow {
  uint8_t spatial, temporal;
  const char* indications;
  std::vector<uint8_t> differences;
};
const std::vector<TemplateRow>& templates(Kind kind) {
  // L2T2, L2T2_KEY and L1T2 of "Scalable Video Coding (SVC) Extension for WebRTC"; base and upper frames numbered in turn.
  static const std::vector<TemplateRow> svc = {{0, 0, "SSSS", {}}, {0, 0, "SSRR", {4}}, {0, 1, "-D-R", {2}}, {1, 0, "--SS", {1}}, {1, 0, "--SS", {4, 1}}, {1, 1, "---D", {2, 1}}};
  static const std::vector<TemplateRow> ksvc = {{0, 0, "SSSS", {}}, {0, 0, "SS--", {4}}, {0, 1, "-D--", {2}}, {1, 0, "--SS", {1}}, {1, 0, "--SS", {4}}, {1, 1, "---D", {2}}};
  static const std::vector<TemplateRow> simulcast = {{0, 0, "SS", {}}, {0, 0, "SS", {2}}, {0, 1, "-D", {1}}};
  return kind == Kind::av1_svc ? svc : kind == Kind::av1_ksvc ? ksvc : simulcast;
}

class BitWriter {
 public:
  void put(size_t count, uint32_t value) {
    for (size_t i = count; i-- > 0; ++at_) {
      if (at_ % 8 == 0) bytes_.push_back(0);
      if (value >> i & 1) bytes_.back() = static_cast<uint8_t>(bytes_.back() | 0x80 >> at_ % 8);
    }
  }
  Bytes bytes_;

 private:
  size_t at_ = 0;
};
}  // namespace

const char* to_string(Kind kind) {
  static constexpr const char* names[] = {"vp8", "vp9_svc", "vp9_ksvc", "vp9_simulcast", "av1_svc", "av1_ksvc", "av1_simulcast", "h264", "opaque"};
  return names[static_cast<size_t>(kind)];
}
bool is_av1(Kind kind) { return payload_type(kind) == kAv1Type; }
size_t encodings_of(Kind kind) {
  if (kind == Kind::av1_simulcast) return 2;
  return kind == Kind::vp8 || kind == Kind::vp9_simulcast || kind == Kind::h264 || kind == Kind::opaque ? 3 : 1;
}

LayeredSender::LayeredSender(Kind kind, Rng rng) : kind_(kind), rng_(rng), streams_(encodings_of(kind)) {
  for (Stream& s : streams_) {
    s.sequence = s.first_sequence = 65300 + rng_.below(230);  // all numbers wrap soon
    s.picture_id = static_cast<uint16_t>(0x7fff - rng_.below(120));
    s.frame_number = static_cast<uint16_t>(0xffff - rng_.below(200));
    s.tl0 = static_cast<uint8_t>(rng_.u32());
    s.template_offset = static_cast<uint8_t>(rng_.below(64));
    s.first_timestamp = 0xffff0000u + rng_.u32() % 0x20000;
  }
}

std::vector<SentPacket*> LayeredSender::next_picture() {
  std::vector<SentPacket*> out;
  now_ms_ += 33;
  for (size_t e = 0; e < streams_.size(); ++e) picture_of(e, out);
  return out;
}

void LayeredSender::picture_of(size_t e, std::vector<SentPacket*>& out) {
  Stream& s = streams_[e];
  const bool key = s.key_asked || rng_.chance(0.004);
  s.key_asked = false;
  if (key) {
    s.phase = 0;
    for (Layer& layer : s.layers) layer = {};
    if (is_av1(kind_)) s.template_offset = static_cast<uint8_t>((s.template_offset + templates(kind_).size()) % 64);
  }
  static constexpr uint8_t kThree[] = {0, 2, 1, 2}, kTwo[] = {0, 1};
  const uint8_t temporal = kind_ == Kind::h264 || kind_ == Kind::opaque ? uint8_t{0} : is_av1(kind_) ? kTwo[s.phase % 2] : kThree[s.phase % 4];
  if (temporal == 0) s.in_sync_cycle = key || rng_.chance(0.4);
  const bool first_after_base = s.phase % 4 == 1;
  ++s.phase;
  s.picture_id = (s.picture_id + 1) & 0x7fff;
  if (temporal == 0) ++s.tl0;
  const bool svc = kind_ == Kind::vp9_svc || kind_ == Kind::av1_svc, ksvc = kind_ == Kind::vp9_ksvc || kind_ == Kind::av1_ksvc;
  const uint8_t top = !svc && !ksvc ? 0 : is_av1(kind_) ? 1 : 2;
  for (uint8_t spatial = 0; spatial <= top; ++spatial) {
    Shape shape{};
    shape.key = key;
    shape.temporal = temporal;
    shape.spatial = spatial;
    shape.top = top;
    shape.above = spatial > 0 && (svc || key);
    shape.refresh = kind_ == Kind::vp9_svc && spatial > 0 && temporal == 0 && !key && rng_.chance(0.1);
    shape.switching_up = temporal == 0 && s.in_sync_cycle;
    shape.sync = temporal > 0 && s.in_sync_cycle && (temporal == 1 || first_after_base);
    ++s.frame_number;
    ModelFrame& frame = add_frame(s, e, shape);
    packetise(s, frame, shape, spatial == top, out);
  }
}

ModelFrame& LayeredSender::add_frame(Stream& s, size_t e, const Shape& shape) {
  frames_.emplace_back();
  ModelFrame& f = frames_.back();
  f.id = static_cast<int>(frames_.size());
  f.encoding = e;
  f.spatial = shape.spatial;
  f.temporal = shape.temporal;
  f.key = shape.key && shape.spatial == 0;
  f.capture_ms = now_ms_;
  f.timestamp = timestamp_at(e, now_ms_);
  Layer& layer = s.layers[shape.spatial];
  const auto need = [&](const ModelFrame* other) { if (other) f.references.push_back(other); };
  if (shape.refresh) layer = {};
  if (!shape.key && !shape.refresh) {
    if (shape.temporal == 0) need(layer.t0);
    if (is_av1(kind_)) {
      if (shape.temporal == 1) need(layer.t0);
    } else {
      if (shape.temporal == 1) {
        need(layer.t0);
        if (!s.in_sync_cycle) need(layer.t1);
      }
      if (shape.temporal == 2) {
        need(shape.sync || !layer.t1 || layer.t1->id < layer.t0->id ? layer.t0 : layer.t1);
        if (!shape.sync) need(layer.t2);
        if (!shape.sync) need(layer.t1);
      }
    }
  }
  if (shape.above) f.references.push_back(&frames_[frames_.size() - 2]);
  if (shape.temporal == 0) layer.t0 = &f;
  if (shape.temporal == 1) layer.t1 = &f;
  if (shape.temporal == 2) layer.t2 = &f;
  return f;
}

void LayeredSender::packetise(Stream& s, ModelFrame& frame, const Shape& shape, bool last_of_picture, std::vector<SentPacket*>& out) {
  const size_t count = 1 + rng_.below(3) + (kind_ == Kind::h264 && frame.key ? 1 : 0);
  for (size_t i = 0; i < count; ++i) {
    RtpHeader header;
    header.payload_type = payload_type(kind_);
    header.marker = last_of_picture && i + 1 == count;
    header.sequence = static_cast<uint16_t>(s.sequence);
    header.timestamp = frame.timestamp;
    header.ssrc = Ssrc(static_cast<uint32_t>(frame.encoding + 1));
    const Bytes descriptor = is_av1(kind_) ? dependency(s, shape, i, count) : Bytes();
    const RtpExtension extension{kDependencyId, BytesView(descriptor.data(), descriptor.size())};
    Bytes bytes(400);
    const size_t head = write_rtp_header(bytes, header, Span<const RtpExtension>(&extension, descriptor.empty() ? 0 : 1));
    TACOMA_ASSERT(head != 0);
    bytes.resize(head);
    const Bytes body = payload(s, shape, frame, i, count);
    bytes.insert(bytes.end(), body.begin(), body.end());
    s.packets.push_back({&frame, i, static_cast<uint8_t>(frame.encoding), s.sequence++, ++order_, std::move(bytes)});
    frame.packets.push_back(&s.packets.back());
    out.push_back(&s.packets.back());
  }
}

namespace {
// Sequence parameter sets as x264 writes them, of 160x120, 320x240 and 640x480.
Bytes parameters(size_t encoding) {
  static const Bytes sets[3] = {
      {0x67, 0x42, 0xc0, 0x0a, 0xd9, 0x02, 0x84, 0x7e, 0x5c, 0x04, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40, 0x00, 0x00, 0x03, 0x00, 0x83, 0xc4, 0x89, 0x92},
      {0x67, 0x42, 0xc0, 0x0b, 0xd9, 0x01, 0x41, 0xfb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x00, 0x20, 0xf1, 0x42, 0xa4, 0x80},
      {0x67, 0x42, 0xc0, 0x16, 0xd9, 0x00, 0xa0, 0x3d, 0xb0, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0x03, 0x00, 0x02, 0x0f, 0x16, 0x2e, 0x48},
  };
  return sets[encoding];
}
}  // namespace

Bytes LayeredSender::payload(const Stream& s, const Shape& shape, const ModelFrame& frame, size_t index, size_t count) const {
  const auto byte = [](unsigned value) { return static_cast<uint8_t>(value); };
  const uint8_t id_high = byte(0x80u | s.picture_id >> 8), id_low = byte(s.picture_id);
  const bool first = index == 0, last = index + 1 == count;
  if (kind_ == Kind::vp8) {
    return {byte(0x80u | (first ? 0x10 : 0)), 0xe0, id_high, id_low, s.tl0, byte(shape.temporal << 6 | (shape.sync ? 0x20 : 0)), byte(frame.key ? 0 : 1), 9, 9};
  }
  if (is_vp9(kind_)) {
    const bool inter = !shape.key && !shape.refresh;
    const bool needed = shape.spatial < shape.top && (kind_ == Kind::vp9_svc || shape.key);
    return {byte(0xa0u | (inter ? 0x40 : 0) | (first ? 8 : 0) | (last ? 4 : 0) | (needed ? 0 : 1)), id_high, id_low,
            byte(shape.temporal << 5 | (shape.switching_up ? 0x10 : 0) | shape.spatial << 1 | (shape.above ? 1 : 0)), s.tl0, 9, 9};
  }
  if (kind_ == Kind::h264) {
    if (!frame.key) return {0x41, 9, 9};
    if (first) return parameters(frame.encoding);
    return {0x7c, byte(5u | (index == 1 ? 0x80 : 0)), 9};
  }
  if (kind_ == Kind::opaque) return {9, 9};
  return {byte(shape.key && shape.spatial == 0 && first ? 0x18 : 0x10), 9, 9};
}

Bytes LayeredSender::dependency(const Stream& s, const Shape& shape, size_t index, size_t count) const {
  const auto& rows = templates(kind_);
  size_t row = 0;
  const size_t own = shape.key ? (shape.spatial == 0 ? 0 : 3) : 1u + shape.temporal + (shape.spatial == 0 ? 0 : 3);
  row = own;
  BitWriter w;
  w.put(1, index == 0);
  w.put(1, index + 1 == count);
  w.put(6, static_cast<uint32_t>((s.template_offset + row) % 64));
  w.put(16, s.frame_number);
  if (!(shape.key && shape.spatial == 0 && index == 0)) return w.bytes_;
  const size_t targets = std::string_view(rows[0].indications).size();
  w.put(5, 0x10);
  w.put(6, s.template_offset);
  w.put(5, static_cast<uint32_t>(targets - 1));
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i + 1 == rows.size()) w.put(2, 3);
    else w.put(2, rows[i + 1].spatial > rows[i].spatial ? 2 : rows[i + 1].temporal > rows[i].temporal ? 1 : 0);
  }
  for (const TemplateRow& r : rows)
    for (size_t t = 0; t < targets; ++t) w.put(2, static_cast<uint32_t>(std::string_view("-DSR").find(r.indications[t])));
  for (const TemplateRow& r : rows) {
    for (uint8_t d : r.differences) {
      w.put(1, 1);
      w.put(4, d - 1u);
    }
    w.put(1, 0);
  }
  // No chains: ns(targets + 1) of zero is a zero of the short form.
  size_t width = 0;
  for (size_t x = targets + 1; x != 0; x >>= 1) ++width;
  w.put(width - 1, 0);
  w.put(1, 0);  // no resolutions
  return w.bytes_;
}

SentPacket* LayeredSender::find(size_t encoding, int64_t sequence) {
  Stream& s = streams_[encoding];
  const int64_t at = sequence - s.first_sequence;
  return at < 0 || at >= static_cast<int64_t>(s.packets.size()) ? nullptr : &s.packets[static_cast<size_t>(at)];
}

bool LayeredSender::could_be_decoded(const ModelFrame& frame) const {
  std::map<const ModelFrame*, bool> known;
  // Frames refer to earlier ones only: walking them in order needs no recursion.
  for (const ModelFrame& f : frames_) {
    bool could = std::all_of(f.packets.begin(), f.packets.end(), [](const SentPacket* p) { return p->arrived; });
    for (const ModelFrame* r : f.references) could = could && known[r];
    known[&f] = could;
    if (&f == &frame) return could;
  }
  return false;
}

namespace {
bridge::SourceDescription describe(size_t encodings) {
  bridge::SourceDescription d;
  d.video = true;
  d.name = "a-v0";
  for (uint32_t i = 1; i <= encodings; ++i) d.encodings.push_back({Ssrc(i), Ssrc()});
  return d;
}
}  // namespace

ReceivingWorld::ReceivingWorld(size_t encodings) : source(nullptr), projection(nobody(), true, Ssrc(1), Ssrc(), 1) {
  jingle::MediaFormats formats;
  for (const auto& [id, name] : {std::pair<uint8_t, const char*>{kVp8Type, "VP8"}, {kVp9Type, "VP9"}, {kAv1Type, "AV1"}, {kH264Type, "H264"}, {kOpaqueType, "H265"}}) {
    jingle::PayloadType type;
    type.id = id;
    type.name = name;
    type.clockrate = 90000;
    formats.payload_types.push_back(type);
  }
  formats.header_extensions.push_back({kDependencyId, std::string(kDependencyDescriptorUri)});
  receiver.set_formats(nullptr, &formats);
  receiver.sources.push_back(std::make_unique<Source>(nobody(), describe(encodings), 90000, false));
  source = receiver.sources.back().get();
}

bool ReceivingWorld::ingest(Instant now, const SentPacket& sent, MediaPacket& out) {
  Datagram datagram;
  datagram.packet = pool.copy(BytesView(sent.bytes.data(), sent.bytes.size()));
  datagram.arrived = now;
  if (receiver.ingest(now, datagram, out, counts)) return false;
  if (out.held_back) projection.held_back(out, true);
  return !out.held_back;
}

MediaPacket ReceivingWorld::read_again(const SentPacket& sent) {
  return receiver.read_again(*source, *source->encodings[sent.encoding], *RtpView::parse(sent.bytes));
}

Bytes write_out(const MediaPacket& packet, const Rewrite& rewrite, Instant now) {
  EgressShape shape;
  shape.dependency_descriptor = kDependencyId;
  EgressHeader header;
  uint8_t descriptor[kMaxDependencyDescriptor];
  BytesView dependency;
  if (packet.codec == Codec::av1) dependency = changes_dependency(packet, rewrite) ? rewrite_dependency(descriptor, packet, rewrite) : packet.av1().bytes;
  header.build(packet, shape, now, dependency);
  header.set(Ssrc(1), rewrite);
  Bytes bytes(header.bytes().begin(), header.bytes().end());
  const size_t head = bytes.size();
  bytes.insert(bytes.end(), packet.view.payload().begin(), packet.view.payload().end());
  const PayloadLead lead(packet, rewrite.deltas);
  std::copy(lead.bytes().begin(), lead.bytes().end(), bytes.begin() + static_cast<std::ptrdiff_t>(head));
  return bytes;
}

WireIds read_ids(Kind kind, const RtpView& view) {
  if (kind == Kind::vp8) {
    const auto d = parse_vp8(view.payload());
    if (d) return {d->picture_id, d->tl0_pic_idx};
  } else if (is_vp9(kind)) {
    const auto d = parse_vp9(view.payload());
    if (d) return {d->picture_id, d->tl0_pic_idx};
  }
  return {};
}

bool WireDecoder::decode(const Bytes& first_packet) {
  const auto view = RtpView::parse(first_packet);
  const auto bytes = view ? view->extension(kDependencyId) : std::nullopt;
  DependencyStructure fresh;
  const auto d = bytes ? parse_dependency_descriptor(*bytes, has_structure_ ? &structure_ : nullptr, fresh) : std::nullopt;
  if (!d || !d->starts_frame) return false;
  if (d->has_structure) {
    structure_ = fresh;
    has_structure_ = true;
    decoded_.clear();
  }
  for (size_t i = 0; i < d->differences; ++i)
    if (!decoded_.count(static_cast<uint16_t>(d->frame_number - d->difference[i]))) return false;
  decoded_.insert(d->frame_number);
  return true;
}

}  // namespace tacoma::test
