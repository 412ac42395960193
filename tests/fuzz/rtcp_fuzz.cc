// links: tacoma_rtp tacoma_base
// Any bytes as a compound: every parser runs on every packet whatever its type says.
#include "core/rtp/rtcp.h"
#include "core/rtp/rtcp_writer.h"

using namespace tacoma;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  RtcpReader reader(BytesView(data, size));
  size_t total = 0;
  uint32_t sum = 0;
  for (RtcpPacket packet; reader.next(packet);) {
    total += packet.whole.size();
    if (const auto sr = parse_sender_report(packet))
      for (size_t i = 0; i < sr->blocks.size(); ++i) round_trip(sr->blocks[i], Instant::at(Duration::seconds(i)));
    if (const auto rr = parse_receiver_report(packet))
      for (size_t i = 0; i < rr->blocks.size(); ++i) sum += rr->blocks[i].jitter;
    if (const auto sdes = parse_source_description(packet)) sum += static_cast<uint32_t>(sdes->cname.size());
    if (const auto bye = parse_bye(packet))
      for (size_t i = 0; i < bye->size(); ++i) sum += (*bye)[i].value();
    if (const auto nack = parse_nack(packet)) nack->each([&](uint16_t s) { sum += s; });
    if (const auto pli = parse_pli(packet)) sum += pli->media.value();
    if (const auto fir = parse_fir(packet))
      for (size_t i = 0; i < fir->size(); ++i) sum += (*fir)[i].command;
    if (const auto remb = parse_remb(packet)) {
      TACOMA_ASSERT(remb->rate >= DataRate::zero());
      for (size_t i = 0; i < remb->sources.size(); ++i) sum += remb->sources[i].value();
    }
  }
  TACOMA_ASSERT(total == (reader.ok() ? size : 0));
  return sum == 0xffffffff ? 1 : 0;
}
