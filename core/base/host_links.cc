#include "core/base/host_links.h"

#include <cstdio>
#include <cstdlib>
#include <unordered_set>

namespace tacoma {
namespace {

bool is_probability(double p) { return p >= 0 && p <= 1; }

// What is wrong with a link, or nullptr.
const char* fault_of(const LinkConfig& link, bool link_model_only) {
  if (link.rate < DataRate::zero()) return "its rate is negative";
  if (link.delay < Duration::zero() || link.jitter < Duration::zero() || link.queue < Duration::zero()) return "a time of it is negative";
  if (link.delay.is_infinite() || link.jitter.is_infinite() || link.queue.is_infinite()) return "a time of it is infinite";
  if (!is_probability(link.loss)) return "its loss is not between 0 and 1";
  if (link.bursts) {
    const GilbertElliott& ge = *link.bursts;
    if (!is_probability(ge.good_to_bad) || !is_probability(ge.bad_to_good) || !is_probability(ge.loss_good) || !is_probability(ge.loss_bad))
      return "a probability of its loss bursts is not between 0 and 1";
  }
  if (link_model_only && (link.disc == QueueDisc::fq_codel || link.disc == QueueDisc::pie))
    return "this world models drop-tail and codel queues only; run the scenario in the ns3 world for fq_codel or pie";
  if (link.ecn && link.disc == QueueDisc::drop_tail) return "a drop-tail queue marks nothing";
  if (link.trace && (link.trace->opportunities_ms.empty() || link.trace->period_ms == 0 || link.trace->opportunities_ms.back() > link.trace->period_ms))
    return "its trace has no opportunities, or some after its period";
  if (link.trace && link.disc != QueueDisc::drop_tail) return "a link with a trace has a drop-tail queue";
  return nullptr;
}

Result<void> check_wifi(const NetworkPlan& plan, const SitePlan& site, bool link_model_only) {
  const std::string what = "the Wi-Fi cell of site " + site.name;
  const WifiCell& cell = *site.wifi;
  if (link_model_only) return fail("this world has no Wi-Fi (site " + site.name + "); run the scenario in the ns3 world");
  if (cell.mcs > WifiCell::kHighestMcs) return fail(what + " has no modulation " + std::to_string(cell.mcs));
  if (!(cell.distance > 0 && cell.distance <= WifiCell::kLargestDistance)) return fail(what + " has its people at a distance out of range");
  if (cell.queue <= Duration::zero() || cell.queue > Duration::seconds(10)) return fail(what + " has a queue that is not within 0 and 10 s");
  for (const HostPlan& host : plan.hosts)
    if (host.family == IpFamily::v6) return fail(what + " carries IPv4 only, and host " + host.name + " speaks IPv6");
  return {};
}

}  // namespace

Result<void> check_network(const NetworkPlan& plan, bool link_model_only) {
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
    if (host.site && (*host.site >= plan.sites.size() || plan.sites[*host.site].region != host.region))
      return fail("host " + host.name + " is behind a site that does not exist in its region");
    for (bool is_up : {true, false})
      if (const char* fault = fault_of(is_up ? host.up : host.down, link_model_only))
        return fail("the " + std::string(is_up ? "up" : "down") + " link of host " + host.name + " cannot be modelled: " + fault);
  }
  for (size_t i = 0; i < plan.sites.size(); ++i) {
    const SitePlan& site = plan.sites[i];
    if (!names.insert(site.name).second) return fail("two hosts or sites are named " + site.name);
    if (site.region >= regions) return fail("site " + site.name + " is in a region that does not exist");
    if (site.behind && (*site.behind >= i || plan.sites[*site.behind].region != site.region))
      return fail("site " + site.name + " must be behind a site before it, of the same region");
    if (site.behind && plan.sites[*site.behind].wifi) return fail("site " + site.name + " stands behind a Wi-Fi cell, which holds people only");
    if (site.wifi)
      if (Result<void> checked = check_wifi(plan, site, link_model_only); !checked) return checked;
    uint32_t depth = 1;
    for (std::optional<uint32_t> next = site.behind; next; next = plan.sites[*next].behind)
      if (++depth > kMaxSiteDepth) return fail("site " + site.name + " is behind more than " + std::to_string(kMaxSiteDepth - 1) + " others");
    for (bool is_up : {true, false})
      if (const char* fault = fault_of(is_up ? site.up : site.down, link_model_only))
        return fail("the " + std::string(is_up ? "up" : "down") + " link of site " + site.name + " cannot be modelled: " + fault);
  }
  Instant last;
  for (const LinkChange& change : plan.changes) {
    if (change.host.value() >= plan.link_count()) return fail("a link change names a host or site that does not exist");
    const std::string& name = plan.link_name(change.host);
    if (change.at < last) return fail("the link changes are not in order of time (host " + name + ")");
    last = change.at;
    if (const char* fault = fault_of(change.link, link_model_only)) return fail("a change of a link of host " + name + " cannot be modelled: " + fault);
  }
  for (const FlowPlan& flow : plan.flows) {
    if (flow.from.value() >= plan.hosts.size() || flow.to.value() >= plan.hosts.size()) return fail("flow " + flow.name + " names a host that does not exist");
    if (flow.packet_bytes < 100 || flow.packet_bytes > 1500) return fail("flow " + flow.name + " has packets that are not within 100 and 1500 bytes");
  }
  return {};
}

