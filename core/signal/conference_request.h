// The conference request: how a client asks the focus for a room before it joins.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/signal/stanza.h"

namespace tacoma {

inline constexpr size_t kMaxConferenceProperties = 64;

/// Request and answer are the same element.
struct ConferenceRequest {
  Jid room;                                // required
  std::string machine_uid, token, session_id;
  std::string identity, vnode;             // answers only
  bool ready = false;                      // answers only: the focus has joined the room
  std::string focus_jid;                   // answers only: the bare JID whose occupant is the focus
  std::vector<std::pair<std::string, std::string>> properties;
  std::string_view property(std::string_view name) const;  // empty when absent
};

Element make_conference_request(const Jid& focus, std::string_view id, const ConferenceRequest& request);
Element make_conference_answer(const Element& request, const ConferenceRequest& answer);
/// True for an iq that carries <conference xmlns='http://jitsi.org/protocol/focus'/>.
bool is_conference_request(const Element& iq);
/// Reads a request or an answer. Errors: no such element, no or malformed room (must be bare), too many properties.
Result<ConferenceRequest> parse_conference_request(const Element& iq);

}  // namespace tacoma
