// links: tacoma_signal tacoma_base
// Bytes of a stream, whole and cut: the same events either way, and every stanza can be written and read again.
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/assert.h"
#include "core/signal/xml.h"

using namespace tacoma;

namespace {
const std::string kHeader = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

std::vector<XmlEvent> read_all(BytesView in, size_t cut) {
  XmlStreamParser parser(1);
  std::vector<XmlEvent> events;
  for (size_t at = 0; at < in.size(); at += cut) {
    BytesView rest = in.subspan(at, cut);
    XmlEvent event;
    do {
      rest = rest.subspan(parser.read(rest, event));
      if (event.kind != XmlEvent::Kind::none) events.push_back(event);
    } while (event.kind != XmlEvent::Kind::none);
    if (cut % 2) parser.release_if_idle();
  }
  return events;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const BytesView in(data + 1, size - 1);
  const auto whole = read_all(in, in.size());
  const auto cut = read_all(in, 1 + data[0] % 64);
  TACOMA_ASSERT(whole.size() == cut.size());
  for (size_t i = 0; i < whole.size(); ++i) {
    TACOMA_ASSERT(whole[i].kind == cut[i].kind && whole[i].element == cut[i].element);
    if (whole[i].kind != XmlEvent::Kind::stanza) continue;
    const std::string text = kHeader + to_xml(whole[i].element, ns::kClient);
    if (text.size() > 16 * 1024) continue;  // it may have grown beyond the limits
    const auto again = read_all(as_bytes(text), text.size());
    TACOMA_ASSERT(again.size() == 2 && again[1].element == whole[i].element);
  }
  return 0;
}
