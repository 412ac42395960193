// Decoders for the sampled few participants that decode for real.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/bytes.h"
#include "loadgen/media/test_picture.h"
#include "loadgen/plan/plan.h"

namespace tacoma {

/// VP8 or VP9 by libvpx, one stream. After a lost frame its user waits for a key frame: libvpx would show the damage.
class VideoDecoder {
 public:
  explicit VideoDecoder(VideoCodec codec = VideoCodec::vp8);
  ~VideoDecoder();
  VideoDecoder(const VideoDecoder&) = delete;
  VideoDecoder& operator=(const VideoDecoder&) = delete;
  /// Decodes one whole frame; of VP9 with spatial layers those of one picture, of which the highest is shown. The picture is valid until the next call; nullptr when the frame is damaged or shows
  /// nothing.
  const Picture* decode(BytesView frame);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Opus by libopus, 48 kHz mono, one stream.
class AudioDecoder {
 public:
  AudioDecoder();
  ~AudioDecoder();
  AudioDecoder(const AudioDecoder&) = delete;
  AudioDecoder& operator=(const AudioDecoder&) = delete;
  /// Decodes one packet into samples (16 bit); empty when it is damaged. Valid until the next call.
  Span<const int16_t> decode(BytesView packet);
  /// 20 ms for a packet that did not come: concealed, or rebuilt from the in-band FEC of the packet after it when that
  /// is given.
  Span<const int16_t> conceal(BytesView next_packet = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tacoma
