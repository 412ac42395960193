// Scenarios that name a deployment, and the configuration that deployments give.
#include <catch2/catch.hpp>

#include <set>

#include "loadgen/plan/config_js.h"
#include "loadgen/plan/draw_plan.h"

using namespace tacoma;

namespace {
const std::string kRest = "scenario: load\nduration: 60s\nconferences: [ { name: a, people: [ { count: 3 } ] } ]\n";

std::string error_of(const std::string& text) {
  const auto read = read_scenario(text, "x.yaml");
  return read ? "" : read.error().front();
}
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
}  // namespace

TEST_CASE("a URL is all that a deployment needs, and its room is the URL's") {
  const auto read = read_scenario("deployment: https://Meet.example.org/Load-1\n" + kRest, "x.yaml");
  REQUIRE(read);
  REQUIRE(read->deployment);
  CHECK(read->deployment->room == "load-1");
  CHECK(read->bridges.empty());
  const Plan plan = draw_plan(*read);
  REQUIRE(plan.deployment);
  CHECK(plan.deployment->verify_tls);
  CHECK(plan.conferences[0].room == "load-1@conference.meet.example.org");
  CHECK(plan.network.hosts.size() == 3);  // no router, focus or bridge
  CHECK(plan.people[0].access == "perfect");
}

TEST_CASE("signalling: prosody is a deployment's, and says nothing more") {
  CHECK(read_scenario("deployment: https://localhost/load\nsignalling: prosody\n" + kRest, "x.yaml"));
  CHECK(has(error_of("signalling: prosody\n" + kRest), "a Prosody belongs to a deployment"));
  CHECK(has(error_of("signalling: ejabberd\n" + kRest), "must be a map"));
}

TEST_CASE("several rooms of a deployment begin with the URL's room") {
  const auto read = read_scenario("deployment: https://localhost:8443/load\nscenario: l\nduration: 60s\nconferences: [ { name: a, count: 2, people: [ { } ] } ]\n", "x.yaml");
  REQUIRE(read);
  const Plan plan = draw_plan(*read);
  CHECK(plan.conferences[0].room == "load-a-1@conference.localhost");
  CHECK(plan.conferences[1].room == "load-a-2@conference.localhost");
  CHECK_FALSE(plan.deployment->verify_tls);
}

TEST_CASE("people join a deployment one after the other, at the pace that was asked for") {
  const auto read = read_scenario("deployment: { url: https://localhost/load, joins: 4/s }\nscenario: l\nduration: 60s\nconferences: [ { people: [ { count: 40 } ] } ]\n", "x.yaml");
  REQUIRE(read);
  const Plan plan = draw_plan(*read);
  std::set<int64_t> quarters;
  for (const PersonPlan& person : plan.people) CHECK(quarters.insert(person.joins.since_start() / Duration::milliseconds(250)).second);
}

TEST_CASE("two runs of one seed have different people at a deployment") {
  auto read = read_scenario("deployment: https://localhost/load\n" + kRest, "x.yaml");
  REQUIRE(read);
  read->deployment->salt = 1;
  const Plan one = draw_plan(*read);
  read->deployment->salt = 2;
  const Plan two = draw_plan(*read);
  CHECK(one.people[0].endpoint_id != two.people[0].endpoint_id);
  CHECK(one.people[0].seed != two.people[0].seed);
}

