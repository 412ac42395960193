// The seam. A Process (bridge, focus, participant, stanza router) gets time and input as arguments and appends what it
// wants done to an Outbox; a World (sockets, ns-3, light) calls it and carries the Outbox out. Nothing else joins them,
// so an engine cannot learn which world hosts it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/address.h"
#include "core/base/bytes.h"
#include "core/base/ecn.h"
#include "core/base/id.h"
#include "core/base/packet_pool.h"
#include "core/base/time.h"

namespace tacoma {

/// A received datagram. The process may take `packet` (move it) or change it in place: it is unique.
struct Datagram {
  SocketAddress from;
  SocketAddress to;   // the process's own address that it arrived at
  PacketRef packet;
  Instant arrived;    // when the world got it; at or before `now`
  Ecn ecn = Ecn::not_ect;  // as it arrived
};

/// What happened on a stream. TLS, HTTP and WebSocket framing have been removed by the world.
struct StreamEvent {
  enum class Kind : uint8_t {
    opened,    // a stream that this process opened is up
    accepted,  // somebody connected to a service of this process; `id` is new, `service` says which
    data,      // bytes of a byte stream in order, cut anywhere; or one whole message of a message stream
    closed,    // ended by the peer or by failure; the id is dead. Also the answer to an open that failed
  };
  Kind kind = Kind::data;
  StreamId id;
  std::string_view service;  // of accepted
  BytesView data;            // valid during the call only
};

/// When a process wants to be woken, and why (for traces and for the message when a deadline does not advance).
struct Deadline {
  Instant at = Instant::never();
  const char* reason = "";
};

/// What a process wants done, in order. Owned by the world, emptied after each call.
class Outbox {
 public:
  struct Send {
    SocketAddress to;
    Ecn ecn;            // in what would be padding: a bridge makes many of these
    PacketRef packet;
  };
  static_assert(sizeof(Send) == 32);
  struct StreamOp {
    enum class Kind : uint8_t { open, write, close } kind;
    StreamId id;
    std::string service;            // of open
    size_t offset = 0, length = 0;  // of write: a range of stream_bytes()
  };

  explicit Outbox(PacketPool& pool) : pool_(&pool) {}

  /// Where packets to be sent are made. May refuse (empty PacketRef): count Drop::pool_exhausted and go on.
  PacketPool& pool() { return *pool_; }
  /// Sends from the process's UDP port, of the family of `to`. The packet must be unique: the world hands its bytes over. Anything but
  /// not_ect only where the other end has agreed to report what arrives.
  void send(const SocketAddress& to, PacketRef packet, Ecn ecn = Ecn::not_ect) { sends_.push_back({to, ecn, std::move(packet)}); }
  /// Opens a stream to a named service of the run ("xmpp", or a URL where the world knows one). An opened or closed
  /// event follows. `id` must be unused and below 0x80000000. Writes may follow at once; they wait for the opening.
  void open_stream(StreamId id, std::string service) { stream_ops_.push_back({StreamOp::Kind::open, id, std::move(service), 0, 0}); }
  /// Appends bytes to a byte stream, or one message to a message stream.
  void write_stream(StreamId id, BytesView bytes) {
    stream_ops_.push_back({StreamOp::Kind::write, id, {}, stream_bytes_.size(), bytes.size()});
    stream_bytes_.insert(stream_bytes_.end(), bytes.begin(), bytes.end());
  }
  void write_stream(StreamId id, std::string_view text) { write_stream(id, as_bytes(text)); }
  /// Closes after what was written is delivered. No closed event follows for an id that its own process closed.
  void close_stream(StreamId id) { stream_ops_.push_back({StreamOp::Kind::close, id, {}, 0, 0}); }

  // For the world.
  std::vector<Send>& sends() { return sends_; }
  const std::vector<StreamOp>& stream_ops() const { return stream_ops_; }
  BytesView stream_bytes(const StreamOp& op) const { return BytesView(stream_bytes_).subspan(op.offset, op.length); }
  bool empty() const { return sends_.empty() && stream_ops_.empty(); }
  void clear() { sends_.clear(); stream_ops_.clear(); stream_bytes_.clear(); }

 private:
  PacketPool* pool_;
  std::vector<Send> sends_;
  std::vector<StreamOp> stream_ops_;
  std::vector<uint8_t> stream_bytes_;
};

/// One actor with one UDP port. Calls never overlap and `now` never goes back. After each call the world reads
/// deadline(); the law is that after on_deadline(now) it is later than now, and every world asserts it.
class Process {
 public:
  virtual ~Process() = default;
  virtual void start(Instant now, Outbox& out) = 0;
  /// A batch, in order of arrival; each element is unique and may be moved from.
  virtual void on_datagrams(Instant now, Span<Datagram> in, Outbox& out) = 0;
  virtual void on_stream(Instant now, const StreamEvent& event, Outbox& out) = 0;
  virtual void on_deadline(Instant now, Outbox& out) = 0;
  /// The earliest time at which on_deadline wants to be called. Cheap: worlds ask after every call.
  virtual Deadline deadline() const = 0;
};

}  // namespace tacoma
