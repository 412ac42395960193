// A few processes joined by streams that take no time, in virtual time: enough world for tests of signalling.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/assert.h"
#include "core/base/process.h"
#include "core/signal/xmpp_stream.h"

namespace tacoma::test {

class Wires {
 public:
  Instant now() const { return now_; }
  void attach(Process& process) {
    hosts_.push_back(std::make_unique<Host>(process, pool_));
    Host& host = *hosts_.back();
    process.start(now_, host.out);
    collect(host);
  }
  void listen(Process& process, const std::string& service) { services_[service] = &host_of(process); }
  /// Its streams close at the other end; it is not called any more.
  void detach(Process& process) {
    Host& host = host_of(process);
    host.gone = true;
    for (auto& [id, peer] : host.streams) {
      peer.host->streams.erase(peer.id);
      queue_.push_back({peer.host, StreamEvent::Kind::closed, peer.id, {}, {}});
    }
    host.streams.clear();
    for (auto& [name, listener] : services_)
      if (listener == &host) listener = nullptr;
  }
  /// Everything that happens until then. Asserts the law of deadlines.
  void run(Duration time) {
    const Instant end = now_ + time;
    for (;;) {
      deliver();
      Host* due = nullptr;
      for (const auto& host : hosts_)
        if (!host->gone && host->process.deadline().at <= end && (!due || host->process.deadline().at < due->process.deadline().at))
          due = host.get();
      if (!due) break;
      now_ = std::max(now_, due->process.deadline().at);
      due->process.on_deadline(now_, due->out);
      TACOMA_ASSERT(due->process.deadline().at > now_);
      collect(*due);
    }
    now_ = end;
  }
  void run() { run(Duration::zero()); }
  /// As World::inspect: what `ask` appends is carried out.
  template <typename Ask>
  void inspect(Process& process, Ask ask) {
    Host& host = host_of(process);
    ask(now_, host.out);
    collect(host);
  }

 private:
  struct Host;
  struct Peer {
    Host* host = nullptr;
    StreamId id;
  };
  struct Host {
    Host(Process& p, PacketPool& pool) : process(p), out(pool) {}
    Process& process;
    Outbox out;
    std::map<StreamId, Peer> streams;
    bool gone = false;
  };
  struct Event {
    Host* to;
    StreamEvent::Kind kind;
    StreamId id;
    std::string service;
    std::string bytes;
  };
  Host& host_of(Process& process) {
    for (const auto& host : hosts_)
      if (&host->process == &process) return *host;
    TACOMA_ASSERT(false);
    return *hosts_.front();
  }
  void collect(Host& from) {
    for (const Outbox::StreamOp& op : from.out.stream_ops()) {
      const auto peer = from.streams.find(op.id);
      switch (op.kind) {
        case Outbox::StreamOp::Kind::open: open(from, op); break;
        case Outbox::StreamOp::Kind::write:
          if (peer == from.streams.end()) break;
          queue_.push_back({peer->second.host, StreamEvent::Kind::data, peer->second.id, {}, std::string(as_text(from.out.stream_bytes(op)))});
          break;
        case Outbox::StreamOp::Kind::close:
          if (peer == from.streams.end()) break;
          queue_.push_back({peer->second.host, StreamEvent::Kind::closed, peer->second.id, {}, {}});
          peer->second.host->streams.erase(peer->second.id);
          from.streams.erase(peer);
          break;
      }
    }
    from.out.clear();
  }
  void open(Host& from, const Outbox::StreamOp& op) {
    Host* to = services_[op.service];
    if (!to) {
      queue_.push_back({&from, StreamEvent::Kind::closed, op.id, {}, {}});
      return;
    }
    const StreamId theirs(next_accepted_++);
    from.streams[op.id] = {to, theirs};
    to->streams[theirs] = {&from, op.id};
    queue_.push_back({to, StreamEvent::Kind::accepted, theirs, op.service, {}});
    queue_.push_back({&from, StreamEvent::Kind::opened, op.id, {}, {}});
  }
  void deliver() {
    while (!queue_.empty()) {
      Event event = std::move(queue_.front());
      queue_.pop_front();
      if (event.to->gone) continue;
      event.to->process.on_stream(now_, {event.kind, event.id, event.service, as_bytes(event.bytes)}, event.to->out);
      collect(*event.to);
    }
  }

  PacketPool pool_;
  Instant now_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::map<std::string, Host*> services_;
  std::deque<Event> queue_;
  uint32_t next_accepted_ = 0x80000000u;
};

/// A client that keeps what it gets. `on_stanza`, where given, sees each stanza first and may answer with send().
class Client final : public Process {
 public:
  Client(XmppClient::Config config, uint64_t seed) : stream_(std::move(config), Rng(seed)) {}

  void send(const Element& stanza) { stream_.send(stanza); }
  const Jid& jid() const { return stream_.jid(); }
  bool is_ready() const { return stream_.is_ready(); }
  bool is_closed() const { return closed_; }
  void close() { stream_.close(); }
  /// Takes what came since the last call.
  std::vector<Element> take() { return std::exchange(inbox_, {}); }
  std::function<void(const Element&)> on_stanza;
  bool keeps = true;  // false: what came is only shown to on_stanza
  std::string failure;

  void start(Instant, Outbox& out) override { out.open_stream(StreamId(1), "xmpp"); }
  void on_datagrams(Instant, Span<Datagram>, Outbox&) override {}
  void on_stream(Instant now, const StreamEvent& event, Outbox& out) override {
    now_ = now;
    if (event.kind == StreamEvent::Kind::opened) stream_.start();
    if (event.kind == StreamEvent::Kind::closed) closed_ = true;
    if (event.kind == StreamEvent::Kind::data) {
      stream_.on_bytes(event.data);
      while (auto e = stream_.poll()) {
        if (e->kind == XmppEvent::Kind::failed) failure = e->reason;
        if (e->kind != XmppEvent::Kind::stanza) continue;
        if (on_stanza) on_stanza(e->stanza);
        if (keeps) inbox_.push_back(std::move(e->stanza));
      }
    }
    flush(out);
  }
  void on_deadline(Instant now, Outbox& out) override {
    now_ = now;
    flush(out);
  }
  Deadline deadline() const override { return {stream_.has_output() && !closed_ ? now_ : Instant::never(), "output"}; }

 private:
  void flush(Outbox& out) {
    if (stream_.has_output()) out.write_stream(StreamId(1), stream_.take_output());
  }
  XmppClient stream_;
  Instant now_;
  bool closed_ = false;
  std::vector<Element> inbox_;
};

inline XmppClient::Config anonymous(std::string domain = "tacoma.test") {
  XmppClient::Config config;
  config.domain = std::move(domain);
  return config;
}
inline XmppClient::Config account(std::string user, std::string password, std::string resource,
                                  SaslMechanism mechanism = SaslMechanism::scram_sha_1) {
  XmppClient::Config config;
  config.domain = "auth.tacoma.test";
  config.mechanism = mechanism;
  config.user = std::move(user);
  config.password = std::move(password);
  config.resource = std::move(resource);
  return config;
}

}  // namespace tacoma::test