TEST_CASE("what makes no sense at a deployment is told") {
  CHECK(has(error_of("deployment: https://meet.example.org/\n" + kRest), "not a room's address"));
  CHECK(has(error_of("deployment: meet.example.org/load\n" + kRest), "not a room's address"));
  CHECK(has(error_of("deployment: wss://meet.example.org/load\n" + kRest), "not a room's address"));
  CHECK(has(error_of("deployment: https://meet.example.org/a/b\n" + kRest), "not a room's address"));
  CHECK(has(error_of("deployment: { tls: verify }\n" + kRest), "'url' is missing"));
  CHECK(has(error_of("deployment: { url: https://a/load, tls: off }\n" + kRest), "insecure"));
  CHECK(has(error_of("deployment: { url: https://a/load, joins: 200/s }\n" + kRest), "at most 100/s"));
  CHECK(has(error_of("deployment: { url: https://a/load, websocket: https://a/ }\n" + kRest), "no ws: or wss: address"));
  CHECK(has(error_of("deployment: { url: https://a/load, muc: 'a b' }\n" + kRest), "is no domain"));
  CHECK(has(error_of("deployment: https://a/load\nbridges: [ { } ]\n" + kRest), "has no 'bridges'"));
  CHECK(has(error_of("deployment: https://a/load\nregions: { eu: {} }\n" + kRest), "has no 'regions'"));
  CHECK(has(error_of("deployment: https://a/load\ncrypto: null\n" + kRest), "crypto"));
  CHECK(has(error_of("deployment: https://a/load\nevents: [ { at: 1s, bridge: bridge-1, down: 1s } ]\n" + kRest), "no bridge is called"));
  CHECK(has(error_of("deployment: https://a/load\nscenario: l\nduration: 10h\nconferences: [ { people: [ { count: 2001 } ] } ]\n"), "at most 2000"));
  CHECK(has(error_of("deployment: https://a/load\nscenario: l\nduration: 10s\nconferences: [ { people: [ { count: 200 } ] } ]\n"), "to join a deployment"));
}

TEST_CASE("config.js is read as packages write it") {
  const auto values = read_config_js(R"(
/* eslint-disable */
var subdomain = '<!--# echo var="subdomain" default="" -->';
if (subdomain) { subdomain = subdomain.substr(0, subdomain.length - 1).split('.').join('_').toLowerCase() + '.'; }
var config = {
    hosts: {
        domain: 'meet.example.org', // domain: 'no.example.org'
        /* muc: 'no', */
        muc: 'conference.' + subdomain + 'meet.example.org',
        "focus": "focus.meet.example.org"
    },
    bosh: 'https://meet.example.org/' + unknown() + 'http-bind',
    websocket: 'wss://meet.example.org/xmpp-websocket',
    testing: { octo: { probability: 0 }, domain: 'inner' },
    later: function() { return { domain: 'no' }; },
    last: 'a\'b'
};
)", "h:1", "h");
  CHECK(values.at("hosts.domain") == "meet.example.org");
  CHECK(values.at("hosts.muc") == "conference.meet.example.org");
  CHECK(values.at("hosts.focus") == "focus.meet.example.org");
  CHECK(values.at("websocket") == "wss://meet.example.org/xmpp-websocket");
  CHECK(values.at("last") == "a'b");
  CHECK(values.count("bosh") == 0);
}

TEST_CASE("config.js is read as containers write it, by assignments") {
  const auto values = read_config_js(R"(var config = {};
config.hosts = {};
config.hosts.domain = 'meet.jitsi';
var subdir = "";
config.hosts.muc = 'muc.' + subdir + 'meet.jitsi'
config.websocket = 'wss://' + window.location.host + '/' + subdir + 'xmpp-websocket';
config.name = location.hostname;
config.same = config.a == 'b';
)", "meet.example:8443", "meet.example");
  CHECK(values.at("hosts.domain") == "meet.jitsi");
  CHECK(values.at("hosts.muc") == "muc.meet.jitsi");
  CHECK(values.at("websocket") == "wss://meet.example:8443/xmpp-websocket");
  CHECK(values.at("name") == "meet.example");
  CHECK(values.count("same") == 0);
}

TEST_CASE("a config.js without end has limits") {
  CHECK(read_config_js(std::string(1'000'000, '{'), "h", "h").empty());
  std::string many;
  for (int i = 0; i < 20'000; ++i) many += "a" + std::to_string(i) + "='b';";
  CHECK(read_config_js(many, "h", "h").size() == kMaxConfigValues);
}
