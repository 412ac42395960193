// A deployment as `tacoma up` makes it, stock Prosody included, with two synthetic people on real sockets; and what strangers are told.
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "host/daemon/process_host.h"
#include "tests/deploy/tools.h"
#include "tests/world/meeting/meeting.h"

using namespace tacoma;
using namespace tacoma::test;
namespace fs = std::filesystem;

namespace {
using namespace std::chrono_literals;

/// The number that follows `key` in a text.
uint16_t number_after(const std::string& text, const std::string& key) {
  const size_t at = text.find(key);
  REQUIRE(at != std::string::npos);
  return static_cast<uint16_t>(std::atoi(text.c_str() + at + key.size()));
}

const std::string kUpgrade = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
std::string upgrade(uint16_t port, const std::string& target) {
  return http(port, "GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n" + kUpgrade + "\r\n");
}

/// `tacoma up` in a folder of its own. Its XMPP domain is the one that synthetic people know.
class UpRun {
 public:
  UpRun() : folder_(fs::temp_directory_path() / ("tacoma-up-" + std::to_string(::getpid()))), child_("up", command(), (folder_ / "up.log").string()) {
    REQUIRE(child_.start());
    for (int i = 0; i < 600 && log().find("Tacoma is up") == std::string::npos; ++i) {
      std::string how;
      if (child_.reap(how)) FAIL("tacoma up ended " + how + ":\n" + log());
      std::this_thread::sleep_for(100ms);
    }
    INFO(log());
    REQUIRE(log().find("Tacoma is up") != std::string::npos);
  }
  ~UpRun() {
    stop();
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  void stop() {
    end_child(child_, &ended_);
  }
  std::string log() const { return text_of(folder_ / "up.log"); }
  fs::path state() const { return folder_ / "state"; }
  uint16_t web() const { return port_; }
  uint16_t client_port() const { return number_after(text_of(state() / "prosody.cfg.lua"), "c2s_ports = { "); }
  uint16_t bridge_port(const std::string& key) const { return number_after(text_of(state() / "bridge-1.yaml"), key); }
  const std::string& ended() const { return ended_; }
  /// The process that runs one of the parts, by a word of its command line that no other part has. 0: none.
  pid_t part(const std::string& word) const {
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string name = entry.path().filename().string();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      const std::string command = text_of(entry.path() / "cmdline");
      const std::string status = text_of(entry.path() / "status");
      if (command.find(word) != std::string::npos && status.find("PPid:\t" + std::to_string(child_.pid()) + "\n") != std::string::npos)
        return static_cast<pid_t>(std::stol(name));
    }
    return 0;
  }

