// The focus's connection as its parts use it: stanzas out, and what the answers to requests are for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/signal/iq_tracker.h"
#include "core/signal/xmpp_stream.h"
#include "focus/engine/bridge_selector.h"

namespace tacoma::focus {

/// What the answer to a request is for. Numbers, not pointers: what was asked for may be gone when the answer comes.
struct Pending {
  enum class Kind : uint8_t { config_form, config, disco, allocate, initiate, update, ice_restart, health, rooms, room_info } kind = Kind::disco;
  uint64_t room = 0;      // Room::number()
  uint32_t member = 0;    // Member::number
  uint32_t invite = 0;    // Member::invite: which of its invitations
  uint64_t session = 0;   // which of the room's colibri sessions
  BridgeId bridge = BridgeId();  // of health
  bool is_retry = false;  // of health
};

class Line {
 public:
  explicit Line(Jid own) : own_(std::move(own)), own_text_(own_.to_string()), outside_("http@" + own_.domain + "/") {}

  /// A new stream in place of the last; requests under way on that are forgotten.
  void attach(XmppComponent stream) {
    stream_.emplace(std::move(stream));
    requests_.clear();
  }
  void detach() {
    stream_.reset();
    requests_.clear();
  }
  XmppComponent* stream() { return stream_ ? &*stream_ : nullptr; }
  bool is_ready() const { return stream_ && stream_->is_ready(); }
  /// Requests from outside XMPP come from addresses of the component's own that nobody else can send from; what is sent to those is
  /// kept for whoever asked.
  Jid outside(uint64_t number) const { return {"http", own_.domain, std::to_string(number)}; }
  std::vector<Element>& answers() { return answers_; }

  /// focus@focus.DOMAIN/focus: the sender of all that is no answer.
  const Jid& own() const { return own_; }
  const std::string& own_text() const { return own_text_; }

  void send(Element stanza) {
    if (!stream_) return;
    if (stanza.attr("to").substr(0, outside_.size()) == outside_) {
      answers_.push_back(std::move(stanza));
      return;
    }
    if (!stanza.find_attr("from")) stanza.set("from", own_text_);
    stream_->send(stanza);
  }
  void send_text(std::string_view xml) {
    if (stream_) stream_->send_text(xml);
  }
  bool has_room() const { return requests_.size() < IqTracker<Pending>::kMaxPending; }
  /// Sends a request whose answer, or timeout, comes back as `pending`. False when too many are under way.
  bool request(Element iq, Instant deadline, const Pending& pending) {
    const auto id = requests_.track(to_of(iq), deadline, pending);
    if (!id) return false;
    iq.set("id", *id);
    send(std::move(iq));
    return true;
  }
  /// Sends a request whose answer changes nothing.
  void notify(Element iq) {
    iq.set("id", next_id());
    send(std::move(iq));
  }
  std::string next_id() { return "n" + std::to_string(++last_id_); }
  IqTracker<Pending>& requests() { return requests_; }
  const IqTracker<Pending>& requests() const { return requests_; }

 private:
  Jid own_;
  std::string own_text_, outside_;
  std::optional<XmppComponent> stream_;
  IqTracker<Pending> requests_{"q"};
  std::vector<Element> answers_;  // to requests from outside; taken after each call
  uint64_t last_id_ = 0;
};

}  // namespace tacoma::focus
