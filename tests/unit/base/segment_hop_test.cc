#include "core/base/segment_hop.h"

#include <catch2/catch.hpp>
#include <string>

#include "core/base/packet_pool.h"
#include "tests/support/instants.h"

namespace tacoma {
namespace {

TEST_CASE("a fifo keeps order through growth and compaction") {
  Fifo<int> fifo;
  int next_in = 0, next_out = 0;
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < round % 7 + 1; ++i) fifo.push(next_in++);
    while (fifo.size() > 40) {
      REQUIRE(fifo.front() == next_out++);
      fifo.pop();
    }
  }
  CHECK(fifo.size() == static_cast<size_t>(next_in - next_out));
  CHECK(fifo.back() == next_in - 1);
}

TEST_CASE("a byte fifo keeps order through growth and compaction") {
  ByteFifo fifo;
  std::string in, out;
  for (int round = 0; round < 300; ++round) {
    const std::string piece(static_cast<size_t>(round * 37 % 900), static_cast<char>('a' + round % 26));
    in += piece;
    fifo.append(as_bytes(piece));
    const size_t part = fifo.size() / 3;
    out += as_text(fifo.view().subspan(0, part));
    fifo.consume(part);
  }
  out += as_text(fifo.view());
  fifo.consume(fifo.size());
  CHECK(fifo.empty());
  CHECK((in == out));
}

TEST_CASE("a stream over a link goes in segments, one after the other, and marks keep their place") {
  LinkConfig config;
  config.rate = DataRate::mbps(1);
  config.delay = Duration::milliseconds(10);
  LinkModel link(config, Rng(1));
  SegmentHop hop(40, Duration::milliseconds(20));
  hop.push_mark(Instant(), SegmentHop::Mark::syn);
  hop.push_bytes(Instant(), 3000);
  hop.push_mark(Instant(), SegmentHop::Mark::fin);
  hop.offer(Instant(), link);
  CHECK(hop.held() == 3000);
  SegmentHop::Arrived what;
  CHECK_FALSE(hop.take_arrived(at_ms(10), what));
  CHECK(hop.next().since_start() == Duration::microseconds(10'320));  // 40 bytes at 1 Mbps, then the delay
  REQUIRE(hop.take_arrived(hop.next(), what));
  CHECK(what.mark == SegmentHop::Mark::syn);
  CHECK(hop.next().since_start() == Duration::microseconds(22'320));
  REQUIRE(hop.take_arrived(at_ms(1000), what));
  CHECK(what.mark == SegmentHop::Mark::none);
  CHECK(what.length == 3000);  // two full segments and the rest come as one by then
  REQUIRE(hop.take_arrived(at_ms(1000), what));
  CHECK(what.mark == SegmentHop::Mark::fin);
  CHECK(hop.next().is_never());
  CHECK(hop.held() == 0);
  CHECK(link.take_counts(at_ms(1000)).bytes == 3000 + 5 * 40);
}

TEST_CASE("no more than a window of segments is on the link") {
  LinkConfig config;
  config.delay = Duration::milliseconds(10);
  LinkModel link(config, Rng(1));
  SegmentHop hop(40, Duration::milliseconds(20));
  hop.push_bytes(Instant(), 100 * SegmentHop::kSegment);
  hop.offer(Instant(), link);
  CHECK(link.take_counts(at_ms(1)).packets == SegmentHop::kWindow);
  SegmentHop::Arrived what;
  REQUIRE(hop.take_arrived(at_ms(10), what));
  CHECK(what.length == SegmentHop::kWindow * SegmentHop::kSegment);
  CHECK(hop.next() == Instant());  // the next window may go
}

TEST_CASE("losses are tried again after a doubling time, until the stream fails") {
  LinkConfig config;
  config.loss = 1;
  LinkModel link(config, Rng(1));
  SegmentHop hop(40, Duration::milliseconds(150));
  hop.push_bytes(Instant(), 10);
  std::vector<int64_t> tries;
  Instant now;
  while (!hop.failed()) {
    tries.push_back(now.since_start().ms());
    REQUIRE(tries.size() <= SegmentHop::kMaxLosses);
    hop.offer(now, link);
    now = hop.next();
  }
  CHECK(tries.size() == SegmentHop::kMaxLosses);
  CHECK(std::vector<int64_t>(tries.begin(), tries.begin() + 4) == std::vector<int64_t>{0, 300, 900, 2100});
  CHECK(tries.back() - tries[tries.size() - 2] == SegmentHop::kLastTimeoutMs);
  CHECK(now.is_never());
}

TEST_CASE("a retired pool lives until its last packet") {
  auto pool = std::make_unique<PacketPool>();
  PacketRef kept = pool->copy(as_bytes("kept"));
  PacketRef gone = pool->copy(as_bytes("gone"));
  PacketPool::retire(std::move(pool));
  gone.reset();
  CHECK(as_text(kept.bytes()) == "kept");
  kept.reset();  // frees the pool; the address sanitizer looks for what is left
  PacketPool::retire(std::make_unique<PacketPool>());
}

}  // namespace
}  // namespace tacoma
