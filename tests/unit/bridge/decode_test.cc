// Switching streams of real encoders, and decoding what comes out: each picture has to be the very one that a decoder shows which never
// missed a layer. libvpx notices nothing when a reference is another picture than it should be; comparing does.
#include <catch2/catch.hpp>

#include <vpx/vp8cx.h>
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>
#include <vpx/vpx_encoder.h>

#include <algorithm>
#include <map>

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

/// Three spatial layers by three temporal ones in one VP9 stream; k-SVC: spatial layers meet in key pictures only.
class Vp9Encoder {
 public:
  explicit Vp9Encoder(bool ksvc) {
    vpx_codec_enc_cfg_t c = configure(vpx_codec_vp9_cx(), kWidth, kHeight, 1400);
    c.ss_number_layers = 3;
    c.ts_number_layers = 3;
    c.temporal_layering_mode = VP9E_TEMPORAL_LAYERING_MODE_0212;
    const unsigned decimator[] = {4, 2, 1}, total[] = {100, 300, 1000};
    for (unsigned t = 0; t < 3; ++t) c.ts_rate_decimator[t] = decimator[t];
    for (unsigned s = 0; s < 3; ++s)
      for (unsigned t = 0; t < 3; ++t) c.layer_target_bitrate[3 * s + t] = total[s] * (t + 2) / 4;
    REQUIRE(vpx_codec_enc_init(&codec_, vpx_codec_vp9_cx(), &c, 0) == VPX_CODEC_OK);
    vpx_codec_control(&codec_, VP8E_SET_CPUUSED, 8);
    vpx_codec_control(&codec_, VP9E_SET_SVC, 1);
    vpx_svc_extra_cfg_t extra{};
    for (int s = 0; s < 3; ++s) {
      extra.max_quantizers[s] = 56;
      extra.min_quantizers[s] = 4;
      extra.scaling_factor_num[s] = 1 << s;
      extra.scaling_factor_den[s] = 4;
    }
    REQUIRE(vpx_codec_control(&codec_, VP9E_SET_SVC_PARAMETERS, &extra) == VPX_CODEC_OK);
    REQUIRE(vpx_codec_control(&codec_, VP9E_SET_SVC_INTER_LAYER_PRED, ksvc ? 2 : 0) == VPX_CODEC_OK);
    vpx_codec_priv_output_cx_pkt_cb_pair_t callback{&Vp9Encoder::on_layer, this};
    REQUIRE(vpx_codec_control(&codec_, VP9E_REGISTER_CX_CALLBACK, &callback) == VPX_CODEC_OK);
  }
  ~Vp9Encoder() { vpx_codec_destroy(&codec_); }
  std::vector<Encoded> encode(int number, bool key) {
    layers_.clear();
    key_ = key;
    draw_test_picture(1, static_cast<uint32_t>(number), kWidth, kHeight, picture_);
    vpx_image_t image;
    wrap(picture_, image);
    REQUIRE(vpx_codec_encode(&codec_, &image, number, 1, key ? VPX_EFLAG_FORCE_KF : 0, VPX_DL_REALTIME) == VPX_CODEC_OK);
    REQUIRE(layers_.size() == 3);
    return std::move(layers_);
  }

 private:
  static void on_layer(vpx_codec_cx_pkt_t* packet, void* self) { static_cast<Vp9Encoder*>(self)->take(*packet); }
  void take(const vpx_codec_cx_pkt_t& packet) {
    vpx_svc_layer_id_t id{};
    vpx_codec_control(&codec_, VP9E_GET_SVC_LAYER_ID, &id);
    Encoded e;
    e.spatial = static_cast<uint8_t>(id.spatial_layer_id);
    e.temporal = static_cast<uint8_t>(id.temporal_layer_id);
    e.key = key_;
    const auto* data = static_cast<const uint8_t*>(packet.data.frame.buf);
    e.data.assign(data, data + packet.data.frame.sz);
    layers_.push_back(std::move(e));
  }
  vpx_codec_ctx_t codec_{};
  Picture picture_;
  std::vector<Encoded> layers_;
  bool key_ = false;
};

