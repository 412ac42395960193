#include "host/linux/linux_world.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "host/linux/shard.h"

namespace tacoma {
namespace host {
namespace {

constexpr size_t kSpareFiles = 256;  // besides the sockets of hosts: logs, databases, the loops' own

// Whether a host is behind a site, at whatever depth.
bool is_behind(const NetworkPlan& plan, const HostPlan& host, uint32_t site) {
  for (std::optional<uint32_t> next = host.site; next; next = plan.sites[*next].behind)
    if (*next == site) return true;
  return false;
}

// The shard of the hosts behind a site, if there are any.
std::optional<uint32_t> shard_of_site(const NetworkPlan& plan, const std::vector<uint32_t>& shard_of, uint32_t site) {
  for (size_t i = 0; i < plan.hosts.size(); ++i)
    if (is_behind(plan, plan.hosts[i], site)) return shard_of[i];
  return std::nullopt;
}

class LinuxWorld final : public World {
 public:
  LinuxWorld(std::unique_ptr<Shared> shared, std::vector<uint32_t> shard_of, const LinuxOptions& options)
      : shared_(std::move(shared)), shard_of_(std::move(shard_of)), realtime_(options.realtime), warn_(options.warn) {
    uint32_t count = 1;
    for (uint32_t shard : shard_of_) count = std::max(count, shard + 1);
    for (uint32_t i = 0; i < count; ++i) shards_.push_back(std::make_unique<Shard>(*shared_));
    for (uint32_t host = 0; host < shard_of_.size(); ++host) shards_[shard_of_[host]]->adopt(HostId(host));
    const NetworkPlan& plan = shared_->plan;
    for (uint32_t site = 0; site < plan.sites.size(); ++site)
      shards_[shard_of_site(plan, shard_of_, site).value_or(0)]->adopt_site(plan.site_id(site));
  }
  ~LinuxWorld() override {
    for (const auto& shard : shards_) shard->stop();
    for (std::thread& thread : threads_) thread.join();
  }

  SocketAddress address(HostId host, IpFamily family) const override {
    return shared_->udp[host.value()][Directory::index(family)].address;
  }
  void attach(HostId host, Process* process) override {
    on(host, [&](Shard& shard) { shard.attach(host, process); });
  }
  void listen(HostId host, std::string service) override {
    on(host, [&](Shard& shard) { shard.listen(host, service); });
  }
  void run_until(Instant end) override {
    if (threads_.empty()) {
      shared_->clock.start();
      for (const auto& shard : shards_) threads_.emplace_back([&shard] { shard->run(); });
      if (realtime_) go_ahead();
    }
    std::this_thread::sleep_until(shared_->clock.at(end));
  }
  Instant now() const override { return shared_->clock.now(); }
  void inspect(HostId host, const std::function<void(Process&, Instant, Outbox&)>& look) override {
    on(host, [&](Shard& shard) { shard.inspect(host, look); });
  }
  void sample_links(std::vector<LinkSample>& out) override {
    const size_t before = out.size();
    for (const auto& shard : shards_) run_on(*shard, [&](Shard& s) { s.sample_links(out); });
    std::stable_sort(out.begin() + static_cast<std::ptrdiff_t>(before), out.end(), [](const LinkSample& a, const LinkSample& b) { return a.host < b.host; });
  }
  WorldStats stats() override {
    WorldStats stats;
    for (const auto& shard : shards_) run_on(*shard, [&](Shard& s) { s.add_stats(stats); });
    return stats;
  }

 private:
  void go_ahead() {
    const sched_param lowest{::sched_get_priority_min(SCHED_RR)};
    for (std::thread& thread : threads_) {
      if (::pthread_setschedparam(thread.native_handle(), SCHED_RR, &lowest) == 0) continue;
      if (warn_) warn_("the system lets this user run nothing in real time (as root, or with CAP_SYS_NICE, it would): the run has to share the machine");
      return;
    }
  }

  // Does `work` on the thread of the shard, or here while there are no threads.
  template <typename Work>
  void run_on(Shard& shard, Work work) {
    if (threads_.empty()) work(shard);
    else shard.call([&] { work(shard); });
  }
  template <typename Work>
  void on(HostId host, Work work) {
    TACOMA_ASSERT(host.value() < shard_of_.size());
    run_on(*shards_[shard_of_[host.value()]], work);
  }

