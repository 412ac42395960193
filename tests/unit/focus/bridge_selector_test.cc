#include <catch2/catch.hpp>

#include "focus/engine/bridge_selector.h"

using namespace tacoma;
using namespace tacoma::focus;

namespace {

BridgeStats make_stats(double stress, std::string region = "eu") {
  BridgeStats stats;
  stats.drain = false;
  stats.stress = stress;
  stats.region = std::move(region);
  return stats;
}

std::string pick(BridgeSelector& bridges, std::string_view region = {}, Instant now = Instant()) {
  const Bridge* bridge = bridges.select(region, now);
  return bridge ? bridge->jid : "";
}

}  // namespace

TEST_CASE("the least stressed usable bridge is chosen, the earlier of equal ones") {
  BridgeSelector bridges(10, 0.8);
  CHECK(pick(bridges) == "");
  bridges.update("a", make_stats(0.3));
  bridges.update("b", make_stats(0.1));
  bridges.update("c", make_stats(0.1));
  CHECK(pick(bridges) == "b");
  BridgeStats draining = make_stats(0.1);
  draining.drain = true;
  bridges.update("b", draining);
  CHECK(pick(bridges) == "c");
  bridges.remove("c");
  CHECK(pick(bridges) == "a");
}

TEST_CASE("the region comes before stress, overload before the region") {
  BridgeSelector bridges(10, 0.8);
  bridges.update("eu", make_stats(0.5, "eu"));
  bridges.update("us", make_stats(0.1, "us"));
  CHECK(pick(bridges, "eu") == "eu");
  CHECK(pick(bridges, "ap") == "us");
  CHECK(pick(bridges) == "us");
  bridges.update("eu", make_stats(0.8, "eu"));
  CHECK(pick(bridges, "eu") == "us");
  bridges.update("us", make_stats(0.9, "us"));
  CHECK(pick(bridges, "eu") == "eu");
}

TEST_CASE("endpoints that were just added weigh until the bridge can have reported them") {
  BridgeSelector bridges(10, 0.8);
  Bridge* a = bridges.update("a", make_stats(0.10));
  BridgeStats heavy = make_stats(0.15);
  heavy.others["average_participant_stress"] = "0.02";
  bridges.update("b", heavy);
  const Instant start = Instant::at(Duration::seconds(100));
  CHECK(pick(bridges, "", start) == "a");
  for (int i = 0; i < 6; ++i) bridges.endpoint_added(*a, start);
  CHECK(pick(bridges, "", start) == "b");
  CHECK(pick(bridges, "", start + Duration::seconds(19)) == "b");
  CHECK(pick(bridges, "", start + Duration::seconds(20)) == "a");
  Bridge* b = bridges.find("b");
  CHECK(b->average_participant_stress == 0.02);
  CHECK(a->endpoints == 6);
}

TEST_CASE("a failed bridge recovers at its time, once") {
  BridgeSelector bridges(10, 0.8);
  Bridge* a = bridges.update("a", make_stats(0.1));
  const Instant until = Instant::at(Duration::seconds(60));
  bridges.fail(*a, Instant::at(Duration::seconds(30)));
  bridges.fail(*a, until);
  CHECK(bridges.next_recovery() == until);
  CHECK(pick(bridges, "", Instant::at(Duration::seconds(59))) == "");
  CHECK_FALSE(bridges.pop_recovered(Instant::at(Duration::seconds(59))));
  CHECK(bridges.pop_recovered(until));
  CHECK_FALSE(bridges.pop_recovered(until));
  CHECK(pick(bridges, "", until) == "a");
  bridges.fail(*a, until + Duration::seconds(1));
  bridges.remove("a");
  CHECK(bridges.next_recovery().is_never());
}

TEST_CASE("the number of bridges is limited") {
  BridgeSelector bridges(1, 0.8);
  CHECK(bridges.update("a", make_stats(0.1)) != nullptr);
  CHECK(bridges.update("b", make_stats(0.1)) == nullptr);
  CHECK(bridges.update("a", make_stats(0.2)) != nullptr);
  CHECK(bridges.size() == 1);
}
