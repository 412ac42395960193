#include <cmath>
#include <cstdio>

#include "loadgen/plan/metrics.h"

namespace tacoma {

const std::vector<MetricKind>& metric_kinds() {
  static const std::vector<MetricKind> kAll = {
      {"join_time", "s", true, "planned join until audio and video of somebody else"},
      {"join_conference_request", "s", true, "start until the focus's answer"},
      {"join_muc", "s", true, "focus's answer until in the room"},
      {"join_jingle", "s", true, "in the room until invited"},
      {"join_ice", "s", true, "invited until a path is validated"},
      {"join_dtls", "s", true, "path until keys"},
      {"join_first_audio", "s", true, "keys until the first audio packet"},
      {"join_first_video", "s", true, "keys until the first whole picture"},
      {"joined", "ratio", false, "people who got media over people who should have"},
      {"delay.audio", "s", true, "capture to arrival, each packet"},
      {"delay.video", "s", true, "capture to arrival, each packet"},
      {"delay.frame", "s", true, "capture to complete frame, each frame"},
      {"jitter.audio", "s", true, "RFC 3550, per person"},
      {"jitter.video", "s", true, "RFC 3550, per person"},
      {"loss.audio", "ratio", true, "before repair, per person"},
      {"loss.video", "ratio", true, "before repair, per person"},
      {"loss_after.audio", "ratio", true, "after repair, per person"},
      {"loss_after.video", "ratio", true, "after repair, per person"},
      {"repaired.rtx", "ratio", true, "of the video packets lost, those that came again in time, per person"},
      {"repaired.red", "ratio", true, "of the audio packets lost, those whose copy came in time (RFC 2198), per person"},
      {"repaired.fec", "ratio", true, "of the audio packets lost, the estimated share that Opus's own FEC makes good, per person"},
      {"freeze_ratio", "ratio", true, "time frozen over time watched, per person"},
      {"freezes", "1", true, "freezes per person and minute"},
      {"longest_freeze", "s", true, "the longest that one picture stood in a freeze, per person; 0: none did"},
      {"fps", "1/s", true, "frames rendered per source and second, per person"},
      {"receive_rate", "bit/s", true, "per person, while in the room"},
      {"send_rate", "bit/s", true, "per person, while in the room"},
      {"audio_mos", "MOS", true, "E-model estimate, per person"},
      {"psnr", "dB", true, "decoded against drawn, per sampled person"},
      {"utilisation", "ratio", true, "of the fair shares together, once converged, per phase"},
      {"converged", "s", true, "from the beginning of a phase until the fair shares are used, per phase"},
      {"share", "ratio", true, "of its fair share once converged, per person and phase"},
      {"fairness", "1", true, "largest to smallest of those with equal fair shares, per window of 5 s"},
      {"worst_rate", "bit/s", true, "smallest mean of a window of 5 s, per person"},
      {"recovery", "s", true, "from the end of a fair share that was smaller until the rate before is back, per person and such phase"},
      {"queue_delay", "s", true, "longest wait in the queue of a site's link, per sample"},
      {"queue_loss", "ratio", false, "what the queues of sites dropped of what they were offered"},
      {"flow_rate", "bit/s", true, "what arrived, per flow of traffic"},
      {"flow_loss", "ratio", true, "what TCP sent again of all it sent, per flow"},
      {"video_quality", "MOS", true, "estimate from lines, frames and rate, per person"},
      {"lines", "1", true, "lines of the videos that are shown, mean, per person"},
      {"as_asked", "ratio", true, "time with as many lines as were asked for or exist, per person"},
      {"forwarded", "ratio", true, "time that the bridge sends a video that was asked for, per person"},
      {"layer_switches", "1", true, "changes of a video's lines per person and minute"},
      {"estimate", "bit/s", true, "downlink as the bridge told, mean, per person"},
      {"target", "bit/s", true, "of the sender's congestion controller, mean, per person"},
      {"link_recovery", "s", true, "after a person's own link came back until the 5 s median of video did, per person"},
      {"undecryptable", "1", false, "media frames that receivers had no key for, where anybody encrypts"},
      {"throughput", "bit/s", false, "all received by all people, over the length"},
      {"packets", "1", false, "media packets received by all people"},
  };
  return kAll;
}

const std::vector<std::string>& metric_endings() {
  static const std::vector<std::string> kAll = {"p5", "p50", "p95", "p99", "min", "max", "mean"};
  return kAll;
}

const MetricKind* find_metric(std::string_view full_name) {
  for (const MetricKind& kind : metric_kinds()) {
    const std::string_view base = kind.name;
    if (!kind.has_distribution) {
      if (full_name == base) return &kind;
      continue;
    }
    if (full_name.size() <= base.size() + 1 || full_name.substr(0, base.size()) != base || full_name[base.size()] != '.') continue;
    for (const std::string& ending : metric_endings())
      if (full_name.substr(base.size() + 1) == ending) return &kind;
  }
  return nullptr;
}

std::string format_value(double value, std::string_view unit) {
  char text[64];
  const double size = std::fabs(value);
  if (unit == "s") {
    if (size >= 1 || size == 0) std::snprintf(text, sizeof text, "%.2f s", value);
    else std::snprintf(text, sizeof text, "%.1f ms", value * 1e3);
  } else if (unit == "ratio") {
    std::snprintf(text, sizeof text, size != 0 && size < 0.001 ? "%.3f %%" : "%.1f %%", value * 100);
  } else if (unit == "bit/s") {
    if (size >= 1e9) std::snprintf(text, sizeof text, "%.2f Gbit/s", value / 1e9);
    else if (size >= 1e6) std::snprintf(text, sizeof text, "%.2f Mbit/s", value / 1e6);
    else std::snprintf(text, sizeof text, "%.1f kbit/s", value / 1e3);
  } else if (unit == "1") {
    std::snprintf(text, sizeof text, value == std::floor(value) ? "%.0f" : "%.2f", value);
  } else if (unit == "1/s") {
    std::snprintf(text, sizeof text, "%.1f /s", value);
  } else {
    std::snprintf(text, sizeof text, "%.2f %.*s", value, static_cast<int>(unit.size()), unit.data());
  }
  return text;
}

}  // namespace tacoma
