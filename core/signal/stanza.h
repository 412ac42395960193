// JIDs, the three stanzas, and stanza errors (RFC 6120, RFC 7622).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/base/rng.h"
#include "core/signal/xml.h"

namespace tacoma {

/// node@domain/resource; node and resource may be absent. ASCII letters of node and domain are kept in lower case; full
/// PRECIS mapping (RFC 7622) is left to the server, as clients may.
struct Jid {
  std::string node, domain, resource;

  /// nullopt for an empty domain, an empty node before '@', an empty resource after '/', a part over 1,023 bytes, control
  /// characters, or a character forbidden in a node.
  static std::optional<Jid> parse(std::string_view text);
  Jid bare() const { return {node, domain, {}}; }
  Jid with_resource(std::string_view r) const { return {node, domain, std::string(r)}; }
  bool is_bare() const { return resource.empty(); }
  bool empty() const { return domain.empty(); }
  std::string to_string() const;
  bool operator==(const Jid&) const = default;
  auto operator<=>(const Jid&) const = default;
};

/// Stanza error conditions (RFC 6120 section 8.3.3) that somebody here sends or tells apart.
enum class Condition : uint8_t {
  bad_request, conflict, feature_not_implemented, forbidden, gone, internal_server_error, item_not_found, jid_malformed,
  not_acceptable, not_allowed, not_authorized, policy_violation, recipient_unavailable, registration_required,
  remote_server_not_found, remote_server_timeout, resource_constraint, service_unavailable, unexpected_request,
  undefined_condition,
};
const char* name_of(Condition condition);                          // "bad-request"
std::optional<Condition> condition_of(std::string_view name);

struct StanzaError {
  Condition condition = Condition::undefined_condition;
  std::string type;               // cancel, auth, modify, wait, continue; empty: the condition's usual one
  std::string text;
  std::vector<Element> details;   // application-specific children
};
/// The <error/> child. Its namespace is that of stanzas, jabber:client.
Element to_element(const StanzaError& error);
/// The error of a stanza of type `error`; a missing or unknown condition reads as undefined_condition.
StanzaError parse_error(const Element& stanza);

// Stanzas are plain Elements in jabber:client, addressed by attributes. Components speak the same: their stream maps the
// namespace both ways.
Element make_iq(std::string_view type, const Jid& to, std::string_view id);    // type: get, set
Element make_message(std::string_view type, const Jid& to);                    // type: chat, groupchat, normal, headline
Element make_presence(std::string_view type, const Jid& to);                   // type: empty = available
/// The answer to an iq of type get or set: id kept byte for byte, from and to swapped.
Element make_result(const Element& request);
Element make_error(const Element& request, const StanzaError& error);
Element make_error(const Element& request, Condition condition, std::string_view text = {});

inline bool is_iq(const Element& e) { return e.is("iq", ns::kClient); }
inline bool is_message(const Element& e) { return e.is("message", ns::kClient); }
inline bool is_presence(const Element& e) { return e.is("presence", ns::kClient); }
inline bool is_request(const Element& e) { return is_iq(e) && (e.attr("type") == "get" || e.attr("type") == "set"); }
inline bool is_answer(const Element& e) { return is_iq(e) && (e.attr("type") == "result" || e.attr("type") == "error"); }
/// The sender and receiver; empty Jid when absent or malformed.
Jid from_of(const Element& stanza);
Jid to_of(const Element& stanza);

/// A random version 4 UUID (RFC 4122): meeting ids, session ids, node names of anonymous users.
std::string make_uuid(Rng& rng);
/// `digits` random lower-case hex digits, at most 64.
std::string make_hex(Rng& rng, size_t digits);

}  // namespace tacoma
