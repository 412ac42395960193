#include "core/signal/stanza.h"

#include <array>

namespace tacoma {

namespace {
constexpr size_t kMaxJidPart = 1023;  // RFC 7622 section 3

bool valid_part(std::string_view part, std::string_view forbidden) {
  if (part.empty() || part.size() > kMaxJidPart) return false;
  for (const char c : part)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || forbidden.find(c) != std::string_view::npos) return false;
  return true;
}
std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

struct ConditionRow {
  Condition condition;
  const char* name;
  const char* type;  // RFC 6120 section 8.3.3: the usual error type
};
constexpr std::array kConditions = {
    ConditionRow{Condition::bad_request, "bad-request", "modify"},
    ConditionRow{Condition::conflict, "conflict", "cancel"},
    ConditionRow{Condition::feature_not_implemented, "feature-not-implemented", "cancel"},
    ConditionRow{Condition::forbidden, "forbidden", "auth"},
    ConditionRow{Condition::gone, "gone", "cancel"},
    ConditionRow{Condition::internal_server_error, "internal-server-error", "cancel"},
    ConditionRow{Condition::item_not_found, "item-not-found", "cancel"},
    ConditionRow{Condition::jid_malformed, "jid-malformed", "modify"},
    ConditionRow{Condition::not_acceptable, "not-acceptable", "modify"},
    ConditionRow{Condition::not_allowed, "not-allowed", "cancel"},
    ConditionRow{Condition::not_authorized, "not-authorized", "auth"},
    ConditionRow{Condition::policy_violation, "policy-violation", "modify"},
    ConditionRow{Condition::recipient_unavailable, "recipient-unavailable", "wait"},
    ConditionRow{Condition::registration_required, "registration-required", "auth"},
    ConditionRow{Condition::remote_server_not_found, "remote-server-not-found", "cancel"},
    ConditionRow{Condition::remote_server_timeout, "remote-server-timeout", "wait"},
    ConditionRow{Condition::resource_constraint, "resource-constraint", "wait"},
    ConditionRow{Condition::service_unavailable, "service-unavailable", "cancel"},
    ConditionRow{Condition::unexpected_request, "unexpected-request", "wait"},
    ConditionRow{Condition::undefined_condition, "undefined-condition", "cancel"},
};
const ConditionRow& row_of(Condition condition) {
  for (const ConditionRow& row : kConditions)
    if (row.condition == condition) return row;
  return kConditions.back();
}

Element make_stanza(std::string_view name, std::string_view type, const Jid& to) {
  Element stanza(name, ns::kClient);
  if (!to.empty()) stanza.set("to", to.to_string());
  if (!type.empty()) stanza.set("type", type);
  return stanza;
}

Element make_answer(const Element& request, std::string_view type) {
  Element answer(request.name, request.ns);
  if (const std::string* from = request.find_attr("from")) answer.set("to", *from);
  if (const std::string* to = request.find_attr("to")) answer.set("from", *to);
  answer.set("type", type);
  if (const std::string* id = request.find_attr("id")) answer.set("id", *id);
  return answer;
}

Jid jid_attr(const Element& stanza, std::string_view name) {
  const std::string* value = stanza.find_attr(name);
  if (!value) return {};
  return Jid::parse(*value).value_or(Jid());
}
}  // namespace

std::optional<Jid> Jid::parse(std::string_view text) {
  Jid jid;
  const size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    jid.resource = text.substr(slash + 1);
    if (!valid_part(jid.resource, {})) return std::nullopt;
    text = text.substr(0, slash);
  }
  const size_t at = text.find('@');
  if (at != std::string_view::npos) {
    jid.node = lower(text.substr(0, at));
    if (!valid_part(jid.node, "\"&'/:<>@ ")) return std::nullopt;
    text = text.substr(at + 1);
  }
  jid.domain = lower(text);
  if (!valid_part(jid.domain, "\"&'/<>@ ")) return std::nullopt;
  return jid;
}

std::string Jid::to_string() const {
  std::string out;
  if (!node.empty()) out += node + "@";
  out += domain;
  if (!resource.empty()) out += "/" + resource;
  return out;
}

const char* name_of(Condition condition) { return row_of(condition).name; }

std::optional<Condition> condition_of(std::string_view name) {
  for (const ConditionRow& row : kConditions)
    if (row.name == name) return row.condition;
  return std::nullopt;
}

Element to_element(const StanzaError& error) {
  Element out("error", ns::kClient);
  out.set("type", error.type.empty() ? std::string_view(row_of(error.condition).type) : std::string_view(error.type));
  out.add(name_of(error.condition), ns::kStanzaErrors);
  if (!error.text.empty()) out.add_text("text", ns::kStanzaErrors, error.text);
  for (const Element& detail : error.details) out.add(detail);
  return out;
}

StanzaError parse_error(const Element& stanza) {
  StanzaError out;
  const Element* error = stanza.child("error");
  if (!error) return out;
  out.type = error->attr("type");
  for (const Element& c : error->children) {
    if (c.ns != ns::kStanzaErrors) out.details.push_back(c);
    else if (c.name == "text") out.text = c.text;
    else if (const auto condition = condition_of(c.name)) out.condition = *condition;
  }
  return out;
}

Element make_iq(std::string_view type, const Jid& to, std::string_view id) { return make_stanza("iq", type, to).set("id", id); }
Element make_message(std::string_view type, const Jid& to) { return make_stanza("message", type, to); }
Element make_presence(std::string_view type, const Jid& to) { return make_stanza("presence", type, to); }

Element make_result(const Element& request) { return make_answer(request, "result"); }

Element make_error(const Element& request, const StanzaError& error) {
  Element answer = make_answer(request, "error");
  answer.add(to_element(error));
  return answer;
}

Element make_error(const Element& request, Condition condition, std::string_view text) {
  return make_error(request, StanzaError{condition, {}, std::string(text), {}});
}

Jid from_of(const Element& stanza) { return jid_attr(stanza, "from"); }
Jid to_of(const Element& stanza) { return jid_attr(stanza, "to"); }

std::string make_hex(Rng& rng, size_t digits) {
  std::string out;
  uint64_t word = 0;
  for (size_t i = 0; i < digits && i < 64; ++i, word >>= 4) {
    if (i % 16 == 0) word = rng.u64();
    out += "0123456789abcdef"[word & 15];
  }
  return out;
}

std::string make_uuid(Rng& rng) {
  std::string hex = make_hex(rng, 32);
  hex[12] = '4';
  hex[16] = "89ab"[rng.below(4)];
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) + "-" + hex.substr(20);
}

}  // namespace tacoma
