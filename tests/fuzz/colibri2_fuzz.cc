// links: tacoma_signal tacoma_base
// A <conference-modify/> or <conference-modified/>: what is accepted can be written and reads back the same.
#include <cstdint>

#include "core/base/assert.h"
#include "core/signal/colibri2.h"

using namespace tacoma;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Element iq = make_iq("get", {}, "1");
  iq.add(parse_xml(as_text(BytesView(data, size))));
  if (const auto request = colibri2::parse_request(iq)) {
    const auto again = colibri2::parse_request(colibri2::make_request({}, "1", *request));
    TACOMA_ASSERT(again && *again == *request);
    for (const auto& endpoint : request->endpoints)
      if (endpoint.sources) (void)jingle::validate(colibri2::to_source_set(*endpoint.sources, endpoint.id));
  }
  if (const auto answer = colibri2::parse_answer(iq)) {
    const auto again = colibri2::parse_answer(colibri2::make_answer(iq, *answer));
    TACOMA_ASSERT(again && *again == *answer);
  }
  return 0;
}
