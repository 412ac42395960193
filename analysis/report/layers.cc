#include "analysis/report/layers.h"

#include <algorithm>
#include <map>

#include "analysis/compare/compare.h"

namespace tacoma::analysis {
namespace {

using Json = nlohmann::json;

struct Verdict {
  char state = 'a';
  int32_t lines = 0;
  std::string why;
  bool operator==(const Verdict&) const = default;
};

std::string rate_text(const std::optional<int64_t>& bps) { return bps ? readable(static_cast<double>(*bps), "bit/s") : std::string(); }

// In steps of a fifth, so that a rate that breathes does not cut a stretch into pieces.
std::optional<int64_t> coarse(const std::optional<int64_t>& bps) {
  if (!bps || *bps <= 0) return bps;
  int64_t step = 1;
  while (step * 10 <= *bps) step *= 10;
  return *bps / (step / 5 > 0 ? step / 5 : 1) * (step / 5 > 0 ? step / 5 : 1);
}

Verdict judge(const LayerBin& bin, const RateBin& viewer, const RateBin& sender, int32_t most) {
  const std::string estimate = viewer.estimate ? "the bridge's estimate for the viewer is " + rate_text(coarse(viewer.estimate)) : "the bridge chose so";
  if (bin.wanted == 0) return {'n', 0, "not asked for"};
  const std::string asked = bin.wanted < 0 ? "all that there is was asked for" : std::to_string(bin.wanted) + " lines were asked for";
  if (!bin.forwarded) {
    const bool is_full = viewer.last_n >= 0 && viewer.forwarded >= static_cast<uint32_t>(viewer.last_n);
    return {'h', 0, asked + ", held back: " + (is_full ? "last-n is " + std::to_string(viewer.last_n) : estimate)};
  }
  const int32_t best = bin.wanted < 0 ? most : std::min(bin.wanted, most);
  if (bin.height >= best) return {'a', bin.height, asked};
  if (sender.sent_height >= 0 && sender.sent_height < best) {
    const bool is_told = sender.max_height >= 0 && sender.max_height < best;
    return {'l', bin.height, asked + "; the sender sends " + std::to_string(sender.sent_height) + ": " +
                                 (is_told ? "the bridge wants no more of it" : "its own target is " + rate_text(coarse(sender.target)))};
  }
  return {'l', bin.height, asked + "; " + estimate};
}

}  // namespace

Json layers_json(const Run& run) {
  std::map<std::pair<uint32_t, std::string>, int32_t> most;  // lines ever seen of a source
  for (const LayerRow& row : run.layers)
    for (const LayerBin& bin : row.bins) most[{row.sender, row.media}] = std::max(most[{row.sender, row.media}], bin.height);
  Json rows = Json::array();
  const std::vector<RateBin> unknown(run.bins);
  const auto rates_of = [&](uint32_t person) -> const std::vector<RateBin>& {
    const auto found = run.rates.find(person);
    return found == run.rates.end() ? unknown : found->second;
  };
  for (const LayerRow& row : run.layers) {
    Json pieces = Json::array();
    for (uint32_t k = 0; k < run.bins;) {
      if (row.bins[k].height < 0) {
        ++k;
        continue;
      }
      const auto at = [&](uint32_t i) { return judge(row.bins[i], rates_of(row.person)[i], rates_of(row.sender)[i], most[{row.sender, row.media}]); };
      const Verdict verdict = at(k);
      uint32_t n = k + 1;
      while (n < run.bins && row.bins[n].height >= 0 && at(n) == verdict) ++n;
      pieces.push_back({k, n, std::string(1, verdict.state), verdict.lines, verdict.why});
      k = n;
    }
    const bool is_screen = row.media == "screen";
    rows.push_back({{"viewer", run.people[row.person].name},
                    {"sender", run.people[row.sender].name + (is_screen ? "'s screen" : "")},
                    {"pieces", pieces}});
  }
  return rows;
}

}  // namespace tacoma::analysis
