// The incremental parser: expat with everything that XMPP forbids switched off.
#include <expat.h>

#include <optional>
#include <utility>

#include "core/base/assert.h"
#include "core/signal/xml.h"

namespace tacoma {

namespace {
constexpr char kSeparator = '\n';  // cannot stand in a namespace: expat refuses it there
constexpr std::string_view kXmlNamespace = "http://www.w3.org/XML/1998/namespace";
// expat keeps a buffer of twice what it is given at once.
constexpr size_t kChunk = 1024;

struct SplitName {
  std::string_view ns, local, prefix;
};
/// expat's triplet: namespace, local name and prefix; namespace and prefix may be missing.
SplitName split_name(const char* name) {
  const std::string_view all(name);
  const size_t at = all.find(kSeparator);
  if (at == std::string_view::npos) return {{}, all, {}};
  const std::string_view local = all.substr(at + 1);
  const size_t end = local.find(kSeparator);
  if (end == std::string_view::npos) return {all.substr(0, at), local, {}};
  return {all.substr(0, at), local.substr(0, end), local.substr(end + 1)};
}
/// Where the first byte stands that UTF-8 text never holds; the size when there is none. expat would take some of them for
/// UTF-16, whatever encoding it was told.
size_t find_foreign_byte(BytesView in) {
  for (size_t i = 0; i < in.size(); ++i) {
    const uint8_t byte = in.data()[i];
    if (byte == 0x00 || byte >= 0xfe) return i;
  }
  return in.size();
}
bool is_space(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }
}  // namespace

struct XmlStreamParser::State {
  XmlLimits limits;
  uint64_t salt;
  XML_Parser expat = nullptr;
  XmlEvent* event = nullptr;       // of the read() under way
  std::optional<XmlFault> fault;
  bool over = false;               // after an error or a stream end
  bool priming = false;            // re-reading the stream header that was seen before
  bool suspended = false;          // after an event, with bytes left in expat
  size_t depth = 0;                // open elements: 1 within the stream, 2 within a stanza
  size_t elements = 0;             // of the stanza under way
  Element stanza;
  std::vector<Element*> open;      // the stanza's open elements; each is the last child of the one before
  std::string root;                // the stream element's name as written, with its prefix
  std::vector<std::pair<std::string, std::string>> declared;  // namespaces of the stream header, by prefix
  uint64_t fed = 0;                // bytes given to this expat
  uint64_t stanza_start = 0;       // where the last top-level part ended
  uint64_t token_end = 0;          // where the last token ended
  std::string unread;              // the tail of the last chunk when suspended: a reset must not lose it
  std::string pending;             // unread bytes of before a reset

  State(uint64_t salt_, const XmlLimits& limits_) : limits(limits_), salt(salt_) {}
  ~State() { free_expat(); }
  State(const State&) = delete;

  void free_expat() {
    if (expat) XML_ParserFree(expat);
    expat = nullptr;
  }

  void make_expat() {
    expat = XML_ParserCreateNS("UTF-8", kSeparator);  // RFC 6120 section 11.6: UTF-8 whatever is declared
    TACOMA_ASSERT(expat);
    fed = stanza_start = token_end = 0;
    suspended = false;
    XML_SetUserData(expat, this);
    XML_SetReturnNSTriplet(expat, 1);
    XML_SetHashSalt(expat, static_cast<unsigned long>(salt | 1));
    XML_SetReparseDeferralEnabled(expat, XML_FALSE);  // a stanza is due when its last byte is here; tag_bytes bounds the cost
    XML_SetElementHandler(expat, on_start, on_end);
    XML_SetCharacterDataHandler(expat, on_text);
    XML_SetStartNamespaceDeclHandler(expat, on_namespace);
    XML_SetCommentHandler(expat, [](void* self, const char*) { static_cast<State*>(self)->stop(XmlFault::forbidden); });
    XML_SetProcessingInstructionHandler(expat, [](void* self, const char*, const char*) { static_cast<State*>(self)->stop(XmlFault::forbidden); });
    XML_SetStartDoctypeDeclHandler(
        expat, [](void* self, const char*, const char*, const char*, int) { static_cast<State*>(self)->stop(XmlFault::forbidden); });
    if (depth > 0) prime();
  }

