// A result sink that keeps everything, for tests.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "loadgen/plan/result_sink.h"

namespace tacoma {

struct CollectedResults : ResultSink {
  std::optional<uint32_t> guest(uint32_t, std::string_view) override { return std::nullopt; }
  struct Event {
    Instant at;
    std::string kind, subject, text;
  };
  std::map<std::pair<uint32_t, JoinStep>, Instant> steps;
  std::vector<std::pair<Instant, ReceiveSample>> receive;
  std::vector<std::pair<Instant, SendSample>> send;
  std::vector<std::pair<Instant, RateSample>> rated;
  std::vector<std::pair<Instant, DecodedFrame>> pictures;
  std::vector<Event> events;
  std::map<std::string, DropCounts> dropped;
  std::map<std::tuple<uint32_t, Media, bool>, Histogram> delay;

  void join_step(uint32_t person, JoinStep step, Instant at) override { steps[{person, step}] = at; }
  void received(Instant at, const ReceiveSample& sample) override { receive.emplace_back(at, sample); }
  void sent(Instant at, const SendSample& sample) override { send.emplace_back(at, sample); }
  void rates(Instant at, const RateSample& sample) override { rated.emplace_back(at, sample); }
  void decoded(Instant at, const DecodedFrame& frame) override { pictures.emplace_back(at, frame); }
  void bridge(Instant, const BridgeSample&) override {}
  void event(Instant at, std::string_view kind, std::string_view subject, std::string_view text) override {
    events.push_back({at, std::string(kind), std::string(subject), std::string(text)});
  }
  void delays(uint32_t person, Media media, bool frames, const Histogram& histogram) override {
    delay[{person, media, frames}] = histogram;
  }
  void drops(std::string_view subject, const DropCounts& counts) override { dropped[std::string(subject)] = counts; }

  /// The sum of a person's rows of one medium in (from, to]; the MOS is the least of those that have one, the delays the greatest.
  ReceiveSample sum(uint32_t person, Media media, Instant from = Instant(), Instant to = Instant::never()) const {
    ReceiveSample all;
    for (const auto& [at, row] : receive) {
      if (row.person != person || row.media != media || at <= from || at > to) continue;
      all.packets += row.packets;
      all.bytes += row.bytes;
      all.expected += row.expected;
      all.lost += row.lost;
      all.repaired += row.repaired;
      all.by_red += row.by_red;
      all.by_fec += row.by_fec;
      all.frames_complete += row.frames_complete;
      all.frames_rendered += row.frames_rendered;
      all.freezes += row.freezes;
      all.frozen += row.frozen;
      if (row.delay_max > all.delay_max) all.delay_max = row.delay_max;
      if (row.frame_delay_max > all.frame_delay_max) all.frame_delay_max = row.frame_delay_max;
      if (row.mos > 0 && (all.mos == 0 || row.mos < all.mos)) all.mos = row.mos;
    }
    return all;
  }
  SendSample sum_sent(uint32_t person, Media media) const {
    SendSample all;
    for (const auto& [at, row] : send) {
      if (row.person != person || row.media != media) continue;
      all.packets += row.packets;
      all.bytes += row.bytes;
      all.retransmitted += row.retransmitted;
      all.key_frames += row.key_frames;
      all.frames += row.frames;
    }
    return all;
  }
};

}  // namespace tacoma
