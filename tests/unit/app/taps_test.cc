#include <catch2/catch.hpp>

#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include "loadgen/app/progress.h"
#include "loadgen/app/taps.h"

using namespace tacoma;

namespace {

const SocketAddress kA{IpAddress::v4(10, 0, 0, 1), 10000}, kB{IpAddress::v4(10, 0, 0, 2), 10000};
const SocketAddress kA6{*IpAddress::parse("fd00::1"), 10000}, kB6{*IpAddress::parse("fd00::2"), 443};
const Instant kNow = Instant::at(Duration::milliseconds(1500));

std::vector<uint8_t> file_bytes(const std::string& path) {
  std::vector<uint8_t> bytes(std::filesystem::file_size(path));
  std::FILE* file = std::fopen(path.c_str(), "rb");
  REQUIRE(file);
  REQUIRE(std::fread(bytes.data(), 1, bytes.size(), file) == bytes.size());
  std::fclose(file);
  return bytes;
}

/// RFC 1071: the sum over data with its checksum in place is all ones.
uint16_t sum_of(const std::vector<uint8_t>& bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? uint32_t{bytes[i]} << 8 : bytes[i];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

std::vector<uint8_t> part(const std::vector<uint8_t>& bytes, size_t from, size_t size) {
  return std::vector<uint8_t>(bytes.begin() + static_cast<long>(from), bytes.begin() + static_cast<long>(from + size));
}

}  // namespace

TEST_CASE("the digest changes with anything that it covers, and with nothing else") {
  const auto digest = [](Instant at, uint32_t host, const SocketAddress& from, const SocketAddress& to, std::string_view bytes,
      std::string_view stream) {
    DigestTap tap;
    tap.sent(at, HostId(host), from, to, as_bytes(bytes));
    tap.delivered(at + Duration::milliseconds(1), HostId(host + 1), from, to, as_bytes(bytes));
    tap.stream_written(at, HostId(host), StreamId(7), as_bytes(stream));
    return tap.result();
  };
  const std::string base = digest(kNow, 1, kA, kB, "media", "<iq/>");
  CHECK(base.size() == 32);
  CHECK(digest(kNow, 1, kA, kB, "media", "<iq/>") == base);
  CHECK(digest(kNow + Duration::nanoseconds(1), 1, kA, kB, "media", "<iq/>") != base);
  CHECK(digest(kNow, 2, kA, kB, "media", "<iq/>") != base);
  CHECK(digest(kNow, 1, kB, kA, "media", "<iq/>") != base);
  CHECK(digest(kNow, 1, kA, kB, "medib", "<iq/>") != base);
  CHECK(digest(kNow, 1, kA, kB, "media", "<iq>") != base);
  CHECK(digest(kNow, 1, kA6, kB6, "media", "<iq/>") != base);
}

TEST_CASE("a byte that moves between two datagrams changes the digest") {
  DigestTap one, two;
  for (std::string_view bytes : {"ab", "c"}) one.sent(kNow, HostId(1), kA, kB, as_bytes(bytes));
  for (std::string_view bytes : {"a", "bc"}) two.sent(kNow, HostId(1), kA, kB, as_bytes(bytes));
  CHECK(one.result() != two.result());
}

TEST_CASE("a capture holds each datagram with the headers that a kernel would have written") {
  const std::string path = (std::filesystem::temp_directory_path() / ("tacoma-" + std::to_string(::getpid()) + ".pcap")).string();
  auto tap = PcapTap::create(path);
  REQUIRE(tap);
  (*tap)->sent(kNow, HostId(1), kA, kB, as_bytes("hello"));
  (*tap)->sent(kNow, HostId(1), kA6, kB6, as_bytes("hello!"));
  REQUIRE((*tap)->close());
  const std::vector<uint8_t> bytes = file_bytes(path);
  std::filesystem::remove(path);
  REQUIRE(bytes.size() == 24 + 16 + 20 + 8 + 5 + 16 + 40 + 8 + 6);
  CHECK(load_u32(&bytes[0]) == 0xa1b23c4d);
  CHECK(load_u32(&bytes[20]) == 101);
  CHECK(load_u32(&bytes[24]) == 1'767'225'601);
  CHECK(load_u32(&bytes[28]) == 500'000'000);
  CHECK(load_u32(&bytes[32]) == 33);
  CHECK(bytes[40] == 0x45);
  CHECK(sum_of(part(bytes, 40, 20)) == 0xffff);
  std::vector<uint8_t> v4 = part(bytes, 52, 8);  // both addresses, then the pseudo-header's rest, then UDP
  for (uint8_t b : {0, 17, 0, 13}) v4.push_back(b);
  const std::vector<uint8_t> udp = part(bytes, 60, 13);
  v4.insert(v4.end(), udp.begin(), udp.end());
  CHECK(sum_of(v4) == 0xffff);
  const size_t second = 24 + 16 + 33;
  CHECK(bytes[second + 16] == 0x60);
  CHECK(load_u16(&bytes[second + 16 + 4]) == 14);
  std::vector<uint8_t> v6 = part(bytes, second + 16 + 8, 32);
  for (uint8_t b : {0, 17, 0, 14}) v6.push_back(b);
  const std::vector<uint8_t> udp6 = part(bytes, second + 16 + 40, 14);
  v6.insert(v6.end(), udp6.begin(), udp6.end());
  CHECK(sum_of(v6) == 0xffff);
}

TEST_CASE("a capture that cannot be written says so") {
  const auto nowhere = PcapTap::create("/nonexistent/run.pcap");
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error() == "/nonexistent/run.pcap: cannot be written: No such file or directory");
  if (!std::filesystem::exists("/dev/full")) return;
  auto full = PcapTap::create("/dev/full");
  REQUIRE(full);
  const std::vector<uint8_t> payload(1000, 7);
  for (int i = 0; i < 2000; ++i) (*full)->sent(kNow, HostId(1), kA, kB, payload);
  const auto closed = (*full)->close();
  REQUIRE_FALSE(closed);
  CHECK(closed.error() == "/dev/full: the capture is incomplete: No space left on device");
}

TEST_CASE("several threads may be captured at once") {
  const std::string path = (std::filesystem::temp_directory_path() / ("tacoma-mt-" + std::to_string(::getpid()) +
      ".pcap")).string();
  auto tap = PcapTap::create(path);
  REQUIRE(tap);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) threads.emplace_back([&] { for (int i = 0; i < 1000; ++i) (*tap)->sent(kNow, HostId(1), kA, kB,
      as_bytes("0123456789")); });
  for (std::thread& thread : threads) thread.join();
  REQUIRE((*tap)->close());
  const std::vector<uint8_t> bytes = file_bytes(path);
  std::filesystem::remove(path);
  size_t at = 24, count = 0;
  while (at + 16 <= bytes.size() && load_u32(&bytes[at + 8]) == 38) { at += 16 + 38; ++count; }
  CHECK(count == 4000);
  CHECK(at == bytes.size());
}

TEST_CASE("the progress line tells time, speed, people, packets and what is left") {
  CHECK(progress_text({Duration::seconds(12), Duration::seconds(40), 4, 7, 8, 1234567}) ==
        "12.0 s of 40.0 s | 3.00 x real time | 7 of 8 joined | 1,234,567 packets | 9 s left");
  CHECK(progress_text({Duration::zero(), Duration::seconds(40), 0, 0, 8, 0}) == "0.0 s of 40.0 s | 0 of 8 joined | 0 packets");
  CHECK(with_commas(999) == "999");
  CHECK(with_commas(1000) == "1,000");
}
