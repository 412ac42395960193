// Streams that leave the run: WebSockets to servers that are no host of the plan.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "core/base/process.h"
#include "core/base/url.h"
#include "host/linux/streams.h"

namespace tacoma {
struct Outside;
}

namespace tacoma::host {

/// The WebSockets (RFC 6455) of one shard. They pass no link of the plan: their network is the real one. Streams go only to this machine
/// and to the hosts that the world was told of; any other is refused, whoever named it.
class WebStreams {
 public:
  /// A wait longer than this for name, connection, TLS or upgrade fails the stream.
  static constexpr int kConnectSeconds = 10;
  /// Failures that are told in words; the others only count.
  static constexpr size_t kMostWarnings = 5;

  /// `outside` and `shared` outlive it.
  WebStreams(boost::asio::io_context& io, Shared& shared, const Outside& outside, StreamHost& host);
  ~WebStreams();

  /// False, and nothing is done, when the operation is not about one of these streams.
  bool carry_out(HostId host, const Outbox& out, const Outbox::StreamOp& op);
  void host_gone(HostId host);
  uint64_t limit_closes() const { return limit_closes_; }

  class Stream;

 private:
  template <typename Layer>
  friend class WebSocket;
  using Key = std::pair<HostId, StreamId>;
  void open(const Key& key, const Url& url);
  void opened(const Key& key);
  void message(const Key& key, BytesView bytes);
  /// The stream is over: its process hears of it unless it closed the stream itself.
  void ended(const Key& key, const Stream& stream, const std::string& why);
  void tell(const Key& key, StreamEvent::Kind kind, BytesView bytes);
  bool may_reach(const std::string& host) const;

  boost::asio::io_context& io_;
  Shared& shared_;
  const Outside& outside_;
  StreamHost& host_;
  boost::asio::ssl::context tls_;
  std::map<Key, std::shared_ptr<Stream>> streams_;  // that their processes have not closed
  size_t warnings_ = 0;
  uint64_t limit_closes_ = 0;
};

}  // namespace tacoma::host
