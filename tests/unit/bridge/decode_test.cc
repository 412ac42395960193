// Switching streams of real encoders, and decoding what comes out: each picture has to be the very one that a decoder shows which never
// missed a layer, also where packets come late and out of order. libvpx notices nothing when a reference is another picture than it should
// be; comparing does.
#include <catch2/catch.hpp>

#include <vpx/vp8cx.h>
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>
#include <vpx/vpx_encoder.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "layered_sender.h"
#include "loadgen/media/test_picture.h"

using namespace tacoma;
using namespace tacoma::bridge;
using namespace tacoma::test;

namespace {
constexpr uint32_t kWidth = 448, kHeight = 256;  // of the highest layer
constexpr int kPictures = 120;

/// One frame of one layer.
struct Encoded {
  uint8_t encoding = 0, spatial = 0, temporal = 0;
  bool key = false, sync = false;  // key: of the whole picture
  Bytes data;
};

uint64_t hash(const vpx_image_t& image) {
  uint64_t h = 1469598103934665603ull ^ (uint64_t{image.d_w} << 32 | image.d_h);
  for (int plane = 0; plane < 3; ++plane) {
    const unsigned width = plane == 0 ? image.d_w : (image.d_w + 1) / 2, height = plane == 0 ? image.d_h : (image.d_h + 1) / 2;
    for (unsigned y = 0; y < height; ++y)
      for (unsigned x = 0; x < width; ++x) h = (h ^ image.planes[plane][y * static_cast<unsigned>(image.stride[plane]) + x]) * 1099511628211ull;
  }
  return h;
}

class Decoder {
 public:
  explicit Decoder(bool vp9) { REQUIRE(vpx_codec_dec_init(&codec_, vp9 ? vpx_codec_vp9_dx() : vpx_codec_vp8_dx(), nullptr, 0) == VPX_CODEC_OK); }
  ~Decoder() { vpx_codec_destroy(&codec_); }
  /// What the picture looks like; nullopt: an error, or nothing to see.
  std::optional<uint64_t> decode(const Bytes& data) {
    if (vpx_codec_decode(&codec_, data.data(), static_cast<unsigned>(data.size()), nullptr, 0) != VPX_CODEC_OK) return std::nullopt;
    vpx_codec_iter_t at = nullptr;
    std::optional<uint64_t> result;
    while (const vpx_image_t* image = vpx_codec_get_frame(&codec_, &at)) result = hash(*image);
    return result;
  }

