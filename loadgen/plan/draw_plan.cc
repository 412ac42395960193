#include "loadgen/plan/draw_plan.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "core/base/rng.h"
#include "loadgen/plan/draw_flow.h"
#include "loadgen/plan/link_course.h"
#include "loadgen/plan/text_values.h"

namespace tacoma {
namespace {

/// Whom an event means, of one person: its room, its conference, its group and its own name in the room.
struct Address {
  std::string conference, room, group, person;
  /// All subjects that mean this person, each once.
  std::set<std::string> subjects() const {
    std::set<std::string> all;
    for (const std::string& first : {conference, room}) all.insert({first, first + "/" + group, first + "/" + person});
    return all;
  }
};

class Drawing {
 public:
  explicit Drawing(const Scenario& scenario) : scenario_(scenario), rng_(scenario.seed) {}

  Plan draw() {
    plan_.scenario = scenario_.name;
    plan_.about = scenario_.about;
    plan_.seed = scenario_.seed;
    plan_.length = scenario_.duration;
    plan_.sample_every = scenario_.sample_every;
    plan_.crypto = scenario_.crypto;
    plan_.congestion = scenario_.congestion;
    plan_.ecn = scenario_.ecn;
    plan_.expectations = scenario_.expectations;
    plan_.network.regions = scenario_.regions;
    plan_.network.one_way = scenario_.one_way;
    plan_.network.seed = rng_.split("network").u64();
    const BridgeSpec& signalling = scenario_.signalling;
    for (const SiteSpec& site : scenario_.sites)
      plan_.network.sites.push_back({site.link.name, site.region, site.behind, at_start(site.link.up, site.link.up_course),
          at_start(site.link.down, site.link.down_course), site.wifi});
    if (scenario_.deployment) {
      describe_deployment(*scenario_.deployment);
    } else {
      plan_.router_host = add_host("router", signalling.region, signalling.link);
      plan_.focus_host = add_host("focus", signalling.region, signalling.link);
    }
    for (const BridgeSpec& bridge : scenario_.bridges)
      plan_.bridges.push_back({bridge.name, scenario_.regions[bridge.region],
          add_host(bridge.name, bridge.region, bridge.link)});
    for (const ConferenceSpec& conference : scenario_.conferences) draw_conference(conference);
    for (const TrafficSpec& flow : scenario_.traffic) draw_traffic(flow);
    draw_link_changes();
    draw_bridge_changes();
    mark_events();
    return std::move(plan_);
  }

 private:
  void describe_deployment(const DeploymentSpec& spec) {
    DeploymentPlan deployment;
    deployment.url = spec.url.to_string();
    deployment.websocket = spec.websocket;
    deployment.domain = spec.domain;
    deployment.muc = spec.muc.empty() ? "conference." + spec.url.host : spec.muc;
    deployment.focus = spec.focus;
    deployment.password = spec.password;
    deployment.verify_tls = spec.verify_tls.value_or(!is_loopback_host(spec.url.host));
    deployment.hosts = spec.hosts;
    deployment.local = spec.local;
    plan_.deployment = std::move(deployment);
  }

  /// A deployment's rooms begin with the name in the URL; the only one is called so.
  std::string room_address(const std::string& room) const {
    if (!scenario_.deployment) return room + "@conference.tacoma.test";
    const bool is_only = scenario_.conferences.size() == 1 && scenario_.conferences[0].count == 1;
    return scenario_.deployment->room + (is_only ? "" : "-" + room) + "@" + plan_.deployment->muc;
  }

  /// At a deployment, no two people join in one slot of time.
  Instant pace(Instant join) {
    if (!scenario_.deployment) return join;
    const Duration slot = Duration::from_seconds(1 / scenario_.deployment->joins);
    int64_t index = join.since_start() / slot;
    while (!slots_.insert(index).second) ++index;
    return std::max(join, Instant::at(slot * index));
  }

  HostId add_host(const std::string& name, uint32_t region, const AccessProfile& link) {
    plan_.network.hosts.push_back({name, region, at_start(link.up, link.up_course), at_start(link.down, link.down_course), scenario_.ip, link.site});
    profiles_.push_back(&link);
    return HostId(static_cast<uint32_t>(plan_.network.hosts.size() - 1));
  }

