// The daemons on a stock Prosody that is not `tacoma up`'s: STARTTLS with a certificate of its own, a bridge in two breweries, and a focus
// that is killed under people who never ask for it again.
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <thread>

#include "core/signal/conference_request.h"
#include "core/signal/disco.h"
#include "core/signal/jingle.h"
#include "core/signal/muc.h"
#include "host/daemon/http.h"
#include "host/daemon/process_host.h"
#include "tests/deploy/tools.h"
#include "tests/unit/router/wires.h"

using namespace tacoma;
using namespace tacoma::test;
namespace fs = std::filesystem;

namespace {
using namespace std::chrono_literals;

/// Prosody with TLS for accounts, a bridge in both breweries, a focus in the second.
class Deployment {
 public:
  /// `how`: rooms are listed by the server; kept by the focus in a file (Prosody's own way is to hide them); or neither.
  enum class Rooms { listed, kept, hidden };
  explicit Deployment(Rooms how = Rooms::kept) : folder_(fs::temp_directory_path() / ("tacoma-daemons-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_ / "prosody" / "auth%2ey%2etest" / "accounts");
    const auto free = up::free_ports(5);
    REQUIRE(free);
    ports_ = *free;
    for (const char* name : {"ours", "other"})
      REQUIRE(host::make_certificate({"auth.y.test"}, (folder_ / (std::string(name) + ".crt")).string(), (folder_ / (std::string(name) + ".key")).string()));
    write("prosody/auth%2ey%2etest/accounts/jvb.dat", "return {\n\t[\"password\"] = \"pw\";\n};\n");
    write("prosody.cfg.lua", prosody(how == Rooms::listed));
    write("bridge.yaml", bridge("ours.crt", ports_[2]));
    write("stranger.yaml", bridge("other.crt", ports_[4]));
    write("focus.yaml", "domain: y.test\nxmpp: {port: " + port(1) + ", secret: s, brewery: jvbbrewery@second.auth.y.test}\nhttp: {bind: '127.0.0.1:" + port(3) + "'}\n" +
                            (how == Rooms::kept ? "rooms_file: " + file("rooms") + "\n" : ""));
    start({up::find_program("prosody"), "-F", "--config", file("prosody.cfg.lua")});
    start({std::string(TACOMA_BIN) + "/tacoma-bridge", "--config", file("bridge.yaml")});
    start_focus();
  }
  ~Deployment() {
    for (auto child = children_.rbegin(); child != children_.rend(); ++child) end_child(**child);
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  void start_focus() { focus_ = &start({std::string(TACOMA_BIN) + "/tacoma-focus", "--config", file("focus.yaml")}); }
  void kill_focus() {
    focus_->signal(SIGKILL);
    std::string how;
    for (int i = 0; i < 100 && !focus_->reap(how); ++i) std::this_thread::sleep_for(20ms);
  }
  void start_stranger() { start({std::string(TACOMA_BIN) + "/tacoma-bridge", "--config", file("stranger.yaml")}); }
  std::string ask_bridge(const std::string& target) const { return get(ports_[2], target); }
  std::string ask_focus(const std::string& target) const { return get(ports_[3], target); }
  std::string ask_stranger(const std::string& target) const { return get(ports_[4], target); }
  uint16_t client_port() const { return ports_[0]; }
  std::string logs() const {
    std::string all;
    for (const auto& child : children_) all += child->name() + ":\n" + text_of(child->log_file());
    return all;
  }

 private:
  std::string port(size_t i) const { return std::to_string(ports_[i]); }
  std::string file(const std::string& name) const { return (folder_ / name).string(); }
  void write(const std::string& name, const std::string& text) { std::ofstream(folder_ / name) << text; }
  up::Child& start(std::vector<std::string> command) {
    const std::string name = fs::path(command[0]).filename().string() + "-" + std::to_string(children_.size());
    children_.push_back(std::make_unique<up::Child>(name, std::move(command), file(name + ".log")));
    REQUIRE(children_.back()->start());
    return *children_.back();
  }
  std::string prosody(bool lists_rooms) const {
    std::string o = "data_path = '" + file("prosody") + "'\npidfile = '" + file("prosody/pid") + "'\nlog = { info = '*stdout' }\n";
    if (::geteuid() == 0) o += "run_as_root = true\n";
    o += "interfaces = { '127.0.0.1' }\nc2s_ports = { " + port(0) + " }\ns2s_ports = {}\ncomponent_ports = { " + port(1) +
         " }\ncomponent_interfaces = { '127.0.0.1' }\nhttp_ports = {}\nhttps_ports = {}\n"
         "modules_enabled = { 'disco', 'saslauth', 'tls', 'ping' }\nmodules_disabled = { 's2s', 'offline' }\n"
         "admins = { 'focus@focus.y.test', 'jvb@auth.y.test' }\n"
         "VirtualHost 'y.test'\n  authentication = 'anonymous'\n  c2s_require_encryption = false\n"
         "VirtualHost 'auth.y.test'\n  authentication = 'internal_hashed'\n  c2s_require_encryption = true\n"
         "  ssl = { certificate = '" + file("ours.crt") + "', key = '" + file("ours.key") + "' }\n";
    for (const char* service : {"conference.y.test", "internal.auth.y.test", "second.auth.y.test"})
      o += std::string("Component '") + service + "' 'muc'\n  restrict_room_creation = true\n  storage = 'memory'\n  muc_room_locking = false\n"
           "  muc_tombstones = false\n  muc_room_default_public_jids = true\n" + (lists_rooms ? "  muc_room_default_public = true\n" : "");
    return o + "Component 'focus.y.test'\n  component_secret = 's'\n";
  }
  std::string bridge(const std::string& authority, uint16_t http_port) const {
    std::string o = "name: b1\nudp: {bind: ['127.0.0.1:0']}\nhttp: {private: '127.0.0.1:" + std::to_string(http_port) + "'}\nxmpp:\n";
    for (const char* login : {"tls: starttls, brewery: jvbbrewery@internal.auth.y.test", "brewery: jvbbrewery@second.auth.y.test"})
      o += "  - {host: 127.0.0.1, port: " + port(0) + ", domain: auth.y.test, password: pw, ca_file: " + file(authority) + ", " + login + "}\n";
    return o;
  }
  fs::path folder_;
  std::vector<uint16_t> ports_;
  std::vector<std::unique_ptr<up::Child>> children_;
  up::Child* focus_ = nullptr;
};

template <typename Condition>
bool wait_for(Condition condition, std::chrono::seconds limit = 30s) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(100ms);
  }
  return true;
}

/// A client as stock ones are: asks once, enters, answers what it is asked, takes offers. It never asks again.
class StockClient {
 public:
  StockClient(boost::asio::io_context& io, uint16_t port, std::string nick, uint64_t seed)
      : host_(io, [](bool, const std::string& text) { UNSCOPED_INFO(text); }), occupant_(Jid{"r", "conference.y.test", std::move(nick)}), client(anonymous("y.test"), seed) {
    client.keeps = false;
    client.on_stanza = [this](const Element& stanza) { on_stanza(stanza); };
    host_.set_stream_target("xmpp", {"127.0.0.1", port, host::StreamTarget::Tls::none, "y.test", "", true});
    host_.attach(client);
  }
  ~StockClient() { host_.detach(); }
  void send(const Element& stanza) {
    host_.look([&](Process&, Instant, Outbox&) { client.send(stanza); });
  }
  void ask() {
    ConferenceRequest request;
    request.room = occupant_.bare();
    send(make_conference_request(Jid{{}, "focus.y.test", {}}, "ask", request));
  }
  void enter() { send(muc::make_join(occupant_)); }
  /// Says again that it is here, as clients do when they mute themselves.
  void stir() { send(make_presence("", occupant_)); }
  void lock(const std::string& secret) { send(muc::make_config(occupant_.bare(), "lock", secret)); }

