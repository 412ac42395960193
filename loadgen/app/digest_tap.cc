#include <xxhash.h>

#include "loadgen/app/taps.h"

namespace tacoma {

struct DigestTap::State {
  XXH3_state_t* hash = XXH3_createState();
  State() { XXH3_128bits_reset(hash); }
  ~State() { XXH3_freeState(hash); }

  enum Kind : uint8_t { kSent = 1, kDelivered = 2, kStream = 3 };

  /// The head of each record has one layout on every machine, and tells the length of what follows.
  void head(Kind kind, Instant now, HostId host, uint32_t stream, const SocketAddress* from, const SocketAddress* to, size_t size) {
    uint8_t bytes[64];
    ByteWriter out(bytes);
    out.u8(kind);
    out.u64(static_cast<uint64_t>(now.ns()));
    out.u32(host.value());
    out.u32(stream);
    for (const SocketAddress* address : {from, to}) {
      if (!address) continue;
      out.u8(static_cast<uint8_t>(address->ip.family));
      out.bytes(BytesView(address->ip.bytes.data(), address->ip.bytes.size()));
      out.u16(address->port);
    }
    out.u32(static_cast<uint32_t>(size));
    TACOMA_ASSERT(out.ok());
    XXH3_128bits_update(hash, bytes, out.written());
  }
};

DigestTap::DigestTap() : state_(std::make_unique<State>()) {}
DigestTap::~DigestTap() = default;

void DigestTap::sent(Instant now, HostId host, const SocketAddress& from, const SocketAddress& to, BytesView payload) {
  state_->head(State::kSent, now, host, 0, &from, &to, payload.size());
  XXH3_128bits_update(state_->hash, payload.data(), payload.size());
}

void DigestTap::delivered(Instant now, HostId host, const SocketAddress&, const SocketAddress&, BytesView payload) {
  state_->head(State::kDelivered, now, host, 0, nullptr, nullptr, payload.size());
}

void DigestTap::stream_written(Instant now, HostId host, StreamId id, BytesView bytes) {
  state_->head(State::kStream, now, host, id.value(), nullptr, nullptr, bytes.size());
  if (!bytes.empty()) XXH3_128bits_update(state_->hash, bytes.data(), bytes.size());
}

std::string DigestTap::result() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_->hash);
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(hash.high64),
      static_cast<unsigned long long>(hash.low64));
  return text;
}

}  // namespace tacoma