  void draw_conference(const ConferenceSpec& spec) {
    for (uint32_t r = 0; r < spec.count; ++r) {
      ConferencePlan room;
      room.name = spec.numbered ? spec.name + "-" + std::to_string(r + 1) : spec.name;
      room.room = room_address(room.name);
      room.direct = spec.direct;
      room.fair = spec.fair;
      room.passwords = passwords_of(spec);
      for (size_t g = 0; g < spec.people.size(); ++g)
        for (uint32_t k = 0; k < spec.people[g].count; ++k) {
          room.people.push_back(static_cast<uint32_t>(plan_.people.size()));
          draw_person(spec, room, g, r, k);
        }
      std::stable_sort(room.people.begin(), room.people.end(),
                       [this](uint32_t a, uint32_t b) { return plan_.people[a].joins < plan_.people[b].joins; });
      draw_talk(spec, room);
      plan_.conferences.push_back(std::move(room));
    }
  }

  /// Of its groups, each once, in their order.
  static std::vector<std::string> passwords_of(const ConferenceSpec& conference) {
    std::vector<std::string> all;
    for (const GroupSpec& group : conference.people) {
      const std::string password = group.password.value_or(conference.password);
      if (!password.empty() && std::find(all.begin(), all.end(), password) == all.end()) all.push_back(password);
    }
    return all;
  }

  void draw_person(const ConferenceSpec& conference, const ConferencePlan& plan, size_t g, uint32_t r, uint32_t k) {
    const GroupSpec& group = conference.people[g];
    const std::string& room = plan.name;
    const uint64_t index = uint64_t{r} * group.count + k;  // through all rooms
    const std::string local = group.numbered ? group.name + "-" + std::to_string(k + 1) : group.name;
    PersonPlan person;
    person.name = room + "/" + local;
    person.group = conference.name + "/" + group.name;
    const uint64_t salt = scenario_.deployment ? scenario_.deployment->salt : 0;
    const Rng own = salt == 0 ? rng_.split("person").split(person.name) : rng_.split("person", salt).split(person.name);
    person.seed = own.split("seed").u64();
    person.endpoint_id = draw_endpoint(own.split("endpoint"));
    const uint32_t region = group.region ? *group.region : static_cast<uint32_t>(index % scenario_.regions.size());
    const AccessProfile& access = scenario_.access[group.access];
    person.region = scenario_.regions[region];
    person.access = access.name;
    person.host = add_host(person.name, region, access);
    person.conference = static_cast<uint32_t>(plan_.conferences.size());
    person.joins = pace(draw_join(group.joins, person.group, index, own));
    if (group.leaves) person.leaves = group.leaves;
    if (group.stays) person.leaves = person.joins + *group.stays;
    const Instant end = Instant::at(scenario_.duration);
    if (person.leaves && *person.leaves >= end) person.leaves = std::nullopt;
    // A late one of a Poisson process may come after its group has left: that person never comes.
    if (person.leaves && *person.leaves <= person.joins) { person.joins = end; person.leaves = std::nullopt; }
    person.joins = std::min(person.joins, end);
    person.sends_audio = group.sends_audio;
    person.sends_video = group.sends_video;
    person.video = group.video;
    person.audio_rate = group.audio_rate;
    person.red = group.red;
    person.priority = group.priority;
    person.pauses_from = group.pauses_from;
    person.pauses_to = group.pauses_to;
    person.screen = group.screen;
    person.screen_from = group.screen_from;
    if (group.screen_for) person.screen_to = group.screen_from + *group.screen_for;
    person.view = group.view;
    if (!person.view.pinned.empty()) person.view.pinned = room + "/" + person.view.pinned;
    const auto key = std::find(plan.passwords.begin(), plan.passwords.end(), group.password.value_or(conference.password));
    if (key != plan.passwords.end()) person.key = static_cast<uint16_t>(key - plan.passwords.begin());
    person.clip = static_cast<uint32_t>(g * 7 + k);
    person.decodes = index < group.decodes;
    addresses_.push_back({conference.name, room, group.name, local});
    plan_.people.push_back(std::move(person));
  }

