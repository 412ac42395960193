#include "loadgen/app/cast.h"

#include <algorithm>
#include <map>

#include "loadgen/traffic/cbr.h"
#include "loadgen/traffic/tcp_receiver.h"
#include "loadgen/traffic/tcp_sender.h"

namespace tacoma {
namespace {
// Runs in virtual time repeat byte for byte. In the sockets world time differs, but its packets stay on loopback, so keys that
// follow from the seed give nothing away there, and one cast serves all worlds.
constexpr SecureRandomness kRandomness = SecureRandomness::seeded;

/// What people open their bridge channel with, and what the bridge's host listens to.
std::string channel_url_prefix(const BridgePlan& bridge) { return "wss://" + bridge.name + ".bridge"; }

/// For session-terminate and leave to be on their way before the connections are cut.
constexpr Duration kLeaving = Duration::milliseconds(700);
}  // namespace

void TallySink::join_step(uint32_t person, JoinStep step, Instant at) {
  next_.join_step(person, step, at);
  const bool is_media = step == JoinStep::first_audio || step == JoinStep::first_video;
  if (is_media && !has_media_[person].exchange(true)) joined_.fetch_add(1, std::memory_order_relaxed);
}

void TallySink::received(Instant at, const ReceiveSample& sample) {
  next_.received(at, sample);
  packets_.fetch_add(sample.packets, std::memory_order_relaxed);
}

Result<Clips> load_clips(const Plan& plan, ClipLibrary& library, const std::function<bool()>& stop) {
  Clips clips;
  clips.speech.resize(plan.people.size());
  clips.video.resize(plan.people.size());
  std::map<int64_t, std::shared_ptr<const SpeechClip>> constants;  // by rate
  clips.screen.resize(plan.people.size());
  const auto encode = [&library](const PersonPlan& person, const VideoFormat& format, EncodedClips& out) -> Result<void> {
    out.resize(format.clips());
    for (uint32_t e = 0; e < format.clips() && format.content == VideoContent::clip; ++e) {
      auto video = library.video(person.clip, format.ladder > 1 ? format.rung(e) : format.encoding(e));
      if (!video) return fail(person.name + ": " + video.error());
      out[e] = *std::move(video);
    }
    return {};
  };
  for (size_t i = 0; i < plan.people.size(); ++i) {
    if (stop && stop()) break;
    const PersonPlan& person = plan.people[i];
    if (person.audio_rate) {
      auto& constant = constants[person.audio_rate->bps()];
      if (!constant) constant = std::make_shared<const SpeechClip>(constant_audio(*person.audio_rate));
      clips.speech[i] = constant;
    } else if (person.sends_audio) {
      auto speech = library.speech(person.clip);
      if (!speech) return fail(person.name + ": " + speech.error());
      clips.speech[i] = *std::move(speech);
    }
    if (person.sends_video)
      if (const auto made = encode(person, person.video, clips.video[i]); !made) return fail(made.error());
    if (person.screen)
      if (const auto made = encode(person, *person.screen, clips.screen[i]); !made) return fail(made.error());
  }
  return clips;
}

Cast::Cast(const Plan& plan, const Clips& clips, World& world, ResultSink& results)
    : plan_(plan), world_(world), results_(results), rng_(Rng(plan.seed).split("cast")) {
  if (!plan.deployment) add_servers();
  for (size_t i = 0; i < plan.people.size(); ++i) add_person(i, clips);
  introduce_pairs();
  for (const FlowPlan& flow : plan.network.flows) add_flow(flow);
}

void Cast::add_servers() {
  const Plan& plan = plan_;
  // The plan is known and bounded, so the servers' limits give way to it: a run measures the network, not our own refusals.
  size_t largest = 0;
  for (const ConferencePlan& conference : plan.conferences) largest = std::max(largest, conference.people.size());
  RouterConfig router = RouterConfig::embedded(rng_.split("router"));
  router.limits.streams = std::max(router.limits.streams, 2 * plan.people.size() + 4 * plan.bridges.size() + 10);
  router.limits.rooms = std::max(router.limits.rooms, plan.conferences.size() + 10);
  router.limits.rooms_per_stream = std::max(router.limits.rooms_per_stream, plan.conferences.size() + 10);
  router.limits.occupants_per_room = std::max(router.limits.occupants_per_room, largest + plan.bridges.size() + 10);
  router_ = std::make_unique<StanzaRouter>(std::move(router));
  world_.attach(plan.router_host, router_.get());
  world_.listen(plan.router_host, std::string(deployment::kClientService));
  world_.listen(plan.router_host, std::string(deployment::kComponentService));

  FocusConfig focus = FocusConfig::embedded(rng_.split("focus"));
  focus.limits.conferences = std::max(focus.limits.conferences, plan.conferences.size() + 10);
  focus.limits.members_per_conference = std::max(focus.limits.members_per_conference, largest + 10);
  focus.limits.bridges = std::max(focus.limits.bridges, plan.bridges.size());
  // Bridges do not relay to each other, so a conference has to fit on one.
  focus.max_participants_per_bridge = std::max(focus.max_participants_per_bridge, largest);
  focus_ = std::make_unique<Focus>(std::move(focus));
  world_.attach(plan.focus_host, focus_.get());

  bridge_lives_.resize(plan.bridges.size());
  past_.resize(plan.bridges.size());
  for (size_t i = 0; i < plan.bridges.size(); ++i) {
    bridges_.push_back(make_bridge(i));
    world_.attach(plan.bridges[i].host, bridges_[i].get());
    world_.listen(plan.bridges[i].host, channel_url_prefix(plan.bridges[i]));
  }
}

void Cast::add_flow(const FlowPlan& flow) {
  std::unique_ptr<TrafficProcess> ends[2];
  const SocketAddress to = world_.address(flow.to, plan_.network.hosts[flow.from.value()].family);
  if (flow.kind == FlowPlan::Kind::udp) {
    ends[0] = std::make_unique<CbrSender>(flow, to);
    ends[1] = std::make_unique<CbrReceiver>();
  } else if (!world_.has_own_tcp()) {
    ends[0] = std::make_unique<TcpSender>(flow, to);
    ends[1] = std::make_unique<TcpReceiver>();
  }
  for (const int end : {1, 0}) {
    if (ends[end]) world_.attach(end == 0 ? flow.from : flow.to, ends[end].get());
    traffic_[end].push_back({end == 0 ? flow.from : flow.to, std::move(ends[end])});
  }
}

std::vector<FlowSample> Cast::sample_flows() {
  std::vector<FlowSample> samples;
  if (world_.has_own_tcp()) world_.sample_flows(samples);
  for (uint32_t i = 0; i < traffic_[0].size(); ++i) {
    if (!traffic_[0][i].second) continue;
    FlowSample sample;
    sample.flow = i;
    for (const auto& ends : traffic_)
      world_.inspect(ends[i].first, [&](Process& process, Instant, Outbox&) { static_cast<TrafficProcess&>(process).take_sample(sample); });
    samples.push_back(sample);
  }
  return samples;
}

std::unique_ptr<Bridge> Cast::make_bridge(size_t index) {
  const BridgePlan& bridge = plan_.bridges[index];
  BridgeConfig config;
  config.name = bridge.name;
  config.region = bridge.region;
  config.candidates = {world_.address(bridge.host, plan_.network.hosts[bridge.host.value()].family)};
  config.channel_url_prefix = channel_url_prefix(bridge);
  config.crypto = plan_.crypto;
  config.randomness = kRandomness;
  config.congestion.controller = plan_.congestion;
  config.rng = rng_.split("bridge").split(bridge.name, bridge_lives_[index]++);
  config.limits.endpoints = std::max(config.limits.endpoints, 2 * plan_.people.size());
  config.limits.conferences = std::max(config.limits.conferences, 2 * plan_.conferences.size());
  return std::make_unique<Bridge>(std::move(config));
}

// Once for all who share it: that takes a while.
const FrameCipher::Material* Cast::key_of(const PersonPlan& person) {
  if (person.key == PersonPlan::kNoKey) return nullptr;
  const std::pair<uint32_t, uint16_t> which{person.conference, person.key};
  const auto known = keys_.find(which);
  if (known != keys_.end()) return &known->second;
  const ConferencePlan& conference = plan_.conferences[person.conference];
  const auto material = FrameCipher::material_of_password(conference.passwords[person.key], conference.room);
  TACOMA_ASSERT(material);
  return &keys_.emplace(which, *material).first->second;
}

void Cast::add_person(size_t index, const Clips& clips) {
  const PersonPlan& person = plan_.people[index];
  ParticipantConfig config;
  config.index = static_cast<uint32_t>(index);
  config.plan = &plan_;
  config.address = world_.address(person.host, plan_.network.hosts[person.host.value()].family);
  config.speech = clips.speech[index];
  config.video = clips.video[index];
  config.screen = clips.screen[index];
  config.key = key_of(person);
  config.results = &results_;
  config.rng = Rng(person.seed);
  config.randomness = plan_.deployment ? SecureRandomness::system : kRandomness;  // out there, keys are for keeping
  const ConferencePlan& conference = plan_.conferences[person.conference];
  people_.push_back(nullptr);
  direct_.push_back(nullptr);
  if (conference.direct) direct_.back() = std::make_unique<DirectPeer>(std::move(config), conference.people[0] == index);
  else people_.back() = std::make_unique<Participant>(std::move(config));
  world_.attach(person.host, conference.direct ? static_cast<Process*>(direct_.back().get()) : people_.back().get());
}

// Each half of a direct conference learns of the other what signalling would have told.
void Cast::introduce_pairs() {
  for (const ConferencePlan& conference : plan_.conferences) {
    if (!conference.direct) continue;
    for (const int i : {0, 1}) direct_[conference.people[i]]->set_other(direct_[conference.people[1 - i]]->describe());
  }
}

void Cast::retire_bridge(size_t index) {
  if (!bridges_[index]) return;
  world_.inspect(plan_.bridges[index].host, [&](Process& process, Instant, Outbox&) {
    const Bridge& bridge = static_cast<Bridge&>(process);
    const BridgeStatsNow stats = bridge.stats();
    past_[index].counts += stats.counts;
    for (const std::string& violation : bridge.audit().violations) problems_.push_back(plan_.bridges[index].name + ": " +
        violation);
  });
}

void Cast::apply(const ProcessChange& change) {
  for (size_t i = 0; i < plan_.bridges.size(); ++i) {
    if (plan_.bridges[i].host != change.host) continue;
    retire_bridge(i);
    std::unique_ptr<Bridge> next = change.up ? make_bridge(i) : nullptr;
    world_.attach(change.host, next.get());
    // Its packets belong to the pool of the thread that ran it, so it must not be destroyed here while that thread goes on.
    if (bridges_[i]) dead_.push_back(std::move(bridges_[i]));
    bridges_[i] = std::move(next);
  }
}

void Cast::sample(Instant at) {
  for (size_t i = 0; i < bridges_.size(); ++i) {
    BridgeSample sample;
    sample.bridge = static_cast<uint32_t>(i);
    BridgeStatsNow now;
    if (bridges_[i])
      world_.inspect(plan_.bridges[i].host, [&now](Process& process, Instant,
          Outbox&) { now = static_cast<Bridge&>(process).stats(); });
    BridgeCounts counts = past_[i].counts;
    counts += now.counts;
    sample.endpoints = now.endpoints;
    sample.packets_in = counts.packets_in;
    sample.bytes_in = counts.bytes_in;
    sample.packets_out = counts.packets_out;
    sample.bytes_out = counts.bytes_out;
    sample.retransmitted = counts.retransmitted;
    sample.nacks_in = counts.nacks_in;
    sample.nacks_out = counts.nacks_out;
    sample.plis_in = counts.plis_in;
    sample.plis_out = counts.plis_out;
    results_.bridge(at, sample);
  }
}

void Cast::finish() {
  if (plan_.deployment) {
    for (size_t i = 0; i < people_.size(); ++i)
      world_.inspect(plan_.people[i].host, [this, i](Process&, Instant now, Outbox& out) { people_[i]->leave(now, out); });
    world_.run_until(world_.now() + kLeaving);
  }
  for (size_t i = 0; i < bridges_.size(); ++i) {
    retire_bridge(i);
    results_.drops(plan_.bridges[i].name, past_[i].counts.drops);
  }
  if (focus_) world_.inspect(plan_.focus_host, [this](Process&, Instant, Outbox&) { results_.drops("focus", focus_->stats().drops); });
  if (router_) world_.inspect(plan_.router_host, [this](Process&, Instant, Outbox&) { results_.drops("router", router_->stats().drops); });
  results_.drops("network", world_.stats().drops);
  for (size_t i = 0; i < people_.size(); ++i)
    world_.inspect(plan_.people[i].host, [this, i](Process&, Instant now, Outbox&) { direct_[i] ? direct_[i]->finish(now) : people_[i]->finish(now); });
}

}  // namespace tacoma
