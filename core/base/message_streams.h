// Message streams over the byte streams of a world: what a WebSocket is to TCP. A service whose name is a ws: or wss: URL carries
// messages; the part of the URL before the path is what a host listens to, the rest is told to whoever accepts.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/process.h"

namespace tacoma {

/// The longest message; a stream with a longer one ends.
inline constexpr size_t kMaxStreamMessage = size_t{1} << 20;

/// A service name, taken apart.
struct ServiceName {
  std::string_view service;  // what a host listens to: "xmpp", "wss://eu-1.bridge"
  std::string_view target;   // of message streams: "/colibri-ws/eu-1/...", as a WebSocket's server sees it; never empty there
  bool is_messages = false;

  static ServiceName parse(std::string_view name);
};

/// Stands between the processes of a world and its byte streams. Byte streams pass untouched. A message stream begins with one message
/// each way (the upgrade of HTTP: target and welcome), so it opens a round trip after its connection; then each message is one frame of
/// RFC 6455 section 5.2, unfragmented, masked by the opener with key zero. What the opener writes before the welcome follows the target
/// at once.
class MessageStreams {
 public:
  /// What lies below and above. Each may come back into MessageStreams.
  class Ends {
   public:
    virtual ~Ends() = default;
    virtual void open_bytes(Instant now, HostId host, StreamId id, const std::string& service) = 0;
    virtual void write_bytes(Instant now, HostId host, StreamId id, BytesView bytes) = 0;
    virtual void close_bytes(Instant now, HostId host, StreamId id) = 0;
    /// Calls the host's process and carries out what it wants.
    virtual void tell(HostId host, const StreamEvent& event) = 0;
  };

  explicit MessageStreams(Ends& ends) : ends_(ends) {}

  /// Does one thing that the process of `host` asked for.
  void carry_out(Instant now, HostId host, const Outbox& out, const Outbox::StreamOp& op);
  /// A byte stream of `host` has news.
  void on_event(Instant now, HostId host, const StreamEvent& event);
  /// The process of `host` is gone, and with it its streams.
  void host_gone(HostId host);

 private:
  struct State {
    bool opener = false;
    bool upgraded = false;          // the process knows of the stream
    std::vector<uint8_t> received;  // an unfinished frame
  };
  using Key = std::pair<HostId, StreamId>;

  void send(Instant now, const Key& key, bool opener, BytesView message);
  void on_bytes(Instant now, const Key& key, BytesView bytes);
  bool on_message(Instant now, const Key& key, BytesView message);
  void fail(Instant now, const Key& key);

  Ends& ends_;
  std::map<Key, State> states_;  // of message streams only
};

}  // namespace tacoma
