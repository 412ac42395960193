// The schedule of one encoding of a person's video: VP8 frames of a clip or a model cut into RTP payloads and paced, and any of the
// last ones made again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/rng.h"
#include "core/rtp/sequence.h"
#include "loadgen/media/clip.h"
#include "loadgen/people/frame_seal.h"
#include "loadgen/people/video_model.h"

namespace tacoma {

class VideoTrack {
 public:
  static constexpr size_t kHistory = 32;          // frames that can be made again: a second at 30 a second
  static constexpr size_t kMaxVp8Descriptor = 6;  // with a picture id of 15 bits, TL0PICIDX and layer
  static constexpr size_t kMaxDescriptor = 30;    // of VP9, with the sizes of three layers and their picture group
  static constexpr size_t kMaxHead = 10;          // what a model's frame begins with: the header of a key frame (RFC 6386 section 9.1)
  static constexpr size_t kMaxPrefix = kMaxDescriptor + kMaxHead;
  static constexpr size_t kMaxPayload = 1200 - 12 - 12 - 2;  // RTP header, extensions, and room for RTX; descriptor included

  struct Packet {
    uint16_t sequence = 0;
    uint32_t timestamp = 0;            // RTP
    bool first = false, last = false;  // of its frame; last: RTP marker
    bool key = false;                  // of a key frame
    uint16_t picture_id = 0;
    uint8_t layer = 0, tl0_pic_idx = 0;
    bool layered = false;              // the descriptor names the layer
    bool sync = false;                 // RFC 7741's Y
    bool reference = true;             // other frames need it
    uint8_t spatial = 0, top = 0;      // of VP9: layer, and how many are sent but one
    uint8_t temporal_layers = 1;
    bool vp9 = false, ends = false;    // ends: the last of its layer's frame
    uint16_t width = 0, height = 0;    // of a model: its header has to be made; of VP9: of the largest layer that is sent
    BytesView data;                    // part of the frame, after the prefix
    size_t size() const { return descriptor_size() + head_size() + data.size(); }
    size_t head_size() const { return !first || width == 0 || vp9 ? 0 : key ? kMaxHead : 3; }
    size_t descriptor_size() const;
  };
  /// The bytes before `data`: the descriptor (RFC 7741 section 4.2, RFC 9628 section 4.2) and, of a model, how its frame begins. `out` holds kMaxPrefix
  /// bytes; returns how many were written.
  static size_t write_prefix(const Packet& packet, uint8_t* out);

  /// `encoding` is that of one encoding; `clip` is null for a model and must outlive the track.
  VideoTrack(const VideoFormat& encoding, const VideoClip* clip, Rng& rng);

  /// Its frames go out encrypted; before the first. Of clips only. The cipher outlives the track.
  void encrypt(FrameCipher& cipher, uint32_t ssrc) { seal_ = std::make_unique<FrameSeal>(cipher, ssrc, history()); }
  /// The same pictures at several rates, low to high, of which set_layers chooses; before the first. They outlive the track.
  void set_ladder(const std::vector<std::shared_ptr<const VideoClip>>& clips);
  /// The clock starts; once. Frame n is captured exactly n / fps after `zero`.
  void start(Instant zero);
  bool started() const { return started_; }
  /// A random part of a frame's interval, for start().
  Duration phase() const { return phase_; }

  /// What to send from the next frame on: temporal layers up to `layer`, a model at `rate`. Another number of spatial layers (or another
  /// rung of a ladder, which is `spatial` then) begins with a key picture, which is next: nobody could go on without one.
  void set_layers(uint8_t layer, DataRate rate, uint8_t spatial = 0);
  /// When the next packet is due. The packets of a frame follow its capture at 2.5 times the rate, and before the next frame is captured.
  Instant due() const { return due_; }
  void skip_to(Instant now, Duration behind);
  Packet take();
  void request_key_frame();
  /// A packet of the last kHistory frames; nullopt for any other number.
  std::optional<Packet> again(uint16_t sequence) const;
  /// It is from before the newest key picture: who lost it needs it no more.
  bool is_outdated(uint16_t sequence) const { return is_newer(key_from_, sequence); }
  uint32_t timestamp_at(Instant t) const;
  const VideoFormat& format() const { return format_; }

 private:
  struct Sent {
    BytesView data;          // of the frame; a model's has no meaning
    uint32_t timestamp = 0;
    uint16_t sequence = 0;   // of its first packet
    uint16_t packets = 0;
    uint16_t picture_id = 0;
    uint8_t layer = 0, tl0_pic_idx = 0, spatial = 0, top = 0;
    bool key : 1 = false, sync : 1 = false, reference : 1 = true;
  };
  bool is_vp9() const { return format_.codec == VideoCodec::vp9; }
  size_t history() const { return kHistory * format_.spatial_layers; }
  uint32_t packets_of(size_t size) const {
    const size_t most = kMaxPayload - (is_vp9() ? kMaxDescriptor : kMaxVp8Descriptor);
    return static_cast<uint32_t>((size + most - 1) / most);
  }
  Packet packet_of(const Sent& sent, uint32_t part) const;
  size_t size_of(BytesView frame) const { return seal_ ? FrameSeal::sealed_size(frame.size()) : frame.size(); }
  Instant captured(uint64_t index) const;
  uint32_t next_number() const { return clip_ ? player_->at() : number_; }
  void begin_picture();
  void next_frame();
  void advance();

  VideoFormat format_;
  const VideoClip* clip_;
  std::optional<VideoPlayer> player_;  // of a clip
  std::optional<VideoModel> model_;    // or the model
  uint32_t number_ = 0;                // of the model's next frame, since its key frame
  DataRate total_;                     // of a clip, with all its layers
  uint32_t first_timestamp_;
  uint16_t sequence_, picture_id_;
  uint16_t key_from_ = 0;              // first packet of the newest key picture
  uint8_t tl0_pic_idx_ = 0;
  uint8_t layer_, wanted_layer_;       // the highest sent; raised only where layers begin anew
  uint8_t top_, wanted_top_;           // likewise of spatial layers
  uint8_t spatial_ = 0;                // of the frame being sent
  Duration phase_, spacing_;
  Instant zero_, due_ = Instant::never();
  uint64_t index_ = 0;       // of the frame being sent
  uint32_t part_ = 0;        // next packet of it
  uint32_t picture_ = 0;     // number of the picture being sent, since its key frame
  uint32_t picture_part_ = 0;  // next packet of it
  bool started_ = false, has_frame_ = false;
  std::vector<Sent> sent_;   // ring of history()
  std::unique_ptr<FrameSeal> seal_;
  std::unique_ptr<std::vector<const VideoClip*>> ladder_;
  size_t newest_ = 0;        // place of the frame being sent
};

}  // namespace tacoma