  bool is_ready = false, is_owner = false, is_locked = false;
  int offers = 0;

 private:
  void on_stanza(const Element& stanza) {
    if (is_answer(stanza)) {
      if (stanza.attr("id") == "ask") is_ready = stanza.attr("type") == "result";
      if (stanza.attr("id") == "lock") is_locked = stanza.attr("type") == "result";
      return;
    }
    if (is_presence(stanza)) {
      const auto info = muc::parse_user_info(stanza);
      if (info && from_of(stanza) == occupant_) is_owner = info->item.affiliation == muc::Affiliation::owner;
      return;
    }
    if (is_disco_query(stanza)) return client.send(make_disco_result(stanza, {{{"client", "web", "stock"}}, {std::string(kFeatureAudio), std::string(kFeatureVideo)}, {}})), void();
    if (!is_request(stanza)) return;
    client.send(make_result(stanza));
    const auto message = jingle::parse(stanza);
    offers += message && message->action == jingle::Action::session_initiate;
  }
  host::ProcessHost host_;
  Jid occupant_;

 public:
  test::Client client;
};

struct Meeting {
  explicit Meeting(uint16_t port) : alice(io, port, "a0000001", 1), bob(io, port, "b0000002", 2) {
    REQUIRE(run_until([&] { return alice.client.is_ready() && bob.client.is_ready(); }));
    REQUIRE(run_until([&] { return alice.ask(), run_until([&] { return alice.is_ready; }, 2s); }));
    alice.enter();
    REQUIRE(run_until([&] { return alice.is_owner; }));
    bob.enter();
    REQUIRE(run_until([&] { return alice.offers == 1 && bob.offers == 1; }));
  }
  bool run_until(const std::function<bool()>& condition, std::chrono::seconds limit = 30s) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < end) {
      io.run_for(20ms);
      if (condition()) return true;
    }
    return false;
  }
  bool both_invited(int times) { return run_until([&] { return alice.offers == times && bob.offers == times; }); }
  boost::asio::io_context io{1};
  StockClient alice, bob;
};
}  // namespace

