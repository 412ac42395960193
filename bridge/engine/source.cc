#include "bridge/engine/source.h"

#include <algorithm>

#include "bridge/engine/endpoint.h"

namespace tacoma::bridge {

Source::Source(Endpoint& from, const SourceDescription& what, uint32_t clock_rate, bool nack) : description(what), owner(&from) {
  TACOMA_ASSERT(!what.encodings.empty() && what.encodings.size() <= kMaxEncodings);
  for (const EncodingDescription& e : what.encodings)
    encodings.push_back(std::make_unique<Encoding>(e, static_cast<uint8_t>(encodings.size()), what.video, clock_rate, nack));
}

bool Source::started() const {
  return std::any_of(encodings.begin(), encodings.end(), [](const auto& e) { return e->reception.started(); });
}

bool Source::has_sizes() const {
  return encodings.size() > 1 || encodings.front()->top_spatial > 0;
}

Projection* Source::subscriber(const Endpoint& receiver) {
  const auto at = std::lower_bound(subscribers.begin(), subscribers.end(), receiver.joined,
                                   [](const Projection& p, uint64_t joined) { return p.receiver().joined < joined; });
  return at != subscribers.end() && &at->receiver() == &receiver ? &*at : nullptr;
}

Encoding* Source::find_encoding(Ssrc ssrc) const {
  for (const auto& e : encodings)
    if (e->ssrc == ssrc || (e->rtx == ssrc && ssrc != Ssrc())) return e.get();
  return nullptr;
}

uint16_t Source::height_of(const Encoding& encoding, uint8_t spatial) const {
  if (encoding.heights[spatial] != 0) return encoding.heights[spatial];
  size_t above = encodings.size() - 1 - encoding.index;
  for (size_t s = spatial + 1u; s < kMaxSpatialLayers; ++s)
    if (encoding.meter->seen(static_cast<uint8_t>(s), 0)) ++above;
  return static_cast<uint16_t>(720 >> above);
}

Span<const LayerInfo> Source::layers(Instant now) {
  layers_.clear();
  std::optional<Instant> newest;
  const auto each = [&](auto visit) {
    for (const auto& e : encodings)
      for (uint8_t s = 0; s < kMaxSpatialLayers && e->meter; ++s)
        for (uint8_t t = 0; t < kMaxTemporalLayers; ++t)
          if (e->meter->seen(s, t)) visit(*e, s, t, e->meter->last_seen(s, t));
  };
  each([&](Encoding&, uint8_t, uint8_t, Instant at) { newest = newest ? std::max(*newest, at) : at; });
  if (!newest || now - *newest > kSourceGone) return {};
  // What has just begun would seem to cost a part of what it does, and be given to links that it fills. It waits until it is measured, all but
  // the lowest of a source that has just begun.
  std::optional<std::pair<uint8_t, uint8_t>> lowest;
  bool known = false;
  const auto is_there = [&](Instant at) { return *newest - at <= kLayerGone; };
  each([&](Encoding& e, uint8_t s, uint8_t, Instant at) {
    if (!is_there(at)) return;
    if (!lowest) lowest = {e.index, s};
    known = known || e.meter->is_measured(now, s);
  });
  each([&](Encoding& e, uint8_t s, uint8_t t, Instant at) {
    if (!is_there(at)) return;
    if (known ? !e.meter->is_measured(now, s) : std::pair(e.index, s) != *lowest) return;
    layers_.push_back({{e.index, s, t}, height_of(e, s), e.meter->fps(now, s, t), e.meter->rate(now, s, t)});
  });
  return Span<const LayerInfo>(layers_.data(), layers_.size());
}

}  // namespace tacoma::bridge
