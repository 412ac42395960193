#include "focus/engine/member.h"

#include <algorithm>

namespace tacoma::focus {

Features features_of(const DiscoInfo& info) {
  Features features;
  features.audio = info.has(kFeatureAudio);
  features.video = info.has(kFeatureVideo);
  features.sctp = info.has(ns::kSctpMap);
  features.rtx = info.has(kFeatureRtx);
  features.tcc = info.has(kFeatureTcc);
  features.remb = info.has(kFeatureRemb);
  features.json_sources = info.has(kFeatureJsonSources);
  features.ssrc_rewriting = info.has(kFeatureSsrcRewriting);
  features.opus_red = info.has(kFeatureOpusRed);
  features.ccfb = info.has(kFeatureCcfb);
  return features;
}

jingle::MediaFormats offer(jingle::Media media, const Features& features) {
  jingle::MediaFormats formats = media == jingle::Media::video ? jingle::offered_video() : features.opus_red ? jingle::offered_redundant_audio() : jingle::offered_audio();
  if (!features.rtx) std::erase_if(formats.payload_types, [](const jingle::PayloadType& type) { return type.name == "rtx"; });
  if (!features.tcc) {
    std::erase_if(formats.header_extensions, [](const jingle::HeaderExtension& e) { return e.uri == jingle::kExtTransportCc; });
    for (jingle::PayloadType& type : formats.payload_types) {
      const auto removed = std::erase_if(type.feedback, [](const jingle::RtcpFeedback& f) { return f.type == "transport-cc"; });
      if (removed > 0 && features.remb && media == jingle::Media::video) type.feedback.push_back({"goog-remb", ""});
    }
  }
  if (features.ccfb) formats.replace_transport_cc_by_ccfb();
  return formats;
}

bool RestartLimit::accept(Instant now, const FocusTimes& times) {
  std::erase_if(recent_, [&](Instant at) { return now - at >= times.restart_window; });
  if (!recent_.empty() && now - recent_.back() < times.restart_spacing) return false;
  if (recent_.size() >= times.restarts_per_window) return false;
  recent_.push_back(now);
  return true;
}

}  // namespace tacoma::focus
