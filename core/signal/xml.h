// XML as XMPP uses it (RFC 6120 section 11): elements, attributes and text; no DTD, entity, comment or processing instruction.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "core/signal/namespaces.h"

namespace tacoma {

struct Attribute {
  std::string name;  // without a prefix, but "xml:lang"
  std::string value;
  bool operator==(const Attribute&) const = default;
};

/// One XML element with all that it holds. Text is the element's own character data in one piece: stanzas do not mix text
/// and elements, so their order against each other is not kept.
struct Element {
  std::string name;
  std::string ns;
  std::vector<Attribute> attributes;  // in order
  std::vector<Element> children;      // in order
  std::string text;

  Element() = default;
  Element(std::string_view name_, std::string_view ns_) : name(name_), ns(ns_) {}

  bool is(std::string_view name_, std::string_view ns_) const { return name == name_ && ns == ns_; }

  /// The attribute's value, or nullptr.
  const std::string* find_attr(std::string_view wanted) const;
  /// The attribute's value, or `absent`.
  std::string_view attr(std::string_view wanted, std::string_view absent = {}) const;
  /// True for "true" and "1" (XML Schema boolean); everything else, and absence, is `absent` or false.
  bool attr_bool(std::string_view wanted, bool absent = false) const;
  /// Sets or replaces; returns the element for chains.
  Element& set(std::string_view wanted, std::string_view value);
  Element& set(std::string_view wanted, uint64_t value);
  Element& set_bool(std::string_view wanted, bool value) { return set(wanted, value ? std::string_view("true") : "false"); }
  void remove_attr(std::string_view wanted);

  /// The first child of this name in this element's own namespace, or nullptr.
  const Element* child(std::string_view wanted) const { return child(wanted, ns); }
  const Element* child(std::string_view wanted, std::string_view wanted_ns) const;
  Element* child(std::string_view wanted, std::string_view wanted_ns);
  /// The first child of a namespace, whatever its name; nullptr when there is none.
  const Element* child_of(std::string_view wanted_ns) const;
  /// Text of that child, empty when there is none.
  std::string_view child_text(std::string_view wanted, std::string_view wanted_ns) const;

  /// Appends a child in this element's own namespace and returns it. The reference lives until the next add.
  Element& add(std::string_view child_name) { return add(child_name, std::string_view(ns)); }
  Element& add(std::string_view child_name, std::string_view child_ns);
  Element& add(Element child);
  /// Appends a child with text.
  Element& add_text(std::string_view child_name, std::string_view child_ns, std::string_view value);

  bool operator==(const Element&) const = default;
};

/// Appends the element as XML. An element whose namespace differs from its parent's gets a literal default-namespace
/// declaration, never a prefix: the common web client selects children by their literal `xmlns` attribute. Elements of the
/// stream namespace are the exception: they carry the prefix `stream`, which the stream header has declared.
/// `parent_ns`: the default namespace where the text will stand; empty declares it on the element itself.
void write_xml(const Element& element, std::string_view parent_ns, std::string& out);
std::string to_xml(const Element& element, std::string_view parent_ns = {});
/// Appends text with the five predefined entities.
void write_escaped(std::string_view text, std::string& out);
/// Parses one whole element without a stream around it (tests, seeds, tools); empty name when it is not one well-formed,
/// permitted document.
Element parse_xml(std::string_view text);

/// What a stranger can make us hold. A breach ends the stream.
struct XmlLimits {
  size_t stanza_bytes = 256 * 1024;  // one stanza, or the stream header
  size_t tag_bytes = 32 * 1024;      // one start tag with its attributes
  size_t name_bytes = 256;           // a namespace, an element or attribute name: each element holds a copy
  size_t depth = 32;                 // below the stream element
  size_t attributes = 64;            // of one element
  size_t children = 4096;            // of one element
  size_t elements = 8192;            // of one stanza in all
};

enum class XmlFault : uint8_t {
  not_well_formed,
  forbidden,        // DTD, entity, comment or processing instruction (RFC 6120 section 11.1)
  stanza_too_long,
  tag_too_long,
  name_too_long,
  too_deep,
  too_many_attributes,
  too_many_children,
  too_many_elements,
};
const char* explain(XmlFault fault);

struct XmlEvent {
  enum class Kind : uint8_t { none, stream_open, stanza, stream_close, error };
  Kind kind = Kind::none;
  Element element;  // stream_open: the stream element's name, namespace and attributes; `default_ns` below. stanza: all of it
  std::string default_ns;  // stream_open: the declared default namespace (jabber:client, jabber:component:accept)
  XmlFault fault = XmlFault::not_well_formed;  // of error
};

/// Cuts a byte stream into a stream header, stanzas and a stream end. Bytes may come cut anywhere.
/// Between stanzas it holds no expat state (a few KiB): a parser is made when bytes arrive.
class XmlStreamParser {
 public:
  /// `hash_salt` seeds expat's hash tables, so that they need no entropy of the system.
  explicit XmlStreamParser(uint64_t hash_salt, const XmlLimits& limits = {});
  ~XmlStreamParser();
  XmlStreamParser(XmlStreamParser&&) noexcept;
  XmlStreamParser& operator=(XmlStreamParser&&) noexcept;

  /// Reads up to the next event or the end of `in`; returns how many bytes were used. Call again with the rest until the
  /// event's kind is `none`. After an error or a stream_close it takes no more until reset().
  size_t read(BytesView in, XmlEvent& event);
  /// Starts over with a new stream header (after SASL, RFC 6120 section 4.3.3).
  void reset();
  /// Frees the parser when no stanza has begun. Called by streams after each batch.
  void release_if_idle();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tacoma
