#include "core/base/host_links.h"

#include <cstdio>
#include <cstdlib>
#include <unordered_set>

namespace tacoma {
namespace {

bool is_probability(double p) { return p >= 0 && p <= 1; }

// What is wrong with a link, or nullptr.
const char* fault_of(const LinkConfig& link, bool drop_tail_only) {
  if (link.rate < DataRate::zero()) return "its rate is negative";
  if (link.delay < Duration::zero() || link.jitter < Duration::zero() || link.queue < Duration::zero()) return "a time of it is negative";
  if (link.delay.is_infinite() || link.jitter.is_infinite() || link.queue.is_infinite()) return "a time of it is infinite";
  if (!is_probability(link.loss)) return "its loss is not between 0 and 1";
  if (link.bursts) {
    const GilbertElliott& ge = *link.bursts;
    if (!is_probability(ge.good_to_bad) || !is_probability(ge.bad_to_good) || !is_probability(ge.loss_good) || !is_probability(ge.loss_bad))
      return "a probability of its loss bursts is not between 0 and 1";
  }
  if (drop_tail_only && link.disc != QueueDisc::drop_tail)
    return "this world models drop-tail queues only; run the scenario in the ns3 world for fq_codel, codel or pie";
  return nullptr;
}

}  // namespace

Result<void> check_network(const NetworkPlan& plan, bool drop_tail_only) {
  const size_t regions = plan.regions.size();
  if (plan.one_way.size() != regions) return fail("the network plan has a delay table of " + std::to_string(plan.one_way.size()) + " rows for " + std::to_string(regions) + " regions");
  for (size_t i = 0; i < regions; ++i) {
    if (plan.one_way[i].size() != regions) return fail("the delay table of region " + plan.regions[i] + " does not name every region once");
    for (Duration delay : plan.one_way[i])
      if (delay < Duration::zero() || delay.is_infinite()) return fail("a delay from region " + plan.regions[i] + " is negative or infinite");
  }
  std::unordered_set<std::string> names;
  for (const HostPlan& host : plan.hosts) {
    if (!names.insert(host.name).second) return fail("two hosts are named " + host.name);
    if (host.region >= regions) return fail("host " + host.name + " is in a region that does not exist");
    for (bool is_up : {true, false})
      if (const char* fault = fault_of(is_up ? host.up : host.down, drop_tail_only))
        return fail("the " + std::string(is_up ? "up" : "down") + " link of host " + host.name + " cannot be modelled: " + fault);
  }
  Instant last;
  for (const LinkChange& change : plan.changes) {
    if (change.host.value() >= plan.hosts.size()) return fail("a link change names a host that does not exist");
    const std::string& name = plan.hosts[change.host.value()].name;
    if (change.at < last) return fail("the link changes are not in order of time (host " + name + ")");
    last = change.at;
    if (const char* fault = fault_of(change.link, drop_tail_only)) return fail("a change of a link of host " + name + " cannot be modelled: " + fault);
  }
  return {};
}

std::vector<HostLinks> make_links(const NetworkPlan& plan) {
  std::vector<HostLinks> links;
  links.reserve(plan.hosts.size());
  const Rng seed = Rng(plan.seed).split("links");
  for (const HostPlan& host : plan.hosts) {
    const Rng own = seed.split(host.name);
    links.push_back({LinkModel(host.up, own.split("up")), LinkModel(host.down, own.split("down"))});
  }
  for (const LinkChange& change : plan.changes) {
    HostLinks& pair = links[change.host.value()];
    (change.is_up ? pair.up : pair.down).change_at(change.at, change.link);
  }
  return links;
}

Duration one_way_delay(const NetworkPlan& plan, HostId from, HostId to) {
  const HostPlan& a = plan.hosts[from.value()];
  const HostPlan& b = plan.hosts[to.value()];
  return a.up.delay + plan.one_way[a.region][b.region] + b.down.delay;
}

void assert_deadline_advanced(const std::string& host, const Deadline& deadline, Instant now) {
  if (deadline.at > now) return;
  std::fprintf(stderr, "internal rule broken: after on_deadline at %.9f s host %s wants to be woken at %.9f s (%s), which is not later\n",
               now.since_start().to_seconds(), host.c_str(), deadline.at.since_start().to_seconds(), deadline.reason);
  std::abort();
}

}  // namespace tacoma
