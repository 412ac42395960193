#include "sim/router/streams.h"

#include <utility>

namespace tacoma::router {

SharedStanza::SharedStanza(const Element& stanza) {
  head = "<";
  head += stanza.name;
  for (const Attribute& attribute : stanza.attributes) {
    if (attribute.name == "to") continue;
    head += ' ';
    head += attribute.name;
    head += "='";
    write_escaped(attribute.value, head);
    head += '\'';
  }
  tail = ">";
  for (const Element& child : stanza.children) write_xml(child, ns::kClient, tail);
  write_escaped(stanza.text, tail);
  tail += "</";
  tail += stanza.name;
  tail += '>';
}

SharedStanza::SharedStanza(std::string_view name, std::string_view from, std::string_view type, std::string_view children_xml) {
  head.reserve(name.size() + from.size() + type.size() + 24);
  head = "<";
  head += name;
  head += " from='";
  write_escaped(from, head);
  head += '\'';
  if (!type.empty()) {
    head += " type='";
    head += type;
    head += '\'';
  }
  tail.reserve(children_xml.size() + name.size() + 4);
  tail = ">";
  tail += children_xml;
  tail += "</";
  tail += name;
  tail += '>';
}

Streams::Streams(const XmppHosts& hosts, const RouterLimits& limits, const Rng& rng, RouterStats& stats)
    : hosts_(hosts), limits_(limits), rng_(rng.split("streams")), stats_(stats) {}

bool Streams::accept(Instant now, StreamId id, XmppServerStream::Kind kind) {
  if (entries_.size() >= limits_.streams) {
    stats_.drops.count(Drop::signalling_limit);
    return false;
  }
  ++stats_.streams_accepted;
  const Instant login_until = now + limits_.login;
  entries_.emplace(id, Entry{XmppServerStream(kind, hosts_, rng_.split("stream", accepted_++)), kind, login_until, {}});
  logins_.emplace(login_until, id);
  stats_.streams = entries_.size();
  return true;
}

XmppServerStream* Streams::find(StreamId id) {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second.stream;
}

XmppServerStream::Kind Streams::kind_of(StreamId id) const {
  const auto found = entries_.find(id);
  TACOMA_ASSERT(found != entries_.end());
  return found->second.kind;
}

void Streams::erase(StreamId id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  const auto held = addresses_.find(found->second.address);
  if (held != addresses_.end() && held->second == id) addresses_.erase(held);
  logins_.erase({found->second.login_until, id});
  entries_.erase(found);
  stats_.streams = entries_.size();
  stats_.sessions = addresses_.size();
}

std::optional<StreamId> Streams::bind(StreamId id, const Jid& jid) {
  const auto found = entries_.find(id);
  TACOMA_ASSERT(found != entries_.end());
  logins_.erase({found->second.login_until, id});
  found->second.address = jid.to_string();
  const auto [held, is_new] = addresses_.emplace(found->second.address, id);
  std::optional<StreamId> before;
  if (!is_new) before = std::exchange(held->second, id);
  stats_.sessions = addresses_.size();
  return before;
}

std::optional<StreamId> Streams::route(std::string_view address) const {
  const auto found = addresses_.find(address);
  if (found == addresses_.end()) return std::nullopt;
  return found->second;
}

Streams::Entry* Streams::ready_entry(StreamId id) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || !found->second.stream.is_ready()) return nullptr;
  return &found->second;
}

void Streams::send(StreamId to, const Element& stanza) {
  Entry* entry = ready_entry(to);
  if (!entry) return;
  if (!entry->stream.send(stanza)) return stats_.drops.count(Drop::signalling_limit);  // it grew too long for its receiver
  ++stats_.stanzas_out;
  touch(to, *entry);
}

void Streams::send(StreamId to, std::string_view address, const SharedStanza& stanza) {
  Entry* entry = ready_entry(to);
  if (!entry) return;
  entry->stream.send_text(stanza.head);
  entry->stream.send_text(" to='");
  std::string escaped;
  write_escaped(address, escaped);
  entry->stream.send_text(escaped);
  entry->stream.send_text("'");
  entry->stream.send_text(stanza.tail);
  ++stats_.stanzas_out;
  touch(to, *entry);
}

void Streams::end(StreamId id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  found->second.stream.close();
  found->second.ending = true;
  touch(id, found->second);
}

void Streams::end_late_logins(Instant now) {
  while (next_late_login() <= now) {
    const StreamId id = logins_.begin()->second;
    logins_.erase(logins_.begin());
    stats_.drops.count(Drop::signalling_limit);
    end(id);
  }
}

void Streams::touch(StreamId id) {
  const auto found = entries_.find(id);
  if (found != entries_.end()) touch(id, found->second);
}

void Streams::touch(StreamId id, Entry& entry) {
  if (std::exchange(entry.touched, true)) return;
  touched_.push_back(id);
}

void Streams::flush(Outbox& out, std::vector<StreamId>& ended) {
  for (StreamId id : touched_) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) continue;
    Entry& entry = found->second;
    entry.touched = false;
    if (entry.stream.has_output()) {
      const std::string bytes = entry.stream.take_output();
      stats_.bytes_out += bytes.size();
      out.write_stream(id, bytes);
    }
    if (entry.ending || entry.stream.is_over()) ended.push_back(id);
  }
  touched_.clear();
}

}  // namespace tacoma::router
