#include "host/linux/web_streams.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <type_traits>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>

#include "core/base/message_streams.h"
#include "host/linux/shard.h"

namespace tacoma::host {

namespace {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;
using Plain = beast::tcp_stream;
using Secure = beast::ssl_stream<beast::tcp_stream>;

constexpr auto kConnectTime = std::chrono::seconds(WebStreams::kConnectSeconds);
constexpr auto kIdleTime = std::chrono::seconds(40);  // a ping after half of it keeps proxies from closing
constexpr auto kCloseTime = std::chrono::seconds(3);
}  // namespace

class WebStreams::Stream {
 public:
  virtual ~Stream() = default;
  virtual void begin() = 0;
  /// False when more waits than a stream may hold.
  virtual bool write(BytesView bytes) = 0;
  virtual void close() = 0;
};

template <typename Layer>
class WebSocket final : public WebStreams::Stream, public std::enable_shared_from_this<WebSocket<Layer>> {
 public:
  static constexpr bool kSecure = std::is_same_v<Layer, Secure>;

  template <typename... Args>
  WebSocket(WebStreams& owner, WebStreams::Key key, Url url, asio::io_context& io, Args&... args)
      : owner_(owner), key_(key), url_(std::move(url)), resolver_(io), closing_(io), socket_(io, args...) {}

  void begin() override {
    beast::get_lowest_layer(socket_).expires_after(kConnectTime);
    resolver_.async_resolve(url_.host, std::to_string(url_.port), [self = this->shared_from_this()](const error_code& error, const tcp::resolver::results_type& found) {
      if (error || self->is_over_) return self->end("its name: " + error.message());
      beast::get_lowest_layer(self->socket_).async_connect(found, [self](const error_code& failed, const tcp::endpoint&) {
        if (failed) return self->end(failed.message());
        self->connected();
      });
    });
  }

  bool write(BytesView bytes) override {
    if (is_over_) return true;
    backlog_ += bytes.size();
    if (backlog_ > kMaxStreamBacklog) {
      end("it does not keep up");
      return false;
    }
    queue_.emplace_back(as_text(bytes));
    if (is_open_ && !is_writing_) write_more();
    return true;
  }

  void close() override {
    is_closing_ = true;
    if (!is_open_) return end({});
    closing_.expires_after(kCloseTime);
    closing_.async_wait([self = this->shared_from_this()](const error_code& error) {
      if (!error) self->end({});
    });
    if (!is_writing_) write_more();
  }

 private:
  void connected() {
    error_code ignored;
    beast::get_lowest_layer(socket_).socket().set_option(tcp::no_delay(true), ignored);
    if constexpr (kSecure) {
      Secure& secure = socket_.next_layer();
      if (!IpAddress::parse(url_.host)) SSL_set_tlsext_host_name(secure.native_handle(), url_.host.c_str());
      secure.set_verify_callback(asio::ssl::host_name_verification(url_.host), ignored);
      secure.async_handshake(asio::ssl::stream_base::client, [self = this->shared_from_this()](const error_code& error) {
        if (error) return self->end("TLS: " + error.message());
        self->upgrade();
      });
    } else {
      upgrade();
    }
  }

  void upgrade() {
    beast::get_lowest_layer(socket_).expires_never();  // the WebSocket has a clock of its own
    websocket::stream_base::timeout times;
    times.handshake_timeout = kConnectTime;
    times.idle_timeout = kIdleTime;
    times.keep_alive_pings = true;
    socket_.set_option(times);
    socket_.set_option(websocket::stream_base::decorator([protocol = url_.fragment](websocket::request_type& request) {
      request.set(beast::http::field::user_agent, "tacoma");
      if (!protocol.empty()) request.set(beast::http::field::sec_websocket_protocol, protocol);
    }));
    socket_.read_message_max(kMaxStreamMessage);
    socket_.auto_fragment(false);  // a stanza is one frame (RFC 7395 section 3.3.3): Prosody closes on a second
    socket_.async_handshake(answer_, url_.authority(), url_.target, [self = this->shared_from_this()](const error_code& error) {
      if (error == websocket::error::upgrade_declined) return self->end("it answers " + std::to_string(self->answer_.result_int()));
      if (error) return self->end("WebSocket: " + error.message());
      self->is_open_ = true;
      self->owner_.opened(self->key_);
      if (self->is_over_) return;
      self->read();
      if (!self->is_writing_) self->write_more();
    });
  }

  void read() {
    socket_.async_read(in_, [self = this->shared_from_this()](const error_code& error, size_t) {
      if (error) return self->end(error == websocket::error::closed ? std::string() : error.message());
      const auto bytes = self->in_.cdata();
      if (!self->is_closing_) self->owner_.message(self->key_, BytesView(static_cast<const uint8_t*>(bytes.data()), bytes.size()));
      self->in_.consume(self->in_.size());
      if (!self->is_over_) self->read();
    });
  }

