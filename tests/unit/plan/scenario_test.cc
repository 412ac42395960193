#include <catch2/catch.hpp>

#include "loadgen/plan/metrics.h"
#include "loadgen/plan/scenario.h"
#include "loadgen/plan/text_values.h"

using namespace tacoma;

namespace {

Scenario good(const std::string& text, const std::vector<std::string>& sets = {}) {
  const auto result = read_scenario(text, "test.yaml", sets);
  if (!result) FAIL(list_of(result.error(), "\n"));
  return *result;
}

const char* kShort = "scenario: s\nduration: 10s\nconferences: [ { people: [ { count: 2 } ] } ]\n";

}  // namespace

TEST_CASE("three keys are enough; the rest has defaults") {
  const Scenario s = good(kShort);
  CHECK(s.duration == Duration::seconds(10));
  CHECK(s.seed == 1);
  CHECK(s.crypto == Crypto::real);
  CHECK(s.regions == std::vector<std::string>{"here"});
  REQUIRE(s.bridges.size() == 1);
  CHECK(s.bridges[0].link.up.rate == DataRate::mbps(1000));
  REQUIRE(s.conferences.size() == 1);
  CHECK(s.conferences[0].name == "room");
  const GroupSpec& group = s.conferences[0].people[0];
  CHECK(group.name == "people");
  CHECK(s.access[group.access].name == "cable");
  CHECK((group.sends_audio && group.sends_video));
  CHECK(s.sample_every == Duration::seconds(1));
}

