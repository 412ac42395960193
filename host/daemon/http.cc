#include "host/daemon/http.h"

#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <deque>
#include <nlohmann/json.hpp>

#include "host/daemon/static_files.h"

namespace tacoma::host {

namespace {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;
using Plain = beast::tcp_stream;
using Secure = beast::ssl_stream<beast::tcp_stream>;

constexpr auto kAnswerTime = std::chrono::seconds(20);
constexpr auto kProxyTime = std::chrono::seconds(90);       // BOSH holds requests for a minute
constexpr auto kAcceptPause = std::chrono::milliseconds(100);
constexpr size_t kTunnelPiece = 32 << 10;
constexpr size_t kProxiedBody = 8 << 20;

auto result(error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

std::string_view text_of(beast::string_view v) { return {v.data(), v.size()}; }

bool matches(const std::string& pattern, std::string_view path) {
  if (!pattern.empty() && pattern.back() == '*') return path.substr(0, pattern.size() - 1) == std::string_view(pattern).substr(0, pattern.size() - 1);
  return path == pattern;
}

/// A WebSocket as the sink of a message stream.
template <typename Stream>
class WebSocketSink final : public StreamSink, public std::enable_shared_from_this<WebSocketSink<Stream>> {
 public:
  explicit WebSocketSink(Stream stream) : socket(std::move(stream)) {}

  void write(BytesView bytes) override {
    if (is_over_) return;
    backlog_ += bytes.size();
    if (backlog_ > kMaxStreamBacklog) return shut();  // the reader ends and reports it
    queue_.emplace_back(as_text(bytes));
    if (!is_writing_) next();
  }
  void close() override {
    is_mute = true;
    is_closing_ = true;
    if (!is_writing_) next();
  }
  void shut() {
    if (std::exchange(is_over_, true)) return;
    error_code ignored;
    beast::get_lowest_layer(socket).socket().close(ignored);
  }

  websocket::stream<Stream> socket;
  bool is_mute = false;  // the process knows that it is over

 private:
  void next() {
    if (is_over_) return;
    if (queue_.empty()) {
      if (!std::exchange(is_closing_, false)) return;
      is_writing_ = true;
      socket.async_close(websocket::close_reason(websocket::close_code::going_away), [self = this->shared_from_this()](const error_code&) { self->shut(); });
      return;
    }
    is_writing_ = true;
    socket.text(true);
    socket.async_write(asio::buffer(queue_.front()), [self = this->shared_from_this()](const error_code& error, size_t) {
      self->is_writing_ = false;
      if (error) return self->shut();
      self->backlog_ -= self->queue_.front().size();
      self->queue_.pop_front();
      self->next();
    });
  }
  std::deque<std::string> queue_;
  size_t backlog_ = 0;
  bool is_writing_ = false, is_closing_ = false, is_over_ = false;
};

class Server final : public HttpServer, public std::enable_shared_from_this<Server> {
 public:
  Server(asio::io_context& io, HttpOptions options)
      : io_(io), options_(std::move(options)), acceptor_(io), context_(asio::ssl::context::tls_server), files_(options_.web_root) {}

  Result<void> open() {
    const std::string where = options_.address.to_string();
    if (!options_.certificate_file.empty()) {
      error_code error;
      context_.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1, error);
      context_.use_certificate_chain_file(options_.certificate_file, error);
      if (error) return fail("cannot use the certificate " + options_.certificate_file + ": " + error.message());
      context_.use_private_key_file(options_.key_file, asio::ssl::context::pem, error);
      if (error) return fail("cannot use the key " + options_.key_file + ": " + error.message());
      is_secure_ = true;
    }
    error_code error;
    const auto ip = asio::ip::make_address(options_.address.ip.to_string(), error);
    const tcp::endpoint endpoint(ip, options_.address.port);
    if (!error) acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error && endpoint.protocol() == tcp::v6()) acceptor_.set_option(asio::ip::v6_only(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(tcp::acceptor::max_listen_connections, error);
    if (error == asio::error::address_in_use)
      return fail("cannot have TCP " + where + ": another program uses this port; stop it or choose another port");
    if (error == asio::error::access_denied) return fail("cannot have TCP " + where + ": no permission (ports below 1024 need a privileged user)");
    if (error) return fail("cannot have TCP " + where + ": " + error.message());
    return {};
  }
  void begin() {
    asio::co_spawn(io_, [self = shared_from_this()] { return self->accept(); }, asio::detached);
  }
  SocketAddress address() const override {
    SocketAddress bound = options_.address;
    error_code ignored;
    bound.port = acceptor_.local_endpoint(ignored).port();
    return bound;
  }
  size_t connections() const override { return connections_; }
  void stop() override {
    error_code ignored;
    is_stopped_ = true;
    acceptor_.close(ignored);
  }

 private:
  asio::awaitable<void> accept() {
    while (!is_stopped_) {
      error_code error;
      tcp::socket socket = co_await acceptor_.async_accept(result(error));
      if (is_stopped_ || error == asio::error::operation_aborted) co_return;
      if (error) {  // too many files, mostly
        asio::steady_timer pause(io_, kAcceptPause);
        co_await pause.async_wait(result(error));
        continue;
      }
      if (connections_ >= options_.connections) continue;  // closes it
      socket.set_option(tcp::no_delay(true), error);
      ++connections_;
      asio::co_spawn(io_, connection(shared_from_this(), std::move(socket)), [self = shared_from_this()](const std::exception_ptr& trouble) {
        --self->connections_;
        if (trouble) self->log(true, "a connection ended by an exception");
      });
    }
  }

  static asio::awaitable<void> connection(std::shared_ptr<Server> self, tcp::socket socket) {
    if (!self->is_secure_) {
      Plain stream(std::move(socket));
      co_await self->serve(std::move(stream));
      co_return;
    }
    Secure stream(std::move(socket), self->context_);
    error_code error;
    stream.next_layer().expires_after(self->options_.patience);
    co_await stream.async_handshake(asio::ssl::stream_base::server, result(error));
    if (!error) co_await self->serve(std::move(stream));
  }

  template <typename Stream>
  asio::awaitable<void> serve(Stream stream) {
    beast::flat_buffer buffer;
    for (bool keep = true; keep;) {
      http::request_parser<http::string_body> parser;
      parser.header_limit(static_cast<uint32_t>(options_.header_bytes));
      parser.body_limit(options_.body_bytes);
      beast::get_lowest_layer(stream).expires_after(options_.patience);
      error_code error;
      co_await http::async_read(stream, buffer, parser, result(error));
      if (error == http::error::end_of_stream) break;
      if (error == http::error::body_limit || error == http::error::header_limit) {
        const bool is_body = error == http::error::body_limit;
        co_await send(stream, HttpResponse::error(is_body ? 413 : 431, is_body ? "the body is too long" : "the header is too long"), 11, false, false, error);
        break;
      }
      if (error) {
        const bool is_syntax = error.category() == http::make_error_code(http::error::bad_method).category();
        if (is_syntax) co_await send(stream, HttpResponse::error(400, "this is no HTTP request"), 11, false, false, error);
        break;
      }
      Request request = parser.release();
      keep = request.keep_alive();
      const std::string target(text_of(request.target()));
      const std::string path = target.substr(0, target.find('?'));
      if (websocket::is_upgrade(request)) {
        if (const WebSocketRoute* route = find(options_.web_sockets, path)) {
          const unsigned refused = route->check ? route->check(target) : 0;
          if (refused == 0) co_return co_await web_socket(std::move(stream), std::move(request), *route);
          co_await send(stream, HttpResponse::error(refused, refused == 404 ? "there is no such channel" : "wrong password"), request.version(), false, false, error);
          break;
        }
        if (const ProxyRoute* route = find(options_.proxies, path)) co_return co_await tunnel(std::move(stream), std::move(request), *route);
        co_await send(stream, HttpResponse::error(404, "there is no WebSocket at " + path.substr(0, 200)), request.version(), false, false, error);
        break;
      }
      const bool is_head = request.method() == http::verb::head;
      if (const ProxyRoute* route = find(options_.proxies, path)) {
        keep = co_await pass_on(stream, request, *route) && keep;
      } else {
        HttpResponse response = co_await answer(request, target, path);
        keep = co_await send(stream, std::move(response), request.version(), keep, is_head, error) && keep;
      }
    }
    error_code ignored;
    beast::get_lowest_layer(stream).socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  template <typename Route>
  const Route* find(const std::vector<Route>& routes, const std::string& path) const {
    for (const Route& route : routes)
      if (std::string_view(path).substr(0, route.prefix.size()) == route.prefix) return &route;
    return nullptr;
  }

  asio::awaitable<HttpResponse> answer(const Request& from, const std::string& target, const std::string& path) {
    if (!options_.redirect_to_https.empty()) {
      HttpResponse there;
      there.status = 301;
      there.headers.emplace_back("Location", "https://" + options_.redirect_to_https + target);
      co_return there;
    }
    HttpRequest request;
    request.method = std::string(text_of(from.method_string()));
    request.target = target;
    request.path = path;
    request.body = from.body();
    request.content_type = std::string(text_of(from[http::field::content_type]));
    request.authorization = std::string(text_of(from[http::field::authorization]));
    request.host = std::string(text_of(from[http::field::host]));
    const std::string method = request.method == "HEAD" ? "GET" : request.method;
    bool is_path = false;
    for (const HttpRoute& route : options_.routes) {
      if (!matches(route.path, path)) continue;
      is_path = true;
      if (route.method != method) continue;
      co_return co_await ask(route.handler, std::move(request));
    }
    if (is_path) co_return HttpResponse::error(405, "this path does not know " + request.method);
    if (!options_.web_root.empty() && method == "GET") co_return files_.get(path);
    co_return HttpResponse::error(404, "there is nothing at " + path.substr(0, 200));
  }

  /// Calls the handler and waits for its answer.
  asio::awaitable<HttpResponse> ask(const HttpHandler& handler, HttpRequest request) {
    struct Waiting {
      explicit Waiting(asio::io_context& io) : timer(io, kAnswerTime) {}
      asio::steady_timer timer;
      std::optional<HttpResponse> response;
    };
    const auto waiting = std::make_shared<Waiting>(io_);
    handler(request, [waiting](HttpResponse response) {
      if (waiting->response) return;
      waiting->response = std::move(response);
      waiting->timer.cancel();
    });
    error_code ignored;
    if (!waiting->response) co_await waiting->timer.async_wait(result(ignored));
    if (waiting->response) co_return std::move(*waiting->response);
    waiting->response = HttpResponse();  // later ones are ignored
    co_return HttpResponse::error(504, "no answer in time");
  }

  template <typename Stream>
  asio::awaitable<bool> send(Stream& stream, HttpResponse from, unsigned version, bool keep, bool is_head, error_code& error) {
    Response response(static_cast<http::status>(from.status), version);
    response.set(http::field::content_type, from.content_type);
    for (const auto& [name, value] : from.headers) response.set(name, value);
    response.keep_alive(keep);
    response.body() = std::move(from.body);
    response.prepare_payload();
    if (is_head) response.body().clear();  // the length stays
    beast::get_lowest_layer(stream).expires_after(options_.patience);
    http::response_serializer<http::string_body> serializer(response);
    if (is_head) co_await http::async_write_header(stream, serializer, result(error));
    else co_await http::async_write(stream, serializer, result(error));
    co_return !error;
  }

  // --- WebSockets of the process ---

  template <typename Stream>
  asio::awaitable<void> web_socket(Stream stream, Request request, const WebSocketRoute& route) {
    beast::get_lowest_layer(stream).expires_never();
    const auto sink = std::make_shared<WebSocketSink<Stream>>(std::move(stream));
    auto& socket = sink->socket;
    websocket::stream_base::timeout times = websocket::stream_base::timeout::suggested(beast::role_type::server);
    times.idle_timeout = std::chrono::seconds(30);  // a ping after half of it
    times.keep_alive_pings = true;
    socket.set_option(times);
    socket.read_message_max(route.longest_message);
    error_code error;
    co_await socket.async_accept(request, result(error));
    if (error) co_return;
    const std::string target(text_of(request.target()));
    const StreamId id = route.host->accept_stream(target, sink);
    if (id == StreamId(0)) co_return sink->shut();
    beast::flat_buffer buffer;
    for (;;) {
      co_await socket.async_read(buffer, result(error));
      if (error || sink->is_mute) break;
      const auto data = buffer.cdata();
      if (socket.got_text()) route.host->stream_data(id, BytesView(static_cast<const uint8_t*>(data.data()), data.size()));
      buffer.consume(buffer.size());
    }
    sink->shut();
    if (!sink->is_mute) route.host->stream_closed(id);
  }

  // --- proxied paths ---

  asio::awaitable<std::optional<Plain>> connect(const ProxyRoute& route, Request& request) {
    error_code error;
    tcp::resolver resolver(io_);
    const auto found = co_await resolver.async_resolve(route.host, std::to_string(route.port), result(error));
    Plain upstream(io_);
    upstream.expires_after(std::chrono::seconds(5));
    if (!error) co_await upstream.async_connect(found, result(error));
    if (error) co_return std::nullopt;
    upstream.socket().set_option(tcp::no_delay(true), error);
    if (!route.host_header.empty()) request.set(http::field::host, route.host_header);
    request.set("X-Forwarded-Proto", is_secure_ ? "https" : "http");
    co_return std::optional<Plain>(std::move(upstream));
  }

  template <typename Stream>
  asio::awaitable<bool> pass_on(Stream& stream, Request& request, const ProxyRoute& route) {
    error_code error;
    const unsigned version = request.version();
    const bool keep = request.keep_alive();
    auto upstream = co_await connect(route, request);
    if (!upstream) co_return co_await send(stream, HttpResponse::error(502, "the server behind this path does not answer"), version, keep, false, error);
    request.keep_alive(false);
    upstream->expires_after(kProxyTime);
    beast::get_lowest_layer(stream).expires_after(kProxyTime);
    co_await http::async_write(*upstream, request, result(error));
    beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(kProxiedBody);
    if (request.method() == http::verb::head) parser.skip(true);
    if (!error) co_await http::async_read(*upstream, buffer, parser, result(error));
    if (error) co_return co_await send(stream, HttpResponse::error(502, "the server behind this path broke off"), version, keep, false, error);
    Response response = parser.release();
    response.keep_alive(keep);
    response.chunked(false);
    response.prepare_payload();
    beast::get_lowest_layer(stream).expires_after(options_.patience);
    co_await http::async_write(stream, response, result(error));
    co_return !error;
  }

  /// Hands the upgrade request over and then bytes both ways until either end is gone.
  template <typename Stream>
  asio::awaitable<void> tunnel(Stream stream, Request request, const ProxyRoute& route) {
    error_code error;
    auto upstream = co_await connect(route, request);
    if (!upstream) {
      co_await send(stream, HttpResponse::error(502, "the server behind this path does not answer"), request.version(), false, false, error);
      co_return;
    }
    upstream->expires_after(options_.patience);
    co_await http::async_write(*upstream, request, result(error));
    if (error) co_return;
    upstream->expires_never();
    beast::get_lowest_layer(stream).expires_never();
    struct Ends {
      Stream client;
      Plain server;
      Ends(Stream c, Plain s) : client(std::move(c)), server(std::move(s)) {}
      void close() {
        error_code ignored;
        beast::get_lowest_layer(client).socket().close(ignored);
        server.socket().close(ignored);
      }
    };
    const auto ends = std::make_shared<Ends>(std::move(stream), std::move(*upstream));
    ++connections_;
    asio::co_spawn(io_, [self = shared_from_this(), ends]() -> asio::awaitable<void> {
      co_await pump(ends->client, ends->server);
      ends->close();
      --self->connections_;
    }, asio::detached);
    co_await pump(ends->server, ends->client);
    ends->close();
  }

  template <typename From, typename To>
  static asio::awaitable<void> pump(From& from, To& to) {
    std::vector<uint8_t> piece(kTunnelPiece);
    error_code error;
    for (;;) {
      const size_t size = co_await from.async_read_some(asio::buffer(piece), result(error));
      if (error) co_return;
      co_await asio::async_write(to, asio::buffer(piece.data(), size), result(error));
      if (error) co_return;
    }
  }

  void log(bool is_warning, const std::string& text) const {
    if (options_.log) options_.log(is_warning, text);
  }

  asio::io_context& io_;
  const HttpOptions options_;
  tcp::acceptor acceptor_;
  asio::ssl::context context_;
  StaticFiles files_;
  bool is_secure_ = false;
  bool is_stopped_ = false;
  size_t connections_ = 0;
};
}  // namespace

HttpResponse HttpResponse::error(unsigned status, std::string_view text) {
  nlohmann::json body = {{"error", text}};
  return json(body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n", status);
}

Result<std::shared_ptr<HttpServer>> open_http(asio::io_context& io, HttpOptions options) {
  auto server = std::make_shared<Server>(io, std::move(options));
  if (auto opened = server->open(); !opened) return fail(opened.error());
  server->begin();
  return std::shared_ptr<HttpServer>(std::move(server));
}

}  // namespace tacoma::host
