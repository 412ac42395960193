// All processes of a run: the stanza router, the focus, the bridges and the people of a Plan, on the hosts of a World. Of a run at a
// deployment, the people alone.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bridge/engine/bridge.h"
#include "core/base/result.h"
#include "core/base/world.h"
#include "focus/engine/focus.h"
#include "loadgen/media/clip_library.h"
#include "loadgen/people/direct_peer.h"
#include "loadgen/people/participant.h"
#include "loadgen/people/video_source.h"
#include "loadgen/plan/plan.h"
#include "loadgen/plan/result_sink.h"
#include "loadgen/traffic/traffic_process.h"
#include "sim/router/stanza_router.h"

namespace tacoma {

/// Passes everything on and counts who has joined and what arrived, for the progress line.
class TallySink final : public ResultSink {
 public:
  TallySink(ResultSink& next, size_t people) : next_(next), has_media_(people) {}
  std::optional<uint32_t> guest(uint32_t conference, std::string_view endpoint_id) override { return next_.guest(conference, endpoint_id); }
  void join_step(uint32_t person, JoinStep step, Instant at) override;
  void received(Instant at, const ReceiveSample& sample) override;
  void sent(Instant at, const SendSample& sample) override { next_.sent(at, sample); }
  void rates(Instant at, const RateSample& sample) override { next_.rates(at, sample); }
  void decoded(Instant at, const DecodedFrame& frame) override { next_.decoded(at, frame); }
  void bridge(Instant at, const BridgeSample& sample) override { next_.bridge(at, sample); }
  void event(Instant at, std::string_view kind, std::string_view subject,
      std::string_view text) override { next_.event(at, kind, subject, text); }
  void delays(uint32_t person, Media media, bool frames, const Histogram& histogram) override { next_.delays(person, media,
      frames, histogram); }
  void drops(std::string_view subject, const DropCounts& counts) override { next_.drops(subject, counts); }

  uint32_t joined() const { return joined_.load(std::memory_order_relaxed); }
  uint64_t packets() const { return packets_.load(std::memory_order_relaxed); }

 private:
  ResultSink& next_;
  std::vector<std::atomic<bool>> has_media_;
  std::atomic<uint32_t> joined_{0};
  std::atomic<uint64_t> packets_{0};
};

/// The clips of everybody who sends, by person; empty pointers for those who do not.
struct Clips {
  std::vector<std::shared_ptr<const SpeechClip>> speech;
  std::vector<EncodedClips> video, screen;
};
/// Making them takes long: `stop`, where given, is asked before each person, and true leaves the rest empty.
Result<Clips> load_clips(const Plan& plan, ClipLibrary& library, const std::function<bool()>& stop = {});

class Cast {
 public:
  /// Attaches everybody to the world. Plan, world and results must outlive the cast, and the world must be destroyed first.
  Cast(const Plan& plan, const Clips& clips, World& world, ResultSink& results);

  /// A process dies or comes back with no memory. What a dying bridge counted is kept for the end.
  void apply(const ProcessChange& change);
  /// Samples all bridges that are up.
  void sample(Instant at);
  /// What each flow has done since the last call.
  std::vector<FlowSample> sample_flows();
  /// The end: everybody writes what is left; drops of all; the bridges' audits. At a deployment, everybody leaves first, which takes
  /// a moment. Once, last.
  void finish();
  /// What broke the laws of forwarding, as sentences; complete after finish().
  const std::vector<std::string>& conservation_problems() const { return problems_; }

 private:
  const FrameCipher::Material* key_of(const PersonPlan& person);
  std::unique_ptr<Bridge> make_bridge(size_t index);
  void retire_bridge(size_t index);
  void add_servers();
  void add_person(size_t index, const Clips& clips);
  void introduce_pairs();
  void add_flow(const FlowPlan& flow);

  const Plan& plan_;
  World& world_;
  ResultSink& results_;
  const Rng rng_;
  std::unique_ptr<StanzaRouter> router_;             // this and the focus: null at a deployment
  std::unique_ptr<Focus> focus_;
  std::vector<std::unique_ptr<Bridge>> bridges_;     // null while down
  std::vector<std::unique_ptr<Bridge>> dead_;        // until the world is gone; as many as the plan lets die
  std::vector<uint32_t> bridge_lives_;               // how often each was started
  std::vector<std::pair<HostId, std::unique_ptr<TrafficProcess>>> traffic_[2];  // both ends of each flow; null where the world sends it
  std::map<std::pair<uint32_t, uint16_t>, FrameCipher::Material> keys_;  // of conferences, by their number and that of the password
  std::vector<BridgeStatsNow> past_;                 // of each bridge's earlier lives
  std::vector<std::unique_ptr<Participant>> people_;  // null where the conference is direct:
  std::vector<std::unique_ptr<DirectPeer>> direct_;   // then this is not
  std::vector<std::string> problems_;
};

}  // namespace tacoma
