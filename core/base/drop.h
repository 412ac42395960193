// Why a packet went no further. Wire input never throws and never logs per packet: it is used, or it is counted here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace tacoma {

// One row per reason: enumerator, and the text that reports and metrics print.
#define TACOMA_DROPS(X)                                                     \
  X(unknown_first_byte, "first byte belongs to no known protocol (RFC 7983)") \
  X(unknown_peer, "from an address that no endpoint has validated")         \
  X(pool_exhausted, "packet pool limit reached")                            \
  X(stun_malformed, "malformed STUN message")                               \
  X(stun_bad_integrity, "STUN message integrity or fingerprint wrong")      \
  X(stun_unknown_user, "STUN user name names no endpoint")                  \
  X(stun_unexpected, "STUN message that the ICE state does not expect")     \
  X(dtls_malformed, "malformed DTLS record")                                \
  X(dtls_unexpected, "DTLS record that the state does not expect")          \
  X(dtls_fingerprint, "DTLS certificate does not match the signalled fingerprint") \
  X(sctp_malformed, "malformed SCTP packet or data channel message")        \
  X(sctp_unexpected, "SCTP packet or message that no data channel expects") \
  X(sctp_full, "message for a data channel whose buffer is full")           \
  X(srtp_not_ready, "SRTP before the handshake finished")                   \
  X(srtp_auth, "SRTP authentication failed")                                \
  X(srtp_replay, "SRTP packet repeated or too old")                         \
  X(srtp_error, "SRTP processing failed")                                   \
  X(rtp_malformed, "malformed RTP packet")                                  \
  X(rtcp_malformed, "malformed RTCP packet")                                \
  X(rtp_unknown_ssrc, "RTP from an SSRC that was not signalled")            \
  X(rtp_unknown_payload_type, "RTP payload type that was not negotiated")   \
  X(rtp_duplicate, "RTP packet seen before")                                \
  X(rtp_too_old, "RTP packet older than the history")                       \
  X(rtx_malformed, "RTX payload without an original sequence number")       \
  X(rtx_unneeded, "retransmission of a packet that was not missing")        \
  X(padding_only, "RTP padding without media")                              \
  X(audio_not_loudest, "audio of somebody who is not among the loudest")    \
  X(audio_silence, "audio of a source that has been silent")                \
  X(force_muted, "media of an endpoint muted by a moderator")               \
  X(no_receiver, "nobody subscribes to the source")                         \
  X(receiver_not_ready, "receiver's path is not up yet")                    \
  X(waiting_for_key_frame, "receiver has not had a key frame of the source yet") \
  X(layer_not_wanted, "layer that the receiver has no use for now")         \
  X(over_layer_limit, "layer with a higher id than is supported, or a stream that says it has one") \
  X(suspended, "source that the receiver is not given now")                 \
  X(no_ssrc, "source without an SSRC of the bridge: all are in use, or the receiver cannot be told") \
  X(over_mtu, "packet would exceed the MTU")                                \
  X(descriptor_malformed, "malformed codec payload descriptor")             \
  X(picture_id_jump, "picture id, TL0PICIDX or frame number that jumps; the packet goes on without the jump") \
  X(red_malformed, "redundant audio whose primary block cannot be read")    \
  X(frame_undecryptable, "media frame that the receiver has no key for (end-to-end encryption)") \
  X(feedback_unknown_packet, "feedback for a packet that was never sent")   \
  X(limit_clamped, "limit of a rate (REMB) beyond all bounds, taken as the nearest bound") \
  X(ecn_bleached, "path that takes ECN codepoints away: packets go without from now on") \
  X(nack_not_cached, "NACK for a packet that is no longer cached")          \
  X(nack_limited, "NACK beyond the repeat or rate limit")                   \
  X(nack_outdated, "NACK for what a newer key frame has made useless")      \
  X(stream_limit, "stream data beyond its limit")                           \
  X(signalling_malformed, "malformed XML or stanza")                        \
  X(signalling_unexpected, "stanza that the state does not expect")         \
  X(signalling_limit, "signalling beyond a limit")                          \
  X(queue_full, "link queue full")                                          \
  X(link_loss, "lost on the link")                                          \
  X(socket_overflow, "the kernel's receive buffer was full")                \
  X(host_down, "host is down")                                              \
  X(no_route, "no host has this address")

enum class Drop : uint8_t {
#define TACOMA_DROP_NAME(name, text) name,
  TACOMA_DROPS(TACOMA_DROP_NAME)
#undef TACOMA_DROP_NAME
};

inline constexpr size_t kDropReasons = 0
#define TACOMA_DROP_COUNT(name, text) +1
    TACOMA_DROPS(TACOMA_DROP_COUNT)
#undef TACOMA_DROP_COUNT
    ;

/// The reason's identifier, as it stands in results and metrics.
constexpr const char* name_of(Drop drop) {
  switch (drop) {
#define TACOMA_DROP_CASE(name, text) case Drop::name: return #name;
    TACOMA_DROPS(TACOMA_DROP_CASE)
#undef TACOMA_DROP_CASE
  }
  return "?";
}

/// The reason as a sentence for people.
constexpr const char* explain(Drop drop) {
  switch (drop) {
#define TACOMA_DROP_CASE(name, text) case Drop::name: return text;
    TACOMA_DROPS(TACOMA_DROP_CASE)
#undef TACOMA_DROP_CASE
  }
  return "?";
}

/// Always-on counters, one a reason. Their memory is taken with the first drop: thousands of people have several of these each, and
/// mostly nothing to count.
class DropCounts {
 public:
  DropCounts() = default;
  DropCounts(const DropCounts& other) : counts_(other.counts_ ? std::make_unique<Counts>(*other.counts_) : nullptr) {}
  DropCounts(DropCounts&&) noexcept = default;
  DropCounts& operator=(DropCounts other) noexcept { counts_.swap(other.counts_); return *this; }

  void count(Drop drop, uint64_t times = 1) {
    if (!counts_) counts_ = std::make_unique<Counts>();
    (*counts_)[static_cast<size_t>(drop)] += times;
  }
  uint64_t operator[](Drop drop) const { return counts_ ? (*counts_)[static_cast<size_t>(drop)] : 0; }
  uint64_t total() const {
    uint64_t sum = 0;
    each([&sum](Drop, uint64_t n) { sum += n; });
    return sum;
  }
  DropCounts& operator+=(const DropCounts& other) {
    other.each([this](Drop drop, uint64_t n) { count(drop, n); });
    return *this;
  }
  /// Calls visit(Drop, count) for each reason that happened, in a fixed order.
  template <typename Visit>
  void each(Visit visit) const {
    if (!counts_) return;
    for (size_t i = 0; i < kDropReasons; ++i)
      if ((*counts_)[i] != 0) visit(static_cast<Drop>(i), (*counts_)[i]);
  }

 private:
  using Counts = std::array<uint64_t, kDropReasons>;
  std::unique_ptr<Counts> counts_;
};

}  // namespace tacoma
