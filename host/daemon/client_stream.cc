// TCP streams to XMPP servers, with STARTTLS (RFC 6120 section 5) where it is wanted.
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "host/daemon/process_host.h"

namespace tacoma::host {

namespace {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kConnectTime = std::chrono::seconds(10);
constexpr size_t kReadPiece = 64 << 10;
constexpr size_t kLongestFeatures = 16 << 10;

auto result(error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') out += "&apos;";
    else if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else out += c;
  }
  return out;
}

class ClientStream final : public StreamSink, public std::enable_shared_from_this<ClientStream> {
 public:
  ClientStream(ProcessHost& host, StreamId id, StreamTarget target)
      : host_(host), id_(id), target_(std::move(target)), context_(asio::ssl::context::tls_client), stream_(host.io(), context_), timer_(host.io()) {}

  void begin() {
    asio::co_spawn(host_.io(), [self = shared_from_this()] { return self->run(); }, asio::detached);
  }

  void write(BytesView bytes) override {
    if (is_over_) return;
    if (waiting_.size() + writing_.size() + bytes.size() > kMaxStreamBacklog) {
      host_.log(true, "the server at " + place() + " does not keep up: the stream is closed");
      shut();  // the reader ends and reports it
      return;
    }
    waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
    if (is_open_) write_more();
  }

  void close() override {
    is_mute_ = true;
    is_closing_ = true;
    if (!is_open_) return shut();
    if (writing_.empty() && waiting_.empty()) shut();
    else expire_in(std::chrono::seconds(5));
  }

 private:
  std::string place() const { return target_.host + ":" + std::to_string(target_.port); }

  void shut() {
    if (std::exchange(is_over_, true)) return;
    error_code ignored;
    stream_.next_layer().shutdown(tcp::socket::shutdown_both, ignored);
    stream_.next_layer().close(ignored);
    timer_.cancel();
  }

  void expire_in(std::chrono::seconds time) {
    timer_.expires_after(time);
    timer_.async_wait([self = shared_from_this()](const error_code& error) {
      if (!error) self->shut();
    });
  }

  asio::awaitable<void> run() {
    std::string why;
    if (co_await connect(why)) {
      is_open_ = true;
      timer_.cancel();
      if (!is_mute_) host_.stream_opened(id_);
      write_more();
      co_await read();
    } else if (!is_mute_) {
      host_.log(true, "cannot reach the server at " + place() + ": " + why);
    }
    shut();
    if (!is_mute_) host_.stream_closed(id_);
  }

  asio::awaitable<bool> connect_tcp(std::string& why) {
    error_code error;
    tcp::resolver resolver(host_.io());
    const auto found = co_await resolver.async_resolve(target_.host, std::to_string(target_.port), result(error));
    if (!error && is_over_) error = asio::error::operation_aborted;
    if (!error) co_await asio::async_connect(stream_.next_layer(), found, result(error));
    if (error) {
      why = is_over_ ? "no answer in time" : error.message();
      co_return false;
    }
    stream_.next_layer().set_option(tcp::no_delay(true), error);
    stream_.next_layer().set_option(asio::socket_base::keep_alive(true), error);
    co_return true;
  }

  asio::awaitable<bool> connect(std::string& why) {
    expire_in(kConnectTime);
    if (!co_await connect_tcp(why)) co_return false;
    if (target_.tls == StreamTarget::Tls::none) co_return true;
    bool is_offered = false;
    if (!co_await ask_starttls(is_offered, why)) co_return false;
    if (is_offered) co_return co_await shake_hands(why);
    if (target_.tls == StreamTarget::Tls::starttls) {
      why = "it offers no STARTTLS, which the configuration demands";
      co_return false;
    }
    // The stream that asked cannot be gone on with: the process begins its own.
    error_code error;
    stream_.next_layer().close(error);
    co_return co_await connect_tcp(why);
  }

