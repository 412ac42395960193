// One data channel with one peer (RFC 8831, RFC 8832): text messages both ways, over an association of its own.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/secure/dcep.h"
#include "core/secure/sctp.h"

namespace tacoma {

/// The server takes the channel that its peer opens; of several the newest, and the older is closed. The client opens one.
class DataChannel {
 public:
  static constexpr size_t kMaxEvents = 256;  // messages not yet polled; more are dropped
  static constexpr size_t kMaxPosted = 256;  // messages between two advance(); more are dropped

  struct Event {
    enum class Kind : uint8_t { opened, message, closed } kind = Kind::opened;
    std::string text;  // of message
  };

  DataChannel(SctpHost& host, SctpAssociation::Role role, uint32_t tag) : association_(host, role, tag), role_(role) {}

  /// Once packets can flow. A client opens the channel that `wanted` describes, on stream 0 (it is the DTLS client, RFC 8832 section 6).
  void start(Instant now, dcep::Open wanted = {});
  /// An SCTP packet of the peer's. What is dropped of its contents is counted in drops().
  void on_packet(Instant now, BytesView packet);
  /// To be called when SctpHost names its tag: sends what was posted; events may have come.
  void advance(Instant now);
  bool poll_packet(std::vector<uint8_t>& packet) { return association_.poll_packet(packet); }
  bool poll_event(Event& event);

  bool is_open() const { return is_open_; }
  /// Of the open channel.
  const dcep::Open& description() const { return description_; }
  /// A text message, sent by the next advance(). Counted as sctp_full when there is no room for it, as sctp_unexpected when the
  /// channel is not open.
  void post(std::string_view text);
  /// Closes the channel, not the association: the peer may open another.
  void close(Instant now);
  const DropCounts& drops() const { return drops_; }
  /// Those since it was last asked.
  DropCounts take_drops() { return std::exchange(drops_, DropCounts()); }

 private:
  void on_message(Instant now, const SctpMessage& message);
  void on_control(Instant now, const SctpMessage& message);
  void raise(Event::Kind kind, std::string text = {});
  void lose();
  void send(Instant now, std::string_view text);

  SctpAssociation association_;
  const SctpAssociation::Role role_;
  dcep::Open description_;
  uint16_t stream_ = 0;
  bool is_open_ = false;
  bool has_asked_ = false;  // of a client
  uint64_t too_long_ = 0;   // of those that the association counts, counted here
  std::vector<Event> events_;
  std::vector<std::string> posted_;
  DropCounts drops_;
};

}  // namespace tacoma
