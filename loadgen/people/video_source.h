// One named source of video that a person sends: its encodings, and which of their layers go out.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/rtp/rtcp.h"
#include "core/signal/media_description.h"
#include "loadgen/people/layer_choice.h"
#include "loadgen/people/video_track.h"
#include "loadgen/plan/result_sink.h"

namespace tacoma {

/// The encodings of a source, small to large; of a model all null.
using EncodedClips = std::vector<std::shared_ptr<const VideoClip>>;

class VideoSource {
 public:
  static constexpr Duration kKeyFrameSpacing = Duration::milliseconds(300);

  /// One RTP stream with its partner for retransmissions.
  struct Stream {
    Stream(const VideoFormat& format, const VideoClip* clip, Rng& rng) : track(format, clip, rng) {}
    VideoTrack track;
    Ssrc ssrc, rtx;
    uint16_t rtx_sequence = 0;
    uint32_t packets = 0;     // for sender reports
    uint64_t bytes = 0;
    bool on = false;
    std::optional<uint16_t> newest;  // sequence number that has left
    Instant key_frame_allowed;
  };

  /// `clips` hold what the format says and outlive the source. `media`: video, or screen.
  VideoSource(Media media, const VideoFormat& format, const EncodedClips& clips, Rng tracks, Rng& ids);

  /// All streams share one capture clock, which starts now.
  void start(Instant now);
  bool started() const { return started_; }
  /// After a pause: the clock has gone on, and nobody has the frames before.
  void resume(Instant now);
  /// Shared or not; a camera always is. Nothing is sent of what is not.
  void set_shared(Instant now, bool shared);
  bool shared() const { return shared_; }

  /// SenderSourceConstraints: lines that somebody wants; -1 any, 0 none.
  void set_max_height(int32_t height) { max_height_ = height; }
  int32_t max_height() const { return max_height_; }
  /// What would be sent if there were no limit.
  DataRate wanted() const { return shared_ ? wanted_rate(format_, max_height_) : DataRate::zero(); }
  /// Turns layers on and off for a budget; one that comes on begins with a key frame.
  void set_budget(Instant now, DataRate budget);

  Instant due() const;
  void skip_to(Instant now, Duration behind);
  Stream* find(Ssrc ssrc);
  void request_key_frame(Instant now, Stream& stream);

  /// For signalling, with groups.
  void describe(std::string_view endpoint, jingle::MediaSources& out) const;

  std::vector<Stream> streams;
  SendSample sample;                   // of this interval
  Media media() const { return media_; }
  const VideoFormat& format() const { return format_; }
  /// Lines of the largest encoding that is on; 0: none.
  uint32_t sent_height() const;

 private:
  Media media_;
  VideoFormat format_;
  SourceChoice choice_;
  int32_t max_height_ = -1;
  bool started_ = false, shared_ = true;
};

}  // namespace tacoma
