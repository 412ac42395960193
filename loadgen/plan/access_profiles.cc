#include "loadgen/plan/scenario.h"

namespace tacoma {
namespace {

/// `down` and `up` in kbit/s (0: no limit), delay one way and in each direction, the rest alike in both directions.
AccessProfile profile(const char* name, int64_t down, int64_t up, int64_t delay_us, int64_t jitter_us, double loss,
    int64_t queue_ms) {
  LinkConfig link;
  link.delay = Duration::microseconds(delay_us);
  link.jitter = Duration::microseconds(jitter_us);
  link.loss = loss;
  link.queue = Duration::milliseconds(queue_ms);
  AccessProfile out{name, link, link};
  if (down > 0) out.down.rate = DataRate::kbps(down);
  if (up > 0) out.up.rate = DataRate::kbps(up);
  return out;
}

std::vector<AccessProfile> make() {
  // Delays are half of the round trips that WebPageTest's connection profiles give (FIOS 4 ms, cable 28 ms, DSL 50 ms) and, for
  // LTE, of the median of 55 ms that Catchpoint measured over a week in Los Angeles and New York (Performance Calendar 2013).
  // LTE's rates and loss are of Loadero's "4G" network condition, halved in rate for a shared cell. Queues of 300 ms are what
  // RFC 8867 section 4.1 gives its bottlenecks. Fixed-line rates are common tiers of today, chosen by us; so is the bad Wi-Fi,
  // which loses a burst of about eight packets in each 400, as a microwave oven or a busy channel does.
  std::vector<AccessProfile> all = {
      profile("fibre", 300'000, 100'000, 2'000, 300, 0, 100),
      profile("cable", 100'000, 10'000, 14'000, 2'000, 0, 200),
      profile("dsl", 16'000, 2'000, 25'000, 1'000, 0, 300),
      profile("lte", 50'000, 25'000, 27'500, 8'000, 0.002, 300),
      profile("wifi", 60'000, 60'000, 5'000, 4'000, 0.001, 200),
      profile("bad-wifi", 8'000, 4'000, 10'000, 30'000, 0.01, 300),
      profile("office", 1'000'000, 1'000'000, 1'000, 200, 0, 100),
      profile("perfect", 0, 0, 0, 0, 0, 300),
  };
  const GilbertElliott bursts{1.0 / 400, 1.0 / 8, 0, 0.7};
  all[5].up.bursts = all[5].down.bursts = bursts;
  return all;
}

}  // namespace

const std::vector<AccessProfile>& built_in_access() {
  static const std::vector<AccessProfile> kAll = make();
  return kAll;
}

}  // namespace tacoma
