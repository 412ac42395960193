#include "core/rtp/red.h"

#include <cstring>

namespace tacoma {
namespace {
constexpr uint8_t kFollows = 0x80;       // F: another header comes
constexpr size_t kCopyHeader = 4, kPrimaryHeader = 1;
}  // namespace

size_t RedPayload::distance(size_t i) const {
  uint16_t next = 0;
  for (size_t k = count; k-- > i;) {
    if (copies[k].timestamp_offset <= next) return 0;
    next = copies[k].timestamp_offset;
  }
  return count - i;
}

std::optional<RedPayload> parse_red(BytesView payload) {
  RedPayload red;
  std::array<size_t, kMaxRedCopies> lengths{};
  size_t at = 0;
  // RFC 2198 section 3: all headers, then all blocks in the same order.
  for (;; at += kCopyHeader) {
    if (at >= payload.size()) return std::nullopt;
    const uint8_t first = payload[at];
    if (!(first & kFollows)) break;
    if (red.count == kMaxRedCopies || payload.size() - at < kCopyHeader) return std::nullopt;
    const uint32_t rest = load_u24(payload.data() + at + 1);
    lengths[red.count] = rest & kMaxRedLength;
    red.copies[red.count++] = {static_cast<uint8_t>(first & 0x7f), static_cast<uint16_t>(rest >> 10), {}};
  }
  red.primary_type = payload[at] & 0x7f;
  at += kPrimaryHeader;
  for (size_t i = 0; i < red.count; ++i) {
    if (payload.size() - at < lengths[i]) return std::nullopt;
    red.copies[i].data = payload.subspan(at, lengths[i]);
    at += lengths[i];
  }
  red.primary = payload.subspan(at);
  if (red.primary.empty()) return std::nullopt;
  return red;
}

size_t write_red(MutableBytes out, Span<const RedBlock> copies, uint8_t primary_type, BytesView primary) {
  size_t size = kPrimaryHeader + primary.size();
  for (const RedBlock& copy : copies) {
    if (copy.timestamp_offset > kMaxRedOffset || copy.data.size() > kMaxRedLength) return 0;
    size += kCopyHeader + copy.data.size();
  }
  if (copies.size() > kMaxRedCopies || primary.empty() || size > out.size()) return 0;
  uint8_t* p = out.data();
  for (const RedBlock& copy : copies) {
    *p = static_cast<uint8_t>(kFollows | (copy.payload_type & 0x7f));
    store_u24(p + 1, uint32_t{copy.timestamp_offset} << 10 | static_cast<uint32_t>(copy.data.size()));
    p += kCopyHeader;
  }
  *p++ = primary_type & 0x7f;
  for (const RedBlock& copy : copies) {
    if (!copy.data.empty()) std::memcpy(p, copy.data.data(), copy.data.size());
    p += copy.data.size();
  }
  std::memcpy(p, primary.data(), primary.size());
  return size;
}

}  // namespace tacoma
