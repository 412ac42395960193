// Hosts one Process on real addresses: a UDP socket a family, streams to configured servers, streams that others open to it.
// What host/linux does for the many processes of a run, this does for the one process of a daemon. One thread, one loop.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/process.h"
#include "core/base/result.h"
#include "core/base/world.h"
#include "host/linux/send_batch.h"
#include "host/linux/udp.h"

namespace tacoma::host {

/// The other side of a stream that the process writes to: a TCP connection, a WebSocket.
class StreamSink {
 public:
  virtual ~StreamSink() = default;
  /// Bytes of a byte stream, or one whole message. What does not fit into kMaxStreamBacklog ends the stream.
  virtual void write(BytesView bytes) = 0;
  /// Closes after what was written is delivered. The sink says nothing more to the host.
  virtual void close() = 0;
};

/// Where a named stream service is: a TCP server, with or without TLS.
struct StreamTarget {
  enum class Tls : uint8_t { none, starttls_if_offered, starttls };
  std::string host;              // name or address
  uint16_t port = 0;
  Tls tls = Tls::none;
  std::string domain;            // of XMPP: the stream header's `to` before STARTTLS, and the name that the certificate must have
  std::string ca_file;           // empty: the system's authorities
  bool verify = true;
};

/// Counts of one running sum each; `bounds` are upper limits of buckets, the last bucket has none.
struct BucketCounts {
  std::vector<double> bounds;
  std::vector<uint64_t> counts;  // one more than bounds
  double sum = 0;
  explicit BucketCounts(std::vector<double> upper) : bounds(std::move(upper)), counts(bounds.size() + 1) {}
  void add(double value) {
    size_t i = 0;
    while (i < bounds.size() && value > bounds[i]) ++i;
    ++counts[i];
    sum += value;
  }
};

struct HostStats {
  BucketCounts batch_packets{{1, 2, 4, 8, 16, 32, 64}};                                    // datagrams of one call
  BucketCounts call_seconds{{2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 5e-2}};  // from a batch's receipt until all is sent
  uint64_t datagrams_in = 0, datagrams_out = 0, bytes_in = 0, bytes_out = 0;
  DropCounts drops;
};

class ProcessHost {
 public:
  using Log = std::function<void(bool is_warning, const std::string&)>;

  ProcessHost(boost::asio::io_context& io, Log log);
  ~ProcessHost();
  ProcessHost(const ProcessHost&) = delete;
  ProcessHost& operator=(const ProcessHost&) = delete;

  /// At most one of each family; port 0 lets the kernel choose. Returns what was bound, or a sentence.
  Result<SocketAddress> open_udp(const SocketAddress& wanted);
  void set_stream_target(const std::string& service, StreamTarget target) { targets_[service] = std::move(target); }
  /// Starts the process. It must outlive the loop's run, or detach().
  void attach(Process& process);
  /// Closes its streams. Nothing is called any more.
  void detach();

  /// Called on the loop after each call of the process, when all that it asked for is carried out.
  void set_watcher(std::function<void(Process&)> watcher) { watcher_ = std::move(watcher); }
  /// Between two calls of the process, on the loop: does `what` and carries out what it appends.
  void look(const std::function<void(Process&, Instant now, Outbox&)>& what);
  Instant now() const;
  const HostStats& stats() const { return stats_; }
  boost::asio::io_context& io() { return io_; }
  void log(bool is_warning, const std::string& text) const { if (log_) log_(is_warning, text); }

  // For those who bring streams. Call on the loop, never from within StreamSink's functions.
  /// Somebody opened a stream to the process. Returns zero when there are too many.
  StreamId accept_stream(std::string_view service, std::shared_ptr<StreamSink> sink);
  void stream_opened(StreamId id);
  void stream_data(StreamId id, BytesView bytes);
  /// Ended by the other side or by failure.
  void stream_closed(StreamId id);

 private:
  struct Udp {
    UdpSocket socket;
    std::unique_ptr<boost::asio::posix::stream_descriptor> ready;
  };
  void await_datagrams(size_t family);
  void receive(size_t family);
  void event(StreamEvent::Kind kind, StreamId id, std::string_view service, BytesView data);
  void after_call();
  void arm();
  void on_timer();
  void open(StreamId id, const std::string& service);

  boost::asio::io_context& io_;
  Log log_;
  std::chrono::steady_clock::time_point zero_ = std::chrono::steady_clock::now();
  std::unique_ptr<PacketPool> pool_;
  Outbox outbox_;
  SendBatch send_batch_{segmenting_pays()};
  ReceiveBatch receive_batch_;
  std::vector<ReceiveBatch::Received> received_;
  std::vector<Datagram> batch_;
  std::array<Udp, 2> udp_;
  boost::asio::steady_timer timer_;
  Instant armed_ = Instant::never();
  Process* process_ = nullptr;
  std::function<void(Process&)> watcher_;
  std::map<std::string, StreamTarget> targets_;
  std::map<StreamId, std::shared_ptr<StreamSink>> streams_;
  uint32_t next_accepted_ = 0x80000000u;
  HostStats stats_;
};

/// A TCP stream to a server, as a sink that reports to the host. Begins at once.
std::shared_ptr<StreamSink> make_client_stream(ProcessHost& host, StreamId id, StreamTarget target);

}  // namespace tacoma::host