 private:
  vpx_codec_ctx_t codec_{};
};

void wrap(Picture& p, vpx_image_t& image) {
  REQUIRE(vpx_img_wrap(&image, VPX_IMG_FMT_I420, p.width, p.height, 1, p.luma.data()) != nullptr);
  image.planes[VPX_PLANE_U] = p.cb.data();
  image.planes[VPX_PLANE_V] = p.cr.data();
  image.stride[VPX_PLANE_U] = image.stride[VPX_PLANE_V] = static_cast<int>(p.chroma_width());
}

vpx_codec_enc_cfg_t configure(vpx_codec_iface_t* codec, uint32_t width, uint32_t height, unsigned kbps) {
  vpx_codec_enc_cfg_t c{};
  REQUIRE(vpx_codec_enc_config_default(codec, &c, 0) == VPX_CODEC_OK);
  c.g_w = width;
  c.g_h = height;
  c.g_timebase = {1, 30};
  c.g_threads = 1;
  c.g_lag_in_frames = 0;
  c.g_error_resilient = VPX_ERROR_RESILIENT_DEFAULT;
  c.kf_mode = VPX_KF_DISABLED;
  c.rc_end_usage = VPX_CBR;
  c.rc_target_bitrate = kbps;
  c.rc_dropframe_thresh = 0;
  return c;
}

/// One VP8 stream of three temporal layers in the pattern 0 2 1 2. Every other cycle begins anew from the base layer (layer sync).
class Vp8Encoder {
 public:
  Vp8Encoder(uint8_t encoding, uint32_t width, uint32_t height) : encoding_(encoding), width_(width), height_(height) {
    const vpx_codec_enc_cfg_t c = configure(vpx_codec_vp8_cx(), width, height, 100u << (2 * encoding));
    REQUIRE(vpx_codec_enc_init(&codec_, vpx_codec_vp8_cx(), &c, 0) == VPX_CODEC_OK);
    vpx_codec_control(&codec_, VP8E_SET_CPUUSED, -8);
  }
  ~Vp8Encoder() { vpx_codec_destroy(&codec_); }
  Encoded encode(int number, bool key) {
    if (key) phase_ = 0;
    static constexpr uint8_t kPattern[] = {0, 2, 1, 2};
    Encoded e;
    e.encoding = encoding_;
    e.key = key;
    e.temporal = kPattern[phase_ % 4];
    const bool sync_cycle = phase_ / 4 % 2 == 0;
    e.sync = sync_cycle && e.temporal > 0 && phase_ % 4 != 3;
    vpx_enc_frame_flags_t flags = VP8_EFLAG_NO_REF_ARF | VP8_EFLAG_NO_UPD_ARF;
    if (e.temporal == 0) flags |= VP8_EFLAG_NO_REF_GF | VP8_EFLAG_NO_UPD_GF;
    if (e.temporal == 1) flags |= VP8_EFLAG_NO_UPD_LAST | VP8_EFLAG_NO_UPD_ENTROPY;
    if (e.temporal == 2) flags |= VP8_EFLAG_NO_UPD_LAST | VP8_EFLAG_NO_UPD_GF | VP8_EFLAG_NO_UPD_ENTROPY;
    if (e.sync) flags |= VP8_EFLAG_NO_REF_GF;
    if (key) flags = VPX_EFLAG_FORCE_KF;
    ++phase_;
    draw_test_picture(1, static_cast<uint32_t>(number), width_, height_, picture_);
    vpx_image_t image;
    wrap(picture_, image);
    REQUIRE(vpx_codec_encode(&codec_, &image, number, 1, flags, VPX_DL_REALTIME) == VPX_CODEC_OK);
    vpx_codec_iter_t at = nullptr;
    const vpx_codec_cx_pkt_t* packet = vpx_codec_get_cx_data(&codec_, &at);
    REQUIRE(packet);
    const auto* data = static_cast<const uint8_t*>(packet->data.frame.buf);
    e.data.assign(data, data + packet->data.frame.sz);
    return e;
  }

 private:
  vpx_codec_ctx_t codec_{};
  Picture picture_;
  uint8_t encoding_;
  uint32_t width_, height_;
  unsigned phase_ = 0;
};

/// One VP9 stream of `spatial` layers (each of twice the size of the one below) by `temporal` ones; k-SVC: spatial layers meet in key
/// pictures only.
struct Vp9Shape {
  uint8_t encoding = 0;
  unsigned spatial = 1, temporal = 3;
  bool ksvc = false;
  uint32_t width = kWidth, height = kHeight;
};
class Vp9Encoder {
 public:
  explicit Vp9Encoder(const Vp9Shape& shape) : shape_(shape) {
    static constexpr unsigned kRates[] = {100, 300, 1000};
    static constexpr unsigned kDecimator[3][3] = {{1}, {2, 1}, {4, 2, 1}};
    static constexpr int kModes[] = {VP9E_TEMPORAL_LAYERING_MODE_NOLAYERING, VP9E_TEMPORAL_LAYERING_MODE_0101, VP9E_TEMPORAL_LAYERING_MODE_0212};
    unsigned total = 0;
    for (unsigned s = 0; s < shape.spatial; ++s) total += kRates[shape.encoding + s];
    vpx_codec_enc_cfg_t c = configure(vpx_codec_vp9_cx(), shape.width, shape.height, total);
    c.ss_number_layers = shape.spatial;
    c.ts_number_layers = shape.temporal;
    c.temporal_layering_mode = kModes[shape.temporal - 1];
    for (unsigned t = 0; t < shape.temporal; ++t) c.ts_rate_decimator[t] = kDecimator[shape.temporal - 1][t];
    for (unsigned s = 0; s < shape.spatial; ++s)
      for (unsigned t = 0; t < shape.temporal; ++t) c.layer_target_bitrate[shape.temporal * s + t] = kRates[shape.encoding + s] * (t + 2) / (shape.temporal + 1);
    REQUIRE(vpx_codec_enc_init(&codec_, vpx_codec_vp9_cx(), &c, 0) == VPX_CODEC_OK);
    vpx_codec_control(&codec_, VP8E_SET_CPUUSED, 8);
    vpx_codec_control(&codec_, VP9E_SET_SVC, 1);
    vpx_svc_extra_cfg_t extra{};
    for (unsigned s = 0; s < shape.spatial; ++s) {
      extra.max_quantizers[s] = 56;
      extra.min_quantizers[s] = 4;
      extra.scaling_factor_num[s] = 1 << s;
      extra.scaling_factor_den[s] = 1 << (shape.spatial - 1);
    }
    REQUIRE(vpx_codec_control(&codec_, VP9E_SET_SVC_PARAMETERS, &extra) == VPX_CODEC_OK);
    REQUIRE(vpx_codec_control(&codec_, VP9E_SET_SVC_INTER_LAYER_PRED, shape.ksvc ? 2 : 0) == VPX_CODEC_OK);
    vpx_codec_priv_output_cx_pkt_cb_pair_t callback{&Vp9Encoder::on_layer, this};
    REQUIRE(vpx_codec_control(&codec_, VP9E_REGISTER_CX_CALLBACK, &callback) == VPX_CODEC_OK);
  }
  ~Vp9Encoder() { vpx_codec_destroy(&codec_); }
  std::vector<Encoded> encode(int number, bool key) {
    layers_.clear();
    key_ = key;
    draw_test_picture(1, static_cast<uint32_t>(number), shape_.width, shape_.height, picture_);
    vpx_image_t image;
    wrap(picture_, image);
    REQUIRE(vpx_codec_encode(&codec_, &image, number, 1, key ? VPX_EFLAG_FORCE_KF : 0, VPX_DL_REALTIME) == VPX_CODEC_OK);
    REQUIRE(layers_.size() == shape_.spatial);
    return std::move(layers_);
  }