 private:
  std::vector<std::string> command() {
    fs::create_directories(folder_ / "web");
    std::ofstream(folder_ / "web" / "index.html") << "<!--#include virtual=\"part.html\" -->the room";
    std::ofstream(folder_ / "web" / "part.html") << "part of ";
    const auto port = up::free_ports(1);
    REQUIRE(port);
    port_ = port->front();
    return {std::string(TACOMA_BIN) + "/tacoma", "up", "--plain", "--public-host", "tacoma.test", "--bind", "127.0.0.1", "--port", std::to_string(port_),
            "--media-port", "0", "--advertise", "127.0.0.1", "--web-root", (folder_ / "web").string(), "--state", (folder_ / "state").string()};
  }
  fs::path folder_;
  uint16_t port_ = 0;
  std::string ended_;
  up::Child child_;
};

/// Two people of a plan, each on a socket of its own, in one loop.
class People {
 public:
  explicit People(uint16_t client_port) {
    plan_.crypto = Crypto::real;
    plan_.conferences.push_back({"standup", "standup@conference.tacoma.test", {}, false, {}});
    for (uint32_t i = 0; i < 2; ++i) {
      PersonPlan person;
      person.name = "standup/p" + std::to_string(i);
      person.endpoint_id = i == 0 ? "a0000001" : "b0000002";
      person.joins = Instant::at(Duration::milliseconds(100 + 300 * i));
      person.video.rate = DataRate::kbps(500);
      person.seed = i + 1;
      person.talks.push_back({Instant(), Instant::at(Duration::seconds(600))});
      plan_.conferences[0].people.push_back(i);
      plan_.people.push_back(person);
    }
    for (uint32_t i = 0; i < 2; ++i) {
      hosts_.push_back(std::make_unique<host::ProcessHost>(io_, [](bool, const std::string& text) { UNSCOPED_INFO(text); }));
      const auto bound = hosts_[i]->open_udp({IpAddress::v4(127, 0, 0, 1), 0});
      REQUIRE(bound);
      hosts_[i]->set_stream_target("xmpp", {"127.0.0.1", client_port, host::StreamTarget::Tls::none, "tacoma.test", "", true});
      ParticipantConfig config;
      config.index = i;
      config.plan = &plan_;
      config.address = *bound;
      config.speech = noise_speech();
      config.video = {noise_video(plan_.people[i].video, i)};
      config.results = &results_;
      config.rng = Rng(77 + i);
      people_.push_back(std::make_unique<Participant>(config));
      hosts_[i]->attach(*people_[i]);
    }
  }
  ~People() {
    for (auto& one : hosts_) one->detach();
    io_.poll();
  }
  template <typename Condition>
  bool run_until(Condition condition, std::chrono::seconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < end) {
      io_.run_for(50ms);
      if (condition()) return true;
    }
    return condition();
  }
  ParticipantStats stats(size_t i) const { return people_[i]->stats(); }
  std::string story() const {
    std::string text;
    for (const auto& e : results_.events) text += std::to_string(e.at.since_start().ms()) + " ms " + e.subject + " " + e.kind + ": " + e.text + "\n";
    for (size_t i = 0; i < people_.size(); ++i) {
      const ParticipantStats s = stats(i);
      text += "person " + std::to_string(i) + ": stage " + std::to_string(static_cast<int>(s.stage)) + ", received " + std::to_string(s.packets_received) +
              ", frames " + std::to_string(s.frames_rendered) + "\n";
    }
    return text;
  }
  /// Runs for so long. The longest time in which somebody saw no new frame, and whether both see some at the end.
  struct Gap {
    double seconds = 0;
    bool is_over = false;
  };
  Gap watch(std::chrono::seconds time) {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + time;
    Clock::time_point last[2] = {Clock::now(), Clock::now()};
    uint64_t seen[2] = {stats(0).frames_rendered, stats(1).frames_rendered};
    Gap gap;
    while (Clock::now() < end) {
      io_.run_for(10ms);
      for (size_t i = 0; i < 2; ++i) {
        gap.seconds = std::max(gap.seconds, std::chrono::duration<double>(Clock::now() - last[i]).count());
        const uint64_t now = stats(i).frames_rendered;  // begins anew with each session: only what grows is a frame
        if (now > std::exchange(seen[i], now)) last[i] = Clock::now();
      }
    }
    gap.is_over = Clock::now() - std::min(last[0], last[1]) < 1s;
    return gap;
  }
  bool both_see_video(uint64_t frames) const { return stats(0).frames_rendered >= frames && stats(1).frames_rendered >= frames; }

 private:
  boost::asio::io_context io_{1};
  Plan plan_;
  CollectedResults results_;
  std::vector<std::unique_ptr<host::ProcessHost>> hosts_;
  std::vector<std::unique_ptr<Participant>> people_;
};
}  // namespace

