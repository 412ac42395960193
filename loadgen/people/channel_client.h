// A person's end of the bridge channel: opened with each session, opened again when it breaks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/drop.h"
#include "core/base/process.h"
#include "core/signal/bridge_channel.h"

namespace tacoma {

class ChannelClient {
 public:
  static constexpr uint32_t kFirstStream = 0x40000000;  // stream ids from here on are the channel's
  // How long to wait before another try, doubling, as lib-jitsi-meet does.
  static constexpr Duration kRetry = Duration::seconds(1), kRetryMost = Duration::seconds(60);

  /// Opens the channel of a new session; one that is there is closed. An empty URL: the bridge offers none.
  void open(Instant now, std::string url, Outbox& out);
  void close(Outbox& out);
  /// False when the event is of another stream.
  bool on_stream(Instant now, const StreamEvent& event, Outbox& out);
  Instant deadline() const { return retry_at_; }
  void on_deadline(Instant now, Outbox& out);

  bool is_open() const { return is_open_; }
  /// It has come up since the last call: whoever speaks on it says everything anew.
  bool take_opened() { return std::exchange(was_opened_, false); }
  /// The message of the data event just handled, if it was one.
  std::optional<channel::Message> take_message() { return std::exchange(message_, std::nullopt); }
  /// Nothing happens while it is not open.
  void send(const channel::Message& message, Outbox& out);

  uint32_t reconnects() const { return reconnects_; }
  const DropCounts& drops() const { return drops_; }

 private:
  void connect(Outbox& out);

  std::string url_;
  StreamId stream_{0};
  uint32_t next_stream_ = kFirstStream;
  bool is_open_ = false, was_opened_ = false;
  Duration wait_ = kRetry;
  Instant retry_at_ = Instant::never();
  std::optional<channel::Message> message_;
  uint32_t reconnects_ = 0;
  DropCounts drops_;
};

}  // namespace tacoma
