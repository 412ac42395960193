#include "core/signal/xml.h"

#include <algorithm>

namespace tacoma {

const std::string* Element::find_attr(std::string_view wanted) const {
  for (const Attribute& a : attributes)
    if (a.name == wanted) return &a.value;
  return nullptr;
}

std::string_view Element::attr(std::string_view wanted, std::string_view absent) const {
  const std::string* value = find_attr(wanted);
  return value ? std::string_view(*value) : absent;
}

bool Element::attr_bool(std::string_view wanted, bool absent) const {
  const std::string* value = find_attr(wanted);
  if (!value) return absent;
  return *value == "true" || *value == "1";
}

Element& Element::set(std::string_view wanted, std::string_view value) {
  for (Attribute& a : attributes) {
    if (a.name == wanted) {
      a.value = value;
      return *this;
    }
  }
  attributes.push_back({std::string(wanted), std::string(value)});
  return *this;
}

Element& Element::set(std::string_view wanted, uint64_t value) { return set(wanted, std::string_view(std::to_string(value))); }

void Element::remove_attr(std::string_view wanted) {
  attributes.erase(std::remove_if(attributes.begin(), attributes.end(), [&](const Attribute& a) { return a.name == wanted; }),
                   attributes.end());
}

const Element* Element::child(std::string_view wanted, std::string_view wanted_ns) const {
  for (const Element& c : children)
    if (c.is(wanted, wanted_ns)) return &c;
  return nullptr;
}

Element* Element::child(std::string_view wanted, std::string_view wanted_ns) {
  return const_cast<Element*>(static_cast<const Element*>(this)->child(wanted, wanted_ns));
}

const Element* Element::child_of(std::string_view wanted_ns) const {
  for (const Element& c : children)
    if (c.ns == wanted_ns) return &c;
  return nullptr;
}

std::string_view Element::child_text(std::string_view wanted, std::string_view wanted_ns) const {
  const Element* found = child(wanted, wanted_ns);
  return found ? std::string_view(found->text) : std::string_view();
}

Element& Element::add(std::string_view child_name, std::string_view child_ns) {
  return children.emplace_back(child_name, child_ns);
}

Element& Element::add(Element child) {
  children.push_back(std::move(child));
  return children.back();
}

Element& Element::add_text(std::string_view child_name, std::string_view child_ns, std::string_view value) {
  Element& made = add(child_name, child_ns);
  made.text = value;
  return made;
}

void write_escaped(std::string_view text, std::string& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '\'': out += "&apos;"; break;
      case '"': out += "&quot;"; break;
      // Attribute values and line ends are normalised on parsing (XML 1.0 sections 2.11 and 3.3.3) unless written so.
      case '\n': out += "&#10;"; break;
      case '\r': out += "&#13;"; break;
      case '\t': out += "&#9;"; break;
      case '\xef':  // U+FFFE and U+FFFF are no characters of XML 1.0 (section 2.2), though JSON can carry them
        if (text.substr(i, 3) == "\xef\xbf\xbe" || text.substr(i, 3) == "\xef\xbf\xbf") i += 2;
        else out += c;
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20) out += c;  // nor are the other controls
    }
  }
}

void write_xml(const Element& element, std::string_view parent_ns, std::string& out) {
  const bool prefixed = element.ns == ns::kStream;
  const std::string_view own_ns = prefixed ? parent_ns : std::string_view(element.ns);
  const size_t name_start = out.size() + 1;
  out += prefixed ? "<stream:" : "<";
  out += element.name;
  const size_t name_end = out.size();
  if (own_ns != parent_ns) {
    out += " xmlns='";
    write_escaped(own_ns, out);
    out += '\'';
  }
  for (const Attribute& a : element.attributes) {
    out += ' ';
    out += a.name;
    out += "='";
    write_escaped(a.value, out);
    out += '\'';
  }
  if (element.children.empty() && element.text.empty()) {
    out += "/>";
    return;
  }
  out += '>';
  write_escaped(element.text, out);
  for (const Element& c : element.children) write_xml(c, own_ns, out);
  out += "</";
  out.append(std::string(out, name_start, name_end - name_start));
  out += '>';
}

std::string to_xml(const Element& element, std::string_view parent_ns) {
  std::string out;
  write_xml(element, parent_ns, out);
  return out;
}

const char* explain(XmlFault fault) {
  switch (fault) {
    case XmlFault::not_well_formed: return "not well-formed XML";
    case XmlFault::forbidden: return "DTD, entity, comment or processing instruction";
    case XmlFault::stanza_too_long: return "stanza too long";
    case XmlFault::tag_too_long: return "tag too long";
    case XmlFault::name_too_long: return "name or namespace too long";
    case XmlFault::too_deep: return "elements nested too deep";
    case XmlFault::too_many_attributes: return "too many attributes";
    case XmlFault::too_many_children: return "too many child elements";
    case XmlFault::too_many_elements: return "too many elements in a stanza";
  }
  return "?";
}

}  // namespace tacoma
