#include "host/linux/web_fetch.h"

#include <chrono>
#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

namespace tacoma {

namespace {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kTime = std::chrono::seconds(10);

/// One operation after the other, all of them before one moment.
class Steps {
 public:
  asio::io_context& io() { return io_; }
  /// `start` gets the handler of its operation.
  template <typename Start>
  error_code take(Start start) {
    std::optional<error_code> ended;
    start([&ended](const error_code& error, const auto&...) { ended = error; });
    io_.restart();
    io_.run_until(end_);
    return ended.value_or(error_code(asio::error::timed_out));
  }

 private:
  asio::io_context io_{1};
  const std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::now() + kTime;
};

template <typename Stream>
error_code get(Steps& steps, Stream& stream, const Url& url, http::response_parser<http::string_body>& answer) {
  http::request<http::empty_body> request(http::verb::get, url.target, 11);
  request.set(http::field::host, url.authority());
  request.set(http::field::user_agent, "tacoma");
  request.set(http::field::connection, "close");
  if (const error_code error = steps.take([&](auto done) { http::async_write(stream, request, done); })) return error;
  beast::flat_buffer buffer;
  return steps.take([&](auto done) { http::async_read(stream, buffer, answer, done); });
}
}  // namespace

Result<std::string> fetch(const Url& url, bool verify_tls, size_t most) {
  const auto failed = [&url](const std::string& why) { return fail(url.scheme + "://" + url.authority() + url.target + ": " + why); };
  Steps steps;
  asio::ssl::context tls(asio::ssl::context::tls_client);
  error_code error;
  tls.set_default_verify_paths(error);
  tls.set_verify_mode(verify_tls ? asio::ssl::verify_peer : asio::ssl::verify_none, error);
  tcp::resolver resolver(steps.io());
  tcp::resolver::results_type found;
  const auto resolved = steps.take([&](auto done) {
    resolver.async_resolve(url.host, std::to_string(url.port), [&found, done](const error_code& e, tcp::resolver::results_type r) {
      found = std::move(r);
      done(e);
    });
  });
  if (resolved) return failed("the name is not found: " + resolved.message());
  beast::ssl_stream<beast::tcp_stream> stream(steps.io(), tls);
  if (const auto e = steps.take([&](auto done) { beast::get_lowest_layer(stream).async_connect(found, done); })) return failed(e.message());
  http::response_parser<http::string_body> answer;
  answer.body_limit(most);
  if (url.is_secure()) {
    if (!IpAddress::parse(url.host)) SSL_set_tlsext_host_name(stream.native_handle(), url.host.c_str());
    stream.set_verify_callback(asio::ssl::host_name_verification(url.host), error);
    if (const auto e = steps.take([&](auto done) { stream.async_handshake(asio::ssl::stream_base::client, done); }))
      return failed("TLS: " + e.message());
    error = get(steps, stream, url, answer);
  } else {
    error = get(steps, stream.next_layer(), url, answer);
  }
  if (error && !answer.is_done()) return failed(error.message());
  if (answer.get().result() != http::status::ok) return failed("the answer is " + std::to_string(answer.get().result_int()));
  return std::move(answer.get().body());
}

Result<IpAddress> local_address_towards(const std::string& host, IpFamily family) {
  using asio::ip::udp;
  asio::io_context io(1);
  error_code error;
  udp::resolver resolver(io);
  const udp protocol = family == IpFamily::v4 ? udp::v4() : udp::v6();
  const auto found = resolver.resolve(protocol, host, "10000", error);
  const std::string what = host + " has no " + (family == IpFamily::v4 ? "IPv4" : "IPv6") + " address that can be reached from here";
  if (error || found.empty()) return fail(what + (error ? ": " + error.message() : ""));
  udp::socket socket(io, protocol);
  socket.connect(*found.begin(), error);
  if (error) return fail(what + ": " + error.message());
  const auto ip = IpAddress::parse(socket.local_endpoint(error).address().to_string());
  if (error || !ip) return fail(what);
  return *ip;
}

}  // namespace tacoma