TEST_CASE("every section is read") {
  const Scenario s = good(R"(
scenario: all
about: everything
duration: 2min
seed: 18446744073709551615
crypto: null
ecn: true
sample_every: 500ms
ip: v6
regions: { eu: {}, us: { rtt: { eu: 90ms } } }
bridges:
  - { name: eu-1, region: eu, uplink: 100Mbps }
  - { name: us-1, region: us, link: { delay: 1ms, disc: fq-codel, down: { rate: 1Gbps, queue: 20ms, ecn: true } } }
signalling: { region: us, link: { delay: 3ms } }
access:
  slow: { like: dsl, down: 1Mbps, loss: 0.5%, bursts: { every: 200, length: 4, loss: 50% } }
conferences:
  - name: big
    count: 3
    people:
      - { name: host, region: eu, access: office, sends: [audio, video], video: { size: 1280x720, fps: 30, rate: 2Mbps } }
      - { name: guest, count: 4, region: spread, access: slow, sends: audio, joins: { at: 1s, rate: 2/s, poisson: true }, leaves: { after: 20s }, decode: 2 }
    talk: { model: speaker, mean: 10s, pause: 1s, speaker: host }
events:
  - { at: 40s, bridge: us-1, down: 10s }
  - { at: 30s, access: big/guest, set: { down: { rate: 200kbps, loss: 3% }, bursts: none }, for: 5s }
expect: [ "join_time.p95 < 2s", "psnr.p5 in big/guest >= 30 dB", "loss.video.mean <= 2%", "receive_rate.p50 > 300kbps", "fps.p5 > 10" ]
)");
  CHECK(s.seed == UINT64_MAX);
  CHECK(s.crypto == Crypto::null);
  CHECK(s.ip == IpFamily::v6);
  CHECK(s.one_way[0][1] == Duration::milliseconds(45));
  CHECK(s.bridges[0].link.down.rate == DataRate::mbps(100));
  CHECK(s.bridges[1].link.down.queue == Duration::milliseconds(20));
  CHECK(s.bridges[1].link.up.disc == QueueDisc::fq_codel);
  CHECK(s.ecn);
  CHECK_FALSE(s.bridges[1].link.up.ecn);
  CHECK(s.bridges[1].link.down.ecn);
  CHECK(s.signalling.region == 1);
  CHECK(s.signalling.link.up.delay == Duration::milliseconds(3));
  const GroupSpec& guest = s.conferences[0].people[1];
  const AccessProfile& slow = s.access[guest.access];
  CHECK(slow.name == "slow");
  CHECK(slow.down.rate == DataRate::mbps(1));
  CHECK(slow.up.rate == DataRate::mbps(2));
  CHECK(slow.up.loss == Approx(0.005));
  CHECK(slow.down.bursts->bad_to_good == Approx(0.25));
  CHECK_FALSE(guest.region);
  CHECK_FALSE(guest.sends_video);
  CHECK(guest.joins.gap == Duration::milliseconds(500));
  CHECK(guest.stays == Duration::seconds(20));
  CHECK(guest.decodes == 2);
  REQUIRE(s.events.size() == 2);
  CHECK(s.events[0].subject == "big/guest");  // in order of time
  CHECK(s.events[0].text == "down (rate 200kbps, loss 3%), bursts none for 5s");
  CHECK(s.events[0].down.loss == Approx(0.03));
  CHECK_FALSE(s.events[0].up.loss);
  CHECK((s.events[0].up.bursts && !*s.events[0].up.bursts));
  CHECK(s.events[1].kind == EventSpec::Kind::bridge_down);
  REQUIRE(s.expectations.size() == 5);
  CHECK(s.expectations[0].bound == Approx(2));
  CHECK(s.expectations[1].group == "big/guest");
  CHECK(s.expectations[1].bound == Approx(30));
  CHECK(s.expectations[2].bound == Approx(0.02));
  CHECK(s.expectations[2].compare == Expectation::Compare::less_equal);
  CHECK(s.expectations[3].bound == Approx(300'000));
}

TEST_CASE("--set replaces and adds values by path, by name and by number") {
  const std::string text = "scenario: s\nduration: 60s\nconferences:\n  - name: a\n    people:\n      - { name: far, count: 2 }\n";
  CHECK(good(text, {"duration=20s"}).duration == Duration::seconds(20));
  CHECK(good(text, {"conferences.a.people.far.count=5"}).conferences[0].people[0].count == 5);
  CHECK(good(text, {"conferences.0.people.0.count=6"}).conferences[0].people[0].count == 6);
  CHECK(good(text, {"conferences.a.talk.mean=3s"}).conferences[0].talk.mean == Duration::seconds(3));
  CHECK(good(text, {"bridges=[ { name: x }, { name: y } ]"}).bridges.size() == 2);
  CHECK(good(text, {"access.slow.like=dsl", "conferences.a.people.far.access=slow"}).access.back().up.rate == DataRate::mbps(2));
  CHECK(good(text, {"seed=1", "seed=2"}).seed == 2);
}

TEST_CASE("numbers with units") {
  CHECK(*parse_duration("1.5s") == Duration::milliseconds(1500));
  CHECK(*parse_duration("250us") == Duration::microseconds(250));
  CHECK(*parse_duration("2min") == Duration::seconds(120));
  CHECK(*parse_duration("0") == Duration::zero());
  CHECK(*parse_rate("1.5Mbps") == DataRate::kbps(1500));
  CHECK(parse_rate("unlimited")->is_infinite());
  CHECK(*parse_percent("2.5%") == Approx(0.025));
  CHECK(*parse_per_second("30/min") == Approx(0.5));
  for (const char* text : {"", "s", "-1s", "1e3s", "inf", "nan", "1.2.3s", "5S", "5 seconds", "99999999999999999999h", "0x10s",
      "--5s", "1s1s"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text));
  }
  for (const char* text : {"1mbps", "1MBps", "1", "99999Gbps", "-1kbps", "kbps"}) CHECK_FALSE(parse_rate(text));
  for (const char* text : {"2", "101%", "-1%", "%", "2pt"}) CHECK_FALSE(parse_percent(text));
  for (const char* text : {"-1", "1.0", "", "99999999999999999999", "1 "}) CHECK_FALSE(parse_whole(text));
  CHECK(to_text(Duration::milliseconds(1500)) == "1.5s");
  CHECK(to_text(Duration::microseconds(90'000)) == "90ms");
  CHECK(to_text(DataRate::kbps(400)) == "400 kbps");
}

TEST_CASE("the nearest word is offered only when it is near") {
  CHECK(nearest("durations", {"duration", "seed"}) == "duration");
  CHECK(nearest("seeed", {"duration", "seed"}) == "seed");
  CHECK(nearest("lte", {"dsl", "lte"}) == "lte");
  CHECK(nearest("Region", {"region"}) == "region");
  CHECK(nearest("jions", {"joins"}) == "joins");
  CHECK(nearest("queue", {"loss", "queue_delay.max"}) == "queue_delay.max");
  CHECK(nearest("standup/fra", {"standup", "standup/near", "standup/far"}) == "standup/far");
  CHECK_FALSE(nearest("zebra", {"duration", "seed"}));
}

TEST_CASE("metric names follow the grammar") {
  CHECK(find_metric("join_time.p95"));
  CHECK(find_metric("delay.audio.mean"));
  CHECK(find_metric("joined"));
  CHECK_FALSE(find_metric("joined.p95"));
  CHECK_FALSE(find_metric("join_time"));
  CHECK_FALSE(find_metric("join_time.p96"));
  CHECK(format_value(0.0123, "s") == "12.3 ms");
  CHECK(format_value(1.5e6, "bit/s") == "1.50 Mbit/s");
  CHECK(format_value(0.025, "ratio") == "2.5 %");
}

TEST_CASE("the built-in access profiles are all there and sane") {
  std::vector<std::string> names;
  for (const AccessProfile& p : built_in_access()) {
    names.push_back(p.name);
    CHECK(p.up.queue > Duration::zero());
    CHECK(p.down.loss < 0.05);
  }
  CHECK(names == std::vector<std::string>{"fibre", "cable", "dsl", "lte", "wifi", "bad-wifi", "office", "perfect"});
}