  /// Opens an XMPP stream as far as the server's features, and asks for TLS if they hold it.
  asio::awaitable<bool> ask_starttls(bool& is_offered, std::string& why) {
    error_code error;
    std::string text = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='" +
                       escaped(target_.domain) + "' version='1.0'>";
    co_await asio::async_write(stream_.next_layer(), asio::buffer(text), result(error));
    if (error || !co_await read_until("</stream:features>", text)) {
      why = "it does not answer as an XMPP server";
      co_return false;
    }
    is_offered = text.find("urn:ietf:params:xml:ns:xmpp-tls") != std::string::npos;
    if (!is_offered) co_return true;
    text = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    co_await asio::async_write(stream_.next_layer(), asio::buffer(text), result(error));
    if (error || !co_await read_until(">", text) || text.find("<proceed") == std::string::npos) {
      why = "it refuses STARTTLS";
      co_return false;
    }
    co_return true;
  }

  asio::awaitable<bool> read_until(std::string_view end, std::string& text) {
    error_code error;
    text.clear();
    char piece[1024];
    while (text.find(end) == std::string::npos && text.size() < kLongestFeatures) {
      const size_t size = co_await stream_.next_layer().async_read_some(asio::buffer(piece), result(error));
      if (error) co_return false;
      text.append(piece, size);
    }
    co_return text.find(end) != std::string::npos;
  }

  asio::awaitable<bool> shake_hands(std::string& why) {
    error_code error;
    if (target_.ca_file.empty()) context_.set_default_verify_paths(error);
    else context_.load_verify_file(target_.ca_file, error);
    if (error && target_.verify) {
      why = "cannot read the authorities in " + target_.ca_file + ": " + error.message();
      co_return false;
    }
    SSL* ssl = stream_.native_handle();
    SSL_set_tlsext_host_name(ssl, target_.domain.c_str());
    // The context's authorities came after the stream was made: give it the store that has them.
    SSL_set1_verify_cert_store(ssl, SSL_CTX_get_cert_store(context_.native_handle()));
    if (target_.verify) {
      stream_.set_verify_mode(asio::ssl::verify_peer, error);
      stream_.set_verify_callback(asio::ssl::host_name_verification(target_.domain), error);
    } else {
      stream_.set_verify_mode(asio::ssl::verify_none, error);
    }
    co_await stream_.async_handshake(asio::ssl::stream_base::client, result(error));
    if (error) {
      why = "TLS: " + error.message();
      co_return false;
    }
    is_tls_ = true;
    co_return true;
  }

  asio::awaitable<void> read() {
    std::vector<uint8_t> piece(kReadPiece);
    error_code error;
    while (!is_over_) {
      size_t size = 0;
      if (is_tls_) size = co_await stream_.async_read_some(asio::buffer(piece), result(error));
      else size = co_await stream_.next_layer().async_read_some(asio::buffer(piece), result(error));
      if (error) co_return;
      if (!is_mute_) host_.stream_data(id_, BytesView(piece.data(), size));
    }
  }

  void write_more() {
    if (!writing_.empty() || waiting_.empty() || is_over_) return;
    std::swap(writing_, waiting_);
    const auto done = [self = shared_from_this()](const error_code& error, size_t) {
      self->writing_.clear();
      if (error) return self->shut();
      if (self->is_closing_ && self->waiting_.empty()) return self->shut();
      self->write_more();
    };
    if (is_tls_) asio::async_write(stream_, asio::buffer(writing_), done);
    else asio::async_write(stream_.next_layer(), asio::buffer(writing_), done);
  }

  ProcessHost& host_;
  const StreamId id_;
  const StreamTarget target_;
  asio::ssl::context context_;
  asio::ssl::stream<tcp::socket> stream_;
  asio::steady_timer timer_;
  std::vector<uint8_t> waiting_, writing_;
  bool is_tls_ = false;
  bool is_open_ = false;     // the process may be told of it
  bool is_mute_ = false;     // the process has closed it
  bool is_closing_ = false;
  bool is_over_ = false;
};

}  // namespace

std::shared_ptr<StreamSink> make_client_stream(ProcessHost& host, StreamId id, StreamTarget target) {
  auto stream = std::make_shared<ClientStream>(host, id, std::move(target));
  stream->begin();
  return stream;
}

}  // namespace tacoma::host
