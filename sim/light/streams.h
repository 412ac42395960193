// The streams of the light world.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/fifo.h"
#include "core/base/flat_map.h"
#include "core/base/host_links.h"
#include "core/base/segment_hop.h"
#include "core/base/world.h"
#include "sim/light/event_heap.h"

namespace tacoma::light {

/// What streams need of the world around them.
class StreamHost {
 public:
  virtual ~StreamHost() = default;
  virtual bool is_up(HostId host) const = 0;
  /// Calls the host's process and carries out what it wants, which may come back into Streams.
  virtual void stream_event(HostId host, const StreamEvent& event) = 0;
};

/// All streams of a world. A stream is two directions of two hops or more each (the writer's up link first, the reader's down link
/// last, links of sites in between); it opens with the three segments of TCP's handshake and ends with a fin after the bytes.
class Streams {
 public:
  Streams(const NetworkPlan& plan, std::vector<HostLinks>& links, const Routes& routes, EventHeap& events, StreamHost& hosts);

  void listen(HostId host, std::string service);
  // What the process of `host` asks for.
  void open(Instant now, HostId host, StreamId id, const std::string& service);
  void write(Instant now, HostId host, StreamId id, BytesView bytes);
  void close(Instant now, HostId host, StreamId id);
  /// The process of `host` is gone: its streams close at the other ends, after the delay of the path.
  void host_gone(Instant now, HostId host);
  /// An event of a stream kind is due.
  void handle(Instant now, const Event& event);
  uint64_t limit_closes() const { return limit_closes_; }

 private:
  struct End {
    HostId host;
    StreamId id;
    bool open = false;   // its process may write: the id stands in ids_
  };
  struct Direction {     // from ends[i] to ends[1 - i]
    struct Hop {
      SegmentHop segments;
      Instant wake_at = Instant::never();  // the one event in the heap that counts
    };
    Direction(size_t count, int64_t overhead, Duration trip) : hops(count, Hop{SegmentHop(overhead, trip), Instant::never()}) {}
    ByteFifo bytes;      // written and not delivered
    std::vector<Hop> hops;
    SegmentHop& first() { return hops.front().segments; }
    size_t held_back = 0;         // of `bytes`: written before the handshake let them go
    bool started = false, fin_wanted = false;
  };
  struct Stream {
    Stream(size_t hops, int64_t overhead, Duration trip) : directions{Direction(hops, overhead, trip), Direction(hops, overhead, trip)} {}
    End ends[2];         // opener, accepter
    Direction directions[2];
    const std::string* service = nullptr;  // in services_
    bool broken = false;  // one host is gone: nothing moves any more
  };
  struct Slot {
    std::unique_ptr<Stream> stream;
    uint32_t generation = 0;
  };
  struct HostState {
    FlatMap<StreamId, uint32_t> ids;  // open streams of its process
    std::vector<uint32_t> slots;      // the same, in order of opening, to close them all
    uint32_t next_accepted = 0x80000000u;
  };

  void start(Instant now, uint32_t index, int direction);
  void pass_on(Instant now, uint32_t index, int direction, uint32_t hop);
  void hand_over(Instant now, uint32_t index, int direction);
  LinkModel& link_of(const Stream& stream, int direction, uint32_t hop);
  void arrived(Instant now, uint32_t index, int direction, const SegmentHop::Arrived& what);
  void fail_both(Instant now, uint32_t index);
  void refuse(Instant now, uint32_t index, Duration after);
  void schedule(uint32_t index, int direction, uint32_t hop);
  Stream* stream_of(uint32_t index, uint32_t generation);
  bool is_full(HostId host);
  void enter(uint32_t index, int end);
  void leave(uint32_t index, int end);
  void free(uint32_t index);

  const NetworkPlan& plan_;
  std::vector<HostLinks>& links_;
  const Routes& routes_;
  EventHeap& events_;
  StreamHost& calls_;
  std::map<std::string, HostId> services_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_slots_;
  std::vector<HostState> hosts_;
  std::vector<uint8_t> reading_;  // what the data event under way shows
  uint64_t limit_closes_ = 0;
};

}  // namespace tacoma::light
