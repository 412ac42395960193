// The streams of one shard: TCP connections of the kernel whose bytes pass the links of the plan in user space.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <vector>

#include "core/base/deadlines.h"
#include "core/base/flat_map.h"
#include "core/base/world.h"

namespace tacoma::host {

struct Shared;

/// What streams need of their shard.
class StreamHost {
 public:
  virtual ~StreamHost() = default;
  virtual bool is_up(HostId host) const = 0;
  /// Calls the host's process and carries out what it wants, which may come back into Streams.
  virtual void stream_event(HostId host, const StreamEvent& event) = 0;
  /// A completion of the kernel has been dealt with: whatever became due is done, the next wake-up is set.
  virtual void handled() = 0;
};

/// A stream here is one end: the other lies with another shard or outside. Writing: bytes pass the up link of their host, then go to
/// the kernel. Reading: bytes come from the kernel, wait for the delay between the regions, pass the down link of their host, then
/// go to the process. The opener waits for the round trip of the plan before it says `opened`.
class Streams {
 public:
  Streams(boost::asio::io_context& io, Shared& shared, StreamHost& host);
  ~Streams();

  void listen(HostId host, const std::string& service);
  // What the process of `host` asks for.
  void open(Instant now, HostId host, StreamId id, const std::string& service);
  void write(Instant now, HostId host, StreamId id, BytesView bytes);
  void close(Instant now, HostId host, StreamId id);
  /// A process came to the host: its services take connections from now on.
  void host_here(HostId host);
  /// The process of the host is gone: streams close at the other ends after the delay of the path, services refuse.
  void host_gone(Instant now, HostId host);
  /// Moves on what waits for a time up to now: the only place from which processes are called.
  void run_due();
  Instant next_due() const { return due_.earliest(); }
  uint64_t limit_closes() const { return limit_closes_; }

 private:
  struct Stream;
  struct Listener;
  struct HostState {
    FlatMap<StreamId, uint32_t> ids;
    std::vector<uint32_t> slots;
    uint32_t next_accepted = 0x80000000u;
    std::vector<std::unique_ptr<Listener>> listeners;
  };
  using Ref = std::shared_ptr<Stream>;

  void connect(const Ref& stream, uint16_t port);

  void open_listener(HostId host, Listener& listener, IpFamily family);
  void accept_next(HostId host, Listener& listener, IpFamily family);
  void accepted(HostId host, const std::string& service, IpFamily family, boost::asio::ip::tcp::socket socket);

  void announce(Instant now, const Ref& stream);
  void pass_on(const Ref& stream, bool out, size_t hop);
  void pump_out(const Ref& stream);
  void pump_in(const Ref& stream);
  void await_bytes(const Ref& stream);
  void read_some(const Ref& stream);
  void write_more(const Ref& stream);
  void end(const Ref& stream);
  void schedule(const Ref& stream);

  Ref make(HostId host, IpFamily family, uint32_t peer);
  void enter(const Ref& stream);
  void leave(const Ref& stream);
  void drop(const Ref& stream);
  bool is_full(HostId host);

  boost::asio::io_context& io_;
  Shared& shared_;
  StreamHost& host_;
  std::vector<HostState> hosts_;
  std::vector<Ref> slots_;
  std::vector<uint32_t> free_slots_;
  Deadlines due_;  // by slot
  std::vector<uint8_t> piece_;  // what one read brings
  uint64_t limit_closes_ = 0;
};

}  // namespace tacoma::host
