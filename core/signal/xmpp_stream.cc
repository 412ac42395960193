#include "core/signal/xmpp_stream.h"

#include "core/base/assert.h"

namespace tacoma {

namespace {
void rename_ns(Element& element, std::string_view from, std::string_view to) {
  if (element.ns == from) element.ns = to;
  for (Element& c : element.children) rename_ns(c, from, to);
}

/// Whether a receiver with our own limits takes the written stanza.
bool fits(std::string_view written) {
  const XmlLimits limits;
  if (written.size() <= limits.tag_bytes) return true;
  if (written.size() > limits.stanza_bytes) return false;
  for (size_t open = 0; open != std::string_view::npos; open = written.find('<', open + 1)) {
    const size_t end = written.find('>', open);  // neither stands unescaped in a value
    if (end - open >= limits.tag_bytes) return false;
  }
  return true;
}

const char* condition_of(XmlFault fault) {  // RFC 6120 section 4.9.3
  switch (fault) {
    case XmlFault::not_well_formed: return "not-well-formed";
    case XmlFault::forbidden: return "restricted-xml";
    default: return "policy-violation";
  }
}
}  // namespace

const char* name_of(SaslMechanism mechanism) {
  switch (mechanism) {
    case SaslMechanism::anonymous: return "ANONYMOUS";
    case SaslMechanism::plain: return "PLAIN";
    case SaslMechanism::scram_sha_1: return "SCRAM-SHA-1";
    case SaslMechanism::scram_sha_256: return "SCRAM-SHA-256";
  }
  return "?";
}

XmppStream::XmppStream(std::string_view content_ns, Rng rng, XmppFraming framing)
    : content_ns_(content_ns), rng_(rng), framing_(framing), parser_(rng_.split("xml").u64()) {
  if (framing_ == XmppFraming::document) return;
  // Messages are what stands within a stream: with a header of our own, the parser and its limits are the same for both.
  XmlEvent header;
  const std::string text = "<stream:stream xmlns='" + content_ns_ + "' xmlns:stream='" + std::string(ns::kStream) + "'>";
  parser_.read(as_bytes(text), header);
  TACOMA_ASSERT(header.kind == XmlEvent::Kind::stream_open);
}

void XmppStream::on_bytes(BytesView bytes) {
  while (phase_ != Phase::over) {
    XmlEvent event;
    bytes = bytes.subspan(parser_.read(bytes, event));
    if (event.kind == XmlEvent::Kind::none) break;
    on_event(event);
    if (restarted_ && framing_ == XmppFraming::document) parser_.reset();
    restarted_ = false;
  }
  parser_.release_if_idle();
}

std::optional<XmppEvent> XmppStream::poll() {
  if (next_event_ < events_.size()) return std::move(events_[next_event_++]);
  events_ = std::vector<XmppEvent>();  // an idle stream holds no memory for events
  next_event_ = 0;
  return std::nullopt;
}

void XmppStream::on_event(XmlEvent& event) {
  switch (event.kind) {
    case XmlEvent::Kind::none: return;
    case XmlEvent::Kind::stream_open:
      if (!event.element.is("stream", ns::kStream) || event.default_ns != content_ns_)
        return fail("invalid-namespace", "the stream header is not of " + content_ns_);
      return on_open(event);
    case XmlEvent::Kind::stanza: return on_top_level(event.element);
    case XmlEvent::Kind::stream_close: return on_closed();
    case XmlEvent::Kind::error: return fail(condition_of(event.fault), explain(event.fault));
  }
}

void XmppStream::on_closed() {
  if (phase_ != Phase::closing && header_sent_) write_end();
  phase_ = Phase::over;
  events_.push_back({XmppEvent::Kind::closed, {}, {}, {}});
}

void XmppStream::on_top_level(Element& element) {
  if (framing_ == XmppFraming::messages && element.ns == ns::kFraming) {
    if (element.name == "close") return on_closed();
    if (element.name != "open") return fail("bad-format", "<" + element.name + "/> is no framing");
    XmlEvent header;
    header.kind = XmlEvent::Kind::stream_open;
    header.element = std::move(element);
    return on_open(header);
  }
  if (element.is("error", ns::kStream)) {
    const Element* condition = element.child_of(ns::kStreamErrors);
    return fail({}, "stream error from the peer: " + (condition ? condition->name : std::string("undefined-condition")));
  }
  if (content_ns_ != ns::kClient) rename_ns(element, content_ns_, ns::kClient);
  if (phase_ == Phase::negotiating) return on_negotiation(element);
  if (!is_iq(element) && !is_message(element) && !is_presence(element))
    return fail("unsupported-stanza-type", "<" + element.name + "/> is no stanza");
  if (!admit(element)) return;
  if (events_.size() >= kMaxEvents) return fail("policy-violation", "too many stanzas at once");
  events_.push_back({XmppEvent::Kind::stanza, {}, std::move(element), {}});
}

bool XmppStream::admit(Element&) { return true; }

void XmppStream::write(const Element& element) {
  if (framing_ == XmppFraming::messages) {  // each message declares what it needs
    write_xml(element, {}, output_);
    return end_message();
  }
  if (content_ns_ == ns::kClient) return write_xml(element, content_ns_, output_);
  Element renamed = element;
  rename_ns(renamed, ns::kClient, content_ns_);
  write_xml(renamed, content_ns_, output_);
}

void XmppStream::write_end() {
  if (framing_ == XmppFraming::document) return write_raw("</stream:stream>");
  write(Element("close", ns::kFraming));
}

/// What has been written since the last message is one.
void XmppStream::end_message() {
  size_t before = 0;
  for (const size_t length : messages_) before += length;
  messages_.push_back(output_.size() - before);
}

std::string XmppStream::take_output() {
  if (messages_.empty()) return std::exchange(output_, {});
  std::string message = output_.substr(0, messages_.front());
  output_.erase(0, messages_.front());
  messages_.erase(messages_.begin());
  return message;
}

bool XmppStream::send(const Element& stanza) {
  if (phase_ != Phase::ready) return false;
  const size_t before = output_.size();
  write(stanza);
  if (fits(std::string_view(output_).substr(before))) return true;
  output_.resize(before);
  if (framing_ == XmppFraming::messages) messages_.pop_back();
  return false;
}

void XmppStream::close() {
  if (phase_ == Phase::over || phase_ == Phase::closing) return;
  if (header_sent_) write_end();
  phase_ = header_sent_ ? Phase::closing : Phase::over;
}

void XmppStream::become_ready(Jid jid) {
  jid_ = std::move(jid);
  phase_ = Phase::ready;
  events_.push_back({XmppEvent::Kind::ready, jid_, {}, {}});
}

void XmppStream::restart() {
  restarted_ = true;
  header_sent_ = false;
}

void XmppStream::fail(std::string_view condition, std::string reason) {
  if (phase_ == Phase::over) return;
  if (header_sent_ && phase_ != Phase::closing) {
    if (!condition.empty() && framing_ == XmppFraming::document) {  // a message has no prefix for it, and nobody waits for our reasons
      Element error("error", ns::kStream);
      error.add(condition, ns::kStreamErrors);
      write(error);
    }
    write_end();
  }
  phase_ = Phase::over;
  events_.push_back({XmppEvent::Kind::failed, {}, {}, std::move(reason)});
}

}  // namespace tacoma