/// Packets of a frame with its descriptor in front.
class Packetiser {
 public:
  Packetiser(Kind kind, Rng& rng) : kind_(kind), sequence_(65000 + rng.below(500)), picture_id_(static_cast<uint16_t>(0x7fff - rng.below(80))), first_timestamp_(rng.u32()) {}
  void new_picture(bool base) {
    picture_id_ = (picture_id_ + 1) & 0x7fff;
    if (base) ++tl0_;
  }
  std::vector<Bytes> packets(const Encoded& e, int number, bool last_of_picture) {
    constexpr size_t kChunk = 900;
    std::vector<Bytes> result;
    for (size_t at = 0; at < e.data.size(); at += kChunk) {
      const size_t size = std::min(kChunk, e.data.size() - at);
      const bool first = at == 0, last = at + size == e.data.size();
      RtpHeader header{static_cast<uint8_t>(kind_ == Kind::vp8 ? 100 : 101), last && last_of_picture, static_cast<uint16_t>(sequence_++),
                       first_timestamp_ + static_cast<uint32_t>(number) * 3000, Ssrc(e.encoding + 1u)};
      Bytes packet(kRtpFixedHeader);
      REQUIRE(write_rtp_header(packet, header, {}) == kRtpFixedHeader);
      const auto add = [&](unsigned byte) { packet.push_back(static_cast<uint8_t>(byte)); };
      if (kind_ == Kind::vp8) {
        for (const unsigned byte : {0x80u | (first ? 0x10u : 0u), 0xe0u, 0x80u | picture_id_ >> 8u, picture_id_ & 0xffu, unsigned{tl0_}, e.temporal << 6u | (e.sync ? 0x20u : 0u)}) add(byte);
      } else {
        const bool ksvc = kind_ == Kind::vp9_ksvc;
        const bool needed = e.spatial < 2 && (e.key || !ksvc);
        add(0xa0u | (e.key ? 0 : 0x40u) | (first ? 8u : 0u) | (last ? 4u : 0u) | (needed ? 0u : 1u));
        add(0x80u | picture_id_ >> 8u);
        add(picture_id_ & 0xffu);
        // libvpx's 0212 refers to the newest base picture or to the T1 after it only: up-switching is possible at every base picture.
        add(static_cast<unsigned>(e.temporal << 5) | (e.temporal == 0 ? 0x10u : 0u) | static_cast<unsigned>(e.spatial << 1) | (e.spatial > 0 && (e.key || !ksvc) ? 1u : 0u));
        add(tl0_);
      }
      packet.insert(packet.end(), e.data.begin() + static_cast<std::ptrdiff_t>(at), e.data.begin() + static_cast<std::ptrdiff_t>(at + size));
      result.push_back(std::move(packet));
    }
    return result;
  }
  int64_t next() const { return sequence_; }

 private:
  Kind kind_;
  int64_t sequence_;
  uint16_t picture_id_;
  uint8_t tl0_ = 7;
  uint32_t first_timestamp_;
};

/// Encodes, projects with random switches, puts together again and decodes.
class Chain {
 public:
  Chain(Kind kind, uint64_t seed) : kind_(kind), rng_(seed), world_(kind == Kind::vp8 ? 3 : 1), decoder_(kind != Kind::vp8) {
    for (uint8_t i = 0; i < 3; ++i) {
      references_.push_back(std::make_unique<Decoder>(kind != Kind::vp8));
      packetisers_.emplace_back(kind, rng_);
      if (kind == Kind::vp8) vp8_.push_back(std::make_unique<Vp8Encoder>(i, kWidth >> (2 - i), kHeight >> (2 - i)));
    }
    if (kind != Kind::vp8) vp9_ = std::make_unique<Vp9Encoder>(kind == Kind::vp9_ksvc);
  }

  /// Which layers were shown, and how often.
  std::map<uint8_t, int> run() {
    for (int number = 0; number < kPictures; ++number) {
      if (rng_.chance(0.15)) choose_target();
      if (kind_ == Kind::vp8) vp8_picture(number);
      else vp9_picture(number);
      REQUIRE(picture_.empty());  // every picture ends with a marker
    }
    INFO(to_string(kind_));
    CHECK(world_.projection.violation() == "");
    CHECK(decoded_ > kPictures / 3);
    return seen_;
  }

 private:
  void choose_target() {
    if (rng_.chance(0.08)) return world_.projection.set_target(std::nullopt);
    const auto high = static_cast<uint8_t>(rng_.below(3)), temporal = static_cast<uint8_t>(rng_.below(3));
    world_.projection.set_target(kind_ == Kind::vp8 ? LayerId{high, 0, temporal} : LayerId{0, high, temporal});
  }

