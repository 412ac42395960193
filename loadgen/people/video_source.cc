#include "loadgen/people/video_source.h"

#include <algorithm>

namespace tacoma {

VideoSource::VideoSource(Media media, const VideoFormat& format, const EncodedClips& clips, Rng tracks, Rng& ids)
    : media_(media), format_(format), shared_(media != Media::screen) {
  TACOMA_ASSERT(clips.size() == format.clips());
  streams.reserve(format.encodings);
  for (uint32_t i = 0; i < format.encodings; ++i) {
    TACOMA_ASSERT((clips[i] == nullptr) == (format.content == VideoContent::model));
    streams.emplace_back(format.encoding(i), clips[i + format.ladder - 1u].get(), tracks);
    Stream& stream = streams.back();
    if (format.ladder > 1) stream.track.set_ladder(clips);
    stream.ssrc = Ssrc(ids.u32() | 1);  // zero means "none" in signalling
    stream.rtx = Ssrc(ids.u32() | 1);
    stream.rtx_sequence = static_cast<uint16_t>(ids.below(0x8000));
  }
  sample.media = media;
}

void VideoSource::start(Instant now) {
  started_ = true;
  const Instant zero = now + streams.front().track.phase();
  for (Stream& stream : streams) stream.track.start(zero);
}

void VideoSource::resume(Instant now) {
  for (Stream& stream : streams) {
    stream.track.skip_to(now, Duration::zero());
    stream.track.request_key_frame();
  }
}

void VideoSource::set_shared(Instant now, bool shared) {
  if (shared == shared_) return;
  shared_ = shared;
  for (Stream& stream : streams) stream.on = false;
  choice_ = SourceChoice();
  if (shared && started_) resume(now);
}

void VideoSource::set_budget(Instant now, DataRate budget) {
  choice_ = shared_ ? choose_layers(format_, max_height_, budget, choice_) : SourceChoice();
  for (size_t i = 0; i < streams.size(); ++i) {
    Stream& stream = streams[i];
    const EncodingChoice& chosen = choice_[i];
    if (chosen.on && !stream.on && started_) {
      stream.track.skip_to(now, Duration::zero());
      stream.track.request_key_frame();
    }
    stream.on = chosen.on;
    if (chosen.on) stream.track.set_layers(chosen.temporal, chosen.rate, chosen.spatial);
  }
}

Instant VideoSource::due() const {
  Instant due = Instant::never();
  for (const Stream& stream : streams)
    if (stream.on) due = std::min(due, stream.track.due());
  return due;
}

void VideoSource::skip_to(Instant now, Duration behind) {
  for (Stream& stream : streams)
    if (stream.on) stream.track.skip_to(now, behind);
}

VideoSource::Stream* VideoSource::find(Ssrc ssrc) {
  for (Stream& stream : streams)
    if (stream.ssrc == ssrc) return &stream;
  return nullptr;
}

void VideoSource::request_key_frame(Instant now, Stream& stream) {
  if (now < stream.key_frame_allowed) return;
  stream.key_frame_allowed = now + kKeyFrameSpacing;
  stream.track.request_key_frame();
}

void VideoSource::describe(std::string_view endpoint, jingle::MediaSources& out) const {
  const unsigned index = media_ == Media::screen ? 1 : 0;
  const std::string id(endpoint), name = jingle::source_name(endpoint, jingle::Media::video, index);
  const std::string number = std::to_string(index);
  const std::string msid = id + "-video-" + number + "-1 " + id + "-v-track-" + std::to_string(index + 1);
  const jingle::VideoType type = media_ == Media::screen ? jingle::VideoType::desktop : jingle::VideoType::camera;
  jingle::SourceGroup simulcast{jingle::GroupSemantics::sim, {}};
  for (const Stream& stream : streams) {
    out.sources.push_back({stream.ssrc, name, id, msid, type});
    out.sources.push_back({stream.rtx, name, id, msid, type});
    simulcast.ssrcs.push_back(stream.ssrc);
  }
  if (streams.size() > 1) out.groups.push_back(simulcast);
  for (const Stream& stream : streams) out.groups.push_back({jingle::GroupSemantics::fid, {stream.ssrc, stream.rtx}});
}

uint32_t VideoSource::sent_height() const {
  for (size_t i = streams.size(); i-- > 0;)
    if (streams[i].on) return streams[i].track.format().height >> (format_.spatial_layers > 1 ? format_.spatial_layers - 1 - choice_[i].spatial : 0);
  return 0;
}

}  // namespace tacoma
