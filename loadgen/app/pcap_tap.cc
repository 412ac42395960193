#include <algorithm>
#include <cerrno>
#include <cstring>

#include "loadgen/app/taps.h"

namespace tacoma {
namespace {

constexpr int64_t kRunEpoch = 1'767'225'600;  // 2026-01-01 00:00:00 UTC in Unix time
constexpr size_t kUdpHeader = 8;

/// The one's complement sum of 16-bit words (RFC 1071).
uint32_t add_words(uint32_t sum, const uint8_t* bytes, size_t size) {
  for (size_t i = 0; i + 1 < size; i += 2) sum += load_u16(bytes + i);
  if (size % 2 != 0) sum += static_cast<uint32_t>(bytes[size - 1]) << 8;
  return sum;
}
uint16_t folded(uint32_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

/// IP and UDP headers as the sender's kernel would have written them; returns their size.
size_t write_headers(MutableBytes out, const SocketAddress& from, const SocketAddress& to, BytesView payload) {
  ByteWriter w(out);
  const bool is_v4 = from.ip.family == IpFamily::v4;
  const size_t address_size = is_v4 ? 4 : 16;
  const uint16_t udp_size = static_cast<uint16_t>(kUdpHeader + payload.size());
  if (is_v4) {  // RFC 791 section 3.1
    w.u16(0x4500);
    w.u16(static_cast<uint16_t>(20 + udp_size));
    w.u32(0x00004000);  // no fragments
    w.u16(0x4011);      // TTL 64, UDP
    w.u16(0);
  } else {  // RFC 8200 section 3
    w.u32(0x60000000);
    w.u16(udp_size);
    w.u16(0x1140);
  }
  const size_t addresses = w.written();
  w.bytes(BytesView(from.ip.bytes.data(), address_size));
  w.bytes(BytesView(to.ip.bytes.data(), address_size));
  if (is_v4) store_u16(w.at(10), folded(add_words(0, out.data(), 20)));
  const size_t udp = w.written();
  w.u16(from.port);
  w.u16(to.port);
  w.u16(udp_size);
  w.u16(0);
  uint32_t sum = add_words(17u + udp_size, out.data() + addresses, 2 * address_size);  // pseudo-header
  sum = add_words(sum, out.data() + udp, kUdpHeader);
  const uint16_t checksum = folded(add_words(sum, payload.data(), payload.size()));
  store_u16(w.at(udp + 6), checksum == 0 ? 0xffff : checksum);
  return w.written();
}

}  // namespace

Result<std::unique_ptr<PcapTap>> PcapTap::create(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (!file) return fail(path + ": cannot be written: " + std::strerror(errno));
  std::setvbuf(file, nullptr, _IOFBF, size_t{1} << 20);
  std::unique_ptr<PcapTap> tap(new PcapTap(path, file));
  uint8_t head[24];
  ByteWriter w(head);
  w.u32(0xa1b23c4d);  // pcap with nanoseconds, in network order
  w.u16(2);
  w.u16(4);
  w.u64(0);
  w.u32(65535);
  w.u32(101);  // LINKTYPE_RAW
  tap->write(head, w.written());
  return tap;
}

PcapTap::~PcapTap() {
  if (file_) std::fclose(file_);
}

void PcapTap::write(const void* bytes, size_t size) {
  if (error_ == 0 && std::fwrite(bytes, 1, size, file_) != size) error_ = errno;
}

void PcapTap::sent(Instant now, HostId, const SocketAddress& from, const SocketAddress& to, BytesView payload) {
  uint8_t bytes[16 + 40 + kUdpHeader];
  const size_t headers = write_headers(MutableBytes(bytes + 16, sizeof bytes - 16), from, to, payload);
  ByteWriter w{MutableBytes(bytes, 16)};
  w.u32(static_cast<uint32_t>(kRunEpoch + now.ns() / 1'000'000'000));
  w.u32(static_cast<uint32_t>(now.ns() % 1'000'000'000));
  w.u32(static_cast<uint32_t>(headers + payload.size()));
  w.u32(static_cast<uint32_t>(headers + payload.size()));
  const std::lock_guard<std::mutex> hold(mutex_);
  write(bytes, 16 + headers);
  write(payload.data(), payload.size());
}

Result<void> PcapTap::close() {
  const std::lock_guard<std::mutex> hold(mutex_);
  if (!file_) return {};
  if (std::fclose(file_) != 0 && error_ == 0) error_ = errno;
  file_ = nullptr;
  if (error_ != 0) return fail(path_ + ": the capture is incomplete: " + std::strerror(error_));
  return {};
}

}  // namespace tacoma
