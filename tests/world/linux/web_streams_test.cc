// Streams out of a run: WebSockets to servers that are no host of its plan.
#include "host/linux/web_streams.h"

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <thread>

#include <unistd.h>

#include "host/daemon/http.h"
#include "host/linux/linux_world.h"
#include "tests/world/conformance.h"

namespace tacoma {
namespace {

using namespace conformance;
namespace asio = boost::asio;
namespace beast = boost::beast;
using tcp = asio::ip::tcp;

/// Takes one connection after the other, on a thread of its own: answers what it hears, or refuses the upgrade, or never reads, or looks at
/// how the first frame begins.
class Server {
 public:
  enum class Manner { echo, refuse, deaf, first_byte };
  explicit Server(Manner manner, asio::ssl::context* tls = nullptr) : manner_(manner), tls_(tls), acceptor_(io_, {asio::ip::address_v4::loopback(), 0}) {
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() { end(); }
  void end() {
    if (is_over_.exchange(true)) return;
    beast::error_code ignored;
    {
      tcp::socket last(io_);  // wakes the acceptor
      last.connect({asio::ip::address_v4::loopback(), port()}, ignored);
    }
    thread_.join();
  }
  uint16_t port() const { return acceptor_.local_endpoint().port(); }
  int upgrades = 0;  // to be read when it has ended; likewise:
  std::string protocol;
  uint8_t first_byte = 0;

 private:
  void serve() {
    for (;;) {
      tcp::socket socket(io_);
      beast::error_code error;
      acceptor_.accept(socket, error);
      if (is_over_ || error) return;
      if (!tls_) {
        talk(beast::websocket::stream<tcp::socket>(std::move(socket)));
        continue;
      }
      beast::ssl_stream<tcp::socket> secure(std::move(socket), *tls_);
      secure.handshake(asio::ssl::stream_base::server, error);
      if (!error) talk(beast::websocket::stream<beast::ssl_stream<tcp::socket>>(std::move(secure)));
    }
  }
  template <typename Socket>
  void talk(Socket socket) {
    beast::error_code error;
    beast::flat_buffer in;
    beast::http::request<beast::http::string_body> request;
    beast::http::read(socket.next_layer(), in, request, error);
    if (error) return;
    protocol = std::string(request[beast::http::field::sec_websocket_protocol]);
    if (manner_ == Manner::refuse) {
      beast::http::response<beast::http::empty_body> answer(beast::http::status::forbidden, 11);
      answer.prepare_payload();
      beast::http::write(socket.next_layer(), answer, error);
      return;
    }
    socket.accept(request, error);
    if (error) return;
    ++upgrades;
    if (manner_ == Manner::deaf) {
      while (!is_over_) std::this_thread::sleep_for(std::chrono::milliseconds(10));
      return;
    }
    if (manner_ == Manner::first_byte) {
      asio::read(socket.next_layer(), asio::buffer(&first_byte, 1), error);
      return;
    }
    for (;;) {
      beast::flat_buffer message;
      socket.read(message, error);
      if (error) return;
      if (beast::buffers_to_string(message.data()) == "go") return socket.close(beast::websocket::close_code::normal, error);
      socket.text(true);
      socket.write(message.data(), error);
    }
  }

  Manner manner_;
  asio::ssl::context* tls_;
  asio::io_context io_;
  tcp::acceptor acceptor_;
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

/// One host that opens a stream to `url` at once; what became of it.
struct Outing {
  explicit Outing(const std::string& url, bool verify_tls = true) {
    probe.at_start = [this, url](Instant, Outbox& out) { out.open_stream(StreamId(1), url); };
    LinuxOptions options;
    options.outside = Outside{IpAddress::v4(127, 0, 0, 1), {}, verify_tls};
    options.warn = [this](const std::string& text) {
      const std::lock_guard<std::mutex> lock(mutex);
      warnings += text + "\n";
    };
    world = std::move(*make_linux_world(plain_plan(1), options));
  }
  /// Until the stream has been opened and closed `events` times in all, or 10 s are over.
  std::vector<StreamEvent::Kind> run(size_t events) {
    world->attach(HostId(0), &probe);
    std::vector<StreamEvent::Kind> kinds;
    for (int i = 1; i <= 1000 && kinds.size() < events; ++i) {
      world->run_until(at_ms(10 * i));
      kinds.clear();
      for (const Probe::Heard& h : look(*world, HostId(0), &Probe::heard)) kinds.push_back(h.kind);
    }
    stats = world->stats();
    world.reset();
    return kinds;
  }
  Probe probe;
  std::unique_ptr<World> world;
  WorldStats stats;
  std::mutex mutex;
  std::string warnings;
};
using Kinds = std::vector<StreamEvent::Kind>;
constexpr auto kOpened = StreamEvent::Kind::opened, kClosed = StreamEvent::Kind::closed;
std::string at(const char* scheme, const Server& server, const char* rest = "/x") { return scheme + std::string("://127.0.0.1:") + std::to_string(server.port()) + rest; }

TEST_CASE("a WebSocket out of the run carries messages under its subprotocol, until the server ends it") {
  Outing outing("ws://127.0.0.1:1/");
  Server server(Server::Manner::echo);
  outing.probe.at_start = [&](Instant, Outbox& out) { out.open_stream(StreamId(1), at("ws", server, "/x?y=1#xmpp")); };
  outing.probe.at_stream = [&](Instant, const StreamEvent& e, Outbox& out) {
    if (e.kind == kOpened) out.write_stream(e.id, std::string_view("hello"));
    if (e.kind == StreamEvent::Kind::data) out.write_stream(e.id, std::string_view("go"));
  };
  CHECK(outing.run(2) == Kinds{kOpened, kClosed});
  server.end();
  CHECK(server.protocol == "xmpp");
  CHECK(outing.probe.received == "hello");
  CHECK(outing.warnings.empty());
}

TEST_CASE("a long message is one frame, since a stanza has to be") {
  Outing outing("ws://127.0.0.1:1/");
  Server server(Server::Manner::first_byte);
  outing.probe.at_start = [&](Instant, Outbox& out) { out.open_stream(StreamId(1), at("ws", server)); };
  outing.probe.at_stream = [&](Instant, const StreamEvent& e, Outbox& out) {
    if (e.kind == kOpened) out.write_stream(e.id, std::string_view(std::string(20'000, 'x')));
  };
  CHECK(outing.run(2) == Kinds{kOpened, kClosed});
  server.end();
  CHECK(server.first_byte == 0x81);  // FIN, text (RFC 6455 section 5.2)
}

TEST_CASE("a server whose certificate nobody vouches for gets nothing, unless the run was told so") {
  const std::string folder = std::filesystem::temp_directory_path() / ("tacoma-web-streams-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  REQUIRE(host::make_certificate({"127.0.0.1"}, folder + "/cert.pem", folder + "/key.pem"));
  asio::ssl::context tls(asio::ssl::context::tls_server);
  tls.use_certificate_chain_file(folder + "/cert.pem");
  tls.use_private_key_file(folder + "/key.pem", asio::ssl::context::pem);
  std::filesystem::remove_all(folder);
  const bool verify = GENERATE(true, false);
  auto server = std::make_unique<Server>(Server::Manner::echo, &tls);
  Outing outing(at("wss", *server), verify);
  outing.probe.at_stream = [&](Instant, const StreamEvent& e, Outbox& out) {
    if (e.kind == kOpened) out.write_stream(e.id, std::string_view("go"));
  };
  CHECK(outing.run(verify ? 1 : 2) == (verify ? Kinds{kClosed} : Kinds{kOpened, kClosed}));
  CHECK((outing.warnings.find("TLS: ") != std::string::npos) == verify);
  server->end();
  CHECK(server->upgrades == (verify ? 0 : 1));
}

TEST_CASE("no stream goes to a host that was not confirmed") {
  Outing outing("ws://elsewhere.example:9/x");
  CHECK(outing.run(1) == Kinds{kClosed});
  CHECK(outing.warnings.find("no stream goes to elsewhere.example") != std::string::npos);
}

TEST_CASE("a refused upgrade is told with its status") {
  Server server(Server::Manner::refuse);
  Outing outing(at("ws", server));
  CHECK(outing.run(1) == Kinds{kClosed});
  CHECK(outing.warnings.find("it answers 403") != std::string::npos);
}

TEST_CASE("a server that does not read costs the stream when more waits than one may hold") {
  Server server(Server::Manner::deaf);
  Outing outing(at("ws", server));
  outing.probe.at_stream = [&](Instant, const StreamEvent& e, Outbox& out) {
    const std::string much(1 << 20, 'x');
    if (e.kind == kOpened)
      for (size_t sent = 0; sent <= kMaxStreamBacklog; sent += much.size()) out.write_stream(e.id, much);
  };
  CHECK(outing.run(2) == Kinds{kOpened, kClosed});
  CHECK(outing.warnings.find("it does not keep up") != std::string::npos);
  CHECK(outing.stats.drops[Drop::stream_limit] == 1);
}

}  // namespace
}  // namespace tacoma