  /// Gives a fresh expat the header that the stream began with, so that its prefixes keep their meaning.
  void prime() {
    std::string header = "<" + root;
    for (const auto& [prefix, uri] : declared) {
      header += prefix.empty() ? " xmlns='" : " xmlns:" + prefix + "='";
      write_escaped(uri, header);
      header += '\'';
    }
    header += '>';
    priming = true;
    const XML_Status status = XML_Parse(expat, header.data(), static_cast<int>(header.size()), 0);
    TACOMA_ASSERT(status == XML_STATUS_OK);
    priming = false;
    fed = stanza_start = token_end = header.size();
  }

  void stop(XmlFault why) {
    if (!fault) fault = why;
    XML_StopParser(expat, XML_FALSE);
  }
  void emit(XmlEvent::Kind kind) {
    event->kind = kind;
    stanza_start = token_end;
    XML_StopParser(expat, XML_TRUE);
  }
  void token_done() {
    token_end = static_cast<uint64_t>(XML_GetCurrentByteIndex(expat)) + static_cast<uint64_t>(XML_GetCurrentByteCount(expat));
  }

  static void on_namespace(void* self, const char* prefix, const char* uri) {
    State& s = *static_cast<State*>(self);
    if (uri && std::string_view(uri).size() > s.limits.name_bytes) return s.stop(XmlFault::name_too_long);
    if (s.depth == 0) s.declared.emplace_back(prefix ? prefix : "", uri ? uri : "");
  }

  static void on_start(void* self, const char* name, const char** attributes) {
    State& s = *static_cast<State*>(self);
    if (s.priming || s.fault) return;
    if (static_cast<size_t>(XML_GetCurrentByteCount(s.expat)) > s.limits.tag_bytes) return s.stop(XmlFault::tag_too_long);
    s.token_done();
    const SplitName split = split_name(name);
    if (split.local.size() > s.limits.name_bytes || split.ns.size() > s.limits.name_bytes) return s.stop(XmlFault::name_too_long);
    // Well-formed, but without the prefix `xml` there is no way to write it again.
    if (split.ns == kXmlNamespace) return s.stop(XmlFault::forbidden);
    Element* element = s.place(split);
    if (!element || !s.copy_attributes(*element, attributes)) return;
    if (++s.depth == 1) {
      for (const auto& [prefix, uri] : s.declared)
        if (prefix.empty()) s.event->default_ns = uri;
      s.emit(XmlEvent::Kind::stream_open);
    }
  }

  /// The element that a start tag makes, or nullptr when a limit forbids it.
  Element* place(const SplitName& name) {
    if (depth == 0) {
      event->element = Element(name.local, name.ns);
      root = (name.prefix.empty() ? std::string() : std::string(name.prefix) + ":") + std::string(name.local);
      return &event->element;
    }
    if (depth > limits.depth) return stop(XmlFault::too_deep), nullptr;
    if (++elements > limits.elements) return stop(XmlFault::too_many_elements), nullptr;
    if (depth == 1) {
      stanza = Element(name.local, name.ns);
      open.push_back(&stanza);
      return &stanza;
    }
    Element& parent = *open.back();
    if (parent.children.size() >= limits.children) return stop(XmlFault::too_many_children), nullptr;
    open.push_back(&parent.add(name.local, name.ns));
    return open.back();
  }

  bool copy_attributes(Element& element, const char** attributes) {
    size_t count = 0;
    for (; *attributes; attributes += 2) {
      if (++count > limits.attributes) return stop(XmlFault::too_many_attributes), false;
      const SplitName name = split_name(attributes[0]);
      if (name.local.size() > limits.name_bytes) return stop(XmlFault::name_too_long), false;
      if (name.ns.empty()) element.attributes.push_back({std::string(name.local), attributes[1]});
      else if (name.ns == kXmlNamespace) element.attributes.push_back({"xml:" + std::string(name.local), attributes[1]});
      // An attribute of any other namespace belongs to no stanza that we know.
    }
    return true;
  }

  static void on_end(void* self, const char*) {
    State& s = *static_cast<State*>(self);
    if (s.fault) return;
    s.token_done();
    --s.depth;
    if (s.depth == 0) {
      s.over = true;
      return s.emit(XmlEvent::Kind::stream_close);
    }
    s.open.pop_back();
    if (s.depth > 1) return;
    if (s.token_end - s.stanza_start > s.limits.stanza_bytes) return s.stop(XmlFault::stanza_too_long);
    s.event->element = std::move(s.stanza);
    s.stanza = Element();
    s.elements = 0;
    s.emit(XmlEvent::Kind::stanza);
  }

