// What a person receives: every source of the room, measured, repaired and reported on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/drop.h"
#include "core/base/flat_map.h"
#include "core/base/process.h"
#include "core/rtp/extensions.h"
#include "core/rtp/ccfb_recorder.h"
#include "core/rtp/twcc_recorder.h"
#include "loadgen/people/audio_receiver.h"
#include "loadgen/people/rtcp_batch.h"
#include "loadgen/people/video_receiver.h"
#include "loadgen/people/viewer.h"
#include "loadgen/plan/plan.h"

namespace tacoma {

struct ReceiveFormats {
  uint8_t opus = 111, vp8 = 100, rtx = 96, vp9 = 101, rtx_of_vp9 = 97;
  std::optional<uint8_t> red;                 // redundant audio; nullopt: not negotiated
  uint8_t audio_level = 1, transport_cc = 5;  // header extension ids
  bool ccfb = false;                          // we report by RFC 8888, and not by transport-wide feedback
};

/// Lives as long as its participant: measurements go on when the bridge changes.
class MediaReceiver {
 public:
  static constexpr size_t kMostSources = 4096;                      // others' audio and video
  static constexpr Duration kReportInterval = Duration::seconds(1); // RR for every source

  /// The plan and the sink must outlive it.
  MediaReceiver(uint32_t person, const Plan& plan, ResultSink& results);
  ~MediaReceiver();

  /// Everything that comes is encrypted end to end, with this key; before the first source. The cipher outlives the receiver.
  void decrypt(FrameCipher& cipher) { cipher_ = &cipher; }

  /// Signalling told of a source. `owner` is its endpoint id; one that the plan does not know is a guest: its clock is not
  /// the run's, and it is written to the results if they take it. `rtx`: zero without. A source that is known already stays as it is.
  /// `name`: of the source, "ab12cd34-v0".
  void add_source(std::string_view owner, Media media, Ssrc ssrc, Ssrc rtx, std::string_view name = {});
  /// Presence tells whether a guest encrypts end to end. Without our key what it sends is neither heard nor seen from now on. Returns what
  /// there is to say of that, behind its name; null: it is not a guest.
  const char* set_encrypted(std::string_view guest, bool encrypted);
  /// It ended: its last interval is written.
  void remove_source(Instant now, Ssrc ssrc);
  size_t sources() const { return remotes_.size(); }
  std::vector<Ssrc> ssrcs() const;  // in order of appearance

  /// A path is up: all numbering begins anew.
  void start(Instant now, const ReceiveFormats& formats);
  void stop() { running_ = false; }

  /// An opened RTP packet.
  void rtp(Instant now, Datagram& datagram);
  void sender_report(Ssrc ssrc, const SenderInfo& info, Instant arrived);

  /// The names of the video sources that the bridge sends now.
  void set_forwarded(Instant now, const std::vector<std::string>& names);
  /// What is asked for of each video source, for the results.
  void set_wanted(const Viewer& viewer);
  /// Of others' video: how many are asked for, and how many the bridge sends.
  uint32_t wanted() const;
  uint32_t forwarded() const;

  Instant next_due() const;
  /// Appends all RTCP that is due. `source`: our own SSRC.
  void write_due(Instant now, Duration round_trip, Ssrc source, RtcpBatch& rtcp);

  /// One row a source.
  void sample(Instant at);
  /// Whole-run distributions.
  void write_delays();

  struct Totals {
    uint64_t packets = 0, repaired = 0, frames_rendered = 0, nacks = 0, plis = 0;
    uint64_t frames_decoded = 0, frames_damaged = 0;
    AudioDecoded audio;
  };
  Totals totals() const;
  const DropCounts& drops() const { return drops_; }

 private:
  struct Remote {
    Ssrc ssrc, rtx;
    uint32_t person = 0;    // or guest; kUnknown: not recorded
    Media media = Media::audio;
    bool forwarded = true;
    bool encrypted = false; // end to end
    int32_t wanted = -1;    // lines
    std::string name;
    std::unique_ptr<AudioReceiver> audio;  // one of the two
    std::unique_ptr<VideoReceiver> video;
  };
  struct Route {
    uint32_t remote = 0;
    bool is_rtx = false;
  };
  static constexpr uint32_t kUnknown = 0xffffffff;
  void route(uint32_t index);
  void on_audio(Datagram& datagram, const RtpView& view, Remote& remote);
  void on_video(Instant now, Datagram& datagram, const RtpView& view, Remote& remote, bool is_rtx);
  void write_repairs(Instant now, Duration round_trip, Ssrc source, RtcpBatch& rtcp);
  void write_reports(Instant now, Ssrc source, RtcpBatch& rtcp);
  void sample(Instant at, Remote& remote);
  void count(Totals& totals, const Remote& remote) const;

  uint32_t person_;
  const Plan* plan_;
  ResultSink* results_;
  FrameCipher* cipher_ = nullptr;
  /// Of another origin than the plan: what is known of how it sends.
  struct Guest {
    std::string endpoint;
    bool encrypted = false;
    std::vector<Ssrc> ssrcs;
  };
  Guest* guest(std::string_view endpoint);
  std::vector<Guest> guests_;    // at most kMostSources
  ReceiveFormats formats_;
  std::vector<Remote> remotes_;  // in order of appearance
  FlatMap<Ssrc, Route> routes_;
  TwccRecorder transport_;
  std::unique_ptr<CcfbRecorder> arrivals_;  // in its place, where that was agreed
  std::vector<uint16_t> ask_;    // scratch
  std::vector<ReportBlock> blocks_;
  Instant repair_due_ = Instant::never(), report_due_ = Instant::never();
  Instant sampled_;
  Ssrc any_source_;              // of the newest packet: named as media source of transport feedback
  Histogram audio_delays_;
  VideoReceiver::Delays video_delays_;
  Totals gone_;                  // of sources that ended; and packets, nacks and plis of all
  bool running_ = false, has_run_ = false, heard_ = false, seen_ = false;
  DropCounts drops_;
};

}  // namespace tacoma
