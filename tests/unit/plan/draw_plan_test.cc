#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

#include "loadgen/plan/draw_plan.h"
#include "loadgen/plan/text_values.h"

using namespace tacoma;

namespace {

Plan plan_of(const std::string& text, const std::vector<std::string>& sets = {}) {
  const auto result = read_scenario(text, "test.yaml", sets);
  if (!result) FAIL(list_of(result.error(), "\n"));
  return draw_plan(*result);
}

const std::string kSmall = R"(
scenario: small
duration: 20s
seed: 7
regions: { eu: {}, us: { rtt: { eu: 90ms } } }
bridges: [ { name: eu-1, region: eu } ]
conferences:
  - name: a
    people:
      - { name: near, count: 2, region: eu, joins: { at: 1s, each: 500ms } }
      - { name: far, count: 2, region: us, access: bad-wifi, sends: audio, joins: { rate: 2/s, poisson: true }, leaves: 18s }
    talk: { mean: 4s, overlap: 50% }
events:
  - { at: 5s, access: a/far, set: { down: 300kbps }, for: 10s }
  - { at: 8s, access: a/far-2, set: { loss: 5% }, for: 2s }
  - { at: 6s, bridge: eu-1, down: 2s }
)";

}  // namespace

// The whole plan of kSmall. A change here is a change of every run's digest: intended, or a mistake.
const std::string kGolden = R"(plan small seed 7 length 20s sample 1s crypto real network seed 2196455224228943253
region eu us one way 45ms
host router in eu up 1000000000 200us jitter 0s loss 0 queue 100ms down 1000000000 200us jitter 0s loss 0 queue 100ms
host focus in eu up 1000000000 200us jitter 0s loss 0 queue 100ms down 1000000000 200us jitter 0s loss 0 queue 100ms
host eu-1 in eu up 1000000000 200us jitter 0s loss 0 queue 100ms down 1000000000 200us jitter 0s loss 0 queue 100ms
host a/near-1 in eu up 10000000 14ms jitter 2ms loss 0 queue 200ms down 100000000 14ms jitter 2ms loss 0 queue 200ms
host a/near-2 in eu up 10000000 14ms jitter 2ms loss 0 queue 200ms down 100000000 14ms jitter 2ms loss 0 queue 200ms
host a/far-1 in us up 4000000 10ms jitter 30ms loss 0.01 queue 300ms bursts 0.0025 0.125 0 0.7 down 8000000 10ms jitter 30ms loss 0.01 queue 300ms bursts 0.0025 0.125 0 0.7
host a/far-2 in us up 4000000 10ms jitter 30ms loss 0.01 queue 300ms bursts 0.0025 0.125 0 0.7 down 8000000 10ms jitter 30ms loss 0.01 queue 300ms bursts 0.0025 0.125 0 0.7
conference a a@conference.tacoma.test
person a/near-1 group a/near endpoint 738b8305 seed 13880130557680265039 clip 0 joins 1.000000 audio video 640x360@25 600 kbps
  talks 3.016665 5.471441
  talks 10.364327 15.132154
person a/near-2 group a/near endpoint 0f20997b seed 2337922802974604803 clip 1 joins 1.500000 audio video 640x360@25 600 kbps
  talks 9.197661 9.864327
  talks 16.615050 17.527750
  talks 18.870252 19.536918
person a/far-1 group a/far endpoint 0a6e87f8 seed 6704249891257411442 clip 7 joins 1.246281 leaves 18.000000 audio
  talks 1.333333 8.697661
  talks 15.632154 18.000000
person a/far-2 group a/far endpoint 15af0bde seed 12352343854994114978 clip 8 joins 1.594301 leaves 18.000000 audio
  talks 12.677174 14.266450
change 5.000000 a/far-1 down 300000 10ms jitter 30ms loss 0.01 queue 300ms bursts 0.0025 0.125 0 0.7
change 5.000000 a/far-2 down 300000 10ms jitter 30ms loss 0.01 queue 300ms bursts 0.0025 0.125 0 0.7
change 8.000000 a/far-2 up 4000000 10ms jitter 30ms loss 0.05 queue 300ms bursts 0.0025 0.125 0 0.7
change 8.000000 a/far-2 down 300000 10ms jitter 30ms loss 0.05 queue 300ms bursts 0.0025 0.125 0 0.7
change 10.000000 a/far-2 up 4000000 10ms jitter 30ms loss 0.01 queue 300ms bursts 0.0025 0.125 0 0.7
change 10.000000 a/far-2 down 300000 10ms jitter 30ms loss 0.01 queue 300ms bursts 0.0025 0.125 0 0.7
change 15.000000 a/far-1 down 8000000 10ms jitter 30ms loss 0.01 queue 300ms bursts 0.0025 0.125 0 0.7
change 15.000000 a/far-2 down 8000000 10ms jitter 30ms loss 0.01 queue 300ms bursts 0.0025 0.125 0 0.7
process 6.000000 eu-1 down
process 8.000000 eu-1 up
event 1.000000 join a/near: 2 join over 500ms
event 1.000000 join a/far: 2 join over 500ms
event 5.000000 link a/far: down 300kbps for 10s
event 6.000000 bridge eu-1: down for 2s
event 8.000000 bridge eu-1: up again
event 8.000000 link a/far-2: loss 5% for 2s
event 10.000000 link a/far-2: as before
event 15.000000 link a/far: as before
event 18.000000 leave a/far: leave
)";

TEST_CASE("a small plan is drawn as it always was") { CHECK(describe(plan_of(kSmall)) == kGolden); }

TEST_CASE("the same scenario and seed draw the same plan; another seed another one") {
  CHECK(describe(plan_of(kSmall)) == describe(plan_of(kSmall)));
  CHECK(describe(plan_of(kSmall)) != describe(plan_of(kSmall, {"seed=8"})));
}

