// Errors with their places, and single values.
#include "loadgen/plan/scenario_reader.h"

#include <algorithm>

namespace tacoma {
namespace {

const char* kind_name(YamlNode::Kind kind) {
  switch (kind) {
    case YamlNode::Kind::null: return "nothing";
    case YamlNode::Kind::scalar: return "a single value";
    case YamlNode::Kind::list: return "a list";
    case YamlNode::Kind::map: return "a map";
  }
  return "?";
}

Result<double> parse_any(std::string_view text) { return parse_number(text); }

}  // namespace

std::string ScenarioReader::where(const YamlPlace& place) const {
  if (place.set >= 0) return "--set " + in_quotes(sets_[static_cast<size_t>(place.set)]);
  return file_ + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
}

void ScenarioReader::error(const YamlPlace& place, const std::string& message) {
  if (errors_.size() >= kMaxScenarioErrors) {
    ++suppressed_;
    return;
  }
  std::string line = where(place) + ": " + message;
  // The same fault read twice (a link's shared part goes into both directions) is told once.
  if (std::find(errors_.begin(), errors_.end(), line) == errors_.end()) errors_.push_back(std::move(line));
}

bool ScenarioReader::is_map(const YamlNode& node, const std::string& what, const Keys& keys) {
  if (node.kind == YamlNode::Kind::null) return true;
  if (node.kind != YamlNode::Kind::map) {
    error(node.place, what + " must be a map (key: value), not " + kind_name(node.kind));
    return false;
  }
  for (size_t i = 0; i < node.keys.size(); ++i) {
    const std::string& key = node.keys[i];
    if (!keys.empty() && std::find(keys.begin(), keys.end(), key) == keys.end()) {
      const std::string hint = did_you_mean(key, keys);
      error(node.key_places[i], "unknown key " + in_quotes(key) + (hint.empty() ? "; keys of " + what + " are: " +
          list_of(keys) : hint));
    }
    for (size_t k = 0; k < i; ++k)
      if (node.keys[k] == key) {
        error(node.key_places[i], "key " + in_quotes(key) + " stands twice (first in line " +
            std::to_string(node.key_places[k].line) + ")");
        break;
      }
  }
  return true;
}

bool ScenarioReader::is_list(const YamlNode& node, const std::string& what) {
  if (node.kind == YamlNode::Kind::list) return true;
  error(node.place, what + " must be a list (- item), not " + kind_name(node.kind));
  return false;
}

bool ScenarioReader::scalar(const YamlNode& node, const std::string& what, std::string& out) {
  if (node.kind != YamlNode::Kind::scalar) {
    error(node.place, what + " must be a single value, not " + kind_name(node.kind));
    return false;
  }
  out = node.scalar;
  return true;
}

template <typename T>
bool ScenarioReader::value(const YamlNode* node, const std::string& what, Result<T> (*parse)(std::string_view), T& out) {
  std::string text;
  if (!node || !scalar(*node, what, text)) return false;
  const Result<T> parsed = parse(text);
  if (!parsed) {
    error(node->place, what + ": " + parsed.error());
    return false;
  }
  out = *parsed;
  return true;
}
template bool ScenarioReader::value(const YamlNode*, const std::string&, Result<double> (*)(std::string_view), double&);
template bool ScenarioReader::value(const YamlNode*, const std::string&, Result<DataRate> (*)(std::string_view), DataRate&);

bool ScenarioReader::duration(const YamlNode* node, const std::string& what, Duration& out) {
  return value<Duration>(node, what, parse_duration, out);
}

bool ScenarioReader::moment(const YamlNode* node, const std::string& what, Instant& out) {
  Duration since_start;
  if (!duration(node, what, since_start)) return false;
  if (has_duration_ && since_start >= scenario_.duration) {
    error(node->place, what + ": " + in_quotes(node->scalar) + " is not before the end of the run (duration " +
        to_text(scenario_.duration) + ")");
    return false;
  }
  out = Instant::at(since_start);
  return true;
}

bool ScenarioReader::whole(const YamlNode* node, const std::string& what, uint64_t low, uint64_t high, uint64_t& out) {
  std::string text;
  if (!node || !scalar(*node, what, text)) return false;
  const Result<uint64_t> number = parse_whole(text);
  if (!number) {
    error(node->place, what + ": " + number.error());
    return false;
  }
  if (*number < low || *number > high) {
    error(node->place, what + ": " + text + " is not within " + std::to_string(low) + " and " + std::to_string(high));
    return false;
  }
  out = *number;
  return true;
}

bool ScenarioReader::flag(const YamlNode* node, const std::string& what, bool& out) {
  std::string word;
  if (!one_of(node, what, {"true", "false"}, word)) return false;
  out = word == "true";
  return true;
}

bool ScenarioReader::name(const YamlNode* node, const std::string& what, std::string& out) {
  constexpr size_t kMost = 40;
  std::string text;
  if (!node || !scalar(*node, what, text)) return false;
  const bool fits = !text.empty() && text.size() <= kMost && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
  if (!fits) {
    error(node->place, what + ": " + in_quotes(text) + " is not a name (a-z, 0-9, '-' and '_', at most " +
        std::to_string(kMost) + ")");
    return false;
  }
  out = text;
  return true;
}

bool ScenarioReader::one_of(const YamlNode* node, const std::string& what, const Keys& words, std::string& out) {
  std::string text;
  if (!node || !scalar(*node, what, text)) return false;
  if (std::find(words.begin(), words.end(), text) == words.end()) {
    error(node->place, what + ": unknown value " + in_quotes(text) + did_you_mean(text, words) + "; it may be " +
        list_of(words, " or "));
    return false;
  }
  out = text;
  return true;
}

bool ScenarioReader::region(const YamlNode* node, const std::string& what, uint32_t& out) {
  std::string text;
  if (!node || !scalar(*node, what, text)) return false;
  for (size_t i = 0; i < scenario_.regions.size(); ++i)
    if (scenario_.regions[i] == text) {
      out = static_cast<uint32_t>(i);
      return true;
    }
  error(node->place, what + ": no region is called " + in_quotes(text) + did_you_mean(text, scenario_.regions) +
      "; regions are: " + list_of(scenario_.regions));
  return false;
}

void ScenarioReader::each_item(const YamlNode* node, const std::string& what, size_t most,
                               const std::function<void(const YamlNode&, size_t)>& visit) {
  if (!node || node->kind == YamlNode::Kind::null || !is_list(*node, what)) return;
  if (node->items.size() > most) {
    error(node->place, what + ": " + std::to_string(node->items.size()) + " items; at most " + std::to_string(most) +
        " are allowed");
    return;
  }
  for (size_t i = 0; i < node->items.size(); ++i) visit(node->items[i], i);
}

// --- Links ---

void ScenarioReader::read_link(const YamlNode& node, const std::string& what, const char* map, LinkPatch& up, LinkPatch& down) {
  const bool may_set_disc = std::string_view(map) != "set";
  if (!is_map(node, what, keys_of(map))) return;
  read_shared(node, what, may_set_disc, up);
  down = up;
  for (const bool is_up : {false, true}) {
    const char* key = is_up ? "up" : "down";
    if (const YamlNode* direction = node.find(key)) read_direction(*direction, what + "." + key, may_set_disc, is_up ? up : down);
  }
}

void ScenarioReader::read_direction(const YamlNode& node, const std::string& what, bool may_set_disc, LinkPatch& out) {
  DataRate rate;
  const YamlNode* rate_node = &node;
  if (node.kind == YamlNode::Kind::map) {
    is_map(node, what, keys_of(may_set_disc ? "direction" : "set direction"));
    read_shared(node, what, may_set_disc, out);
    rate_node = node.find("rate");
    const YamlNode* schedule = may_set_disc ? node.find("schedule") : nullptr;
    const YamlNode* trace = may_set_disc ? node.find("trace") : nullptr;
    if (schedule) read_schedule(*schedule, what + ".schedule", out);
    if (trace) read_trace(*trace, what + ".trace", out);
    if ((rate_node != nullptr) + (schedule != nullptr) + (trace != nullptr) > 1)
      error(node.place, what + ": only one of 'rate', 'schedule' and 'trace' may stand");
    if (!rate_node) return;
  }
  if (value<DataRate>(rate_node, what, parse_rate, rate)) out.rate = rate;
}

void ScenarioReader::read_shared(const YamlNode& node, const std::string& what, bool may_set_disc, LinkPatch& out) {
  Duration time;
  if (duration(node.find("delay"), what + ".delay", time)) out.delay = time;
  if (duration(node.find("jitter"), what + ".jitter", time)) out.jitter = time;
  for (const auto& [key, limit] : {std::pair{"delay", out.delay}, std::pair{"jitter", out.jitter}})
    if (limit && *limit > Duration::seconds(60))
      error(node.find(key) ? node.find(key)->place : node.place, what + "." + key + ": more than 60s");
  std::string shape;
  if (one_of(node.find("jitter_shape"), what + ".jitter_shape", {"uniform", "gaussian"}, shape))
    out.jitter_shape = shape == "uniform" ? JitterShape::uniform : JitterShape::gaussian;
  if (const YamlNode* queue = node.find("queue"); duration(queue, what + ".queue", time)) {
    if (time == Duration::zero() || time > Duration::seconds(60))
      error(queue->place, what + ".queue: must be more than 0s and at most 60s");
    else out.queue = time;
  }
  double loss = 0;
  if (value<double>(node.find("loss"), what + ".loss", parse_percent, loss)) out.loss = loss;
  if (const YamlNode* bursts = node.find("bursts")) read_bursts(*bursts, what + ".bursts", out);
  std::string disc;
  if (may_set_disc && one_of(node.find("disc"), what + ".disc", {"drop-tail", "fq-codel", "codel", "pie"}, disc))
    out.disc = disc == "drop-tail" ? QueueDisc::drop_tail : disc == "fq-codel" ? QueueDisc::fq_codel : disc == "codel" ?
        QueueDisc::codel : QueueDisc::pie;
  if (bool marks = false; may_set_disc && flag(node.find("ecn"), what + ".ecn", marks)) out.ecn = marks;
}

void ScenarioReader::read_bursts(const YamlNode& node, const std::string& what, LinkPatch& out) {
  if (node.kind == YamlNode::Kind::scalar && node.scalar == "none") {
    out.bursts = std::optional<GilbertElliott>();
    return;
  }
  if (!is_map(node, what + " (or 'none')", keys_of("bursts")) || node.kind == YamlNode::Kind::null) return;
  uint64_t every = 0, length = 0;
  double loss = 1;
  for (const char* key : {"every", "length"})
    if (!node.find(key)) error(node.place, what + ": '" + key + "' is missing (packets)");
  const bool complete = whole(node.find("every"), what + ".every", 1, 100'000'000, every) & whole(node.find("length"), what +
      ".length", 1, 1'000'000, length);
  value<double>(node.find("loss"), what + ".loss", parse_percent, loss);
  if (complete) out.bursts = GilbertElliott{1.0 / static_cast<double>(every), 1.0 / static_cast<double>(length), 0, loss};
}

LinkConfig apply(const LinkPatch& patch, LinkConfig link) {
  if (patch.rate) { link.rate = *patch.rate; link.trace = nullptr; }
  if (patch.trace) { link.trace = patch.trace; link.rate = patch.trace->mean_rate(); }
  if (patch.delay) link.delay = *patch.delay;
  if (patch.jitter) link.jitter = *patch.jitter;
  if (patch.jitter_shape) link.jitter_shape = *patch.jitter_shape;
  if (patch.queue) link.queue = *patch.queue;
  if (patch.loss) link.loss = *patch.loss;
  if (patch.bursts) link.bursts = *patch.bursts;
  if (patch.disc) link.disc = *patch.disc;
  if (patch.ecn) link.ecn = *patch.ecn;
  return link;
}

// --- Expectations ---

namespace {

/// The bound in the metric's own unit.
Result<double> parse_bound(std::string_view text, const MetricKind& kind) {
  const std::string_view unit = kind.unit;
  if (unit == "s") {
    const Result<Duration> d = parse_duration(text);
    if (!d) return fail(d.error());
    return d->to_seconds();
  }
  if (unit == "ratio") return parse_percent(text);
  if (unit == "bit/s") {
    const Result<DataRate> rate = parse_rate(text);
    if (!rate) return fail(rate.error());
    if (rate->is_infinite()) return fail(std::string("'unlimited' bounds nothing"));
    return static_cast<double>(rate->bps());
  }
  if (unit == "dB") {
    if (text.size() > 2 && text.substr(text.size() - 2) == "dB") {
      text.remove_suffix(2);
      while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
      return parse_any(text);
    }
    return fail(in_quotes(text) + " has no unit (write '" + std::string(text) + "dB')");
  }
  return parse_any(text);
}

std::vector<std::string> all_metric_names() {
  std::vector<std::string> names;
  for (const MetricKind& kind : metric_kinds()) {
    if (!kind.has_distribution) names.emplace_back(kind.name);
    else for (const std::string& ending : metric_endings()) names.push_back(std::string(kind.name) + "." + ending);
  }
  return names;
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  for (size_t i = 0; i < text.size();) {
    while (i < text.size() && text[i] == ' ') ++i;
    size_t end = i;
    while (end < text.size() && text[end] != ' ') ++end;
    if (end > i) words.emplace_back(text.substr(i, end - i));
    i = end;
  }
  return words;
}

}  // namespace

Result<Expectation> parse_expectation(std::string_view text, const std::function<bool(const std::string&)>& is_group,
                                      const std::vector<std::string>& groups) {
  Expectation out;
  out.text = std::string(text);
  const size_t at = text.find_first_of("<>");
  if (at == std::string_view::npos) return fail(in_quotes(text) + " has no '<' or '>' (write 'join_time.p95 < 2s')");
  const bool or_equal = at + 1 < text.size() && text[at + 1] == '=';
  const bool is_less = text[at] == '<';
  out.compare = is_less ? (or_equal ? Expectation::Compare::less_equal : Expectation::Compare::less)
                        : (or_equal ? Expectation::Compare::greater_equal : Expectation::Compare::greater);
  const std::vector<std::string> left = split_words(text.substr(0, at));
  const std::string bound = list_of(split_words(text.substr(at + (or_equal ? 2 : 1))), " ");
  if (left.empty() || (left.size() != 1 && !(left.size() == 3 && left[1] == "in")))
    return fail(in_quotes(text) + ": before '" + text[at] + "' must stand a metric, or 'metric in group'");
  out.metric = left[0];
  const MetricKind* kind = find_metric(out.metric);
  if (!kind) {
    for (const MetricKind& known : metric_kinds())
      if (out.metric == known.name)
        return fail("metric " + in_quotes(out.metric) + " is a distribution: say which figure of it, " + out.metric + "." +
            list_of(metric_endings(), " ." ));
    return fail("unknown metric " + in_quotes(out.metric) + did_you_mean(out.metric, all_metric_names()));
  }
  if (left.size() == 3) {
    out.group = left[2];
    if (!is_group(out.group))
      return fail("no conference or group is called " + in_quotes(out.group) + did_you_mean(out.group, groups) + "; they are: " +
          list_of(groups));
  }
  if (bound.empty()) return fail(in_quotes(text) + " has no bound after '" + text[at] + "'");
  const Result<double> number = parse_bound(bound, *kind);
  if (!number) return fail(out.metric + ": " + number.error());
  out.bound = *number;
  return out;
}

}  // namespace tacoma