  static void on_text(void* self, const char* text, int length) {
    State& s = *static_cast<State*>(self);
    if (s.fault) return;
    s.token_done();
    const std::string_view part(text, static_cast<size_t>(length));
    if (!s.open.empty()) {
      s.open.back()->text.append(part);
    } else if (is_space(part)) {
      s.stanza_start = s.token_end;  // a keep-alive (RFC 6120 section 4.6.1)
    } else {
      s.stop(XmlFault::not_well_formed);
    }
  }

  /// Feeds one chunk, or goes on with what expat still has (empty chunk after an event).
  void feed(BytesView chunk) {
    XML_Status status;
    if (suspended) {
      suspended = false;
      status = XML_ResumeParser(expat);
    } else {
      if (!expat) make_expat();
      fed += chunk.size();
      unread.assign(as_text(chunk));
      status = XML_Parse(expat, reinterpret_cast<const char*>(chunk.data()), static_cast<int>(chunk.size()), 0);
    }
    if (status == XML_STATUS_SUSPENDED) {
      suspended = true;
      unread.erase(0, unread.size() - static_cast<size_t>(fed - token_end));
      return;
    }
    unread.clear();
    if (status == XML_STATUS_ERROR && !fault) fault = XmlFault::not_well_formed;
    if (!fault && fed - stanza_start > limits.stanza_bytes) fault = XmlFault::stanza_too_long;
    if (!fault && fed - token_end > limits.tag_bytes) fault = XmlFault::tag_too_long;
    if (fault) raise(*fault);
  }

  void raise(XmlFault why) {
    event->kind = XmlEvent::Kind::error;
    event->fault = why;
    event->element = Element();
    over = true;
  }

  bool idle() const { return depth == 1 && !suspended && fed == token_end; }
  void forget_document() {
    free_expat();
    fault.reset();
    over = suspended = false;
    depth = elements = 0;
    stanza = Element();
    open.clear();
    declared.clear();
  }
};

XmlStreamParser::XmlStreamParser(uint64_t hash_salt, const XmlLimits& limits) : state_(std::make_unique<State>(hash_salt, limits)) {}
XmlStreamParser::~XmlStreamParser() = default;
XmlStreamParser::XmlStreamParser(XmlStreamParser&&) noexcept = default;
XmlStreamParser& XmlStreamParser::operator=(XmlStreamParser&&) noexcept = default;

size_t XmlStreamParser::read(BytesView in, XmlEvent& event) {
  State& s = *state_;
  event = XmlEvent();
  if (s.over) return in.size();
  s.event = &event;
  if (!s.pending.empty()) {
    const std::string pending = std::exchange(s.pending, {});
    s.feed(as_bytes(pending));
    if (event.kind != XmlEvent::Kind::none) return 0;
  }
  if (s.suspended) {
    s.feed({});
    if (event.kind != XmlEvent::Kind::none) return 0;
  }
  size_t used = 0;
  while (used < in.size() && event.kind == XmlEvent::Kind::none) {
    const BytesView chunk = in.subspan(used, kChunk);
    const BytesView text = chunk.subspan(0, find_foreign_byte(chunk));
    used += text.size();
    if (text.empty()) s.raise(XmlFault::not_well_formed);
    else s.feed(text);
  }
  return s.over ? in.size() : used;
}

void XmlStreamParser::reset() {
  State& s = *state_;
  std::string unread = s.suspended ? std::move(s.unread) : std::string();
  s.forget_document();
  s.unread.clear();
  s.pending = std::move(unread);
}

void XmlStreamParser::release_if_idle() {
  State& s = *state_;
  if (!s.expat || !s.idle()) return;
  s.free_expat();
  std::string().swap(s.unread);  // assigning an empty string would keep the memory
  s.open = std::vector<Element*>();
}

Element parse_xml(std::string_view text) {
  XmlStreamParser parser(1);
  XmlEvent event;
  const std::string header = "<s>", footer = "</s>";
  size_t stanzas = 0;
  Element found;
  for (const std::string_view part : {std::string_view(header), text, std::string_view(footer)}) {
    BytesView rest = as_bytes(part);
    do {
      rest = rest.subspan(parser.read(rest, event));
      if (event.kind == XmlEvent::Kind::error) return Element();
      if (event.kind == XmlEvent::Kind::stanza && ++stanzas == 1) found = std::move(event.element);
    } while (event.kind != XmlEvent::Kind::none && event.kind != XmlEvent::Kind::stream_close);
    if (event.kind == XmlEvent::Kind::stream_close && part.data() != footer.data()) return Element();  // closed by the text itself
  }
  return stanzas == 1 ? found : Element();
}

}  // namespace tacoma
