// links: tacoma_signal tacoma_base
// A <jingle/> element: what is accepted can be written and is accepted again with the same meaning.
#include <cstdint>

#include "core/base/assert.h"
#include "core/signal/jingle.h"

using namespace tacoma;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Element iq = make_iq("set", {}, "1");
  iq.add(parse_xml(as_text(BytesView(data, size))));
  const auto first = jingle::parse(iq);
  if (!first) return 0;
  Element again = make_iq("set", {}, "1");
  again.add(jingle::to_element(*first));
  const auto second = jingle::parse(again);
  TACOMA_ASSERT(second);
  TACOMA_ASSERT(jingle::to_element(*second) == again.children[0]);
  const auto sources = jingle::sources_of(*first, "owner");
  if (!sources) return 0;
  for (const auto& [owner, set] : *sources) (void)jingle::validate(set);
  jingle::Jingle add;
  add.sid = "s";
  add.action = jingle::Action::source_add;
  jingle::put_sources(add, *sources);
  TACOMA_ASSERT(jingle::sources_of(add, "owner"));
  return 0;
}
