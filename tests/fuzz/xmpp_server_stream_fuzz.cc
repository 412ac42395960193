// links: tacoma_signal tacoma_base
// A stranger's bytes to both sides of a stream. The first byte says which side and how the bytes are cut. Randomness is
// fixed, so that a recorded login of a seed gets through.
#include <cstdint>
#include <string>

#include "core/base/assert.h"
#include "core/signal/deployment.h"
#include "core/signal/xmpp_stream.h"

using namespace tacoma;

namespace {
const XmppHosts& hosts() {
  static const XmppHosts all = [] {
    XmppHosts h;
    Rng rng(1);
    h.allow_anonymous(deployment::kDomain);
    h.add_account(deployment::kAuthDomain, deployment::kBridgeUser, deployment::kBridgePassword, rng, 1);
    h.add_component(deployment::kFocusDomain, deployment::kComponentSecret);
    return h;
  }();
  return all;
}

void drive(XmppStream& stream, BytesView in, size_t cut) {
  for (size_t at = 0; at < in.size(); at += cut) {
    stream.on_bytes(in.subspan(at, cut));
    while (auto event = stream.poll()) {
      TACOMA_ASSERT(event->kind != XmppEvent::Kind::ready || !event->jid.empty());
      if (event->kind == XmppEvent::Kind::stanza) stream.send(event->stanza);
      if (event->kind == XmppEvent::Kind::failed) TACOMA_ASSERT(stream.is_over() && !event->reason.empty());
    }
    (void)stream.take_output();
  }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const BytesView in(data + 1, size - 1);
  const size_t cut = data[0] & 0x40 ? 1 + data[0] % 16 : in.size();
  switch (data[0] & 3) {
    case 0:
    case 1: {
      XmppServerStream server(data[0] & 1 ? XmppServerStream::Kind::component : XmppServerStream::Kind::client, hosts(), Rng(2));
      drive(server, in, cut);
      break;
    }
    case 2: {
      const auto mechanism = static_cast<SaslMechanism>((data[0] >> 2) & 3);
      XmppClient client({std::string(deployment::kAuthDomain), mechanism, std::string(deployment::kBridgeUser), std::string(deployment::kBridgePassword), "b1"}, Rng(3));
      client.start();
      drive(client, in, cut);
      break;
    }
    case 3: {
      XmppComponent focus(std::string(deployment::kFocusDomain), std::string(deployment::kComponentSecret), Rng(3));
      focus.start();
      drive(focus, in, cut);
      break;
    }
  }
  return 0;
}