 private:
  static void on_layer(vpx_codec_cx_pkt_t* packet, void* self) { static_cast<Vp9Encoder*>(self)->take(*packet); }
  void take(const vpx_codec_cx_pkt_t& packet) {
    vpx_svc_layer_id_t id{};
    vpx_codec_control(&codec_, VP9E_GET_SVC_LAYER_ID, &id);
    Encoded e;
    e.encoding = shape_.encoding;
    e.spatial = static_cast<uint8_t>(id.spatial_layer_id);
    e.temporal = static_cast<uint8_t>(id.temporal_layer_id);
    e.key = key_;
    const auto* data = static_cast<const uint8_t*>(packet.data.frame.buf);
    e.data.assign(data, data + packet.data.frame.sz);
    layers_.push_back(std::move(e));
  }
  vpx_codec_ctx_t codec_{};
  Vp9Shape shape_;
  Picture picture_;
  std::vector<Encoded> layers_;
  bool key_ = false;
};

/// What is sent and how it arrives.
struct Trial {
  Kind kind;
  uint64_t seed;
  bool trouble = false;          // packets come out of order, or late as if they had been lost and repaired
  unsigned temporal_layers = 3;
  bool flexible = false;         // VP9 simulcast: the references in each descriptor instead of TL0PICIDX
};
bool is_simulcast(Kind kind) { return encodings_of(kind) > 1; }
/// The opaque codec is VP8 under another name.
bool is_vp8(Kind kind) { return kind == Kind::vp8 || kind == Kind::opaque; }
uint8_t payload_type(Kind kind) { return kind == Kind::vp8 ? 100 : kind == Kind::opaque ? 45 : 101; }

/// Packets of a frame with its descriptor in front.
class Packetiser {
 public:
  Packetiser(const Trial& trial, Rng& rng) : trial_(trial), sequence_(65000 + rng.below(500)), picture_id_(static_cast<uint16_t>(0x7fff - rng.below(80))), first_timestamp_(rng.u32()) {}
  void new_picture(uint8_t temporal) {
    picture_id_ = (picture_id_ + 1) & 0x7fff;
    if (temporal == 0) ++tl0_;
    refers_to_ = temporal == 2 ? newest_below_t2_ : newest_base_;
    if (temporal < 2) newest_below_t2_ = picture_id_;
    if (temporal == 0) newest_base_ = picture_id_;
  }
  std::vector<SentPacket> packets(const Encoded& e, int number, bool last_of_picture) {
    constexpr size_t kChunk = 900;
    std::vector<SentPacket> result;
    for (size_t at = 0; at < e.data.size(); at += kChunk) {
      const size_t size = std::min(kChunk, e.data.size() - at);
      const bool first = at == 0, last = at + size == e.data.size();
      RtpHeader header{payload_type(trial_.kind), last && last_of_picture, static_cast<uint16_t>(sequence_),
                       first_timestamp_ + static_cast<uint32_t>(number) * 3000, Ssrc(e.encoding + 1u)};
      SentPacket packet;
      packet.encoding = e.encoding;
      packet.sequence = sequence_++;
      packet.bytes.resize(kRtpFixedHeader);
      REQUIRE(write_rtp_header(packet.bytes, header, {}) == kRtpFixedHeader);
      const Bytes descriptor = is_vp8(trial_.kind) ? vp8(e, first) : trial_.kind == Kind::vp9_simulcast ? vp9_simulcast(e, first, last) : vp9_svc(e, first, last);
      packet.bytes.insert(packet.bytes.end(), descriptor.begin(), descriptor.end());
      packet.bytes.insert(packet.bytes.end(), e.data.begin() + static_cast<std::ptrdiff_t>(at), e.data.begin() + static_cast<std::ptrdiff_t>(at + size));
      result.push_back(std::move(packet));
    }
    return result;
  }

