// Stanzas as readable text: written down from the protocol, and compared with what was really said.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <string_view>

#include "core/signal/stanza.h"

namespace tacoma::test {

inline std::string trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \n\t");
  return first == std::string_view::npos ? std::string() : std::string(text.substr(first, text.find_last_not_of(" \n\t") - first + 1));
}

/// A stanza as it stands in a jabber:client stream.
inline Element stanza_of(std::string_view text) {
  const Element stream = parse_xml("<stream xmlns='jabber:client'>" + std::string(text) + "</stream>");
  INFO(text);
  REQUIRE(stream.children.size() == 1);
  return stream.children[0];
}

/// What of `pattern` is not so in `actual`; empty when all is. Attributes and children that the pattern does not name may be
/// there, children in its order. An attribute or text '*' stands for any but an empty one, an attribute '-' for none. The
/// pattern's own attribute only='true': no other children.
inline std::string difference(const Element& pattern, const Element& actual) {
  if (pattern.name != actual.name || pattern.ns != actual.ns) return "<" + actual.name + " xmlns='" + actual.ns + "'> is no <" + pattern.name + " xmlns='" + pattern.ns + "'>";
  bool only = false;
  for (const Attribute& wanted : pattern.attributes) {
    if (wanted.name == "only") {
      only = true;
      continue;
    }
    const std::string* found = actual.find_attr(wanted.name);
    if (wanted.value == "-" ? found != nullptr : !found || (wanted.value == "*" ? found->empty() : *found != wanted.value))
      return "<" + actual.name + "> has " + wanted.name + "=" + (found ? "'" + *found + "'" : "nothing") + ", not '" + wanted.value + "'";
  }
  const std::string text = trimmed(pattern.text), said = trimmed(actual.text);
  if (!text.empty() && (text == "*" ? said.empty() : text != said)) return "<" + actual.name + "> says '" + said + "', not '" + text + "'";
  size_t next = 0;
  for (const Element& wanted : pattern.children) {
    std::string nearest = "<" + actual.name + "> has no <" + wanted.name + " xmlns='" + wanted.ns + "'> there";
    bool is_found = false;
    while (!is_found && next < actual.children.size()) {
      const Element& candidate = actual.children[next++];
      const std::string difference_here = difference(wanted, candidate);
      is_found = difference_here.empty();
      if (!is_found && candidate.is(wanted.name, wanted.ns)) nearest = difference_here;
    }
    if (!is_found) return nearest;
  }
  if (only && actual.children.size() != pattern.children.size()) return "<" + actual.name + "> has " + std::to_string(actual.children.size()) + " children";
  return {};
}

inline void check_said(const Element& actual, std::string_view pattern) {
  INFO("said: " << to_xml(actual));
  CHECK(difference(stanza_of(pattern), actual) == "");
}

}  // namespace tacoma::test