TEST_CASE("two people meet through tacoma up, on a stock Prosody") {
  skip_without_prosody();
  UpRun up;
  const uint16_t control = up.bridge_port("private: 127.0.0.1:");

  // What the deployment keeps, and serves.
  CHECK((fs::status(up.state() / "secrets" / "bridge").permissions() & fs::perms::all) == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(get(up.web(), "/anyroom").find("part of the room") != std::string::npos);
  CHECK(get(up.web(), "/config.js").find("conference.tacoma.test") != std::string::npos);
  CHECK(is_status(get(up.web(), "/../secrets/bridge"), "404"));
  CHECK(is_status(get(up.web(), "/%2e%2e/secrets/bridge"), "404"));

  // What strangers and bad input are told.
  CHECK(is_status(post(up.web(), "/conference-request/v1", "no json"), "400"));
  CHECK(post(up.web(), "/conference-request/v1", "no json").find("the body is no JSON object") != std::string::npos);
  CHECK(is_status(post(up.web(), "/conference-request/v1", R"({"room":"x@elsewhere.example"})"), "400"));
  CHECK(post(up.web(), "/conference-request/v1", R"({"room":"standup@conference.tacoma.test"})").find("\"ready\": true") != std::string::npos);
  CHECK(is_status(upgrade(up.web(), "/colibri-ws/bridge-1/1/a0000001?pwd=guess"), "403"));
  CHECK(is_status(upgrade(up.web(), "/colibri-ws/bridge-1/1/a0000001"), "404"));
  CHECK(is_status(upgrade(up.web(), "/colibri-ws/bridge-7/1/a0000001?pwd=guess"), "404"));
  CHECK(is_status(get(control, "/about/health"), "200"));
  CHECK(is_status(get(control, "/nothing"), "404"));
  CHECK(is_status(post(control, "/about/health", ""), "405"));
  CHECK(is_status(http(control, "nonsense\r\n\r\n"), "400"));
  CHECK(is_status(post(control, "/colibri/v2/conferences", "{"), "400"));
  CHECK(post(control, "/colibri/v2/conferences", "{").find("the body is no JSON object") != std::string::npos);
  CHECK(post(control, "/colibri/v2/conferences", R"({"meeting-id":"m","create":true,"coffee":{}})").find("there is no coffee") != std::string::npos);

  {
    People people(up.client_port());
    const bool met = people.run_until([&] { return people.both_see_video(50); }, 20s);
    INFO(people.story());
    REQUIRE(met);
    const std::string metrics = get(control, "/metrics");
    CHECK(metrics.find("tacoma_bridge_endpoints 2\n") != std::string::npos);
    CHECK(metrics.find("tacoma_bridge_forwarding_seconds_bucket{le=\"0.001\"}") != std::string::npos);
    CHECK(get(control, "/colibri/stats").find("\"endpoints\": 2") != std::string::npos);
    CHECK(post(control, "/colibri/drain/enable", "").find("true") != std::string::npos);
    CHECK(get(control, "/colibri/stats").find("\"drain\": true") != std::string::npos);
    CHECK(post(control, "/colibri/drain/disable", "").find("false") != std::string::npos);
  }
  up.stop();
  CHECK(up.ended() == "with code 0");
  CHECK(get(up.web(), "/").empty());
  for (const char* part : {"prosody.log", "focus.log", "bridge-1.log"}) {
    const std::string text = text_of(up.state() / "logs" / part);
    INFO(text);
    for (const char* secret : {"bridge", "component"}) {
      std::string value = text_of(up.state() / "secrets" / secret);
      value.pop_back();
      CHECK(value.size() == 32);
      CHECK(text.find(value) == std::string::npos);  // no secret in logs
    }
  }
}

TEST_CASE("a room survives the death of its bridge, its focus and its XMPP server") {
  skip_without_prosody();
  UpRun up;
  People people(up.client_port());
  REQUIRE(people.run_until([&] { return people.both_see_video(50); }, 20s));
  const struct {
    const char* what;
    const char* word;   // of its command line
    std::chrono::seconds watched;
  } parts[] = {{"bridge", "tacoma-bridge", 20s}, {"focus", "tacoma-focus", 20s}, {"XMPP server", "prosody.cfg.lua", 30s}};
  for (const auto& part : parts) {
    const pid_t pid = up.part(part.word);
    REQUIRE(pid > 0);
    ::kill(pid, SIGKILL);
    const People::Gap gap = people.watch(part.watched);
    std::printf("%s killed: longest media gap %.2f s\n", part.what, gap.seconds);
    std::fflush(stdout);
    INFO(part.what << "\n" << people.story() << up.log());
    CHECK(gap.is_over);
    CHECK(gap.seconds < 15);  // 10 s on a machine that has nothing else to do
    const pid_t next = up.part(part.word);
    CHECK(next > 0);
    CHECK(next != pid);
  }
}
