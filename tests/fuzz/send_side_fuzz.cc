// links: tacoma_cc tacoma_rtp tacoma_base
// A sending end under any feedback, any REMB, any times: its target stays inside of the limits, its deadline is later than now.
#include <cstdint>
#include <vector>

#include "core/cc/send_side.h"

using namespace tacoma;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ByteReader in(BytesView(data, size));
  const RateLimits limits{DataRate::kbps(300), DataRate::kbps(30), DataRate::mbps(20)};
  SendSide side(in.u8() % 2 == 0 ? Congestion::gcc : Congestion::nada, limits);
  side.set_wanted(DataRate::mbps(4));
  Instant now = Instant::at(Duration::seconds(1));
  std::vector<TransportStatus> statuses;
  std::vector<PacketResult> scratch;
  for (int steps = 0; steps < 2'000 && in.remaining() > 0; ++steps) {
    switch (in.u8() % 6) {
      case 0:
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
        side.on_feedback(now, statuses, scratch);
        break;
      }
      case 2:
        side.on_remb(now, DataRate::bps(static_cast<int64_t>(in.u32()) << (in.u8() % 30)));
        break;
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
