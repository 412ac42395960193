// The sockets world: what all worlds must do, in real time. Times are judged generously: the machine may be busy.
#include "host/linux/linux_world.h"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "tests/world/chaos.h"
#include "tests/world/conformance.h"

namespace tacoma {
namespace {

using namespace conformance;

std::unique_ptr<World> make(const NetworkPlan& plan, Tap* tap = nullptr) {
  LinuxOptions options;
  options.tap = tap;
  options.bridges = {"h1"};
  Result<std::unique_ptr<World>> world = make_linux_world(plan, options);
  if (!world) FAIL(world.error());
  return std::move(*world);
}

TEST_CASE("the sockets world conforms") { conforms({make, Duration::microseconds(100), ms(30)}); }

TEST_CASE("shaping delays by what the plan says, in the median") {
  NetworkPlan plan = two_regions();
  Probe from, to;
  std::vector<Instant> sent;
  const auto world = make(plan);
  const SocketAddress address = world->address(HostId(1), IpFamily::v4);
  from.at_start = [&](Instant now, Outbox&) { from.next = {now, "send"}; };
  from.at_deadline = [&](Instant now, Outbox& out) {
    sent.push_back(now);
    send_text(out, address, std::to_string(sent.size() - 1));
    if (sent.size() < 200) from.next = {now + ms(2), "send"};
  };
  world->attach(HostId(1), &to);
  world->attach(HostId(0), &from);
  world->run_until(at_ms(700));
  const auto got = look(*world, HostId(1), &Probe::got);
  std::vector<int64_t> delays;
  for (const Probe::Got& g : got) delays.push_back((g.now - sent.at(std::stoul(g.payload))).us());
  REQUIRE(delays.size() > 100);
  std::sort(delays.begin(), delays.end());
  CHECK(delays.front() >= 35'000);
  CHECK(delays[delays.size() / 2] < 40'000);
  const WorldStats stats = world->stats();
  CHECK(stats.timed >= 400);
  CHECK(stats.late_max >= Duration::zero());
}

TEST_CASE("without shaping the plan's links do not matter") {
  NetworkPlan plan = two_regions();
  plan.hosts[0].up.loss = 1;
  LinuxOptions options;
  options.shape = false;
  auto world = std::move(*make_linux_world(plan, options));
  Probe from, to;
  const SocketAddress address = world->address(HostId(1), IpFamily::v4);
  from.at_start = [&](Instant, Outbox& out) { send_text(out, address, "straight"); };
  world->attach(HostId(1), &to);
  world->attach(HostId(0), &from);
  world->run_until(at_ms(30));
  CHECK(look(*world, HostId(1), &Probe::got).size() == 1);
}

TEST_CASE("a burst of datagrams comes in batches and none is lost") {
  Probe from, to;
  const auto world = make(plain_plan(2));
  const SocketAddress address = world->address(HostId(1), IpFamily::v4);
  from.at_start = [&](Instant, Outbox& out) {
    for (int i = 0; i < 500; ++i) send_text(out, address, std::string(1200, 'x'));
  };
  world->attach(HostId(1), &to);
  world->attach(HostId(0), &from);
  world->run_until(at_ms(200));
  CHECK(look(*world, HostId(1), &Probe::got).size() == 500);
  const auto batches = look(*world, HostId(1), &Probe::batches);
  CHECK(*std::max_element(batches.begin(), batches.end()) <= 64);
  CHECK(batches.size() < 500);
}

// A UDP socket that belongs to no host.
struct Stranger {
  Stranger() : fd(::socket(AF_INET, SOCK_DGRAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    socklen_t length = sizeof address;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    port = ntohs(address.sin_port);
  }
  ~Stranger() { ::close(fd); }
  void send(const SocketAddress& to, size_t size) const {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(to.port);
    const std::string bytes(size, 's');
    CHECK(::sendto(fd, bytes.data(), size, 0, reinterpret_cast<sockaddr*>(&address), sizeof address) == static_cast<ssize_t>(size));
  }
  int fd;
  uint16_t port = 0;
};

TEST_CASE("strangers are heard, too large datagrams are counted, closed ports do no harm") {
  Probe probe;
  const auto world = make(plain_plan(1));
  const Stranger stranger;
  uint16_t closed_port = 0;
  { const Stranger gone; closed_port = gone.port; }
  probe.at_start = [&](Instant, Outbox& out) {
    for (int i = 0; i < 3; ++i) send_text(out, {IpAddress::v4(127, 0, 0, 1), closed_port}, "nobody there");
    send_text(out, {*IpAddress::parse("::1"), 9}, "no socket of this family");
  };
  world->attach(HostId(0), &probe);
  world->run_until(at_ms(20));
  stranger.send(world->address(HostId(0), IpFamily::v4), 100);
  stranger.send(world->address(HostId(0), IpFamily::v4), 1600);
  world->run_until(at_ms(60));
  const auto got = look(*world, HostId(0), &Probe::got);
  REQUIRE(got.size() == 1);
  CHECK(got[0].from.port == stranger.port);
  CHECK(world->stats().drops[Drop::over_mtu] == 1);
  CHECK(world->stats().drops[Drop::no_route] == 1);
}

TEST_CASE("a port in use is reported with a sentence") {
  const Stranger stranger;
  LinuxOptions options;
  options.fixed_ports = {{"h0", stranger.port}};
  auto world = make_linux_world(plain_plan(1), options);
  REQUIRE_FALSE(world);
  CHECK(world.error() == "host h0 cannot have UDP 127.0.0.1:" + std::to_string(stranger.port) + ": another program uses this port; stop it or choose another port");
}

TEST_CASE("fixed ports are given, to hosts that exist") {
  uint16_t port = 0;
  { const Stranger gone; port = gone.port; }
  LinuxOptions options;
  options.fixed_ports = {{"h1", port}};
  auto world = make_linux_world(plain_plan(2), options);
  REQUIRE(world);
  CHECK((*world)->address(HostId(1), IpFamily::v4).port == port);
  CHECK((*world)->address(HostId(1), IpFamily::v6).port == 0);
  options.fixed_ports = {{"eu-1", port}};
  CHECK(make_linux_world(plain_plan(2), options).error() == "port " + std::to_string(port) + " is given to host eu-1, which is not in the plan");
}

TEST_CASE("impossible options are refused") {
  LinuxOptions options;
  options.shard_of = {0};
  CHECK_FALSE(make_linux_world(plain_plan(2), options));
  options.shard_of = {0, kMaxShards};
  CHECK_FALSE(make_linux_world(plain_plan(2), options));
  NetworkPlan plan = plain_plan(1);
  plan.hosts[0].up.disc = QueueDisc::pie;
  CHECK_FALSE(make_linux_world(plan, {}));
}

TEST_CASE("a stream that its reader cannot keep up with is closed and counted") {
  NetworkPlan plan = plain_plan(2);
  plan.hosts[0].up.rate = DataRate::kbps(100);
  Probe client, server;
  const std::string piece(1 << 20, 'x');
  client.at_start = [&](Instant, Outbox& out) {
    out.open_stream(StreamId(1), "sink");
    for (size_t i = 0; i <= kMaxStreamBacklog / piece.size(); ++i) out.write_stream(StreamId(1), piece);
  };
  const auto world = make(plan);
  world->listen(HostId(1), "sink");
  world->attach(HostId(1), &server);
  world->attach(HostId(0), &client);
  world->run_until(at_ms(100));
  CHECK(world->stats().drops[Drop::stream_limit] == 1);
  CHECK(look(*world, HostId(0), &Probe::heard).back().kind == StreamEvent::Kind::closed);
}

TEST_CASE("both ends of a stream may close at once, and many streams may come and go") {
  Probe client, server;
  constexpr uint32_t kStreams = 200;
  uint32_t echoed = 0;
  client.at_start = [](Instant, Outbox& out) {
    for (uint32_t i = 0; i < kStreams; ++i) {
      out.open_stream(StreamId(i), "echo");
      out.write_stream(StreamId(i), "x");
    }
  };
  client.at_stream = [&](Instant, const StreamEvent& event, Outbox& out) {
    if (event.kind != StreamEvent::Kind::data) return;
    ++echoed;
    out.close_stream(event.id);
  };
  server.at_stream = [](Instant, const StreamEvent& event, Outbox& out) {
    if (event.kind != StreamEvent::Kind::data) return;
    out.write_stream(event.id, event.data);
    out.close_stream(event.id);
  };
  const auto world = make(plain_plan(2));
  world->listen(HostId(1), "echo");
  world->attach(HostId(1), &server);
  world->attach(HostId(0), &client);
  world->run_until(at_ms(400));
  CHECK(look(*world, HostId(0), &Probe::received).size() == kStreams);
  world->inspect(HostId(0), [&](Process&, Instant, Outbox&) { CHECK(echoed == kStreams); });
  for (const Probe::Heard& heard : look(*world, HostId(1), &Probe::heard)) CHECK(heard.kind == StreamEvent::Kind::accepted);
}

TEST_CASE("streams survive chaos") {
  for (uint64_t seed = 1; seed <= 3; ++seed) streams_survive_chaos({make, ms(0), ms(0)}, seed, Duration::seconds(1));
}

TEST_CASE("too few open files for the plan are reported before the run") {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit few{300, 300};
    if (::setrlimit(RLIMIT_NOFILE, &few) != 0) _exit(2);
    const auto world = make_linux_world(plain_plan(100), {});
    _exit(!world && world.error() == "this run needs about 556 open files, but the system allows 300 (ulimit -Hn); raise that limit or run fewer people" ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("a deadline that does not advance aborts the run") {
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);
    if (!std::freopen("/dev/null", "w", stderr)) _exit(2);
    Probe stuck;
    stuck.next = {at_ms(5), "stuck"};
    stuck.at_deadline = [&](Instant now, Outbox&) { stuck.next = {now, "stuck"}; };
    const auto world = make(plain_plan(1));
    world->attach(HostId(0), &stuck);
    world->run_until(at_ms(100));
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
}

}  // namespace
}  // namespace tacoma
