// links: tacoma_rtp tacoma_base
// Any bytes as the body of an RFC 8888 message; what parses is written and read again as the same statuses.
#include <vector>

#include "core/rtp/ccfb.h"

using namespace tacoma;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static std::vector<CcfbStatus> statuses, again;
  static std::vector<CcfbBlock> blocks;
  static uint8_t out[0x20000];
  RtcpPacket packet;
  packet.body = BytesView(data, size);
  const auto report = parse_ccfb(packet, statuses);
  if (!report) return 0;
  TACOMA_ASSERT(statuses.size() <= kMaxCcfbStatuses);
  blocks.clear();
  for (const CcfbStatus& status : statuses) {
    TACOMA_ASSERT(status.age >= Duration::zero() && status.age <= CcfbStatus::kLongest);
    const bool goes_on = !blocks.empty() && blocks.back().ssrc == status.ssrc && static_cast<uint16_t>(blocks.back().first + blocks.back().count) == status.sequence;
    if (!goes_on) blocks.push_back({status.ssrc, status.sequence, 0});
    ++blocks.back().count;
  }
  RtcpWriter writer(out);
  TACOMA_ASSERT(write_ccfb(writer, *report, blocks, statuses));
  RtcpReader reader(writer.result());
  TACOMA_ASSERT(reader.next(packet) && packet.count == kFormatCcfb);
  const auto second = parse_ccfb(packet, again);
  TACOMA_ASSERT(second && second->time == report->time && again.size() == statuses.size());
  for (size_t i = 0; i < again.size(); ++i)
    TACOMA_ASSERT(again[i].ssrc == statuses[i].ssrc && again[i].sequence == statuses[i].sequence && again[i].received == statuses[i].received &&
                  again[i].ecn == statuses[i].ecn && again[i].age == statuses[i].age);
  return 0;
}
