// A conference on this bridge: who is in it, who gets what, who speaks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bridge/engine/endpoint.h"
#include "bridge/engine/stats.h"
#include "core/base/flat_map.h"

namespace tacoma::bridge {

/// What a report is read into. All conferences of a bridge share one.
struct FeedbackScratch {
  std::vector<TransportStatus> statuses;
  std::vector<CcfbStatus> arrivals;
  std::vector<PacketResult> results;
};

class Conference {
 public:
  Conference(std::string meeting_id_, std::string name_, Ssrc feedback_video_, std::string cname_, const CongestionConfig& congestion,
             FeedbackScratch& feedback, Instant now)
      : meeting_id(std::move(meeting_id_)), name(std::move(name_)), feedback_video(feedback_video_), cname(std::move(cname_)), created(now),
        congestion_(congestion), feedback_(feedback) {}

  const std::string meeting_id, name;
  const Ssrc feedback_video;            // sender of the bridge's own RTCP
  const std::string cname;
  const Instant created;
  std::vector<Endpoint*> endpoints;     // in join order
  BridgeCounts counts;
  std::vector<std::string> violations;  // of projections that have ended
  std::string channel_id;               // in the addresses of its channels

  /// An endpoint whose formats are known joins: it gets every source that is there.
  void join(Endpoint& endpoint);
  /// It leaves: its sources and its subscriptions end.
  void leave(Endpoint& endpoint);
  /// Full replacement of an endpoint's sources: those that stay the same keep their state.
  void set_sources(Endpoint& endpoint, const std::vector<SourceDescription>& wanted);
  /// The owner of an SSRC (media or rtx) in this conference, or null.
  Source* find_source(Ssrc ssrc) {
    Source** found = by_ssrc_.find(ssrc);
    return found ? *found : nullptr;
  }

  /// Hops 3 to 5 for a datagram that holds an opened RTP packet.
  void on_rtp(Instant now, Endpoint& from, Datagram& datagram, Outbox& out);
  /// An opened RTCP compound.
  void on_rtcp(Instant now, Endpoint& from, const Datagram& datagram, Outbox& out);
  /// Asks for key frames of everything that `receiver`, whose path has just come up, waits for.
  void on_receiver_ready(Instant now, Endpoint& receiver, Outbox& out);

  // Channels of its endpoints: channel.cc.
  Endpoint* find_endpoint(std::string_view id) const;
  /// The channel of an endpoint has just come up: it is told how things stand, after a ServerHello with `version`, if any.
  void on_channel_open(Instant now, Endpoint& endpoint, std::optional<std::string_view> version, Outbox& out);
  void on_channel_message(Instant now, Endpoint& from, BytesView text, Outbox& out);
  /// Sources may have come or gone: whoever has another view of them now is told.
  void tell_forwarded(Outbox& out);
  /// Endpoints that fell silent, or are heard again, are reported to the others.
  void tell_connectivity(Instant now, Outbox& out);

  // Who gets what: sharing.cc.
  static constexpr Duration kTick = Duration::milliseconds(100);
  /// Every kTick: allocation where it is due, and what follows from it.
  void on_tick(Instant now, Outbox& out);
  /// The clock of a receiver's downlink.
  void on_downlink_deadline(Instant now, Endpoint& receiver, Outbox& out);
  /// The last-n of a loaded bridge; -1: no limit.
  void set_load_last_n(int32_t last_n);
  /// The most video sources that anybody is forwarded.
  size_t most_forwarded() const;

  ConferenceStats stats() const;
  void audit(std::vector<std::string>& violations_out) const;

 private:
  static constexpr size_t kRecentSpeakers = 10;
  void route(Instant now, MediaPacket& packet, Outbox& out);
  void mend(Instant now, MediaPacket& packet, Outbox& out);
  std::optional<Drop> forward(Instant now, MediaPacket& packet, Projection& projection, EgressHeader& header, Outbox& out);
  void fill(Instant now, const MediaPacket& packet, const Projection& projection, const Rewrite& rewrite, Outbox& out);
  void note_level(Instant now, const MediaPacket& packet, Outbox& out);
  void subscribe(Source& source, Endpoint& receiver);
  void end_source(Source& source);
  void end_projection(const Source& source, Projection& projection);
  void note_violation(const Source& source, const Projection& projection, const std::string& why);
  void request_key_frame(Instant now, Source& source, size_t encoding, Duration throttle, Outbox& out);
  void send_report(Instant now, const Source& source, Projection& projection, Outbox& out);

