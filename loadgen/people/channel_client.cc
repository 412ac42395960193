#include "loadgen/people/channel_client.h"

#include <algorithm>

namespace tacoma {

void ChannelClient::connect(Outbox& out) {
  stream_ = StreamId(next_stream_++);
  is_open_ = false;
  retry_at_ = Instant::never();
  out.open_stream(stream_, url_);
}

void ChannelClient::open(Instant, std::string url, Outbox& out) {
  close(out);
  url_ = std::move(url);
  wait_ = kRetry;
  if (!url_.empty()) connect(out);
}

void ChannelClient::close(Outbox& out) {
  if (stream_ != StreamId(0)) out.close_stream(stream_);
  stream_ = StreamId(0);
  is_open_ = was_opened_ = false;
  retry_at_ = Instant::never();
  message_.reset();
  std::string().swap(url_);
}

bool ChannelClient::on_stream(Instant now, const StreamEvent& event, Outbox&) {
  if (event.id.value() < kFirstStream || event.id.value() >= 0x80000000u) return false;
  if (event.id != stream_) return true;  // of an earlier session
  switch (event.kind) {
    case StreamEvent::Kind::opened:
      is_open_ = was_opened_ = true;
      wait_ = kRetry;
      break;
    case StreamEvent::Kind::data: {
      auto parsed = channel::parse(as_text(event.data));
      if (parsed) message_ = *std::move(parsed);
      else drops_.count(Drop::signalling_malformed);
      break;
    }
    case StreamEvent::Kind::closed:
      stream_ = StreamId(0);
      is_open_ = was_opened_ = false;
      ++reconnects_;
      retry_at_ = now + wait_;
      wait_ = std::min(wait_ * 2, kRetryMost);
      break;
    case StreamEvent::Kind::accepted: break;
  }
  return true;
}

void ChannelClient::on_deadline(Instant now, Outbox& out) {
  if (now >= retry_at_) connect(out);
}

void ChannelClient::send(const channel::Message& message, Outbox& out) {
  if (is_open_) out.write_stream(stream_, channel::write(message));
}

}  // namespace tacoma
