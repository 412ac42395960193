// links: tacoma_secure tacoma_base
// A DTLS server whose peer ICE has just proven gets datagrams of the fuzzer: two bytes of length, then the bytes.
#include "core/secure/dtls.h"

using namespace tacoma;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto identity = DtlsIdentity::make(Rng(1), SecureRandomness::seeded);
  PacketPool pool(1 << 20);
  Outbox out(pool);
  const SocketAddress peer{IpAddress::v4(192, 0, 2, 9), 4000};
  Instant now;
  DtlsSession session({DtlsRole::server, identity, Fingerprint{}, true, SecureRandomness::seeded, Rng(2)});
  session.start(now, peer, out);
  ByteReader r(BytesView(data, size));
  for (int count = 0; count < 16 && r.remaining() > 2; ++count) {
    const size_t length = std::min<size_t>(r.u16(), r.remaining());
    (void)session.on_datagram(now, r.bytes(length), peer, out);
    for (const Outbox::Send& send : out.sends()) TACOMA_ASSERT(send.packet.size() <= DtlsSession::kMtu);
    out.clear();
    now = now + Duration::milliseconds(100);
    if (session.deadline().at <= now) session.on_deadline(now, peer, out);
    TACOMA_ASSERT(session.deadline().at > now);
  }
  TACOMA_ASSERT(session.state() != DtlsSession::State::connected);  // nobody has a certificate of that fingerprint
  return 0;
}