 private:
  static uint8_t byte(unsigned value) { return static_cast<uint8_t>(value); }
  Bytes vp8(const Encoded& e, bool first) const {
    return {byte(0x80u | (first ? 0x10u : 0u)), 0xe0, byte(0x80u | picture_id_ >> 8u), byte(picture_id_), tl0_, byte(e.temporal << 6u | (e.sync ? 0x20u : 0u))};
  }
  Bytes vp9_svc(const Encoded& e, bool first, bool last) const {
    const bool ksvc = trial_.kind == Kind::vp9_ksvc;
    const bool needed = e.spatial < 2 && (e.key || !ksvc);
    return {byte(0xa0u | (e.key ? 0 : 0x40u) | (first ? 8u : 0u) | (last ? 4u : 0u) | (needed ? 0u : 1u)), byte(0x80u | picture_id_ >> 8u), byte(picture_id_),
            // libvpx's 0212 refers to the newest base picture or to the T1 after it only: up-switching is possible at every base picture.
            byte(static_cast<unsigned>(e.temporal << 5) | (e.temporal == 0 ? 0x10u : 0u) | static_cast<unsigned>(e.spatial << 1) | (e.spatial > 0 && (e.key || !ksvc) ? 1u : 0u)), tl0_};
  }
  /// As browsers write it: the picture's size with key frames; layers where there are some.
  Bytes vp9_simulcast(const Encoded& e, bool first, bool last) const {
    if (trial_.temporal_layers > 1 && !trial_.flexible) {
      Vp9Descriptor d;
      d.inter_picture_predicted = !e.key;
      d.starts_frame = first;
      d.ends_frame = last;
      d.not_needed_above = true;
      d.picture_id = picture_id_;
      d.has_layers = true;
      d.temporal = e.temporal;
      d.switching_up_point = e.temporal == 0;
      d.tl0_pic_idx = tl0_;
      if (e.key && first) {
        d.structure.emplace();
        d.structure->widths[0] = static_cast<uint16_t>(kWidth >> (2 - e.encoding));
        d.structure->heights[0] = static_cast<uint16_t>(kHeight >> (2 - e.encoding));
      }
      Bytes out(vp9_size(d, static_cast<uint8_t>(trial_.temporal_layers)));
      REQUIRE(write_vp9(out, d, static_cast<uint8_t>(trial_.temporal_layers)) == out.size());
      return out;
    }
    const bool layers = trial_.temporal_layers > 1, sizes = e.key && first;
    Bytes out{byte(0x81u | (e.key ? 0 : 0x40u) | (layers ? 0x20u : 0u) | (trial_.flexible ? 0x10u : 0u) | (first ? 8u : 0u) | (last ? 4u : 0u) | (sizes ? 2u : 0u)),
              byte(0x80u | picture_id_ >> 8u), byte(picture_id_)};
    if (layers) out.push_back(byte(static_cast<unsigned>(e.temporal << 5) | (e.temporal == 0 ? 0x10u : 0u)));
    if (trial_.flexible && !e.key) out.push_back(byte(((picture_id_ - refers_to_) & 0x7fu) << 1));
    if (sizes) {
      const unsigned width = kWidth >> (2 - e.encoding), height = kHeight >> (2 - e.encoding);
      for (const unsigned b : {0x10u, width >> 8, width, height >> 8, height}) out.push_back(byte(b));
    }
    return out;
  }

