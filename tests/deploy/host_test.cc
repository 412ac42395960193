// The daemon host: ports in use are told in a sentence, limits of the HTTP server hold, WebSockets become streams.
#include <catch2/catch.hpp>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <thread>

#include "host/daemon/daemon.h"
#include "host/daemon/http.h"

using namespace tacoma;
using namespace tacoma::host;
namespace beast = boost::beast;
using boost::asio::ip::tcp;

namespace {
const SocketAddress kAnyPort{IpAddress::v4(127, 0, 0, 1), 0};

/// Says every message back, in capitals: the smallest process of message streams.
class Echo final : public Process {
 public:
  std::string service;
  int closed = 0;
  void start(Instant, Outbox&) override {}
  void on_datagrams(Instant, Span<Datagram> in, Outbox& out) override {
    for (Datagram& datagram : in) out.send(datagram.from, out.pool().copy(datagram.packet.bytes()));
  }
  void on_stream(Instant, const StreamEvent& event, Outbox& out) override {
    if (event.kind == StreamEvent::Kind::accepted) service = std::string(event.service);
    if (event.kind == StreamEvent::Kind::closed) ++closed;
    if (event.kind != StreamEvent::Kind::data) return;
    if (as_text(event.data) == "bye") return out.close_stream(event.id);
    std::string text(as_text(event.data));
    for (char& c : text) c = static_cast<char>(std::toupper(c));
    out.write_stream(event.id, std::string_view(text));
  }
  void on_deadline(Instant, Outbox&) override {}
  Deadline deadline() const override { return {}; }
};

std::string ask(uint16_t port, const std::string& request) {
  boost::asio::io_context io;
  tcp::socket socket(io);
  socket.connect({boost::asio::ip::address_v4::loopback(), port});
  boost::system::error_code error;
  boost::asio::write(socket, boost::asio::buffer(request), error);
  std::string answer;
  char piece[1000];
  while (!error) answer.append(piece, socket.read_some(boost::asio::buffer(piece), error));
  return answer;
}

/// Serves on the loop while `talk` runs on a thread of its own.
void serve(boost::asio::io_context& io, const std::function<void()>& talk) {
  std::thread other([&] {
    talk();
    boost::asio::post(io, [&] { io.stop(); });
  });
  io.run_for(std::chrono::seconds(30));
  other.join();
}
}  // namespace

TEST_CASE("host: a port in use is told in a sentence") {
  boost::asio::io_context io;
  ProcessHost one(io, {}), two(io, {});
  const auto bound = one.open_udp(kAnyPort);
  REQUIRE(bound);
  const auto again = two.open_udp(*bound);
  REQUIRE_FALSE(again);
  CHECK(again.error() == "cannot have UDP " + bound->to_string() + ": another program uses this port; stop it or choose another port");
  CHECK(two.open_udp({IpAddress::v4(192, 0, 2, 77), 0}).error().find("this machine has no such address") != std::string::npos);

  HttpOptions options;
  options.address = kAnyPort;
  const auto server = open_http(io, options);
  REQUIRE(server);
  options.address = (*server)->address();
  const auto taken = open_http(io, options);
  REQUIRE_FALSE(taken);
  CHECK(taken.error() == "cannot have TCP " + options.address.to_string() + ": another program uses this port; stop it or choose another port");
}

TEST_CASE("host: requests within limits are answered, others are refused") {
  boost::asio::io_context io;
  HttpOptions options;
  options.address = kAnyPort;
  options.body_bytes = 1000;
  options.header_bytes = 2000;
  options.routes.push_back({"POST", "/length", [](const HttpRequest& request, HttpAnswer answer) { answer({200, "text/plain", std::to_string(request.body.size())}); }});
  options.routes.push_back({"GET", "/tree/*", [](const HttpRequest& request, HttpAnswer answer) { answer({200, "text/plain", request.path}); }});
  const auto server = open_http(io, options);
  REQUIRE(server);
  const uint16_t port = (*server)->address().port;
  serve(io, [&] {
    const auto post = [&](size_t size) {
      return ask(port, "POST /length HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" + std::string(size, 'x'));
    };
    CHECK(post(1000).find("\r\n\r\n1000") != std::string::npos);
    CHECK(post(1001).substr(0, 12) == "HTTP/1.1 413");
    CHECK(ask(port, "GET /tree/a/b?c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").find("\r\n\r\n/tree/a/b") != std::string::npos);
    CHECK(ask(port, "GET /tree/ HTTP/1.1\r\nX: " + std::string(3000, 'x') + "\r\n\r\n").substr(0, 12) == "HTTP/1.1 431");
    CHECK(ask(port, "GET /length HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").substr(0, 12) == "HTTP/1.1 405");
    CHECK(ask(port, "HEAD /tree/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").find("Content-Length: 7\r\n") != std::string::npos);
  });
}

TEST_CASE("host: a WebSocket is a stream of whole messages") {
  boost::asio::io_context io;
  ProcessHost host(io, {});
  Echo echo;
  host.attach(echo);
  HttpOptions options;
  options.address = kAnyPort;
  options.web_sockets.push_back({"/talk/", &host, [](const std::string& target) { return target == "/talk/secret" ? 0u : 403u; }, 1000});
  const auto server = open_http(io, options);
  REQUIRE(server);
  const uint16_t port = (*server)->address().port;
  serve(io, [&] {
    boost::asio::io_context own;
    const auto open = [&](const char* target, boost::system::error_code& error) {
      auto socket = std::make_unique<beast::websocket::stream<tcp::socket>>(own);
      socket->next_layer().connect({boost::asio::ip::address_v4::loopback(), port});
      socket->handshake("x", target, error);
      return socket;
    };
    boost::system::error_code error;
    open("/talk/guess", error);
    CHECK(error == beast::websocket::error::upgrade_declined);
    auto socket = open("/talk/secret", error);
    REQUIRE_FALSE(error);
    const auto say = [&](const std::string& text) {
      socket->write(boost::asio::buffer(text), error);
      beast::flat_buffer buffer;
      socket->read(buffer, error);
      return beast::buffers_to_string(buffer.data());
    };
    CHECK(say("hello") == "HELLO");
    CHECK(say(std::string(900, 'a')) == std::string(900, 'A'));
    CHECK(say("bye").empty());
    CHECK(error == beast::websocket::error::closed);
    CHECK(socket->reason().code == beast::websocket::close_code::going_away);

    auto loud = open("/talk/secret", error);
    loud->write(boost::asio::buffer(std::string(2000, 'x')), error);
    beast::flat_buffer buffer;
    loud->read(buffer, error);
    CHECK(error);  // too long a message ends it
  });
  io.restart();  // what the loop was stopped before it could read
  for (int i = 0; i < 100 && echo.closed == 0; ++i) io.run_for(std::chrono::milliseconds(20));
  CHECK(echo.service == "/talk/secret");
  CHECK(echo.closed == 1);
}