  void on_sender_report(Instant now, Endpoint& from, const SenderReport& report, Outbox& out);
  void on_report_blocks(Instant now, Endpoint& from, const ReportBlocks& blocks);
  void on_nack(Instant now, Endpoint& from, const Nack& nack, Outbox& out);
  Projection* find_projection(Endpoint& receiver, Ssrc ssrc, Source*& source);
  void keep_longer(const Endpoint& receiver);
  void answer_nack(Instant now, Source& source, Projection& projection, uint16_t sequence, Outbox& out);
  bool send_again(Instant now, Source& source, Projection& projection, uint16_t sequence, const Numbering::Origin& origin,
                  const PacketCache::Entry& entry, Cargo cargo, Outbox& out);
  void on_key_frame_request(Instant now, Endpoint& from, Ssrc media, Outbox& out);
  void on_feedback(Instant now, Endpoint& from, const RtcpPacket& packet, Outbox& out);

  void reallocate(Instant now, Endpoint& receiver, Outbox& out);
  void shares_are_void();
  void note_layers(Instant now);
  int32_t last_n_of(const Endpoint& receiver) const;
  void collect(Instant now, Endpoint& receiver);
  void allocate_for(Instant now, Endpoint& receiver);
  void note_possible(DataRate available, bool informed);
  DataRate worth_finding(const Downlink& downlink) const;
  void tell_shares(Instant now, Outbox& out);
  void sum_up(Endpoint& sender);
  void tell_limit(Instant now, Endpoint& sender, Outbox& out);
  void tell_wanted_height(Instant now, Source& source, Outbox& out);
  void tell_statistics(Instant now, Endpoint& endpoint, Outbox& out);
  void note_loudest(Instant now);
  void apply_audio_subscription(Endpoint& receiver);
  void probe(Instant now, Endpoint& receiver, Outbox& out);
  DataSize send_probe_packet(Instant now, Endpoint& receiver, DataSize wish, Outbox& out);
  DataSize repeat_recent(Instant now, Source& source, Projection& projection, Outbox& out);
  void on_transport_feedback(Instant now, Endpoint& from, Outbox& out);
  void on_ccfb(Instant now, Endpoint& from, const CcfbReport& report, Outbox& out);
  void after_feedback(Instant now, Endpoint& from, Outbox& out);
  void on_remb(Instant now, Endpoint& from, const Remb& remb, Outbox& out);

  // Receivers that know the bridge's SSRCs only: source_maps.cc.
  bool lend_ssrc(Instant now, Source& source, Projection& projection);
  void lend_ahead(Instant now, Outbox& out);
  bool has_ssrc_for(const Projection& projection) const;
  void tell_new_maps(Endpoint& receiver, bool video, Outbox& out);
  void take_back_ssrc(const Source& source, Projection& projection);
  void tell_source_maps(Endpoint& receiver, Outbox& out);
  void tell_video_type(const Endpoint& owner, const std::string& source_name, Outbox& out);

  void tell(const channel::Message& message, const Endpoint* except, Outbox& out);
  void on_new_speaker(Instant now, Endpoint& speaker, Outbox& out);
  void tell_speaker(Endpoint* only, Outbox& out);
  void pass_on(Endpoint& from, channel::EndpointMessage message, Outbox& out);
  void pass_on(Endpoint& from, channel::EndpointStats message, Outbox& out);

  FlatMap<Ssrc, Source*> by_ssrc_;
  std::vector<const Endpoint*> recent_speakers_;  // newest first; at most kRecentSpeakers
  Endpoint* dominant_ = nullptr;
  Instant dominant_since_;
  std::vector<Endpoint*> by_floor_;        // all; whoever had the floor last comes first
  uint64_t joins_ = 0;
  const CongestionConfig& congestion_;
  bool shares_moved_ = false;
  bool lacks_ssrcs_ = false;   // somebody is to be shown to a receiver that has no SSRC left, or could not be told
  int32_t load_last_n_ = -1;

  struct Wanted {
    uint32_t rank, order;
    Source* source;
    Projection* projection;
  };
  FeedbackScratch& feedback_;
  std::vector<Wanted> wanted_;  // scratch, this and all below
  std::vector<Candidate> candidates_;
  Shares shares_;
  std::vector<Ssrc> ssrcs_;
  std::vector<Endpoint*> by_loudness_;
};

}  // namespace tacoma::bridge
