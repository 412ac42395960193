// Sites, links that change by themselves, recorded traces and traffic: from the text to the plan.
#include <catch2/catch.hpp>

#include <cstdio>
#include <fstream>

#include "core/base/host_links.h"
#include "loadgen/plan/draw_plan.h"
#include "loadgen/plan/link_course.h"
#include "loadgen/plan/trace_file.h"

using namespace tacoma;

namespace {

Plan plan_of(const std::string& text) {
  const auto scenario = read_scenario(text, "tests/unit/plan/test.yaml");
  if (!scenario)
    for (const std::string& e : scenario.error()) UNSCOPED_INFO(e);
  REQUIRE(scenario);
  return draw_plan(*scenario);
}

constexpr Duration seconds(int64_t n) { return Duration::seconds(n); }

std::vector<std::pair<int64_t, int64_t>> rates_of(const Plan& plan, HostId link, bool is_up) {
  std::vector<std::pair<int64_t, int64_t>> rates;
  for (const LinkChange& change : plan.network.changes)
    if (change.host == link && change.is_up == is_up) rates.push_back({change.at.since_start().ms(), change.link.rate.bps() / 1000});
  return rates;
}

}  // namespace

TEST_CASE("people stand behind sites, whose links change by a schedule and by events on top of it") {
  const Plan plan = plan_of(R"(scenario: s
duration: 100s
sites:
  street: { delay: 3ms }
  home: { behind: street, up: 1Mbps, down: { schedule: { 0s: 1Mbps, 40s: 2.5Mbps, 60s: 600kbps }, jitter: 15ms, jitter_shape: gaussian } }
access: { inside: { site: home }, out: { like: inside, site: none } }
conferences: [ { people: [ { name: a, access: inside }, { name: b, access: out } ], fair: { 0s: 1Mbps, 40s: 1.5Mbps } } ]
events: [ { at: 50s, site: home, set: { down: 300kbps }, for: 5s } ])");
  REQUIRE(plan.network.sites.size() == 2);
  CHECK(plan.network.sites[1].behind == 0u);
  CHECK(plan.network.sites[1].down.jitter_shape == JitterShape::gaussian);
  CHECK(plan.network.sites[1].down.rate == DataRate::mbps(1));
  CHECK(plan.network.hosts[plan.people[0].host.value()].site == 1u);
  CHECK_FALSE(plan.network.hosts[plan.people[1].host.value()].site);
  CHECK(rates_of(plan, plan.network.site_id(1), false) ==
        std::vector<std::pair<int64_t, int64_t>>{{40'000, 2500}, {50'000, 300}, {55'000, 2500}, {60'000, 600}});
  CHECK(rates_of(plan, plan.network.site_id(1), true).empty());
  REQUIRE(plan.conferences[0].fair.size() == 2);
  CHECK(plan.conferences[0].fair[1].rate == DataRate::kbps(1500));
}

TEST_CASE("an access profile follows recorded traces") {
  std::ofstream("tests/unit/plan/test.down") << "5\n5\n20\n";
  std::ofstream("tests/unit/plan/test.csv") << "time_s,rate_bps,loss_percent\n0,1000000,0\n2,2000000,1\n";
  const Plan plan = plan_of(R"(scenario: s
duration: 10s
access: { car: { down: { trace: test.down, delay: 5ms }, up: { trace: test.csv } } }
conferences: [ { people: [ { access: car }, { name: b } ] } ])");
  std::remove("tests/unit/plan/test.down");
  std::remove("tests/unit/plan/test.csv");
  const HostPlan& host = plan.network.hosts[plan.people[0].host.value()];
  REQUIRE(host.down.trace);
  CHECK(host.down.trace->opportunities_ms == std::vector<uint32_t>{5, 5, 20});
  CHECK(host.down.rate == DataRate::kbps(1800));
  CHECK(host.up.rate == DataRate::mbps(1));
  CHECK(rates_of(plan, plan.people[0].host, true) == std::vector<std::pair<int64_t, int64_t>>{{2000, 2000}, {4000, 1000}, {6000, 2000}, {8000, 1000}});
}

TEST_CASE("bad traces are told with file and line") {
  const auto mahimahi = [](const char* text) { return parse_mahimahi(text, "t").error(); };
  CHECK(mahimahi("1\nx\n") == "t:2: 'x' is not a time in whole milliseconds (0 .. 24 h)");
  CHECK(mahimahi("7\n6\n") == "t:2: 6 ms comes before the line above it");
  CHECK(mahimahi("\n\n") == "t: holds no delivery opportunity");
  CHECK(mahimahi("0\n0\n") == "t: all opportunities are at 0 ms, so the trace has no length");
  CHECK(parse_mahimahi("0\r\n3", "t"));
  const auto csv = [](const char* text) { return parse_trace_csv(text, "t").error(); };
  CHECK(csv("") == "t: is empty");
  CHECK(csv("time_s,rat\n") == "t:1: unknown column 'rat'; columns are: time_s, rate_bps, delay_ms, loss_percent");
  CHECK(csv("time_s,delay_ms\n0,1\n") == "t:1: the header must begin with time_s,rate_bps");
  CHECK(csv("time_s,rate_bps\n") == "t: has a header and no rows");
  CHECK(csv("time_s,rate_bps\n0,1,2\n") == "t:2: 3 values in place of 2");
  CHECK(csv("time_s,rate_bps\n1,1\n") == "t:2: the first row must be of time 0");
  CHECK(csv("time_s,rate_bps\n0,1\n0,1\n") == "t:3: its time is not later than that of the row above");
  CHECK(csv("time_s,rate_bps\n0,1e30\n") == "t:2: '1e30' is not a rate_bps within 0 and 1000000000000");
  CHECK(read_trace_file("tests").error() == "tests: there is no such file");
}

