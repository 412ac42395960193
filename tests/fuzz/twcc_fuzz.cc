// links: tacoma_rtp tacoma_base
// Any bytes as the body of a transport-wide feedback; what parses is written and read again as the same statuses.
#include <vector>

#include "core/rtp/rtcp.h"
#include "core/rtp/rtcp_writer.h"

using namespace tacoma;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static std::vector<TransportStatus> statuses, again;
  static uint8_t out[0x10000];
  RtcpPacket packet;
  packet.type = RtcpType::transport_feedback;
  packet.count = kFormatTransportCc;
  packet.body = BytesView(data, size);
  const auto feedback = parse_transport_feedback(packet, statuses);
  if (!feedback) return 0;
  TACOMA_ASSERT(!statuses.empty() && statuses.size() <= kMaxTransportStatuses);
  RtcpWriter writer(out);
  TACOMA_ASSERT(writer.transport_feedback(*feedback, statuses));
  RtcpReader reader(writer.result());
  TACOMA_ASSERT(reader.next(packet));
  const auto second = parse_transport_feedback(packet, again);
  TACOMA_ASSERT(second && again.size() == statuses.size());
  for (size_t i = 0; i < again.size(); ++i)
    TACOMA_ASSERT(again[i].received == statuses[i].received && (!again[i].received || again[i].arrival == statuses[i].arrival));
  return 0;
}