  void vp8_picture(int number) {
    for (uint8_t e = 0; e < 3; ++e) {
      const Encoded frame = vp8_[e]->encode(number, number == 0 || key_due_[e] == number);
      const auto shown = references_[e]->decode(frame.data);
      REQUIRE(shown);
      truth_[{number, e}] = *shown;
      packetisers_[e].new_picture(frame.temporal == 0);
      for (const Bytes& packet : packetisers_[e].packets(frame, number, true)) pass(packet, number);
    }
  }

  void vp9_picture(int number) {
    const std::vector<Encoded> layers = vp9_->encode(number, number == 0 || key_due_[0] == number);
    packetisers_[0].new_picture(layers[0].temporal == 0);
    Bytes all;
    for (uint8_t s = 0; s < 3; ++s) {
      all.insert(all.end(), layers[s].data.begin(), layers[s].data.end());
      const auto shown = references_[s]->decode(all);
      REQUIRE(shown);
      truth_[{number, s}] = *shown;
      for (const Bytes& packet : packetisers_[0].packets(layers[s], number, s == 2)) pass(packet, number);
    }
  }

  void pass(const Bytes& bytes, int number) {
    const Instant now = Instant::at(Duration::milliseconds(33 * number + 20));
    SentPacket sent;
    sent.bytes = bytes;
    MediaPacket packet;
    REQUIRE(world_.ingest(now, sent, packet));
    const auto placement = world_.projection.place(packet, now);
    if (const auto awaited = world_.projection.awaits_key_frame(); awaited && key_due_[*awaited] < number) key_due_[*awaited] = number + 3;
    if (placement.drop) return;
    world_.projection.sent(bytes.size());
    take(write_out(packet, placement.rewrite, now), number);
  }

  /// The receiver: numbers in turn, frames put together until the marker.
  void take(const Bytes& bytes, int number) {
    const auto view = RtpView::parse(bytes);
    REQUIRE(view);
    if (next_) REQUIRE(view->sequence() == *next_);
    next_ = static_cast<uint16_t>(view->sequence() + 1);
    const size_t skip = kind_ == Kind::vp8 ? parse_vp8(view->payload())->size() : parse_vp9(view->payload())->size;
    picture_.insert(picture_.end(), view->payload().begin() + skip, view->payload().end());
    layer_ = kind_ == Kind::vp8 ? *world_.projection.forwards() : parse_vp9(view->payload())->spatial;
    number_ = number;
    if (view->marker()) finish();
  }

  void finish() {
    INFO(to_string(kind_) << " picture " << number_ << " layer " << int{layer_});
    const auto shown = decoder_.decode(picture_);
    REQUIRE(shown);
    REQUIRE(*shown == truth_.at({number_, layer_}));
    ++decoded_;
    ++seen_[layer_];
    picture_.clear();
  }

  Kind kind_;
  Rng rng_;
  ReceivingWorld world_;
  Decoder decoder_;
  std::vector<std::unique_ptr<Decoder>> references_;
  std::vector<Packetiser> packetisers_;
  std::vector<std::unique_ptr<Vp8Encoder>> vp8_;
  std::unique_ptr<Vp9Encoder> vp9_;
  std::map<std::pair<int, uint8_t>, uint64_t> truth_;  // (picture, layer): what one shows that gets everything
  int key_due_[3] = {0, 0, 0};
  Bytes picture_;
  uint8_t layer_ = 0;
  int number_ = 0;
  std::optional<uint16_t> next_;
  int decoded_ = 0;
  std::map<uint8_t, int> seen_;
};
void switch_and_decode(Kind kind) {
  std::map<uint8_t, int> seen;
  for (const uint64_t seed : {1, 2})
    for (const auto& [layer, times] : Chain(kind, seed).run()) seen[layer] += times;
  for (uint8_t layer = 0; layer < 3; ++layer) CHECK(seen[layer] > 10);
}
}  // namespace

TEST_CASE("VP8 of three encodings by three temporal layers decodes bit by bit through random switches") { switch_and_decode(Kind::vp8); }
TEST_CASE("VP9 SVC of three spatial by three temporal layers decodes bit by bit through random switches") { switch_and_decode(Kind::vp9_svc); }
TEST_CASE("VP9 k-SVC decodes bit by bit through random switches") { switch_and_decode(Kind::vp9_ksvc); }
