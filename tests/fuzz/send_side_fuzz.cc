// links: tacoma_cc tacoma_rtp tacoma_base
// A sending end under any feedback, any REMB, any times: its target stays inside of the limits, its deadline is later than now.
#include <cstdint>
#include <vector>

#include "core/cc/send_side.h"

using namespace tacoma;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ByteReader in(BytesView(data, size));
  const RateLimits limits{DataRate::kbps(300), DataRate::kbps(30), DataRate::mbps(20)};
  const uint8_t kind = in.u8();
  SendSide side(kind % 2 == 0 ? Congestion::gcc : Congestion::nada, limits);
  if (kind & 0x80) side.use_ecn();
  side.set_wanted(DataRate::mbps(4));
  Instant now = Instant::at(Duration::seconds(1));
  std::vector<TransportStatus> statuses;
  std::vector<CcfbStatus> arrivals;
  uint16_t numbers[4] = {};
  std::vector<PacketResult> scratch;
  for (int steps = 0; steps < 2'000 && in.remaining() > 0; ++steps) {
    switch (in.u8() % 7) {
      case 0:
        if (side.uses_ecn()) {
          const uint8_t stream = in.u8() % 4;
          side.name_packet(now, Ssrc(stream), numbers[stream]++);
        }
        side.on_sent(now, DataSize::bytes(in.u16() % 1'500));
        break;
      case 1: {
        statuses.clear();
        const uint16_t first = in.u16();
        Duration arrival = Duration::milliseconds(in.u24());
        for (uint16_t i = 0, count = in.u8(); i < count; ++i) {
          const uint8_t delta = in.u8();
          arrival += Duration::microseconds(250 * static_cast<int8_t>(delta));
          statuses.push_back({static_cast<uint16_t>(first + i), delta % 7 != 0, arrival});
        }
        TACOMA_ASSERT(side.on_feedback(now, statuses, scratch) <= statuses.size());  // how many were never sent
        break;
      }
      case 6: {
        arrivals.clear();
        const Ssrc ssrc(in.u8() % 5);
        const uint16_t first = in.u16();
        for (uint16_t i = 0, count = in.u8(); i < count; ++i) {
          const uint8_t bits = in.u8();
          arrivals.push_back({ssrc, static_cast<uint16_t>(first + i), bits % 7 != 0, static_cast<Ecn>(bits & 3), Duration::milliseconds(bits)});
        }
        TACOMA_ASSERT(side.on_feedback(now, CcfbReport{Ssrc(1), in.u32()}, arrivals, scratch) <= arrivals.size());
        side.take_ecn_failure();
        break;
      }
      case 2: {
        const uint32_t mantissa = in.u32();
        const DataRate limit = DataRate::bps(static_cast<int64_t>(mantissa) << (in.u8() % 30));
        TACOMA_ASSERT(side.on_remb(now, limit) == (limit >= limits.lowest && limit <= limits.highest));  // else it is clamped, and counted
        break;
      }
      case 3:
        now = now + Duration::microseconds(in.u24());
        break;
      case 4:
        side.on_round_trip(Duration::microseconds(in.u32()));
        break;
      default:
        side.set_wanted(DataRate::kbps(in.u16()));
        break;
    }
    if (side.deadline() <= now) side.on_deadline(now);
    for (int i = 0; i < 4 && side.probe_due(now) > DataSize::zero(); ++i) side.on_sent(now, DataSize::bytes(250));
    TACOMA_ASSERT(side.deadline() > now);
    TACOMA_ASSERT(side.target() >= limits.lowest && side.target() <= limits.highest);
  }
  return 0;
}