  /// Eight hex digits; a taken number moves on to the next free one.
  std::string draw_endpoint(Rng rng) {
    uint32_t id = rng.u32();
    while (!endpoints_.insert(id).second) ++id;
    char text[9];
    std::snprintf(text, sizeof text, "%08x", id);
    return text;
  }

  Instant draw_join(const JoinsSpec& joins, const std::string& group, uint64_t index, const Rng& own) {
    if (!joins.poisson) return joins.at + joins.gap * static_cast<int64_t>(index);
    // Given their number, the moments of a Poisson process within a span are uniform in it.
    if (joins.over > Duration::zero()) return joins.at + own.split("join").uniform(Duration::zero(), joins.over);
    // A group's people are drawn in order of index. Each gap has its own generator, so one more person moves nobody before.
    Duration& arrived = poisson_arrivals_[group];
    arrived += Duration::from_seconds(rng_.split("joins").split(group).split("gap", index).exponential(joins.gap.to_seconds()));
    return joins.at + arrived;
  }

  // --- Talk ---

  void draw_talk(const ConferenceSpec& spec, const ConferencePlan& room) {
    draw_model(spec, room);
    // A constant rate knows no silence, whatever the others do.
    for (uint32_t i : room.people)
      if (plan_.people[i].audio_rate) {
        plan_.people[i].talks.clear();
        talk(i, plan_.people[i].joins, Instant::at(plan_.length));
      }
  }
  void draw_model(const ConferenceSpec& spec, const ConferencePlan& room) {
    switch (spec.talk.model) {
      case TalkSpec::Model::nobody: return;
      case TalkSpec::Model::everyone:
        for (uint32_t i : room.people) talk(i, plan_.people[i].joins, Instant::at(plan_.length));
        return;
      case TalkSpec::Model::speaker: return draw_speaker(spec, room);
      case TalkSpec::Model::turns: return draw_turns(spec, room);
    }
  }

  /// Adds an utterance as far as the person is there; one that touches the last prolongs it.
  void talk(uint32_t index, Instant from, Instant to) {
    PersonPlan& person = plan_.people[index];
    const Instant end = person.leaves ? *person.leaves : Instant::at(plan_.length);
    from = std::max(from, person.joins);
    to = std::min(to, end);
    if (!person.sends_audio || from >= to) return;
    if (!person.talks.empty() && person.talks.back().to >= from) person.talks.back().to = std::max(person.talks.back().to, to);
    else person.talks.push_back({from, to});
  }

  /// Lengths of turns are exponential, cut at a sixth and at four times the mean: nobody says a syllable only or talks for ever.
  static Duration turn_length(Rng rng, Duration mean) {
    const Duration drawn = Duration::from_seconds(rng.exponential(mean.to_seconds()));
    return std::clamp(drawn, mean / 6, mean * 4);
  }

  void draw_speaker(const ConferenceSpec& spec, const ConferencePlan& room) {
    const std::string group = spec.name + "/" + spec.talk.speaker;
    uint32_t speaker = UINT32_MAX;  // the first of the group by number
    for (uint32_t i : room.people)
      if (plan_.people[i].group == group) speaker = std::min(speaker, i);
    const Rng rng = rng_.split("talk").split(room.name);
    Instant at = plan_.people[speaker].joins;
    for (uint64_t n = 0; at < Instant::at(plan_.length); ++n) {
      const Duration length = turn_length(rng.split("turn", n), spec.talk.mean);
      talk(speaker, at, at + length);
      at = at + length + spec.talk.pause;
    }
  }

  void draw_turns(const ConferenceSpec& spec, const ConferencePlan& room) {
    const Rng rng = rng_.split("talk").split(room.name);
    std::vector<uint64_t> lots;  // of each person of the room; turn n goes to the greatest mix(lot, n)
    for (uint32_t i : room.people) lots.push_back(rng.split(plan_.people[i].name).u64());
    Instant at;
    size_t last = room.people.size();
    for (uint64_t n = 0; at < Instant::at(plan_.length); ++n) {
      const Duration length = turn_length(rng.split("turn", n), spec.talk.mean);
      const auto [first, second] = draw_talkers(room, lots, n, at, last);
      if (first == room.people.size()) {  // nobody is there yet
        at = at + spec.talk.mean / 6;
        continue;
      }
      talk(room.people[first], at, at + length);
      Rng overlap = rng.split("overlap", n);
      if (second != room.people.size() && overlap.chance(spec.talk.overlap)) {
        const Instant from = at + overlap.uniform(length / 5, length / 2);
        talk(room.people[second], from, from + length / 3);
      }
      last = first;
      at = at + length + spec.talk.pause;
    }
  }

