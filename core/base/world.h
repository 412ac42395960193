// What hosts processes. Three implementations: host/linux (real sockets), sim/light and sim/ns3.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/base/address.h"
#include "core/base/drop.h"
#include "core/base/network.h"
#include "core/base/process.h"

namespace tacoma {

/// Bytes written to one stream and not yet delivered. A process that writes on beyond it has a peer that does not keep up: the
/// world closes the stream at both ends and counts Drop::stream_limit.
inline constexpr size_t kMaxStreamBacklog = size_t{8} << 20;
/// Streams that one host has open or has accepted; more are refused and counted as Drop::stream_limit.
inline constexpr size_t kMaxStreamsPerHost = 50'000;

/// Sees every datagram and stream byte of a run: the digest and packet captures are taps. Called on the thread of the
/// host concerned (the sockets world has several).
class Tap {
 public:
  virtual ~Tap() = default;
  virtual void sent(Instant now, HostId host, const SocketAddress& from, const SocketAddress& to, BytesView payload) = 0;
  virtual void delivered(Instant now, HostId host, const SocketAddress& from, const SocketAddress& to, BytesView payload) = 0;
  virtual void stream_written(Instant now, HostId host, StreamId id, BytesView bytes) = 0;
};

/// One direction of the link of one host or site over the time since the last sample.
struct LinkSample {
  HostId host;                // or NetworkPlan::site_id
  bool is_up = false;
  DataRate rate;              // capacity now
  uint64_t packets = 0;       // put on the wire
  uint64_t bytes = 0;         // IP bytes of those
  uint64_t queue_drops = 0;
  uint64_t loss_drops = 0;
  Duration queue_max;         // longest wait of a packet in the queue
  uint64_t marked = 0;        // of `packets`, those that the queue marked (CE) where it would have dropped others
};

/// One flow of the plan over the time since the last sample.
struct FlowSample {
  uint32_t flow = 0;           // index into NetworkPlan::flows
  uint64_t bytes = 0;          // that arrived: payload of TCP in order, or of UDP
  uint64_t packets = 0;        // sent, data only
  uint64_t retransmitted = 0;  // of those
};

struct WorldStats {
  uint64_t datagrams_sent = 0;       // by processes
  uint64_t datagrams_delivered = 0;  // to processes
  uint64_t late = 0;                 // sockets: deadlines served or packets released over 5 ms after their time
  uint64_t timed = 0;                // how many there were in all
  Duration late_max;
  DropCounts drops;                  // by links and hosts
};

struct WorldOptions {
  Tap* tap = nullptr;  // may be null; must outlive the world
  Duration wake_late = Duration::zero();  // light world: on_deadline comes up to this much after its time, drawn from the plan's seed, as on a
                       // busy machine. It finds processes that count on being woken in time
  bool realtime = false; // sockets world: before all other work of the machine, where the system lets it
};

/// Hosts the processes of one run on the hosts of one NetworkPlan. Order of use: attach and listen, then run_until
/// again and again. All calls come from one thread.
class World {
 public:
  virtual ~World() = default;
  /// The host's UDP address; each host has one port a family.
  virtual SocketAddress address(HostId host, IpFamily family) const = 0;
  /// Puts a process on a host (start() is called at the world's current time, or at the first run_until). A process that is
  /// there already is torn down first: its streams close at the other end, packets to it are lost. nullptr: the host is down.
  /// The process must outlive the world or the next attach to its host. In the sockets world, one that keeps packets must outlive
  /// the world in any case: they belong to the thread of its shard.
  virtual void attach(HostId host, Process* process) = 0;
  /// Streams opened to `service` go to this host from now on; its process gets `accepted` events.
  virtual void listen(HostId host, std::string service) = 0;
  /// Runs until the given time. The sockets world takes that long; the others take what they need.
  virtual void run_until(Instant end) = 0;
  virtual Instant now() const = 0;
  /// Calls `look` with the host's process on the thread that runs it, between two of its calls; returns after. The process's
  /// deadline is read again afterwards, and what `look` appends to the outbox is carried out.
  virtual void inspect(HostId host, const std::function<void(Process&, Instant now, Outbox&)>& look) = 0;
  /// Appends a sample of each link, up then down, in order of host, then of site.
  virtual void sample_links(std::vector<LinkSample>& out) = 0;
  virtual WorldStats stats() = 0;
  /// Whether the world sends the plan's TCP flows itself, by a TCP of its own. Otherwise processes on their hosts do
  /// (loadgen/traffic).
  virtual bool has_own_tcp() const { return false; }
  /// Appends a sample of each TCP flow, if the world has its own.
  virtual void sample_flows(std::vector<FlowSample>&) {}
};

}  // namespace tacoma
