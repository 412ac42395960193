#include "core/base/message_streams.h"

#include <algorithm>

namespace tacoma {
namespace {

constexpr uint8_t kFinalText = 0x81, kMasked = 0x80;
constexpr size_t kMaskBytes = 4;

std::vector<uint8_t> frame(bool masked, BytesView message) {
  std::vector<uint8_t> out;
  out.reserve(message.size() + 14);
  out.push_back(kFinalText);
  const uint8_t mask = masked ? kMasked : 0;
  if (message.size() < 126) {
    out.push_back(static_cast<uint8_t>(mask | message.size()));
  } else if (message.size() < 65'536) {
    out.push_back(mask | 126);
    out.resize(out.size() + 2);
    store_u16(out.data() + 2, static_cast<uint16_t>(message.size()));
  } else {
    out.push_back(mask | 127);
    out.resize(out.size() + 8);
    store_u32(out.data() + 2, static_cast<uint32_t>(uint64_t{message.size()} >> 32));
    store_u32(out.data() + 6, static_cast<uint32_t>(message.size()));
  }
  if (masked) out.insert(out.end(), kMaskBytes, 0);
  out.insert(out.end(), message.begin(), message.end());
  return out;
}

/// Where the message of the frame at the start of `bytes` lies; end is 0 while the frame is not whole.
struct Frame {
  size_t begin = 0, end = 0;
  bool too_long = false;
};

Frame first_frame(BytesView bytes) {
  Frame f;
  if (bytes.size() < 2) return f;
  const uint8_t code = bytes[1] & 0x7f;
  uint64_t length = code;
  f.begin = 2;
  if (code == 126) {
    if (bytes.size() < 4) return f;
    length = load_u16(bytes.data() + 2);
    f.begin = 4;
  } else if (code == 127) {
    if (bytes.size() < 10) return f;
    length = uint64_t{load_u32(bytes.data() + 2)} << 32 | load_u32(bytes.data() + 6);
    f.begin = 10;
  }
  if (bytes[1] & kMasked) f.begin += kMaskBytes;
  f.too_long = length > kMaxStreamMessage;
  if (!f.too_long && bytes.size() >= f.begin + length) f.end = f.begin + static_cast<size_t>(length);
  return f;
}

}  // namespace

ServiceName ServiceName::parse(std::string_view name) {
  const size_t scheme = name.substr(0, 5) == "ws://" ? 5 : name.substr(0, 6) == "wss://" ? 6 : 0;
  if (scheme == 0) return {name, {}, false};
  const size_t path = name.find('/', scheme);
  if (path == std::string_view::npos) return {name, "/", true};
  return {name.substr(0, path), name.substr(path), true};
}

void MessageStreams::carry_out(Instant now, HostId host, const Outbox& out, const Outbox::StreamOp& op) {
  const Key key{host, op.id};
  if (op.kind == Outbox::StreamOp::Kind::open) {
    const ServiceName name = ServiceName::parse(op.service);
    if (!name.is_messages) return ends_.open_bytes(now, host, op.id, op.service);
    states_[key].opener = true;
    ends_.open_bytes(now, host, op.id, std::string(name.service));
    return send(now, key, true, as_bytes(name.target));
  }
  const auto found = states_.find(key);
  if (op.kind == Outbox::StreamOp::Kind::write) {
    if (found == states_.end()) return ends_.write_bytes(now, host, op.id, out.stream_bytes(op));
    return send(now, key, found->second.opener, out.stream_bytes(op));
  }
  if (found != states_.end()) states_.erase(found);
  ends_.close_bytes(now, host, op.id);
}

void MessageStreams::send(Instant now, const Key& key, bool opener, BytesView message) {
  const std::vector<uint8_t> bytes = frame(opener, message);
  ends_.write_bytes(now, key.first, key.second, BytesView(bytes));
}

void MessageStreams::on_event(Instant now, HostId host, const StreamEvent& event) {
  const Key key{host, event.id};
  if (event.kind == StreamEvent::Kind::accepted && ServiceName::parse(event.service).is_messages) {
    states_[key];  // told when the target has come
    return;
  }
  const auto found = states_.find(key);
  if (found == states_.end()) return ends_.tell(host, event);
  switch (event.kind) {
    case StreamEvent::Kind::accepted:
    case StreamEvent::Kind::opened: return;  // the welcome opens it
    case StreamEvent::Kind::data: return on_bytes(now, key, event.data);
    case StreamEvent::Kind::closed: {
      const bool tell = (found->second.opener || found->second.upgraded);
      states_.erase(found);
      if (tell) ends_.tell(host, event);
    }
  }
}

void MessageStreams::on_bytes(Instant now, const Key& key, BytesView bytes) {
  // The state is out of the map's reach during a call: the process may close the stream, which frees it.
  std::vector<uint8_t> received = std::move(states_[key].received);
  received.insert(received.end(), bytes.begin(), bytes.end());
  size_t at = 0;
  for (;;) {
    const BytesView rest = BytesView(received).subspan(at);
    const Frame f = first_frame(rest);
    if (f.too_long) return fail(now, key);
    if (f.end == 0) break;
    at += f.end;
    if (!on_message(now, key, rest.subspan(f.begin, f.end - f.begin))) return;
  }
  received.erase(received.begin(), received.begin() + static_cast<std::ptrdiff_t>(at));
  // Only a message that is not whole yet is worth memory: most of thousands of channels are idle.
  if (!received.empty()) states_[key].received = std::move(received);
}

// False: the stream is over for its process.
bool MessageStreams::on_message(Instant now, const Key& key, BytesView message) {
  State& state = states_[key];
  if (state.upgraded) {
    ends_.tell(key.first, {StreamEvent::Kind::data, key.second, {}, message});
    return states_.count(key) != 0;
  }
  state.upgraded = true;
  if (!state.opener) {
    send(now, key, false, as_bytes("welcome"));
    if (states_.count(key) == 0) return false;
    ends_.tell(key.first, {StreamEvent::Kind::accepted, key.second, as_text(message), {}});
    return states_.count(key) != 0;
  }
  ends_.tell(key.first, {StreamEvent::Kind::opened, key.second, {}, {}});
  return states_.count(key) != 0;
}

void MessageStreams::fail(Instant now, const Key& key) {
  const bool tell = states_[key].upgraded || states_[key].opener;
  states_.erase(key);
  ends_.close_bytes(now, key.first, key.second);
  if (tell) ends_.tell(key.first, {StreamEvent::Kind::closed, key.second, {}, {}});
}

void MessageStreams::host_gone(HostId host) {
  const auto begin = states_.lower_bound({host, StreamId(0)});
  auto end = begin;
  while (end != states_.end() && end->first.first == host) ++end;
  states_.erase(begin, end);
}

}  // namespace tacoma