  /// The two with the greatest lots among those who are there, send audio and did not talk last. Drawing by lots keeps the
  /// others' turns when somebody is added (rendezvous hashing).
  std::pair<size_t, size_t> draw_talkers(const ConferencePlan& room, const std::vector<uint64_t>& lots, uint64_t turn,
      Instant at, size_t last) const {
    const size_t none = room.people.size();
    size_t first = none, second = none, candidates = 0;
    uint64_t best = 0, next = 0;
    for (const bool may_repeat : {false, true}) {
      if (candidates > 0) break;
      for (size_t k = 0; k < room.people.size(); ++k) {
        const PersonPlan& person = plan_.people[room.people[k]];
        if (!person.sends_audio || person.joins > at || (person.leaves && *person.leaves <= at) || (k == last && !may_repeat))
          continue;
        ++candidates;
        const uint64_t lot = Rng(lots[k] + turn * 0x9e3779b97f4a7c15ull).u64();
        if (first == none || lot > best) { second = first; next = best; first = k; best = lot; }
        else if (second == none || lot > next) { second = k; next = lot; }
      }
    }
    return {first, second};
  }

  // --- Traffic ---

  void draw_traffic(const TrafficSpec& spec) {
    for (uint32_t k = 0; k < spec.count; ++k) {
      const std::string name = spec.count == 1 ? spec.name : spec.name + "-" + std::to_string(k + 1);
      // A slash keeps their names apart from those of bridges; conferences and flows may not share one.
      const HostId from = add_host("traffic/" + name + "/from", spec.from_region, scenario_.access[spec.from]);
      const HostId to = add_host("traffic/" + name + "/to", spec.to_region, scenario_.access[spec.to]);
      plan_.network.flows.push_back(draw_flow(spec, name, k, Instant::at(plan_.length), rng_.split("traffic").split(name)));
      plan_.network.flows.back().from = from;
      plan_.network.flows.back().to = to;
    }
  }

  // --- Events ---

  void draw_link_changes() {
    std::map<std::string, std::vector<uint32_t>> of_people, of_bridges, of_sites;  // events by subject: their places, ascending
    for (uint32_t i = 0; i < scenario_.events.size(); ++i) {
      const EventSpec& event = scenario_.events[i];
      if (event.kind == EventSpec::Kind::link) (event.is_of_site ? of_sites : is_bridge(event.subject) ? of_bridges : of_people)[event.subject].push_back(i);
    }
    std::vector<std::vector<uint32_t>> of_link(plan_.network.link_count());
    for (size_t i = 0; i < plan_.people.size() && !of_people.empty(); ++i) {
      std::vector<uint32_t>& mine = of_link[plan_.people[i].host.value()];
      for (const std::string& subject : addresses_[i].subjects())
        if (const auto found = of_people.find(subject); found != of_people.end())
          mine.insert(mine.end(), found->second.begin(), found->second.end());
      std::sort(mine.begin(), mine.end());
    }
    for (const BridgePlan& bridge : plan_.bridges) of_link[bridge.host.value()] = of_bridges[bridge.name];
    for (size_t i = 0; i < plan_.network.sites.size(); ++i) of_link[plan_.network.site_id(i).value()] = of_sites[plan_.network.sites[i].name];
    for (const SiteSpec& site : scenario_.sites) profiles_.push_back(&site.link);
    for (uint32_t i = 0; i < of_link.size(); ++i) change_links(HostId(i), of_link[i]);
    std::stable_sort(plan_.network.changes.begin(), plan_.network.changes.end(),
                     [](const LinkChange& a, const LinkChange& b) { return a.at < b.at; });
  }
  bool is_bridge(const std::string& subject) const {
    return std::any_of(scenario_.bridges.begin(), scenario_.bridges.end(), [&](const BridgeSpec& b) { return b.name == subject; });
  }

