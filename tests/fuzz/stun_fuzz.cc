// links: tacoma_secure tacoma_base
// The STUN reader alone, then a controlling agent that has a peer: whatever arrives is used or dropped.
#include "core/secure/ice.h"

using namespace tacoma;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const BytesView input(data, size);
  if (const auto m = stun::parse(input)) {
    (void)stun::has_integrity(input, *m, "password");
    TACOMA_ASSERT(m->integrity_at < size && m->unknown_count <= stun::kMaxUnknown);
  }
  TACOMA_ASSERT(stun::local_ufrag_of(input).size() <= stun::username_of(input).size());

  PacketPool pool(1 << 20);
  Outbox out(pool);
  IceAgent::Config config;
  config.role = IceRole::controlling;
  config.local = {"evtj", "VOkJxbRl1RmTxUk/WvJxBt"};  // those of RFC 5769, so that its messages in the corpus are authentic
  config.local_addresses = {{IpAddress::v4(192, 0, 2, 1), 10000}};
  IceAgent agent(config);
  const SocketAddress peer{IpAddress::v4(192, 0, 2, 9), 4000};
  agent.set_remote({}, {"h6vY", "VOkJxbRl1RmTxUk/WvJxBt"}, {});
  (void)agent.on_stun({}, input, peer, out);
  agent.on_deadline({}, out);
  TACOMA_ASSERT(agent.deadline().at > Instant());
  TACOMA_ASSERT(!agent.selected());
  return 0;
}