  Trial trial_;
  int64_t sequence_;
  uint16_t picture_id_, refers_to_ = 0, newest_base_ = 0, newest_below_t2_ = 0;
  uint8_t tl0_ = 7;
  uint32_t first_timestamp_;
};

/// Encodes, projects with random switches, puts together again and decodes.
class Chain {
 public:
  explicit Chain(const Trial& trial) : trial_(trial), rng_(trial.seed), world_(encodings_of(trial.kind)), decoder_(!is_vp8(trial.kind)) {
    for (uint8_t i = 0; i < 3; ++i) references_.push_back(std::make_unique<Decoder>(!is_vp8(trial.kind)));
    for (uint8_t i = 0; i < encodings_of(trial.kind); ++i) {
      packetisers_.emplace_back(trial, rng_);
      const uint32_t width = kWidth >> (2 - i), height = kHeight >> (2 - i);
      if (is_vp8(trial.kind)) vp8_.push_back(std::make_unique<Vp8Encoder>(i, width, height));
      else if (is_simulcast(trial.kind)) vp9_.push_back(std::make_unique<Vp9Encoder>(Vp9Shape{i, 1, trial.temporal_layers, false, width, height}));
      else vp9_.push_back(std::make_unique<Vp9Encoder>(Vp9Shape{0, 3, trial.temporal_layers, trial.kind == Kind::vp9_ksvc, kWidth, kHeight}));
    }
  }

  /// Which layers were shown, and how often.
  std::map<uint8_t, int> run() {
    INFO(to_string(trial_.kind) << " seed " << trial_.seed << (trial_.trouble ? " in trouble, " : ", ") << trial_.temporal_layers << " temporal layers" << (trial_.flexible ? ", flexible" : ""));
    for (int number = 0; number < kPictures; ++number) {
      if (rng_.chance(0.15)) choose_target();
      for (uint8_t e = 0; e < encodings_of(trial_.kind); ++e) send_picture(e, number);
      deliver(time_);
      if (number % 8 == 7) repair();
    }
    deliver(INT64_MAX);
    repair();
    CHECK(world_.projection.violation() == "");
    CHECK(world_.counts.drops[Drop::picture_id_jump] == 0);
    decode();
    CHECK(decoded_ > kPictures / 3);
    return seen_;
  }
  const Source& source() const { return *world_.source; }

 private:
  struct Carried {
    SentPacket sent;
    int number = 0;      // of its picture
    uint8_t layer = 0;   // encoding or spatial layer
  };
  struct Out {
    Bytes bytes;         // empty: padding
    const Carried* from = nullptr;
    bool begins_blindly = false;
  };

  void choose_target() {
    if (rng_.chance(0.08)) return world_.projection.set_target(std::nullopt);
    const auto high = static_cast<uint8_t>(rng_.below(3)), temporal = static_cast<uint8_t>(rng_.below(3));
    world_.projection.set_target(is_simulcast(trial_.kind) ? LayerId{high, 0, temporal} : LayerId{0, high, temporal});
    if (rng_.chance(0.2)) world_.projection.leave_larger();
  }

  void send_picture(uint8_t encoding, int number) {
    const bool key = number == 0 || key_due_[encoding] == number;
    std::vector<Encoded> layers;
    if (is_vp8(trial_.kind)) layers.push_back(vp8_[encoding]->encode(number, key));
    else layers = vp9_[encoding]->encode(number, key);
    packetisers_[encoding].new_picture(layers.front().temporal);
    Bytes all;
    for (const Encoded& layer : layers) {
      const auto index = static_cast<uint8_t>(encoding + layer.spatial);
      all.insert(all.end(), layer.data.begin(), layer.data.end());
      const auto shown = references_[index]->decode(all);
      REQUIRE(shown);
      truth_[{number, index}] = *shown;
      if (layer.key) keys_.insert({number, index});
      for (SentPacket& packet : packetisers_[encoding].packets(layer, number, &layer == &layers.back())) {
        carried_.push_back({std::move(packet), number, index});
        schedule(carried_.back());
      }
    }
  }