std::vector<HostLinks> make_links(const NetworkPlan& plan) {
  std::vector<HostLinks> links;
  links.reserve(plan.link_count());
  const Rng seed = Rng(plan.seed).split("links");
  for (uint32_t i = 0; i < plan.link_count(); ++i) {
    const Rng own = seed.split(plan.link_name(HostId(i)));
    links.push_back({LinkModel(plan.link(HostId(i), true), own.split("up")), LinkModel(plan.link(HostId(i), false), own.split("down"))});
  }
  for (const LinkChange& change : plan.changes) {
    HostLinks& pair = links[change.host.value()];
    (change.is_up ? pair.up : pair.down).change_at(change.at, change.link);
  }
  return links;
}

Routes::Routes(const NetworkPlan& plan) : plan_(plan) {
  for (uint32_t i = 0; i < plan.sites.size(); ++i) {
    Chain chain{i};
    for (std::optional<uint32_t> next = plan.sites[i].behind; next; next = plan.sites[*next].behind) chain.push_back(*next);
    chains_.push_back(std::move(chain));
  }
}

// How many sites, from the region inwards, both stand behind.
uint32_t Routes::common(uint32_t from, uint32_t to) const {
  const Chain& a = chain(from);
  const Chain& b = chain(to);
  uint32_t n = 0;
  while (n < a.size() && n < b.size() && a[a.size() - 1 - n] == b[b.size() - 1 - n]) ++n;
  return n;
}

Routes::Hop Routes::hop(uint32_t from, uint32_t to, uint32_t n) const {
  const uint32_t ups_here = ups(from, to);
  const uint32_t site_link = static_cast<uint32_t>(plan_.hosts.size());
  if (n < ups_here) return {site_link + chain(from)[n], true, Duration::zero()};
  const Duration between = n == ups_here ? plan_.one_way[plan_.hosts[from].region][plan_.hosts[to].region] : Duration::zero();
  const uint32_t left = count(from, to) - 1 - n;  // hops after this one
  if (left == 0) return {to, false, between};
  return {site_link + chain(to)[left - 1], false, between};
}

Duration one_way_delay(const NetworkPlan& plan, HostId from, HostId to) {
  const Routes routes(plan);
  Duration sum = plan.hosts[from.value()].up.delay;
  for (uint32_t n = 0; n < routes.count(from.value(), to.value()); ++n) {
    const Routes::Hop hop = routes.hop(from.value(), to.value(), n);
    sum += hop.before + plan.link(HostId(hop.link), hop.is_up).delay;
  }
  return sum;
}

void assert_deadline_advanced(const std::string& host, const Deadline& deadline, Instant now) {
  if (deadline.at > now) return;
  std::fprintf(stderr, "internal rule broken: after on_deadline at %.9f s host %s wants to be woken at %.9f s (%s), which is not later\n",
               now.since_start().to_seconds(), host.c_str(), deadline.at.since_start().to_seconds(), deadline.reason);
  std::abort();
}

}  // namespace tacoma
