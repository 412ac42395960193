// The sockets world: processes on real UDP and TCP sockets of the loopback interface, in real time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/network.h"
#include "core/base/result.h"
#include "core/base/world.h"

namespace tacoma {

/// The way out of a run: to servers that are no host of its plan.
struct Outside {
  IpAddress local;                 // of this machine: the hosts' UDP sockets are bound to it, in place of loopback
  std::vector<std::string> hosts;  // names and addresses that streams may go to, besides this machine's loopback
  bool verify_tls = true;
};

struct LinuxOptions {
  Tap* tap = nullptr;  // may be null; must outlive the world; called from every shard's thread
  /// Applies links and region delays of the plan in user space. Off: the kernel's loopback is all there is.
  bool shape = true;
  /// The shard (thread) of each host, by HostId. Empty: the hosts of `bridges` on shard 0, all others on shard 1.
  std::vector<uint32_t> shard_of;
  /// The shards' threads run before everything else on this machine (SCHED_RR), so that its other work makes nothing late. Needs
  /// root, CAP_SYS_NICE or a limit on real-time priority; without it the run goes on as usual and `warn` says so.
  bool realtime = false;
  /// Names of hosts that get shard 0 to themselves; unused when shard_of is given.
  std::vector<std::string> bridges;
  /// UDP ports that hosts must have, by host name; all others get what the kernel gives.
  std::map<std::string, uint16_t> fixed_ports;
  /// Streams whose service is a ws: or wss: URL leave the run: the part of the URL after '#' names the subprotocol.
  std::optional<Outside> outside;
  /// Told about what does not end the run but may spoil it (a small socket buffer). Called while the world is made, or on
  /// the thread that calls attach or listen; on a shard's thread when a stream to the outside fails. May be empty.
  std::function<void(const std::string&)> warn;
};

/// Most threads that shard_of may ask for.
inline constexpr uint32_t kMaxShards = 64;

/// A world of real sockets on 127.0.0.1 and ::1. An address family is opened for every host if some host of the plan has it;
/// address() of the other family has port 0.
///
/// Each host belongs to one shard, a thread with a loop of its own; a process is called on its shard only. Time starts, and the
/// threads with it, at the first run_until; from then on the shards run until the world is destroyed, also between two calls of
/// run_until. WorldStats::late counts deadlines and packet releases served over 5 ms after their time.
///
/// Shaping: the sender's shard applies the up link and then really sends; the receiver's shard knows the sender's host by its port,
/// applies the delay between the regions and the down link, then delivers. Datagram::arrived is the time the model gives,
/// at or before `now`. Streams are real TCP connections; their bytes pass the same links as segments
/// (core/base/segment_hop.h), and opening takes the round trip of the plan.
///
/// Fails with a sentence for people: an inconsistent plan, a port in use, no permission, IPv6 not available, too many files.
Result<std::unique_ptr<World>> make_linux_world(const NetworkPlan& plan, const LinuxOptions& options);

}  // namespace tacoma
