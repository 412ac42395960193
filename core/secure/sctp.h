// SCTP over somebody's packets (RFC 8261: over DTLS), by usrsctp, which is hidden here: packets, messages and time in, packets and
// messages out.
//
// usrsctp is one for all of a program: one list of timers, one table of associations, its own random numbers from the system. So
// - all of a program's SctpHosts live on one thread and are given the time of one clock;
//   (usrsctp starts one thread, for work on all associations at once, which nobody here asks for: it sleeps to the end);
// - what it sends does not repeat from run to run: worlds with a seed, and those that put several bridges on several threads, do
//   not use it. There the bridge channel is a message stream. The daemons have one thread and are what data channels are for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/drop.h"
#include "core/base/process.h"
#include "core/base/time.h"

struct socket;  // of usrsctp; the word `struct` stays, as the system has a function of this name

namespace tacoma {

class SctpAssociation;

/// What the associations of one Process share: its timers, and the list of those that have something for it.
class SctpHost {
 public:
  static constexpr Duration kTick = Duration::milliseconds(50);  // SCTP's shortest timer, delayed acknowledgement, takes 200 ms

  SctpHost();
  ~SctpHost();  // after its associations
  SctpHost(const SctpHost&) = delete;
  SctpHost& operator=(const SctpHost&) = delete;

  void on_deadline(Instant now);
  /// Every kTick while there is an association that has started; otherwise never.
  Deadline deadline() const;
  /// The next association with packets, messages or an end to be polled, by the tag given to it. Each is named once until it has
  /// something new. In order of what happened.
  std::optional<uint32_t> next_pending();

 private:
  friend class SctpAssociation;
  std::vector<SctpAssociation*> started_;
  std::vector<SctpAssociation*> pending_;
  Instant next_tick_ = Instant::never();
};

struct SctpMessage {
  uint16_t stream = 0;
  uint32_t ppid = 0;  // payload protocol identifier
  std::vector<uint8_t> bytes;
};

/// One association with one peer, port 5000 on both sides.
class SctpAssociation {
 public:
  static constexpr uint16_t kPort = 5000;
  static constexpr uint16_t kStreams = 64;          // each way; usrsctp keeps state for each, used or not
  static constexpr size_t kMaxPacket = 1150;        // and DTLS adds 37 bytes: a datagram of at most 1200
  static constexpr size_t kMaxMessage = 64 * 1024;  // received; longer ones are dropped
  static constexpr size_t kSendBuffer = 256 * 1024;     // bytes that the peer has not acknowledged, and what waits behind them
  static constexpr size_t kReceiveBuffer = 256 * 1024;  // the peer may have so much under way
  static constexpr size_t kMaxQueuedPackets = 256;  // more until polled are as if lost
  static constexpr size_t kMaxQueuedMessages = 256; // likewise; read only when polled

  enum class Role : uint8_t { server, client };  // the server waits for an INIT
  enum class State : uint8_t { idle, connecting, up, ended };

  /// `tag` names it in SctpHost::next_pending.
  SctpAssociation(SctpHost& host, Role role, uint32_t tag);
  ~SctpAssociation();
  SctpAssociation(const SctpAssociation&) = delete;
  SctpAssociation& operator=(const SctpAssociation&) = delete;

  /// Once packets can flow.
  void start(Instant now);
  State state() const { return state_; }
  /// Has it named by SctpHost::next_pending once.
  void note();
  /// A packet of the peer's.
  std::optional<Drop> on_packet(Instant now, BytesView packet);
  /// The next packet to send; false: none.
  bool poll_packet(std::vector<uint8_t>& packet);
  /// The next whole message; false: none.
  bool poll_message(SctpMessage& message);
  /// The next stream that the peer has closed (RFC 6525); ours of that number is closed in answer.
  bool poll_reset(uint16_t& stream);
  /// Reliable and in order within a stream. sctp_full: nothing is sent, as the buffer is full. sctp_unexpected: not up.
  std::optional<Drop> send(Instant now, uint16_t stream, uint32_t ppid, BytesView message);
  /// Closes our side of a stream.
  void reset_stream(Instant now, uint16_t stream);
  /// Ends it; the peer is told by one more packet to be polled.
  void stop(Instant now);
  /// Messages that were dropped because they were too long.
  uint64_t too_long() const { return too_long_; }

 private:
  friend class SctpHost;
  struct Library;
  void receive();
  void close_own_side(uint16_t stream);
  void on_notification(BytesView bytes);
  void end();

  SctpHost& host_;
  const Role role_;
  const uint32_t tag_;
  const uintptr_t address_;    // as usrsctp knows this association
  State state_ = State::idle;
  struct socket* listening_ = nullptr;
  struct socket* socket_ = nullptr;
  bool is_pending_ = false;
  bool is_readable_ = false;
  bool skips_rest_ = false;    // of a message that is too long
  uint64_t too_long_ = 0;
  std::vector<std::vector<uint8_t>> packets_;
  std::vector<SctpMessage> messages_;
  std::vector<uint16_t> resets_;
  std::vector<uint8_t> partial_;
};

}  // namespace tacoma
