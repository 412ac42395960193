#include "bridge/engine/channel.h"

#include <algorithm>

#include "bridge/engine/conference.h"

namespace tacoma::bridge {

namespace {
/// How long nothing may come from an endpoint before the others are told (Jitsi Videobridge's times).
constexpr Duration kSilent = Duration::seconds(8), kNeverHeard = Duration::seconds(15);
/// In larger conferences statistics go only to those who receive media of their sender.
constexpr size_t kStatsToAll = 20;

bool is_active(const Endpoint& endpoint, Instant now) {
  return endpoint.was_up ? now - endpoint.last_heard < kSilent : now - endpoint.created < kNeverHeard;
}

bool receives_from(const Endpoint& receiver, const Endpoint& sender) {
  for (const auto& source : sender.receiver.sources)
    for (const Projection& projection : source->subscribers)
      if (&projection.receiver() == &receiver) return true;
  return false;
}
}  // namespace

void ReceiverWants::apply(const channel::ReceiverVideoConstraints& said) {
  is_known = true;
  if (said.last_n) last_n = *said.last_n;
  if (said.selected) selected = *said.selected;
  if (said.on_stage) on_stage = *said.on_stage;
  if (said.selected || said.on_stage) {
    ranks_.clear();
    for (size_t i = 0; i < on_stage.size() && i < kSelected; ++i) ranks_.emplace(on_stage[i], static_cast<uint32_t>(i));
    for (size_t i = 0; i < selected.size() && i < kSelected; ++i) ranks_.emplace(selected[i], static_cast<uint32_t>(kSelected + i));
  }
  if (said.defaults) defaults = *said.defaults;
  if (said.constraints) named = *said.constraints;
  if (said.assumed_bandwidth_bps) assumed_bandwidth_bps = *said.assumed_bandwidth_bps < 0 ? std::nullopt : said.assumed_bandwidth_bps;
}

void ReceiverWants::apply(const channel::LastN& said) {
  last_n = said.last_n;
}

bool Channel::hears(const std::string& source) const {
  const std::vector<std::string>& listed = audio.all ? audio.exclude : audio.include;
  return (std::find(listed.begin(), listed.end(), source) != listed.end()) != audio.all;
}

bool Channel::may_speak(Instant now) {
  allowance_ = std::min(kBurst, allowance_ + (now - allowance_at_).to_seconds() * kPerSecond);
  allowance_at_ = now;
  if (allowance_ < 1) return false;
  allowance_ -= 1;
  return true;
}

Endpoint* Conference::find_endpoint(std::string_view id) const {
  for (Endpoint* endpoint : endpoints)
    if (endpoint->id == id) return endpoint;
  return nullptr;
}

void Conference::on_channel_open(Instant now, Endpoint& endpoint, std::optional<std::string_view> version, Outbox& out) {
  if (version) {
    endpoint.channel.send(channel::write(channel::ServerHello{std::string(*version)}), out);
    ++counts.channel_messages_out;
  }
  if (dominant_) tell_speaker(&endpoint, out);
  endpoint.channel.told_forwarded.clear();
  endpoint.channel.statistics_at = now;  // the first after a while, when there is something to tell
  for (const auto& source : endpoint.receiver.sources) source->wanted.told.reset();
  tell_forwarded(out);
  tell_shares(now, out);
  tell_source_maps(endpoint, out);
  for (const Endpoint* other : endpoints) {
    if (other == &endpoint || !other->told_inactive || is_active(*other, now)) continue;
    endpoint.channel.send(channel::write(channel::ConnectivityStatus{other->id, false}), out);
    ++counts.channel_messages_out;
  }
}

void Conference::on_channel_message(Instant now, Endpoint& from, BytesView text, Outbox& out) {
  ++counts.channel_messages_in;
  if (!from.channel.may_speak(now)) return counts.drops.count(Drop::signalling_limit);
  auto parsed = channel::parse(as_text(text));
  if (!parsed) return counts.drops.count(Drop::signalling_malformed);
  channel::Message& message = *parsed;
  if (auto* to_pass = std::get_if<channel::EndpointMessage>(&message)) return pass_on(from, std::move(*to_pass), out);
  if (auto* stats = std::get_if<channel::EndpointStats>(&message)) return pass_on(from, std::move(*stats), out);
  if (const auto* wants = std::get_if<channel::ReceiverVideoConstraints>(&message)) {
    from.channel.wants.apply(*wants);
    return reallocate(now, from, out);
  }
  if (const auto* last_n = std::get_if<channel::LastN>(&message)) {
    from.channel.wants.apply(*last_n);
    return reallocate(now, from, out);
  }
  if (auto* audio = std::get_if<channel::ReceiverAudioSubscription>(&message)) {
    from.channel.audio = std::move(*audio);
    return apply_audio_subscription(from);
  }
  if (const auto* type = std::get_if<channel::SourceVideoType>(&message)) {
    auto& types = from.channel.video_types;
    if (types.size() < channel::kMaxNames || types.count(type->source) != 0) types[type->source] = type->type;
    tell_video_type(from, type->source, out);
    return shares_are_void();
  }
  if (std::holds_alternative<channel::ClientHello>(message)) {
    from.channel.send(channel::write(channel::ServerHello{}), out);
    ++counts.channel_messages_out;
    return;
  }
  counts.drops.count(Drop::signalling_unexpected);  // what only bridges say
}

void Conference::pass_on(Endpoint& from, channel::EndpointMessage message, Outbox& out) {
  message.from = from.id;
  if (message.to.empty()) return tell(message, &from, out);
  if (Endpoint* to = find_endpoint(message.to); to && to->channel.is_open()) {
    to->channel.send(channel::write(message), out);
    ++counts.channel_messages_out;
  }
}

void Conference::pass_on(Endpoint& from, channel::EndpointStats message, Outbox& out) {
  message.from = from.id;
  const std::string text = channel::write(message);
  const bool to_all = endpoints.size() <= kStatsToAll;
  for (Endpoint* endpoint : endpoints) {
    if (endpoint == &from || !endpoint->channel.is_open() || !(to_all || receives_from(*endpoint, from))) continue;
    endpoint->channel.send(text, out);
    ++counts.channel_messages_out;
  }
}

void Conference::tell(const channel::Message& message, const Endpoint* except, Outbox& out) {
  std::string text;  // written when the first wants it
  for (Endpoint* endpoint : endpoints) {
    if (endpoint == except || !endpoint->channel.is_open()) continue;
    if (text.empty()) text = channel::write(message);
    endpoint->channel.send(text, out);
    ++counts.channel_messages_out;
  }
}

void Conference::tell_speaker(Endpoint* only, Outbox& out) {
  // Nothing is written, and so nothing allocated, where nobody listens.
  if (std::none_of(endpoints.begin(), endpoints.end(), [](const Endpoint* e) { return e->channel.is_open(); })) return;
  channel::DominantSpeaker message{dominant_->id, {}, false};
  for (const Endpoint* recent : recent_speakers_)
    if (recent != dominant_) message.previous.push_back(recent->id);
  if (!only) return tell(message, nullptr, out);
  only->channel.send(channel::write(message), out);
  ++counts.channel_messages_out;
}

void Conference::tell_forwarded(Outbox& out) {
  if (std::none_of(endpoints.begin(), endpoints.end(), [](const Endpoint* e) { return e->channel.is_open(); })) return;
  for (Endpoint* receiver : endpoints) receiver->channel.forwarded.clear();
  for (const Endpoint* sender : endpoints) {
    for (const auto& source : sender->receiver.sources) {
      if (!source->description.video || source->description.name.empty()) continue;
      for (const Projection& projection : source->subscribers)
        if (Channel& channel = projection.receiver().channel; projection.target() && channel.is_open() && channel.forwarded.size() < channel::kMaxNames)
          channel.forwarded.push_back(source->description.name);
    }
  }
  for (Endpoint* receiver : endpoints) {
    Channel& channel = receiver->channel;
    if (!channel.is_open() || channel.forwarded == channel.told_forwarded) continue;
    channel.told_forwarded = channel.forwarded;
    channel.send(channel::write(channel::ForwardedSources{channel.forwarded}), out);
    ++counts.channel_messages_out;
  }
}

void Conference::tell_connectivity(Instant now, Outbox& out) {
  for (Endpoint* endpoint : endpoints) {
    const bool inactive = !is_active(*endpoint, now);
    if (inactive == endpoint->told_inactive) continue;
    endpoint->told_inactive = inactive;
    tell(channel::ConnectivityStatus{endpoint->id, !inactive}, endpoint, out);
  }
}

}  // namespace tacoma::bridge
