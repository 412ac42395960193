// TCP's segments as datagrams of the same size on the wire: the 8 bytes of UDP and these 12 stand for TCP's 20.
#pragma once

#include <algorithm>
#include <optional>

#include "core/base/bytes.h"
#include "core/base/host_links.h"
#include "core/base/process.h"

namespace tacoma {

struct TcpSegment {
  enum class Kind : uint8_t { syn = 1, syn_ack, data, ack } kind = Kind::data;
  uint16_t length = 0;  // of data
  uint64_t number = 0;  // data: of its first byte; ack: of the next byte expected
  static constexpr size_t kHeader = 12;
  static constexpr uint16_t kMost = 1460;  // 1,500 bytes of IPv4
};

inline void send_segment(const TcpSegment& segment, const SocketAddress& to, Outbox& out) {
  PacketRef packet = out.pool().make(TcpSegment::kHeader + segment.length);
  if (packet) {
    uint8_t* bytes = packet.mutable_bytes().data();
    bytes[0] = static_cast<uint8_t>(segment.kind);
    bytes[1] = 0;
    store_u16(bytes + 2, segment.length);
    store_u32(bytes + 4, static_cast<uint32_t>(segment.number >> 32));
    store_u32(bytes + 8, static_cast<uint32_t>(segment.number));
    std::fill_n(bytes + TcpSegment::kHeader, segment.length, uint8_t{0});
  }
  out.send(to, std::move(packet));
}

inline std::optional<TcpSegment> parse_segment(BytesView bytes) {
  if (bytes.size() < TcpSegment::kHeader || bytes[0] < 1 || bytes[0] > 4) return std::nullopt;
  TcpSegment segment;
  segment.kind = static_cast<TcpSegment::Kind>(bytes[0]);
  segment.length = load_u16(bytes.data() + 2);
  segment.number = uint64_t{load_u32(bytes.data() + 4)} << 32 | load_u32(bytes.data() + 8);
  if (bytes.size() != TcpSegment::kHeader + segment.length) return std::nullopt;
  return segment;
}

}  // namespace tacoma
