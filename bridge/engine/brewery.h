// The bridge's place in its brewery: the XMPP stream, the room, its presence, and the requests that come by it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/engine/bridge.h"
#include "core/base/process.h"
#include "core/signal/presence.h"
#include "core/signal/xmpp_stream.h"

namespace tacoma::bridge {

class Brewery {
 public:
  static constexpr Duration kPresenceInterval = Duration::seconds(5);
  static constexpr Duration kFirstBackoff = Duration::seconds(1);
  static constexpr Duration kLongestBackoff = Duration::seconds(30);
  static constexpr Duration kLoginTimeout = Duration::seconds(20);  // from opening the stream to being in the room

  /// Its streams have the numbers index + 1, index + 1 + count ...
  Brewery(BridgeLogin login, std::string version, Rng rng, uint32_t index, uint32_t count);

  void start(Instant now, Outbox& out);
  void on_stream(Instant now, const StreamEvent& event, Outbox& out);
  void on_deadline(Instant now, Outbox& out);
  Instant deadline() const { return next_; }

  /// The next colibri2 request from an occupant of the room; answer each with send(). Strangers are refused here; pings, service
  /// discovery, version and health checks are answered here.
  std::optional<Element> next_request();
  void send(const Element& stanza, Outbox& out);

  /// True when presence is due (after joining, then every kPresenceInterval): call publish().
  bool wants_presence(Instant now) const { return state_ == State::joined && presence_at_ <= now; }
  void publish(Instant now, const BridgeStats& stats, Outbox& out);
  /// What the first presence says.
  void set_stats(const BridgeStats& stats) { stats_ = stats; }

  /// Ends the stream in order; nothing happens afterwards.
  void leave(Outbox& out);

  bool joined() const { return state_ == State::joined; }
  uint64_t disconnects() const { return disconnects_; }
  DropCounts& drops() { return drops_; }
  const DropCounts& drops() const { return drops_; }

 private:
  enum class State : uint8_t { waiting, connecting, joining, joined };
  void connect(Instant now, Outbox& out);
  void disconnect(Instant now, bool still_open, Outbox& out);
  void read(Instant now, Outbox& out);
  void on_stanza(Instant now, Element& stanza, Outbox& out);
  void on_iq(Element& iq);
  void on_presence(Instant now, const Element& presence, Outbox& out);
  void flush(Outbox& out);

  BridgeLogin login_;
  std::string version_;
  Jid room_, occupant_;
  Rng rng_;
  const uint32_t index_, count_;
  std::unique_ptr<XmppClient> client_;
  uint32_t streams_ = 0;
  StreamId stream_{0};
  State state_ = State::waiting;
  Duration backoff_ = kFirstBackoff;
  Instant next_ = Instant::never();         // reconnect, login timeout, or presence
  Instant presence_at_ = Instant::never();
  BridgeStats stats_;
  std::vector<Element> requests_;
  size_t next_request_ = 0;
  uint64_t disconnects_ = 0;
  DropCounts drops_;
};

}  // namespace tacoma::bridge
