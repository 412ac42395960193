// One thread of the sockets world: a loop that hosts processes, shapes what they send and receive, and keeps their deadlines.
#pragma once

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/deadlines.h"
#include "core/base/host_links.h"
#include "core/base/message_streams.h"
#include "core/base/world.h"
#include "host/linux/directory.h"
#include "host/linux/linux_world.h"
#include "host/linux/send_batch.h"
#include "host/linux/streams.h"
#include "host/linux/udp.h"
#include "host/linux/web_streams.h"

namespace tacoma::host {

/// The run's time, shared by all shards. Starts once, before their threads.
class RunClock {
 public:
  void start() { zero_ = std::chrono::steady_clock::now(); running_ = true; }
  bool running() const { return running_; }
  Instant now() const {
    if (!running_) return Instant();
    return Instant::at(Duration::nanoseconds(std::chrono::nanoseconds(std::chrono::steady_clock::now() - zero_).count()));
  }
  std::chrono::steady_clock::time_point at(Instant t) const { return zero_ + std::chrono::nanoseconds(t.ns()); }

 private:
  std::chrono::steady_clock::time_point zero_;
  bool running_ = false;
};

/// What all shards of a world look at. Constant while they run, but for the directory (locked) and the links: a host's links belong to
/// the host's shard.
struct Shared {
  NetworkPlan plan;  // without links and delays when nothing is shaped
  std::vector<HostLinks> links;  // a site's belong to the shard of all hosts behind it
  std::unique_ptr<const Routes> routes;
  std::vector<std::array<UdpSocket, 2>> udp;  // by host, then family (Directory::index)
  Directory directory;
  RunClock clock;
  struct Offered {
    Instant up, down;
  };
  std::vector<Offered> offered;  // by link: offers never go back, though datagrams are offered at the model's time and streams at
                                 // the clock's
  LinkVerdict offer(uint32_t link, bool is_up, Instant at, int64_t ip_bytes, Ecn ecn) {
    return model(link, is_up).offer(at_link(link, is_up, at), ip_bytes, ecn);
  }
  Instant at_link(uint32_t link, bool is_up, Instant at) {
    Instant& last = is_up ? offered[link].up : offered[link].down;
    return last = std::max(last, at);
  }
  LinkModel& model(uint32_t link, bool is_up) { return is_up ? links[link].up : links[link].down; }
  Tap* tap = nullptr;
  std::function<void(const std::string&)> warn;
  std::optional<Outside> outside;
};

/// Its functions are called on its thread, or on the only thread before that one runs.
class Shard final : private StreamHost, private MessageStreams::Ends {
 public:
  explicit Shard(Shared& shared);
  ~Shard() override;

  /// Takes part of the plan's hosts: their datagrams are received here.
  void adopt(HostId host);
  /// All hosts behind the site are adopted here.
  void adopt_site(HostId site) { own_sites_.push_back(site.value()); }
  void attach(HostId host, Process* process);
  void listen(HostId host, const std::string& service) { streams_.listen(host, service); }
  void inspect(HostId host, const std::function<void(Process&, Instant, Outbox&)>& look);
  void sample_links(std::vector<LinkSample>& out);
  void add_stats(WorldStats& out);

  /// The thread's body: starts the processes, then serves them until stop().
  void run();
  /// From any thread.
  void stop() { io_.stop(); }
  /// From another thread: does `work` on this one and returns after.
  void call(const std::function<void()>& work);

 private:
  struct Host {
    Process* process = nullptr;
    bool mine = false;
    Instant deadline = Instant::never();
    Instant deadline_known;        // since when
    std::vector<Datagram> inbox;
  };
  /// A datagram that waits in user space.
  struct Held {
    enum class Stage : uint8_t { enter_up, send, enter_down, deliver } stage = Stage::send;
    uint8_t hop = 0;     // of the route, of the enter stages
    Ecn ecn = Ecn::not_ect;
    uint32_t host = 0;
    uint32_t other = 0;  // the host at the other end, of the enter stages
    SocketAddress peer;  // to, or from
    PacketRef packet;
  };
  struct Due {
    Instant at;
    uint64_t order;
    uint32_t held;
    bool operator<(const Due& o) const { return at != o.at ? at > o.at : order > o.order; }  // for a heap with the earliest on top
  };

  bool is_up(HostId host) const override { return hosts_[host.value()].process != nullptr; }
  void stream_event(HostId host, const StreamEvent& event) override { messages_.on_event(shared_.clock.now(), host, event); }
  void open_bytes(Instant now, HostId host, StreamId id, const std::string& service) override { streams_.open(now, host, id, service); }
  void write_bytes(Instant now, HostId host, StreamId id, BytesView bytes) override { streams_.write(now, host, id, bytes); }
  void close_bytes(Instant now, HostId host, StreamId id) override { streams_.close(now, host, id); }
  void tell(HostId host, const StreamEvent& event) override;
  void handled() override { serve(); }

  void start(uint32_t host);
  void await_datagrams();
  void receive_some();
  void await_timer();
  void arm(Instant at);
  void serve();
  void release_due(Instant now);
  void enter_up_link(Instant at, Held held);
  void enter_down_link(Instant at, Held held);
  void deliver(Instant arrived, Held held);
  void flush_inboxes();
  void run_deadlines(Instant now);
  void after_call(uint32_t host);
  void send(uint32_t host, Instant now, Outbox::Send& item);
  void leave(Instant at, Held held);
  void hold(Instant at, Held held);
  void count_lateness(Instant now, Instant due, size_t times = 1);

  Shared& shared_;
  boost::asio::io_context io_{1};
  boost::asio::posix::stream_descriptor udp_ready_;  // an epoll set of all UDP sockets, so that one wait serves them all
  boost::asio::steady_timer timer_;
  Instant armed_ = Instant::never();
  std::unique_ptr<PacketPool> pool_;
  Outbox outbox_;
  SendBatch send_batch_{segmenting_pays()};
  ReceiveBatch receive_batch_;
  std::vector<ReceiveBatch::Received> received_;
  std::vector<Host> hosts_;         // by HostId; only those that are mine are used
  std::vector<uint32_t> own_;       // hosts,
  std::vector<uint32_t> own_sites_; // and the links of sites that only they are behind
  std::vector<uint32_t> starting_;  // attached before the thread runs, in order
  std::vector<uint32_t> ready_;     // hosts with something in their inbox
  Deadlines deadlines_;
  std::vector<Due> due_;
  std::vector<Held> held_;
  std::vector<uint32_t> free_held_;
  uint64_t next_order_ = 0;
  WorldStats stats_;
  Streams streams_;
  MessageStreams messages_;
  std::unique_ptr<WebStreams> web_;  // null: nothing leaves the run
  bool running_ = false;
};

}  // namespace tacoma::host
