#include "core/secure/data_channel.h"

namespace tacoma {

void DataChannel::start(Instant now, dcep::Open wanted) {
  description_ = std::move(wanted);
  association_.start(now);
}

void DataChannel::on_packet(Instant now, BytesView packet) {
  if (const auto drop = association_.on_packet(now, packet)) return drops_.count(*drop);
  advance(now);
}

void DataChannel::advance(Instant now) {
  using State = SctpAssociation::State;
  if (role_ == SctpAssociation::Role::client && association_.state() == State::up && !std::exchange(has_asked_, true))
    (void)association_.send(now, stream_, dcep::kControl, dcep::write(description_));
  for (const std::string& text : std::exchange(posted_, {})) send(now, text);
  for (SctpMessage message; association_.poll_message(message);) on_message(now, message);
  for (uint16_t stream = 0; association_.poll_reset(stream);)
    if (stream == stream_) lose();
  if (association_.state() == State::ended) lose();
  drops_.count(Drop::sctp_full, association_.too_long() - std::exchange(too_long_, association_.too_long()));
}

void DataChannel::on_message(Instant now, const SctpMessage& message) {
  if (message.ppid == dcep::kControl) return on_control(now, message);
  const bool is_text = message.ppid == dcep::kText || message.ppid == dcep::kEmptyText;
  if (!is_open_ || message.stream != stream_ || !is_text) return drops_.count(Drop::sctp_unexpected);
  raise(Event::Kind::message, message.ppid == dcep::kText ? std::string(as_text(message.bytes)) : std::string());
}

void DataChannel::on_control(Instant now, const SctpMessage& message) {
  if (role_ == SctpAssociation::Role::client) {
    if (is_open_ || message.stream != stream_ || !dcep::is_ack(message.bytes)) return drops_.count(Drop::sctp_unexpected);
    is_open_ = true;
    return raise(Event::Kind::opened);
  }
  auto open = dcep::parse_open(message.bytes);
  if (!open) return drops_.count(Drop::sctp_malformed);
  if (message.stream >= SctpAssociation::kStreams || (is_open_ && message.stream == stream_)) return drops_.count(Drop::sctp_unexpected);
  if (is_open_) close(now);
  if (const auto drop = association_.send(now, message.stream, dcep::kControl, dcep::write_ack())) return drops_.count(*drop);
  stream_ = message.stream;
  description_ = *std::move(open);
  is_open_ = true;
  raise(Event::Kind::opened);
}

void DataChannel::post(std::string_view text) {
  if (!is_open_) return drops_.count(Drop::sctp_unexpected);
  if (posted_.size() >= kMaxPosted) return drops_.count(Drop::sctp_full);
  posted_.emplace_back(text);
  association_.note();
}

void DataChannel::send(Instant now, std::string_view text) {
  static constexpr uint8_t kNothing[] = {0};  // SCTP has no empty messages (RFC 8831 section 6.6)
  const auto drop = text.empty() ? association_.send(now, stream_, dcep::kEmptyText, BytesView(kNothing))
                                 : association_.send(now, stream_, dcep::kText, as_bytes(text));
  if (drop) drops_.count(*drop);
}

void DataChannel::close(Instant now) {
  if (!is_open_) return;
  association_.reset_stream(now, stream_);
  lose();
}

void DataChannel::lose() {
  if (!std::exchange(is_open_, false)) return;
  posted_.clear();
  raise(Event::Kind::closed);
}

void DataChannel::raise(Event::Kind kind, std::string text) {
  if (kind == Event::Kind::message && events_.size() >= kMaxEvents) return drops_.count(Drop::sctp_full);
  events_.push_back({kind, std::move(text)});
}

bool DataChannel::poll_event(Event& event) {
  if (events_.empty()) return false;
  event = std::move(events_.front());
  events_.erase(events_.begin());
  return true;
}

}  // namespace tacoma
