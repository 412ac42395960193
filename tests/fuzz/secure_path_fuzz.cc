// links: tacoma_secure tacoma_base
// A bridge's SecurePath in a state that the first byte chooses gets datagrams of the fuzzer: two bytes of length, then the bytes.
#include "tests/fuzz/fuzz_path.h"

using namespace tacoma;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Crypto crypto = (data[0] & 1) ? Crypto::real : Crypto::null;
  const int steps = (data[0] >> 1) % 8 * 3;  // from the first check to keyed
  FuzzPath path(crypto);
  path.run(steps);
  ByteReader r(BytesView(data + 1, size - 1));
  for (int count = 0; count < 16 && r.remaining() > 2; ++count) {
    const size_t length = std::min<size_t>({r.u16(), r.remaining(), kMaxPacket});
    const Arrival a = path.deliver(true, path.pool.copy(r.bytes(length)));
    // Real keys are not to be guessed.
    if (crypto == Crypto::real) TACOMA_ASSERT(a.kind != ArrivalKind::rtp && a.kind != ArrivalKind::rtcp);
    path.out.clear();
  }
  path.wait(50);
  for (PathEvent event; path.bridge->poll_event(event);) {}
  return 0;
}
