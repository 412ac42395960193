// The router's streams: who is connected, under which JID, and what is to be written to whom.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/process.h"
#include "core/signal/xmpp_stream.h"
#include "sim/router/stanza_router.h"

namespace tacoma::router {

/// A stanza that goes to many: serialised once, but for the address that differs.
class SharedStanza {
 public:
  SharedStanza() = default;
  /// A `to` attribute of the stanza is left out.
  explicit SharedStanza(const Element& stanza);
  /// A stanza whose children are XML already, in the namespace jabber:client.
  SharedStanza(std::string_view name, std::string_view from, std::string_view type, std::string_view children_xml);

  std::string head, tail;  // the text before and after the `to` attribute
};

/// The streams of both services. A stream is named by its StreamId; what is written is kept in the stream until flush().
class Streams {
 public:
  Streams(const XmppHosts& hosts, const RouterLimits& limits, const Rng& rng, RouterStats& stats);

  /// Returns false when there are too many: the caller closes it.
  bool accept(Instant now, StreamId id, XmppServerStream::Kind kind);
  XmppServerStream* find(StreamId id);
  XmppServerStream::Kind kind_of(StreamId id) const;
  void erase(StreamId id);
  /// Ends the streams that should have been bound by now.
  void end_late_logins(Instant now);
  /// When the next of them is due; never() when all are bound.
  Instant next_late_login() const { return logins_.empty() ? Instant::never() : logins_.begin()->first; }

  /// The stream is ready as `jid` (a full JID, or a component's domain). Returns the stream that held the address before,
  /// which the caller ends: the newcomer wins, since an old stream may be a dead connection.
  std::optional<StreamId> bind(StreamId id, const Jid& jid);
  /// Where stanzas to this full JID, or to this component's domain, go.
  std::optional<StreamId> route(std::string_view address) const;

  void send(StreamId to, const Element& stanza);
  void send(StreamId to, std::string_view address, const SharedStanza& stanza);
  /// Ends the stream: it is reported in `ended` by the next flush.
  void end(StreamId id);
  void touch(StreamId id);  // has output that did not come by send()
  /// Hands all that was written to the world, in the order in which the streams were first written to. Streams that are
  /// over are reported in `ended` and stay until they are erased.
  void flush(Outbox& out, std::vector<StreamId>& ended);

 private:
  struct Entry {
    XmppServerStream stream;
    XmppServerStream::Kind kind;
    Instant login_until;
    std::string address;  // once bound
    bool touched = false;
    bool ending = false;
  };
  Entry* ready_entry(StreamId id);
  void touch(StreamId id, Entry& entry);

  const XmppHosts& hosts_;
  const RouterLimits& limits_;
  Rng rng_;
  RouterStats& stats_;
  uint64_t accepted_ = 0;
  std::map<StreamId, Entry> entries_;
  std::map<std::string, StreamId, std::less<>> addresses_;
  std::set<std::pair<Instant, StreamId>> logins_;  // of the streams that are not bound and not ending
  std::vector<StreamId> touched_;
};

}  // namespace tacoma::router