TEST_CASE("a bridge logs in by STARTTLS, to two breweries; a server whose certificate it does not know gets no password") {
  skip_without_prosody();
  Deployment d;
  const bool joined = wait_for([&] { return d.ask_bridge("/colibri/stats").find("\"mucs_joined\": 2") != std::string::npos; });
  INFO(d.logs());
  REQUIRE(joined);
  const std::string said = d.logs();
  CHECK(said.find("Stream encrypted (TLSv1.3") != said.rfind("Stream encrypted (TLSv1.3"));  // both
  CHECK(wait_for([&] { return d.ask_focus("/about/health").find("\"bridges\":1") != std::string::npos; }));
  d.start_stranger();
  CHECK(wait_for([&] { return d.logs().find("certificate verify failed") != std::string::npos; }));
  CHECK(d.ask_stranger("/colibri/stats").find("\"mucs_joined\": 0") != std::string::npos);
  CHECK(is_status(d.ask_stranger("/about/health"), "503"));
  const std::string after = d.logs();
  size_t logins = 0;
  for (size_t at = 0; (at = after.find("Authenticated as jvb", at)) != std::string::npos; ++at) ++logins;
  CHECK(logins == 2);
}

TEST_CASE("a focus that was killed finds the rooms of people who never ask again, a locked one too") {
  skip_without_prosody();
  const auto how = GENERATE(Deployment::Rooms::kept, Deployment::Rooms::listed);
  Deployment d(how);
  REQUIRE(wait_for([&] { return d.ask_focus("/about/health").find("\"bridges\":1") != std::string::npos; }));
  Meeting m(d.client_port());
  m.run_until([] { return false; }, 1s);  // the file is written
  for (const int round : {2, 3}) {
    if (round == 3) {
      m.alice.lock("sesame");
      REQUIRE(m.run_until([&] { return m.alice.is_locked; }));
    }
    d.kill_focus();
    m.run_until([] { return false; }, 1s);
    const auto began = std::chrono::steady_clock::now();
    d.start_focus();
    const bool invited = m.both_invited(round);
    INFO(d.logs());
    CHECK(invited);
    std::printf("focus killed%s, rooms %s: invited anew %.2f s after it was started again\n", round == 3 ? " under a locked room" : "",
                how == Deployment::Rooms::kept ? "kept in its file" : "listed by the server",
                std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
    std::fflush(stdout);
  }
}

TEST_CASE("where rooms are neither listed nor kept, a killed focus finds its own by the next stanza from it") {
  skip_without_prosody();
  Deployment d(Deployment::Rooms::hidden);
  REQUIRE(wait_for([&] { return d.ask_focus("/about/health").find("\"bridges\":1") != std::string::npos; }));
  Meeting m(d.client_port());
  d.kill_focus();
  d.start_focus();
  REQUIRE(wait_for([&] { return is_status(d.ask_focus("/about/health"), "200"); }));
  m.run_until([] { return false; }, 2s);
  CHECK(m.alice.offers == 1);
  m.bob.stir();
  const bool invited = m.both_invited(2);
  INFO(d.logs());
  CHECK(invited);
}
