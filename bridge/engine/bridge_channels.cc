// Where bridge channels come from: streams of messages that somebody opens, and data channels beside the media.
#include "bridge/engine/bridge.h"
#include "bridge/engine/conference.h"

namespace tacoma {

using bridge::Conference;
using bridge::Endpoint;

namespace {
constexpr Duration kChannelCheck = Duration::seconds(1);

/// Takes as long for a wrong guess as for the right one.
bool same_secret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned>(a[i] ^ b[i]);
  return difference == 0;
}
}  // namespace

std::pair<Bridge::ChannelVerdict, Endpoint*> Bridge::find_channel(std::string_view text) const {
  const auto target = channel::parse_target(text);
  if (!target || config_.channel_url_prefix.empty() || target->server != config_.name) return {ChannelVerdict::not_found, nullptr};
  for (const auto& conference : conferences_) {
    if (conference->channel_id != target->conference) continue;
    Endpoint* endpoint = conference->find_endpoint(target->endpoint);
    if (endpoint && same_secret(endpoint->channel.password, target->password)) return {ChannelVerdict::welcome, endpoint};
    break;
  }
  return {ChannelVerdict::forbidden, nullptr};  // strangers do not learn which conferences there are
}

Bridge::ChannelVerdict Bridge::check_channel(std::string_view target) const { return find_channel(target).first; }

void Bridge::open_channel(Instant now, const StreamEvent& event, Outbox& out) {
  Endpoint* endpoint = find_channel(event.service).second;
  if (!endpoint) return out.close_stream(event.id);
  close_channel(*endpoint, out);  // the newer one counts
  if (endpoint->data) endpoint->data->close(now);
  endpoint->channel.stream = event.id;
  by_channel_.set(event.id, endpoint);
  endpoint->conference->on_channel_open(now, *endpoint, config_.version, out);
  watch_channels(now);
  pump_data(now, out);
}

void Bridge::close_channel(Endpoint& endpoint, Outbox& out) {
  if (endpoint.channel.stream == StreamId(0)) return;
  out.close_stream(endpoint.channel.stream);
  by_channel_.erase(endpoint.channel.stream);
  endpoint.channel.stream = StreamId(0);
}

std::string Bridge::channel_url(const Endpoint& endpoint) const {
  return config_.channel_url_prefix + channel::to_string({config_.name, endpoint.conference->channel_id, endpoint.id, endpoint.channel.password});
}

uint32_t Bridge::open_channels() const {
  uint32_t open = 0;
  for (const auto& endpoint : endpoints_) open += endpoint && endpoint->channel.is_open() ? 1 : 0;
  return open;
}

void Bridge::watch_channels(Instant now) {
  if (!std::exchange(watches_channels_, true)) deadlines_.set(kChannels, now + kChannelCheck);
}

void Bridge::check_channels(Instant now, Outbox& out) {
  for (const auto& conference : conferences_) conference->tell_connectivity(now, out);
  watches_channels_ = open_channels() > 0;
  deadlines_.set(kChannels, watches_channels_ ? now + kChannelCheck : Instant::never());
}

bool Bridge::offer_data(Endpoint& endpoint) {
  if (!config_.data_channels || config_.crypto != Crypto::real || !endpoint.path.carry_data()) return false;
  endpoint.data = std::make_unique<DataChannel>(sctp_, SctpAssociation::Role::server, endpoint.index);
  endpoint.channel.data = endpoint.data.get();
  return true;
}

void Bridge::take_data(Instant now, Endpoint& endpoint) {
  if (!endpoint.data) return;
  for (std::vector<uint8_t> packet; endpoint.path.poll_data(packet);) endpoint.data->on_packet(now, packet);
  endpoint.conference->counts.drops += endpoint.data->take_drops();
}

void Bridge::pump_data(Instant now, Outbox& out) {
  if (!config_.data_channels) return;
  // Each round may have messages for others in it: those are sent by the next.
  while (const auto index = sctp_.next_pending()) {
    Endpoint& endpoint = *endpoints_[*index];
    DataChannel& data = *endpoint.data;
    data.advance(now);
    for (DataChannel::Event event; data.poll_event(event);) on_data_event(now, endpoint, event, out);
    for (std::vector<uint8_t> packet; data.poll_packet(packet);) (void)endpoint.path.send_data(now, packet, out);  // else as if lost
    endpoint.conference->counts.drops += data.take_drops();
  }
  if (const Instant due = sctp_.deadline().at; due != data_due_) deadlines_.set(kDataChannels, data_due_ = due);
}

void Bridge::on_data_event(Instant now, Endpoint& endpoint, const DataChannel::Event& event, Outbox& out) {
  switch (event.kind) {
    case DataChannel::Event::Kind::opened:
      close_channel(endpoint, out);  // the newer one counts
      // A client that wants a ServerHello here asks for it (ClientHello).
      endpoint.conference->on_channel_open(now, endpoint, std::nullopt, out);
      return watch_channels(now);
    case DataChannel::Event::Kind::message:
      return endpoint.conference->on_channel_message(now, endpoint, as_bytes(event.text), out);
    case DataChannel::Event::Kind::closed:
      return;
  }
}

}  // namespace tacoma
