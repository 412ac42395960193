// An HTTP server on the daemon's loop: routes as functions, WebSockets as message streams of the hosted process, static files and
// proxied paths for `tacoma up`. With TLS when certificate files are given.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/address.h"
#include "core/base/result.h"
#include "host/daemon/process_host.h"

namespace tacoma::host {

struct HttpRequest {
  std::string method;            // "GET"
  std::string target;            // as it came: "/a/b?c=d"
  std::string path;              // without the query
  std::string body;
  std::string content_type, authorization, host;  // of the headers; empty when absent
};

struct HttpResponse {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};

  static HttpResponse json(std::string text, unsigned status = 200) { return {status, "application/json", std::move(text)}; }
  /// {"error":TEXT}
  static HttpResponse error(unsigned status, std::string_view text);
};

/// Answers now or later, once; on the loop. An answer that takes over 20 s comes too late.
using HttpAnswer = std::function<void(HttpResponse)>;
using HttpHandler = std::function<void(const HttpRequest&, HttpAnswer)>;

struct HttpRoute {
  std::string method;            // "GET" also answers HEAD
  std::string path;              // exact; with a '*' at its end: all that begin so
  HttpHandler handler;
};

/// WebSockets at paths that begin with `prefix`: streams of whole messages to a process.
struct WebSocketRoute {
  std::string prefix;
  ProcessHost* host = nullptr;
  /// 0: come in. Otherwise the status of the refusal.
  std::function<unsigned(const std::string& target)> check;
  size_t longest_message = 64 * 1024;
};

/// Requests and WebSockets at paths that begin with `prefix` go to another HTTP server, on this machine as a rule.
struct ProxyRoute {
  std::string prefix;
  std::string host;
  uint16_t port = 0;
  std::string host_header;       // empty: the client's
};

struct HttpOptions {
  SocketAddress address;
  std::string certificate_file, key_file;  // PEM; both empty: no TLS
  std::vector<HttpRoute> routes;
  std::vector<WebSocketRoute> web_sockets;
  std::vector<ProxyRoute> proxies;
  std::string web_root;          // folder of static files; empty: none. A path without a dot that is no file is index.html
  std::string redirect_to_https; // host[:port] to send everybody to; empty: no

  size_t connections = 10'000;   // more are closed at once
  size_t header_bytes = 16 * 1024;
  size_t body_bytes = 1 << 20;
  std::chrono::seconds patience{30};  // for a request to come, for an answer to be taken
  ProcessHost::Log log;
};

class HttpServer {
 public:
  virtual ~HttpServer() = default;
  virtual SocketAddress address() const = 0;
  virtual size_t connections() const = 0;
  /// No new connections from now on; those that are there end as their requests do.
  virtual void stop() = 0;
};

/// Listens; serves while the loop runs. Fails with a sentence: address in use, certificate unreadable.
Result<std::shared_ptr<HttpServer>> open_http(boost::asio::io_context& io, HttpOptions options);

/// Makes a self-signed certificate for these names and addresses, valid for ten years, and writes both files (the key for its
/// owner only).
Result<void> make_certificate(const std::vector<std::string>& names, const std::string& certificate_file, const std::string& key_file);

}  // namespace tacoma::host