  void write_more() {
    if (is_over_) return;
    if (queue_.empty()) {
      if (!is_closing_ || is_writing_) return;
      is_writing_ = true;
      // The reader sees the end.
      socket_.async_close(websocket::close_code::normal, [self = this->shared_from_this()](const error_code&) { self->end({}); });
      return;
    }
    is_writing_ = true;
    socket_.text(true);
    socket_.async_write(asio::buffer(queue_.front()), [self = this->shared_from_this()](const error_code& error, size_t) {
      self->is_writing_ = false;
      if (error) return self->end(error.message());
      self->backlog_ -= self->queue_.front().size();
      self->queue_.pop_front();
      self->write_more();
    });
  }

  void end(const std::string& why) {
    if (std::exchange(is_over_, true)) return;
    error_code ignored;
    resolver_.cancel();
    closing_.cancel();
    beast::get_lowest_layer(socket_).socket().close(ignored);
    owner_.ended(key_, *this, why);
  }

  WebStreams& owner_;
  const WebStreams::Key key_;
  const Url url_;
  tcp::resolver resolver_;
  asio::steady_timer closing_;
  websocket::stream<Layer> socket_;
  websocket::response_type answer_;
  beast::flat_buffer in_;
  std::deque<std::string> queue_;
  size_t backlog_ = 0;
  bool is_open_ = false, is_writing_ = false, is_closing_ = false, is_over_ = false;
};

WebStreams::WebStreams(asio::io_context& io, Shared& shared, const Outside& outside, StreamHost& host)
    : io_(io), shared_(shared), outside_(outside), host_(host), tls_(asio::ssl::context::tls_client) {
  error_code ignored;
  tls_.set_default_verify_paths(ignored);
  tls_.set_verify_mode(outside_.verify_tls ? asio::ssl::verify_peer : asio::ssl::verify_none, ignored);
}
WebStreams::~WebStreams() = default;

bool WebStreams::carry_out(HostId host, const Outbox& out, const Outbox::StreamOp& op) {
  const Key key{host, op.id};
  if (op.kind == Outbox::StreamOp::Kind::open) {
    const auto url = Url::parse(op.service);
    if (!url || !url->is_web_socket()) return false;
    open(key, *url);
    return true;
  }
  const auto found = streams_.find(key);
  if (found == streams_.end()) return false;
  const std::shared_ptr<Stream> stream = found->second;
  if (op.kind == Outbox::StreamOp::Kind::close) {
    streams_.erase(found);
    stream->close();
  } else if (!stream->write(out.stream_bytes(op))) {
    ++limit_closes_;
  }
  return true;
}

bool WebStreams::may_reach(const std::string& host) const {
  return is_loopback_host(host) || std::find(outside_.hosts.begin(), outside_.hosts.end(), host) != outside_.hosts.end();
}

void WebStreams::open(const Key& key, const Url& url) {
  if (url.is_secure()) streams_[key] = std::make_shared<WebSocket<Secure>>(*this, key, url, io_, tls_);
  else streams_[key] = std::make_shared<WebSocket<Plain>>(*this, key, url, io_);
  // Never within the call of the process that asked.
  boost::asio::post(io_, [this, key, host = url.host, stream = streams_[key]] {
    if (may_reach(host)) stream->begin();
    else ended(key, *stream, "no stream goes to " + host + ", which was not confirmed as yours to load");
  });
}

void WebStreams::opened(const Key& key) { tell(key, StreamEvent::Kind::opened, {}); }
void WebStreams::message(const Key& key, BytesView bytes) { tell(key, StreamEvent::Kind::data, bytes); }

void WebStreams::ended(const Key& key, const Stream& stream, const std::string& why) {
  const auto found = streams_.find(key);
  if (found == streams_.end() || found->second.get() != &stream) return;
  if (!why.empty() && shared_.warn && ++warnings_ <= kMostWarnings)
    shared_.warn(shared_.plan.hosts[key.first.value()].name + ": a stream to the deployment failed: " + why +
                 (warnings_ == kMostWarnings ? " (further ones are not told)" : ""));
  // The process may be what asked for this: it is told between its calls.
  boost::asio::post(io_, [this, key, gone = found->second] {
    const auto still = streams_.find(key);
    if (still == streams_.end() || still->second != gone) return;
    streams_.erase(still);
    if (!host_.is_up(key.first)) return;
    host_.stream_event(key.first, {StreamEvent::Kind::closed, key.second, {}, {}});
    host_.handled();
  });
}

void WebStreams::tell(const Key& key, StreamEvent::Kind kind, BytesView bytes) {
  if (streams_.find(key) == streams_.end() || !host_.is_up(key.first)) return;
  host_.stream_event(key.first, {kind, key.second, {}, bytes});
  host_.handled();
}

void WebStreams::host_gone(HostId host) {
  for (auto at = streams_.begin(); at != streams_.end();) {
    if (at->first.first != host) {
      ++at;
      continue;
    }
    const std::shared_ptr<Stream> stream = at->second;
    at = streams_.erase(at);
    stream->close();
  }
}

}  // namespace tacoma::host