  /// At each start and end of an event, a link is what its profile says of that time with all events that hold then applied in
  /// order: events may overlap, and the end of one does not undo another.
  void change_links(HostId host, const std::vector<uint32_t>& mine) {
    const AccessProfile& profile = *profiles_[host.value()];
    if (mine.empty() && !profile.up_course && !profile.down_course) return;
    CourseCursor own_up(profile.up, profile.up_course.get()), own_down(profile.down, profile.down_course.get());
    std::set<int64_t> moments;
    own_up.add_moments(Instant::at(plan_.length), moments);
    own_down.add_moments(Instant::at(plan_.length), moments);
    for (const uint32_t i : mine) {
      moments.insert(scenario_.events[i].at.ns());
      if (end_of(i) < Instant::at(plan_.length)) moments.insert(end_of(i).ns());
    }
    own_up.advance(Instant());
    own_down.advance(Instant());
    LinkConfig up = own_up.now(), down = own_down.now();
    std::vector<uint32_t> active;
    Instant first_end = Instant::never();  // of the active ones
    size_t next = 0;
    for (const int64_t ns : moments) {
      const Instant at = Instant::at(Duration::nanoseconds(ns));
      const LinkConfig last_up = up, last_down = down;
      const bool changed = own_up.advance(at) | own_down.advance(at);
      if (first_end <= at || changed) {
        up = own_up.now();
        down = own_down.now();
        first_end = Instant::never();
        std::erase_if(active, [&](uint32_t i) { return end_of(i) <= at; });
        for (const uint32_t i : active) begin_event(i, up, down, first_end);
      }
      // Events ascend, so the one that begins is the last in order: it goes on top of what is there.
      for (; next < mine.size() && scenario_.events[mine[next]].at <= at; ++next) {
        begin_event(mine[next], up, down, first_end);
        active.push_back(mine[next]);
      }
      if (!(up == last_up)) plan_.network.changes.push_back({at, host, true, up});
      if (!(down == last_down)) plan_.network.changes.push_back({at, host, false, down});
    }
  }
  Instant end_of(uint32_t event) const {
    const EventSpec& e = scenario_.events[event];
    return e.lasts ? e.at + *e.lasts : Instant::never();
  }
  void begin_event(uint32_t event, LinkConfig& up, LinkConfig& down, Instant& first_end) const {
    up = apply(scenario_.events[event].up, up);
    down = apply(scenario_.events[event].down, down);
    first_end = std::min(first_end, end_of(event));
  }

  void draw_bridge_changes() {
    for (const BridgePlan& bridge : plan_.bridges) {
      Instant up_again;
      for (const EventSpec& event : scenario_.events) {  // ascending
        if (event.kind != EventSpec::Kind::bridge_down || event.subject != bridge.name) continue;
        if (event.at < up_again) {  // still down: perhaps for longer
          up_again = std::max(up_again, event.lasts ? event.at + *event.lasts : Instant::never());
          while (!plan_.process_changes.empty() && plan_.process_changes.back().host == bridge.host &&
              plan_.process_changes.back().up)
            plan_.process_changes.pop_back();
        } else {
          plan_.process_changes.push_back({event.at, bridge.host, false});
          up_again = event.lasts ? event.at + *event.lasts : Instant::never();
        }
        if (up_again < Instant::at(plan_.length)) plan_.process_changes.push_back({up_again, bridge.host, true});
      }
    }
    std::stable_sort(plan_.process_changes.begin(), plan_.process_changes.end(),
                     [](const ProcessChange& a, const ProcessChange& b) { return a.at < b.at; });
  }

