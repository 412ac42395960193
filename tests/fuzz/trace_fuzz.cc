// links: tacoma_plan tacoma_base
// Any bytes as a recorded trace: read or refused with a sentence. What was read shapes a link, which delivers in order.
#include <cstdint>
#include <string_view>

#include "core/base/assert.h"
#include "core/base/link_model.h"
#include "loadgen/plan/link_course.h"

using namespace tacoma;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto trace = parse_mahimahi(text, "fuzz")) {
    LinkConfig link;
    link.trace = *trace;
    link.rate = link.trace->mean_rate();
    LinkModel model(link, Rng(1));
    Instant last;
    for (int i = 0; i < 20; ++i) {
      const Instant now = Instant::at(Duration::milliseconds(i * 7));
      const LinkVerdict verdict = model.offer(now, 700);
      if (!verdict.delivered) continue;
      TACOMA_ASSERT(verdict.arrival >= now && verdict.arrival >= last);
      last = verdict.arrival;
    }
  }
  if (const auto course = parse_trace_csv(text, "fuzz")) {
    CourseCursor cursor(LinkConfig(), course->get());
    TACOMA_ASSERT(cursor.advance(Instant()));
    TACOMA_ASSERT((*course)->period >= Duration::zero());
  }
  return 0;
}