  void schedule(Carried& packet) {
    int64_t at = ++time_;
    if (trial_.trouble && rng_.chance(0.07)) at += rng_.chance(0.3) ? 5 + rng_.below(40) : 1 + rng_.below(3);
    arrivals_.emplace(std::pair(at, time_), &packet);
    by_number_[{packet.sent.encoding, packet.sent.sequence}] = &packet;
  }

  void deliver(int64_t until) {
    while (!arrivals_.empty() && arrivals_.begin()->first.first <= until) {
      Carried& packet = *arrivals_.begin()->second;
      arrivals_.erase(arrivals_.begin());
      pass(packet);
    }
  }

  void pass(Carried& carried) {
    if (trial_.kind == Kind::opaque && rng_.chance(0.02)) choose_target();  // in the middle of a picture, too
    const Instant now = Instant::at(Duration::milliseconds(33 * carried.number + 20));
    MediaPacket packet;
    REQUIRE(world_.ingest(now, carried.sent, packet));
    carried.sent.arrived = true;
    const auto placement = world_.projection.place(packet, now);
    if (const auto awaited = world_.projection.awaits_key_frame()) {
      // Whoever began blindly has no use for a key frame that is out already.
      if (key_due_[*awaited] < newest_number() + (packet.is_blind ? 1 : 0)) key_due_[*awaited] = newest_number() + kAnswer;
      world_.source->encodings[*awaited]->last_key_frame_request = now;
    }
    if (placement.begins) ++begun_;
    if (placement.drop && !placement.fills) return;
    if (!placement.drop) world_.projection.sent(carried.sent.bytes.size());
    take(placement.rewrite.sequence, placement.drop ? Out{} : Out{write_out(packet, placement.rewrite, now), &carried, placement.begins && packet.is_blind});
  }
  int newest_number() const { return carried_.back().number; }

  void take(uint16_t sequence, Out out) {
    const int64_t extended = unwrapper_.unwrap(sequence);
    if (!trial_.trouble && !received_.empty()) REQUIRE(extended == received_.rbegin()->first + 1);
    REQUIRE(received_.emplace(extended, std::move(out)).second);
  }

  /// The receiver asks for what it misses, and gets it as the bridge repeats packets.
  void repair() {
    if (received_.empty()) return;
    for (int64_t s = received_.begin()->first; s < received_.rbegin()->first; ++s) {
      const auto origin = received_.count(s) ? std::nullopt : world_.projection.origin_of(static_cast<uint16_t>(s));
      if (!origin) continue;
      const auto found = by_number_.find({origin->run->encoding, origin->in});
      if (found == by_number_.end() || !found->second->sent.arrived) continue;
      const MediaPacket packet = world_.read_again(found->second->sent);
      const Run& run = origin->run_of(packet.view.timestamp());
      if (!run.cut.lets_through(packet)) received_[s] = {};
      else received_[s] = {write_out(packet, Projection::rewrite(run, packet, static_cast<uint16_t>(s)), Instant()), found->second, false};
    }
  }