  void mark_events() {
    for (const EventSpec& event : scenario_.events) {
      const char* kind = event.kind == EventSpec::Kind::link ? "link" : "bridge";
      plan_.events.push_back({event.at, kind, event.subject, event.text});
      if (event.lasts && event.at + *event.lasts < Instant::at(plan_.length))
        plan_.events.push_back({event.at + *event.lasts, kind, event.subject, event.kind == EventSpec::Kind::link ? "as before" :
            "up again"});
    }
    for (const ConferenceSpec& conference : scenario_.conferences)
      for (const GroupSpec& group : conference.people) mark_group(conference, group);
    std::stable_sort(plan_.events.begin(), plan_.events.end(), [](const PlannedEvent& a,
        const PlannedEvent& b) { return a.at < b.at; });
  }
  void mark_group(const ConferenceSpec& conference, const GroupSpec& group) {
    const std::string subject = conference.name + "/" + group.name;
    const uint64_t people = uint64_t{conference.count} * group.count;
    const std::string who = people == 1 ? "joins" : std::to_string(people) + " join";
    const Duration over = group.joins.over > Duration::zero() ? group.joins.over :
        group.joins.gap * static_cast<int64_t>(people - 1);
    plan_.events.push_back({group.joins.at, "join", subject, who + (over > Duration::zero() ? " over " + to_text(over) : "")});
    if (group.leaves) plan_.events.push_back({*group.leaves, "leave", subject, people == 1 ? "leaves" : "leave"});
  }

  const Scenario& scenario_;
  const Rng rng_;
  Plan plan_;
  std::vector<const AccessProfile*> profiles_;  // of hosts, by HostId, then of sites
  std::vector<Address> addresses_;  // of people, by index
  std::set<uint32_t> endpoints_;
  std::set<int64_t> slots_;  // of joins at a deployment
  std::map<std::string, Duration> poisson_arrivals_;  // of groups, so far
};

std::string at_text(Instant at) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6f", at.since_start().to_seconds());
  return text;
}

std::string link_text(const LinkConfig& link) {
  char text[200];
  std::snprintf(text, sizeof text, "%s %s jitter %s loss %.6g queue %s", link.rate.is_infinite() ? "unlimited" :
      std::to_string(link.rate.bps()).c_str(),
                to_text(link.delay).c_str(), to_text(link.jitter).c_str(), link.loss, to_text(link.queue).c_str());
  std::string out = text;
  if (link.bursts) {
    std::snprintf(text, sizeof text, " bursts %.6g %.6g %.6g %.6g", link.bursts->good_to_bad, link.bursts->bad_to_good,
        link.bursts->loss_good, link.bursts->loss_bad);
    out += text;
  }
  if (link.jitter_shape == JitterShape::gaussian) out += " gaussian";
  if (link.trace)
    out += " trace of " + std::to_string(link.trace->opportunities_ms.size()) + " in " + std::to_string(link.trace->period_ms) + " ms";
  constexpr const char* kDiscs[] = {"", " fq-codel", " codel", " pie"};
  return out + kDiscs[static_cast<size_t>(link.disc)] + (link.ecn ? " ecn" : "");
}

std::string video_text(const VideoFormat& v) {
  std::string out = std::to_string(v.width) + "x" + std::to_string(v.height) + "@" + std::to_string(v.fps) + " " + to_text(v.rate);
  if (v.content == VideoContent::model) out += " model from " + to_text(v.lowest);
  if (v.encodings > 1) out += " simulcast " + std::to_string(v.encodings);
  if (v.codec == VideoCodec::vp9) out += " vp9 spatial " + std::to_string(v.spatial_layers);
  if (v.ladder > 1) out += " ladder " + std::to_string(v.ladder);
  if (v.temporal_layers > 1) out += " temporal " + std::to_string(v.temporal_layers);
  return out;
}

std::string view_text(const ViewPlan& view) {
  constexpr const char* kModes[] = {"everything", "stage", "tiles", "stage+tiles", "nothing"};
  std::string out;
  if (view.mode != ViewPlan::Mode::everything) out += std::string(" view ") + kModes[static_cast<size_t>(view.mode)];
  if (!view.pinned.empty()) out += " pinned " + view.pinned;
  if (view.mode == ViewPlan::Mode::tiles || view.mode == ViewPlan::Mode::stage_tiles) out += " tiles " + std::to_string(view.tiles);
  if (view.turns) out += " turns " + to_text(*view.turns);
  if (view.last_n >= 0) out += " last-n " + std::to_string(view.last_n);
  if (view.max_height >= 0) out += " height " + std::to_string(view.max_height);
  if (view.hidden_from) out += " hidden " + at_text(*view.hidden_from) + (view.hidden_to ? " " + at_text(*view.hidden_to) : "");
  return out;
}

std::string wifi_text(const std::optional<WifiCell>& cell) {
  if (!cell) return "";
  return " wifi mcs " + std::to_string(cell->mcs) + " at " + std::to_string(cell->distance) + " m" + (cell->aggregation ? "" : " one by one") +
         " queue " + to_text(cell->queue);
}

}  // namespace

