// links: tacoma_rtp tacoma_base
// Any bytes as an RTP packet: what parses is consistent, and survives being made a retransmission and back.
#include <cstring>

#include "core/rtp/extensions.h"
#include "core/rtp/rtp_packet.h"
#include "core/rtp/rtx.h"

using namespace tacoma;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const BytesView in(data, size);
  const auto view = RtpView::parse(in);
  if (!view) return 0;
  TACOMA_ASSERT(view->header_size() + view->payload().size() + view->padding() == size);
  for (size_t i = 0; i < view->csrc_count(); ++i) view->csrc(i);
  uint32_t sum = 0;
  for (uint32_t id = 1; id < 256; ++id)
    if (const auto e = view->extension(static_cast<uint8_t>(id)))
      for (uint8_t b : *e) sum += b;
  read_audio_level(*view, 1);
  read_abs_send_time(*view, 3);
  read_transport_sequence(*view, 5);
  read_mid(*view, 10);

  static uint8_t out[0x10000 + kRtxHeader];
  RtxStream stream{Ssrc(sum), 96, 7};
  const size_t wrapped = wrap_rtx(*view, stream, out);
  if (wrapped == 0) return 0;
  const auto rtx = RtpView::parse(BytesView(out, wrapped));
  if (!rtx) {  // one that was at the size limit
    TACOMA_ASSERT(wrapped > 0xffff);
    return 0;
  }
  const size_t back = unwrap_rtx(MutableBytes(out, wrapped), *rtx, view->ssrc(), view->payload_type());
  TACOMA_ASSERT(back == size && std::memcmp(out, data, size) == 0);
  return 0;
}