  /// Pictures that are whole are decoded in their order, and are what they should be. All are, but where another encoding began before the
  /// last packets had come. What the bridge cannot read it begins with any picture: then they are from the key frame on that it asks for.
  void decode() {
    int incomplete = 0, blind = 0;
    bool waits_for_key = false;
    auto at = received_.begin();
    while (at != received_.end()) {
      if (!at->second.from) {
        ++at;
        continue;
      }
      const Carried& first = *at->second.from;
      Bytes picture;
      uint8_t layer = first.layer;
      int64_t expected = at->first;
      bool whole = starts_frame(at->second), ended = false;
      for (; at != received_.end() && (!at->second.from || (at->second.from->number == first.number && at->second.from->sent.encoding == first.sent.encoding)); ++at) {
        whole = whole && at->first == expected++;
        waits_for_key = waits_for_key || at->second.begins_blindly;
        if (!at->second.from) continue;
        const auto view = RtpView::parse(at->second.bytes);
        REQUIRE(view);
        const size_t skip = is_vp8(trial_.kind) ? parse_vp8(view->payload())->size() : parse_vp9(view->payload())->size;
        picture.insert(picture.end(), view->payload().begin() + skip, view->payload().end());
        layer = std::max(layer, at->second.from->layer);
        ended = view->marker();
      }
      if (!whole || !ended) {
        ++incomplete;
        continue;
      }
      if (keys_.count({first.number, layer})) waits_for_key = false;
      if (waits_for_key) {
        ++blind;
        continue;
      }
      INFO("picture " << first.number << " layer " << int{layer});
      const auto shown = decoder_.decode(picture);
      REQUIRE(shown);
      REQUIRE(*shown == truth_.at({first.number, layer}));
      ++decoded_;
      ++seen_[layer];
    }
    CHECK(incomplete <= (trial_.trouble ? begun_ : 0));
    CHECK(blind <= (trial_.kind == Kind::opaque ? begun_ * kAnswer : 0));
  }
  bool starts_frame(const Out& out) const {
    const auto view = RtpView::parse(out.bytes);
    REQUIRE(view);
    return is_vp8(trial_.kind) ? tacoma::starts_frame(*parse_vp8(view->payload())) : parse_vp9(view->payload())->starts_frame;
  }

  Trial trial_;
  Rng rng_;
  ReceivingWorld world_;
  Decoder decoder_;
  std::vector<std::unique_ptr<Decoder>> references_;
  std::vector<Packetiser> packetisers_;
  std::vector<std::unique_ptr<Vp8Encoder>> vp8_;
  std::vector<std::unique_ptr<Vp9Encoder>> vp9_;
  static constexpr int kAnswer = 3;                    // pictures until a key frame that was asked for
  std::set<std::pair<int, uint8_t>> keys_;             // (picture, layer)
  std::map<std::pair<int, uint8_t>, uint64_t> truth_;  // (picture, layer): what one shows that gets everything
  int key_due_[3] = {0, 0, 0};
  std::deque<Carried> carried_;
  std::map<std::pair<uint8_t, int64_t>, Carried*> by_number_;       // encoding, sequence number
  std::map<std::pair<int64_t, int64_t>, Carried*> arrivals_;        // when, in which order
  int64_t time_ = 0;
  SequenceUnwrapper unwrapper_;
  std::map<int64_t, Out> received_;
  int decoded_ = 0, begun_ = 0;
  std::map<uint8_t, int> seen_;
};

void switch_and_decode(const std::vector<Trial>& trials) {
  std::map<uint8_t, int> seen;
  for (const Trial& trial : trials)
    for (const auto& [layer, times] : Chain(trial).run()) seen[layer] += times;
  for (uint8_t layer = 0; layer < 3; ++layer) CHECK(seen[layer] > 10);
}
void switch_and_decode(Kind kind) {
  switch_and_decode({{kind, 1}, {kind, 2}});
  switch_and_decode({{kind, 3, true}, {kind, 4, true}});
}
}  // namespace

TEST_CASE("VP8 of three encodings by three temporal layers decodes bit by bit through random switches") { switch_and_decode(Kind::vp8); }
TEST_CASE("VP9 SVC of three spatial by three temporal layers decodes bit by bit through random switches") { switch_and_decode(Kind::vp9_svc); }
TEST_CASE("VP9 k-SVC decodes bit by bit through random switches") { switch_and_decode(Kind::vp9_ksvc); }
TEST_CASE("a codec that the bridge does not know decodes bit by bit from the key frame on that each switch asks for") { switch_and_decode(Kind::opaque); }
TEST_CASE("VP9 of three encodings by one to three temporal layers decodes bit by bit through random switches") {
  constexpr Kind kind = Kind::vp9_simulcast;
  for (const bool flexible : {false, true})
    for (const bool trouble : {false, true}) {
      std::vector<Trial> trials;
      for (const unsigned temporal : {1u, 2u, 3u}) trials.push_back({kind, temporal + (trouble ? 10u : 0u), trouble, temporal, flexible});
      switch_and_decode(trials);
    }
}
TEST_CASE("the encodings of VP9 simulcast are as high as their key frames say") {
  Chain chain({Kind::vp9_simulcast, 5});
  chain.run();
  for (size_t e = 0; e < 3; ++e) CHECK(chain.source().encodings[e]->heights[0] == kHeight >> (2 - e));
}