TEST_CASE("a course that never ends is walked as far as the run goes, and limits hold") {
  const auto course = parse_trace_csv("time_s,rate_bps,delay_ms\n0,1000,1\n1,2000,2\n", "t");
  REQUIRE(course);
  CHECK((*course)->period == seconds(2));
  CourseCursor cursor(LinkConfig(), course->get());
  std::set<int64_t> moments;
  cursor.add_moments(Instant::at(seconds(5)), moments);
  CHECK(moments.size() == 4);
  CHECK(cursor.advance(Instant::at(seconds(3))));
  CHECK(cursor.now().delay == Duration::milliseconds(2));
  CHECK_FALSE(cursor.advance(Instant::at(seconds(3))));
  std::string rows = "time_s,rate_bps\n";
  for (int i = 0; i < 1000; ++i) rows += std::to_string(i * 0.001) + ",1000\n";
  std::ofstream("tests/unit/plan/long.csv") << rows;
  const auto refused = read_scenario("scenario: s\nduration: 24h\naccess: { x: { up: { trace: long.csv } } }\nconferences: [ { people: [ { count: 2, access: x } ] } ]", "tests/unit/plan/test.yaml");
  std::remove("tests/unit/plan/long.csv");
  REQUIRE_FALSE(refused);
  CHECK(refused.error()[0].find("schedules and traces change links 172802000 times") != std::string::npos);
}

TEST_CASE("traffic becomes flows with hosts of their own") {
  const Plan plan = plan_of(R"(scenario: s
duration: 100s
conferences: [ { people: [ { count: 2 } ] } ]
traffic:
  - { name: bulk, kind: long-tcp, congestion: cubic, from: office, to: dsl, at: 5s, until: 50s }
  - { name: web, kind: short-tcp, count: 10, starts_on: 2, from: office, to: dsl }
  - { name: cbr, kind: udp, from: office, to: dsl, schedule: { 0s: 3Mbps, 60s: 0kbps } })");
  const auto& flows = plan.network.flows;
  REQUIRE(flows.size() == 12);
  CHECK(flows[0].control == FlowPlan::Control::cubic);
  CHECK(flows[0].stop == Instant::at(seconds(50)));
  CHECK(flows[0].transfers[0].bytes == FlowPlan::kEndless);
  CHECK(plan.network.hosts[flows[0].to.value()].name == "traffic/bulk/to");
  int on = 0;
  for (size_t i = 1; i <= 10; ++i) {
    CHECK(flows[i].group == "web");
    on += flows[i].transfers[0].idle == Duration::zero();
    for (const FlowPlan::Transfer& transfer : flows[i].transfers) {
      CHECK(transfer.bytes >= 30'000);
      CHECK(transfer.bytes <= 50'000);
    }
  }
  CHECK(on == 2);
  REQUIRE(flows[11].periods.size() == 2);
  CHECK(flows[11].periods[1].rate == DataRate::zero());
}

TEST_CASE("Wi-Fi makes a plan that one world can run") {
  const std::string people = "scenario: s\nduration: 10s\nconferences: [ { people: [ { access: guest } ] } ]\naccess: { guest: { site: cafe } }\n";
  const Plan plan = plan_of(people + "sites: { cafe: { wifi: { mcs: 7, distance: 12, aggregation: false, queue: 100ms }, up: 1Mbps } }");
  REQUIRE(plan.network.sites[0].wifi);
  CHECK(*plan.network.sites[0].wifi == WifiCell{7, 12, false, Duration::milliseconds(100)});
  CHECK(only_in_ns3(plan.network));
  CHECK_FALSE(only_in_ns3(plan_of(people + "sites: { cafe: { up: 1Mbps } }").network));
}

TEST_CASE("a group's priority is that of its people") {
  const Plan plan = plan_of("scenario: s\nduration: 10s\nconferences: [ { people: [ { priority: 2.5 }, { name: b } ] } ]");
  CHECK(plan.people[0].priority == 2.5);
  CHECK(plan.people[1].priority == 1);
}

TEST_CASE("people share their conference's password unless their group has another or none") {
  const Plan plan = plan_of(R"(
scenario: s
duration: 10s
conferences:
  - { encryption: { password: open sesame }, people: [ { name: a, count: 2 }, { name: b, encryption: none }, { name: c, encryption: { password: barley } } ] }
  - { people: [ { video: { content: model } } ] }
)");
  CHECK(plan.conferences[0].passwords == std::vector<std::string>{"open sesame", "barley"});
  CHECK(plan.conferences[1].passwords.empty());
  CHECK(plan.people[0].key == 0);
  CHECK(plan.people[1].key == 0);
  CHECK(plan.people[2].key == PersonPlan::kNoKey);
  CHECK(plan.people[3].key == 1);
  CHECK(plan.people[4].key == PersonPlan::kNoKey);
}

TEST_CASE("constant audio is never silent") {
  const Plan plan = plan_of("scenario: s\nduration: 10s\nconferences: [ { people: [ { audio: 20kbps, pauses: { at: 4s, for: 2s } }, { name: b, sends: nothing } ] } ]");
  REQUIRE(plan.people[0].talks.size() == 1);
  CHECK(plan.people[0].talks[0].to == Instant::at(seconds(10)));
  CHECK(plan.people[0].pauses_to == Instant::at(seconds(6)));
  CHECK(plan.people[1].talks.empty());
}