Plan draw_plan(const Scenario& scenario) { return Drawing(scenario).draw(); }

std::string describe(const Plan& plan) {
  std::string out = "plan " + plan.scenario + " seed " + std::to_string(plan.seed) + " length " + to_text(plan.length) +
      " sample " +
                    to_text(plan.sample_every) + (plan.crypto == Crypto::real ? " crypto real" : " crypto null") +
                    (plan.congestion == Congestion::gcc ? "" : plan.congestion == Congestion::nada ? " congestion nada" : " congestion none") +
                    (plan.ecn ? " ecn" : "") +
                        " network seed " +
                    std::to_string(plan.network.seed) + "\n";
  for (size_t i = 0; i < plan.network.regions.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      out += "region " + plan.network.regions[j] + " " + plan.network.regions[i] + " one way " +
          to_text(plan.network.one_way[j][i]) + "\n";
  for (const HostPlan& host : plan.network.hosts)
    out += "host " + host.name + " in " + plan.network.regions[host.region] + (host.family == IpFamily::v6 ? " v6" : "") +
        " up " + link_text(host.up) +
           " down " + link_text(host.down) + (host.site ? " site " + plan.network.sites[*host.site].name : "") + "\n";
  for (const SitePlan& site : plan.network.sites)
    out += "site " + site.name + " in " + plan.network.regions[site.region] + (site.behind ? " behind " + plan.network.sites[*site.behind].name : "") +
        " up " + link_text(site.up) + " down " + link_text(site.down) + wifi_text(site.wifi) + "\n";
  for (const FlowPlan& flow : plan.network.flows) out += flow_text(flow);
  for (const ConferencePlan& conference : plan.conferences) {
    out += "conference " + conference.name + " " + conference.room + (conference.direct ? " direct\n" : "\n");
    for (const FairShare& share : conference.fair) out += "  fair " + at_text(share.at) + " " + to_text(share.rate) + "\n";
  }
  for (const PersonPlan& p : plan.people) {
    out += "person " + p.name + " group " + p.group + " endpoint " + p.endpoint_id + " seed " + std::to_string(p.seed) +
        " clip " + std::to_string(p.clip) +
           " joins " + at_text(p.joins) + (p.leaves ? " leaves " + at_text(*p.leaves) : "") + (p.sends_audio ? " audio" : "");
    if (p.audio_rate) out += " " + to_text(*p.audio_rate);
    if (p.red > 0) out += " red " + std::to_string(p.red);
    if (p.priority != 1) out += " priority " + std::to_string(p.priority);
    if (!p.pauses_from.is_never()) out += " pauses " + at_text(p.pauses_from) + " " + at_text(p.pauses_to);
    if (p.sends_video) out += " video " + video_text(p.video);
    if (p.screen) out += " screen " + video_text(*p.screen) + " " + at_text(p.screen_from) + (p.screen_to.is_never() ? "" : " " + at_text(p.screen_to));
    out += view_text(p.view);
    if (p.key != PersonPlan::kNoKey) out += " key " + std::to_string(p.key);
    out += p.decodes ? " decodes\n" : "\n";
    for (const Utterance& talk : p.talks) out += "  talks " + at_text(talk.from) + " " + at_text(talk.to) + "\n";
  }
  for (const LinkChange& change : plan.network.changes)
    out += "change " + at_text(change.at) + " " + plan.network.link_name(change.host) +
        (change.is_up ? " up " : " down ") + link_text(change.link) + "\n";
  for (const ProcessChange& change : plan.process_changes)
    out += "process " + at_text(change.at) + " " + plan.network.hosts[change.host.value()].name + (change.up ? " up" : " down") +
        "\n";
  for (const PlannedEvent& event : plan.events) out += "event " + at_text(event.at) + " " + event.kind + " " + event.subject +
      ": " + event.text + "\n";
  return out;
}

}  // namespace tacoma
