// Hop 6 on real sockets: what one datagram of 1,200 bytes to one of 16 peers costs on the loopback address,
// when 1, 4 or 10 after another go to the same one.
#include <cstdio>
#include <vector>

#include "bench/stage.h"
#include "host/linux/send_batch.h"
#include "host/linux/udp.h"

namespace {

using namespace tacoma;
using namespace tacoma::host;

double nanoseconds_each(bool segmented, size_t in_a_row, int fd, const std::vector<UdpSocket>& sinks) {
  constexpr size_t kDatagrams = 1 << 16;
  PacketPool pool;
  SendBatch batch(segmented);
  DropCounts drops;
  const double start = bench::cpu_seconds();
  for (size_t i = 0; i < kDatagrams; ++i) {
    PacketRef packet = pool.make(1200);
    packet.resize(1200);
    batch.add(fd, sinks[i / in_a_row % sinks.size()].address, std::move(packet), Ecn::not_ect, drops);
  }
  batch.flush(drops);
  return (bench::cpu_seconds() - start) * 1e9 / kDatagrams;
}

}  // namespace

int main() {
  const auto from = open_udp(IpFamily::v4, 0, "sender");
  std::vector<UdpSocket> sinks;
  for (int i = 0; i < 16; ++i) sinks.push_back(std::move(*open_udp(IpFamily::v4, 0, "sink")));
  for (const size_t in_a_row : {1, 4, 10}) {
    const double whole = nanoseconds_each(false, in_a_row, from->fd.get(), sinks), segmented = nanoseconds_each(true, in_a_row, from->fd.get(), sinks);
    std::printf("{\"name\": \"sends\", \"in_a_row\": %zu, \"sendmmsg_ns\": %.0f, \"segmented_ns\": %.0f, \"ratio\": %.2f, \"chosen\": \"%s\"}\n", in_a_row, whole,
                segmented, segmented / whole, segmenting_pays() ? "segmented" : "sendmmsg");
  }
}