  std::unique_ptr<Shared> shared_;
  std::vector<uint32_t> shard_of_;  // by host
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::thread> threads_;
  bool realtime_;
  std::function<void(const std::string&)> warn_;
};

// Each host needs a socket a family and both ends of a stream or two.
Result<void> allow_files(size_t hosts, size_t families) {
  const rlim_t needed = hosts * (families + 2) + kSpareFiles;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return {};
  const rlim_t allowed = limit.rlim_max;
  limit.rlim_cur = std::min(needed, allowed);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (allowed < needed)
    return fail("this run needs about " + std::to_string(needed) + " open files, but the system allows " + std::to_string(allowed) + " (ulimit -Hn); raise that limit or run fewer people");
  return {};
}

Result<std::vector<uint32_t>> assign_shards(const NetworkPlan& plan, const LinuxOptions& options) {
  std::vector<uint32_t> shard_of = options.shard_of;
  if (!shard_of.empty()) {
    if (shard_of.size() != plan.hosts.size())
      return fail("shard_of names " + std::to_string(shard_of.size()) + " hosts, the plan has " + std::to_string(plan.hosts.size()));
    for (uint32_t shard : shard_of)
      if (shard >= kMaxShards) return fail("a host is to run on shard " + std::to_string(shard) + ", the last one is " + std::to_string(kMaxShards - 1));
    for (uint32_t site = 0; site < plan.sites.size(); ++site)
      for (size_t i = 0; i < plan.hosts.size(); ++i)
        if (is_behind(plan, plan.hosts[i], site) && shard_of[i] != *shard_of_site(plan, shard_of, site))
          return fail("the hosts behind site " + plan.sites[site].name + " must run on one shard, which shapes the link they share");
    return shard_of;
  }
  for (const HostPlan& host : plan.hosts) {
    const bool is_bridge = std::find(options.bridges.begin(), options.bridges.end(), host.name) != options.bridges.end();
    shard_of.push_back(is_bridge ? 0 : 1);
  }
  // The link of a site is shaped on one shard: whoever shares it with a bridge goes where that runs.
  for (uint32_t site = 0; site < plan.sites.size(); ++site) {
    if (plan.sites[site].behind) continue;
    uint32_t shard = 1;
    for (size_t i = 0; i < plan.hosts.size(); ++i)
      if (is_behind(plan, plan.hosts[i], site)) shard = std::min(shard, shard_of[i]);
    for (size_t i = 0; i < plan.hosts.size(); ++i)
      if (is_behind(plan, plan.hosts[i], site)) shard_of[i] = shard;
  }
  return shard_of;
}

Result<void> open_sockets(Shared& shared, const LinuxOptions& options) {
  const NetworkPlan& plan = shared.plan;
  bool used[2] = {false, false};
  for (const HostPlan& host : plan.hosts) used[Directory::index(host.family)] = true;
  if (Result<void> files = allow_files(plan.hosts.size(), size_t{used[0]} + size_t{used[1]}); !files) return fail(files.error());
  for (const auto& [name, port] : options.fixed_ports) {
    const std::string& wanted = name;
    if (std::none_of(plan.hosts.begin(), plan.hosts.end(), [&](const HostPlan& host) { return host.name == wanted; }))
      return fail("port " + std::to_string(port) + " is given to host " + name + ", which is not in the plan");
  }
  bool warned = false;
  shared.udp.resize(plan.hosts.size());
  for (uint32_t i = 0; i < plan.hosts.size(); ++i) {
    const auto fixed = options.fixed_ports.find(plan.hosts[i].name);
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
      shared.udp[i][Directory::index(family)].address.ip.family = family;
      if (!used[Directory::index(family)]) continue;
      const IpAddress ip = options.outside ? options.outside->local : loopback(family);
      if (ip.family != family) return fail("the plan's hosts use another IP version than the way out, " + ip.to_string());
      Result<UdpSocket> made = open_udp({ip, fixed == options.fixed_ports.end() ? uint16_t{0} : fixed->second}, plan.hosts[i].name);
      if (!made) return fail(made.error());
      if (made->small_buffer && !std::exchange(warned, true) && options.warn)
        options.warn("the kernel grants less than " + std::to_string(kReceiveBuffer >> 20) + " MB of receive buffer (sysctl net.core.rmem_max): bursts may overflow it");
      shared.directory.add_udp(HostId(i), made->address);
      shared.udp[i][Directory::index(family)] = std::move(*made);
    }
  }
  return {};
}

}  // namespace
}  // namespace host

Result<std::unique_ptr<World>> make_linux_world(const NetworkPlan& plan, const LinuxOptions& options) {
  if (Result<void> checked = check_network(plan, options.shape); !checked) return fail(checked.error());
  Result<std::vector<uint32_t>> shard_of = host::assign_shards(plan, options);
  if (!shard_of) return fail(shard_of.error());
  auto shared = std::make_unique<host::Shared>();
  shared->plan = plan;
  if (!options.shape) {
    shared->plan.changes.clear();
    for (HostPlan& host : shared->plan.hosts) host.up = host.down = LinkConfig();
    for (SitePlan& site : shared->plan.sites) site.up = site.down = LinkConfig();
    for (std::vector<Duration>& row : shared->plan.one_way) std::fill(row.begin(), row.end(), Duration::zero());
  }
  shared->links = make_links(shared->plan);
  shared->routes = std::make_unique<Routes>(shared->plan);
  shared->offered.resize(plan.link_count());
  shared->tap = options.tap;
  shared->warn = options.warn;
  shared->outside = options.outside;
  if (Result<void> opened = host::open_sockets(*shared, options); !opened) return fail(opened.error());
  return std::unique_ptr<World>(std::make_unique<host::LinuxWorld>(std::move(shared), std::move(*shard_of), options));
}

}  // namespace tacoma