TEST_CASE("one more person does not shift what the others drew") {
  const Plan before = plan_of(kSmall), after = plan_of(kSmall, {"conferences.a.people.near.count=3"});
  REQUIRE(after.people.size() == before.people.size() + 1);
  for (const PersonPlan& old : before.people) {
    const auto same = std::find_if(after.people.begin(), after.people.end(),
        [&](const PersonPlan& p) { return p.name == old.name; });
    REQUIRE(same != after.people.end());
    CHECK(same->seed == old.seed);
    CHECK(same->endpoint_id == old.endpoint_id);
    CHECK(same->joins == old.joins);
    CHECK(same->clip == old.clip);
    // The new one takes turns, so the others may lose some; those that they keep stand where they stood.
    for (const Utterance& talk : same->talks) {
      const bool was_there = std::any_of(old.talks.begin(), old.talks.end(),
          [&](const Utterance& t) { return t.from <= talk.from && talk.to <= t.to; });
      const bool handed_on = talk.from > Instant::at(Duration::seconds(1));  // who may not talk twice running changes with the talker before
      CHECK((was_there || handed_on));
    }
  }
}

TEST_CASE("overlapping events add up, and the end of one does not undo another") {
  const Plan plan = plan_of(kSmall);
  std::vector<std::string> changes;
  for (const LinkChange& c : plan.network.changes)
    if (plan.network.hosts[c.host.value()].name == "a/far-2" && !c.is_up)
      changes.push_back(to_text(c.at.since_start()) + " " + to_text(c.link.rate) + " " + std::to_string(c.link.loss));
  CHECK(changes == std::vector<std::string>{"5s 300 kbps 0.010000", "8s 300 kbps 0.050000", "10s 300 kbps 0.010000",
      "15s 8 Mbps 0.010000"});
  // The loss is the first event's only change of the way up.
  CHECK(std::count_if(plan.network.changes.begin(), plan.network.changes.end(), [](const LinkChange& c) { return c.is_up; }) == 2);
}

TEST_CASE("an event that ends uncovers those that began before it, in their order") {
  const Plan plan = plan_of(kSmall, {"events=[ {at: 1s, access: a, set: {down: 1Mbps}}, {at: 2s, access: a/far, set: {down: 2Mbps}, for: 6s}, "
      "{at: 3s, access: a/far-2, set: {down: 3Mbps, loss: 7%}, for: 2s}, {at: 4s, access: a/far-2, set: {down: 4Mbps}, for: 2s} ]"});
  std::vector<std::string> changes;
  for (const LinkChange& c : plan.network.changes)
    if (plan.network.hosts[c.host.value()].name == "a/far-2" && !c.is_up)
      changes.push_back(to_text(c.at.since_start()) + " " + to_text(c.link.rate) + " " + std::to_string(c.link.loss));
  CHECK(changes == std::vector<std::string>{"1s 1 Mbps 0.010000", "2s 2 Mbps 0.010000", "3s 3 Mbps 0.070000", "4s 4 Mbps 0.070000",
      "5s 4 Mbps 0.010000", "6s 2 Mbps 0.010000", "8s 1 Mbps 0.010000"});
}

TEST_CASE("a bridge that is down in two overlapping events comes back once") {
  const Plan plan = plan_of(kSmall,
      {"events=[ {at: 2s, bridge: eu-1, down: 5s}, {at: 4s, bridge: eu-1, down: 6s}, {at: 15s, bridge: eu-1, down: forever} ]"});
  std::vector<std::string> changes;
  for (const ProcessChange& c : plan.process_changes) changes.push_back(to_text(c.at.since_start()) + (c.up ? " up" : " down"));
  CHECK(changes == std::vector<std::string>{"2s down", "10s up", "15s down"});
}

TEST_CASE("utterances ascend, do not overlap and lie within a person's stay") {
  for (const char* model : {"turns", "everyone", "speaker", "nobody"}) {
    CAPTURE(model);
    const Plan plan = plan_of(kSmall, {std::string("conferences.a.talk={ model: ") + model + " }"});
    size_t talks = 0;
    for (const PersonPlan& person : plan.people) {
      Instant last;
      for (const Utterance& talk : person.talks) {
        ++talks;
        CHECK(talk.from < talk.to);
        CHECK(talk.from >= last);
        CHECK(talk.from >= person.joins);
        CHECK(talk.to <= (person.leaves ? *person.leaves : Instant::at(plan.length)));
        last = talk.to;
      }
    }
    CHECK((talks > 0) == (std::string(model) != "nobody"));
  }
}

TEST_CASE("two thousand people in rooms of five") {
  const Plan plan = plan_of("scenario: big\nduration: 30s\nconferences: [ { name: r, count: 400, people: [ { name: p, count: 5, joins: { over: 20s }, decode: 3 } ] } ]\n");
  REQUIRE(plan.people.size() == 2000);
  REQUIRE(plan.conferences.size() == 400);
  std::set<std::string> names, endpoints;
  uint32_t decodes = 0;
  for (const PersonPlan& p : plan.people) {
    names.insert(p.name);
    endpoints.insert(p.endpoint_id);
    CHECK(p.endpoint_id.size() == 8);
    decodes += p.decodes;
    CHECK(plan.network.hosts[p.host.value()].name == p.name);
  }
  CHECK(names.size() == 2000);
  CHECK(endpoints.size() == 2000);
  CHECK(decodes == 3);
  CHECK(plan.people[1999].joins == Instant::at(Duration::milliseconds(20'990)));
  CHECK(plan.conferences[399].room == "r-400@conference.tacoma.test");
  CHECK(plan.events.size() == 1);
}
