#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "core/signal/stanza.h"
#include "core/signal/xml.h"

using namespace tacoma;

namespace {
const std::string kHeader =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='tacoma.test' "
    "version='1.0'>";

/// All events of a text that comes in pieces of `cut` bytes.
std::vector<XmlEvent> read_all(XmlStreamParser& parser, const std::string& text, size_t cut = 0) {
  std::vector<XmlEvent> events;
  if (cut == 0) cut = text.size();
  for (size_t at = 0; at < text.size(); at += cut) {
    BytesView rest = as_bytes(std::string_view(text).substr(at, cut));
    XmlEvent event;
    do {
      rest = rest.subspan(parser.read(rest, event));
      if (event.kind != XmlEvent::Kind::none) events.push_back(event);
    } while (event.kind != XmlEvent::Kind::none);
    REQUIRE(rest.empty());
    parser.release_if_idle();
  }
  return events;
}
std::vector<XmlEvent> read_all(const std::string& text, size_t cut = 0, const XmlLimits& limits = {}) {
  XmlStreamParser parser(7, limits);
  return read_all(parser, text, cut);
}
XmlFault fault_of(const std::string& text, const XmlLimits& limits = {}) {
  const auto events = read_all(text, 0, limits);
  REQUIRE(!events.empty());
  REQUIRE(events.back().kind == XmlEvent::Kind::error);
  const auto cut = read_all(text, 1, limits);  // the same, however the bytes come
  REQUIRE(cut.back().kind == XmlEvent::Kind::error);
  CHECK(cut.back().fault == events.back().fault);
  CHECK(cut.size() == events.size());
  return events.back().fault;
}
}  // namespace

TEST_CASE("a stream gives its header, its stanzas and its end, cut at every byte") {
  const std::string text = kHeader +
                           "<message to='a@b/c' xml:lang='en'><body>R&amp;B &#x263a; &lt;x></body><x xmlns='jabber:x:test' a='1'><y/></x></message>"
                           " \n<presence/><iq id='1' type='get'><query xmlns='http://jabber.org/protocol/disco#info'/></iq></stream:stream>";
  const auto whole = read_all(text);
  REQUIRE(whole.size() == 5);
  CHECK(whole[0].kind == XmlEvent::Kind::stream_open);
  CHECK(whole[0].default_ns == "jabber:client");
  CHECK(whole[0].element.is("stream", ns::kStream));
  CHECK(whole[0].element.attr("to") == "tacoma.test");
  const Element& message = whole[1].element;
  CHECK(message.is("message", ns::kClient));
  CHECK(message.attr("xml:lang") == "en");
  CHECK(message.child_text("body", ns::kClient) == "R&B \xe2\x98\xba <x>");
  REQUIRE(message.child("x", "jabber:x:test"));
  CHECK(message.child("x", "jabber:x:test")->children.at(0).is("y", "jabber:x:test"));
  CHECK(whole[2].element.is("presence", ns::kClient));
  CHECK(whole[3].element.attr("id") == "1");
  CHECK(whole[4].kind == XmlEvent::Kind::stream_close);
  for (size_t cut = 1; cut < text.size(); ++cut) {
    const auto events = read_all(text, cut);
    REQUIRE(events.size() == whole.size());
    for (size_t i = 0; i < events.size(); ++i) {
      REQUIRE(events[i].kind == whole[i].kind);
      REQUIRE(events[i].element == whole[i].element);
    }
  }
}

TEST_CASE("a stanza is complete with its last byte") {
  XmlStreamParser parser(7);
  REQUIRE(read_all(parser, kHeader).size() == 1);
  const std::string stanza = "<message><body>" + std::string(5000, 'x') + "</body></message>";
  for (size_t i = 0; i + 1 < stanza.size(); ++i) REQUIRE(read_all(parser, stanza.substr(i, 1)).empty());
  CHECK(read_all(parser, ">").size() == 1);
}

TEST_CASE("prefixes that the stream header declares stay known when the parser was released") {
  XmlStreamParser parser(7);
  REQUIRE(read_all(parser, "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:f='urn:f&amp;g'>").size() == 1);
  parser.release_if_idle();
  const auto events = read_all(parser, "<stream:features><f:x/></stream:features>");
  REQUIRE(events.size() == 1);
  CHECK(events[0].element.is("features", ns::kStream));
  CHECK(events[0].element.child("x", "urn:f&g"));
}

TEST_CASE("after a reset the bytes that followed the last stanza begin a new stream") {
  for (const size_t cut : {size_t{0}, size_t{1}, size_t{7}}) {
    XmlStreamParser parser(7);
    const std::string text = kHeader + "<a/>" + kHeader + "<b/>";
    std::string seen;
    const size_t step = cut ? cut : text.size();
    for (size_t at = 0; at < text.size(); at += step) {
      BytesView rest = as_bytes(std::string_view(text).substr(at, step));
      XmlEvent event;
      do {
        rest = rest.subspan(parser.read(rest, event));
        REQUIRE(event.kind != XmlEvent::Kind::error);
        if (event.kind != XmlEvent::Kind::none) seen += event.element.name + ",";
        if (event.kind == XmlEvent::Kind::stanza && event.element.name == "a") parser.reset();
      } while (event.kind != XmlEvent::Kind::none);
    }
    CHECK(seen == "stream,a,stream,b,");
  }
}

TEST_CASE("what XMPP forbids ends the stream") {
  CHECK(fault_of("<!DOCTYPE x [<!ENTITY a 'b'>]>" + kHeader) == XmlFault::forbidden);
  CHECK(fault_of("<!DOCTYPE lolz [<!ENTITY lol 'lol'><!ENTITY lol1 '&lol;&lol;&lol;&lol;&lol;&lol;'>"
                 "<!ENTITY lol2 '&lol1;&lol1;&lol1;&lol1;'>]><stream>&lol2;</stream>") == XmlFault::forbidden);
  CHECK(fault_of("<!DOCTYPE x SYSTEM 'file:///etc/passwd'>" + kHeader) == XmlFault::forbidden);
  CHECK(fault_of(kHeader + "<message>&undefined;</message>") == XmlFault::not_well_formed);
  CHECK(fault_of(kHeader + "<!-- hello --><message/>") == XmlFault::forbidden);
  CHECK(fault_of(kHeader + "<m><xml:a/></m>") == XmlFault::forbidden);
  CHECK(fault_of(kHeader + "<?php exit ?>") == XmlFault::forbidden);
  CHECK(fault_of(kHeader + "<a></b>") == XmlFault::not_well_formed);
  CHECK(fault_of(kHeader + "<a b='1' b='2'/>") == XmlFault::not_well_formed);
  CHECK(fault_of(kHeader + "<p:a/>") == XmlFault::not_well_formed);
  CHECK(fault_of(kHeader + "text between stanzas") == XmlFault::not_well_formed);
  CHECK(fault_of(kHeader + "<a>\xff\xfe</a>") == XmlFault::not_well_formed);
  CHECK(fault_of(kHeader + "<a xmlns='urn:x&#10;forged'/>") == XmlFault::not_well_formed);
  CHECK(fault_of(std::string("t\0", 2)) == XmlFault::not_well_formed);
  CHECK(fault_of(std::string("<\0s\0/\0>\0", 8)) == XmlFault::not_well_formed);  // UTF-16
  CHECK(fault_of("\xff\xfe<") == XmlFault::not_well_formed);
  CHECK(fault_of(kHeader + "<presence/>" + std::string(1, '\0')) == XmlFault::not_well_formed);
  CHECK(fault_of(kHeader + "</stream>") == XmlFault::not_well_formed);
}

TEST_CASE("each limit of a stanza holds, and what just fits passes") {
  const XmlLimits limits;
  const auto passes = [&](const std::string& stanza) { return read_all(kHeader + stanza).back().kind == XmlEvent::Kind::stanza; };
  const auto body = [](size_t n) { return "<m>" + std::string(n, 'x') + "</m>"; };
  CHECK(passes(body(limits.stanza_bytes - 7)));
  CHECK(fault_of(kHeader + body(limits.stanza_bytes - 6)) == XmlFault::stanza_too_long);
  CHECK(fault_of(kHeader + "<m>" + std::string(limits.stanza_bytes + 5000, 'x')) == XmlFault::stanza_too_long);

  CHECK(fault_of(kHeader + "<m a='" + std::string(limits.tag_bytes, 'x') + "'/>") == XmlFault::tag_too_long);
  CHECK(fault_of(kHeader + "<m a='" + std::string(3 * limits.tag_bytes, 'x')) == XmlFault::tag_too_long);
  CHECK(passes("<m a='" + std::string(limits.tag_bytes - 16, 'x') + "'/>"));

  const auto nested = [](size_t n) {
    std::string text;
    for (size_t i = 0; i < n; ++i) text += "<n>";
    for (size_t i = 0; i < n; ++i) text += "</n>";
    return text;
  };
  CHECK(passes(nested(limits.depth)));
  CHECK(fault_of(kHeader + nested(limits.depth + 1)) == XmlFault::too_deep);
  CHECK(fault_of(kHeader + nested(20000)) == XmlFault::too_deep);

  const auto attributes = [](size_t n) {
    std::string text = "<m";
    for (size_t i = 0; i < n; ++i) text += " a" + std::to_string(i) + "=''";
    return text + "/>";
  };
  CHECK(passes(attributes(limits.attributes)));
  CHECK(fault_of(kHeader + attributes(limits.attributes + 1)) == XmlFault::too_many_attributes);

  const auto children = [](size_t n) {
    std::string text = "<m>";
    for (size_t i = 0; i < n; ++i) text += "<c/>";
    return text + "</m>";
  };
  CHECK(passes(children(limits.children)));
  CHECK(fault_of(kHeader + children(limits.children + 1)) == XmlFault::too_many_children);

  const auto elements = [&](size_t n) {  // 64 below each child, so that no element has too many
    std::string text = "<m>";
    for (size_t i = 1; i < n; ++i) text += (i % 64 == 1) ? (i > 1 ? "</g><g>" : "<g>") : "<c/>";
    return text + "</g></m>";
  };
  CHECK(passes(elements(limits.elements)));
  CHECK(fault_of(kHeader + elements(limits.elements + 1)) == XmlFault::too_many_elements);

  const std::string long_name(limits.name_bytes + 1, 'n');
  CHECK(fault_of(kHeader + "<" + long_name + "/>") == XmlFault::name_too_long);
  CHECK(fault_of(kHeader + "<m " + long_name + "=''/>") == XmlFault::name_too_long);
  CHECK(fault_of(kHeader + "<m xmlns='" + long_name + "'><a/></m>") == XmlFault::name_too_long);
  CHECK(fault_of(kHeader + "<m xmlns:p='" + long_name + "'><p:a/></m>") == XmlFault::name_too_long);
}

TEST_CASE("an element is declared where its namespace differs from its parent's, and only there") {
  Element iq = make_iq("set", *Jid::parse("r@conference.tacoma.test/ab12cd34"), "1");
  Element& jingle = iq.add("jingle", ns::kJingle);
  jingle.add("content").add("transport", ns::kIceUdp).add("fingerprint", ns::kDtls).text = "AA:BB";
  jingle.add("group", ns::kGrouping).add("content").set("name", "audio");
  CHECK(to_xml(iq, ns::kClient) ==
        "<iq to='r@conference.tacoma.test/ab12cd34' type='set' id='1'><jingle xmlns='urn:xmpp:jingle:1'><content>"
        "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1'><fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0'>AA:BB</fingerprint>"
        "</transport></content><group xmlns='urn:xmpp:jingle:apps:grouping:0'><content name='audio'/></group></jingle></iq>");
  Element features("features", ns::kStream);
  features.add("mechanisms", ns::kSasl).add_text("mechanism", ns::kSasl, "PLAIN");
  CHECK(to_xml(features, ns::kClient) ==
        "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>");
}

TEST_CASE("every character survives writing and reading") {
  Element e("m", "urn:t");
  e.set("a", "<&>'\" \n\r\t \xc3\xa9");
  e.add_text("t", "urn:t", "]]> <&>'\" \n\r\t \xc3\xa9");
  CHECK(parse_xml(to_xml(e)) == e);
  CHECK(parse_xml("<m>\xef\xbf\xbd</m>").text == "\xef\xbf\xbd");
  Element odd("m", "urn:t");
  odd.text = "a\x01\xef\xbf\xbe\xef\xbf\xbf" "b";
  CHECK(parse_xml(to_xml(odd)).text == "ab");
  CHECK(parse_xml("<a/><b/>").name.empty());
  CHECK(parse_xml("<a>").name.empty());
  CHECK(parse_xml("</s><a/>").name.empty());
  CHECK(parse_xml("").name.empty());
}

TEST_CASE("JIDs: what stands, and what does not") {
  const auto full = Jid::parse("Room@Conference.tacoma.test/Ab/c@d");
  REQUIRE(full);
  CHECK(full->node == "room");
  CHECK(full->domain == "conference.tacoma.test");
  CHECK(full->resource == "Ab/c@d");
  CHECK(full->to_string() == "room@conference.tacoma.test/Ab/c@d");
  CHECK(full->bare().to_string() == "room@conference.tacoma.test");
  CHECK(Jid::parse("tacoma.test")->is_bare());
  for (const char* wrong : {"", "@", "a@", "@b", "a@b/", "/r", "a@@b", "a b@c", "a<@c", "a@b\x01", "a@b/\x02"}) CHECK(!Jid::parse(wrong));
  CHECK(!Jid::parse(std::string(1024, 'a') + "@b"));
  CHECK(!Jid::parse("a@b/" + std::string(1024, 'r')));
  CHECK(Jid::parse("a@b/" + std::string(1023, 'r')));
}

TEST_CASE("an answer keeps the id byte for byte, and an error reads back") {
  const Element request = parse_xml("<iq xmlns='jabber:client' type='get' id='AbC+/=&lt;' from='a@b/c' to='d@e/f'><q xmlns='u'/></iq>");
  const Element result = make_result(request);
  CHECK(to_xml(result) == "<iq xmlns='jabber:client' to='a@b/c' from='d@e/f' type='result' id='AbC+/=&lt;'/>");
  StanzaError error{Condition::item_not_found, {}, "gone fishing", {Element("unknown-session", ns::kJingleErrors)}};
  const Element refused = parse_xml(to_xml(make_error(request, error)));
  CHECK(refused.attr("type") == "error");
  const StanzaError read = parse_error(refused);
  CHECK(read.condition == Condition::item_not_found);
  CHECK(read.type == "cancel");
  CHECK(read.text == "gone fishing");
  REQUIRE(read.details.size() == 1);
  CHECK(read.details[0].is("unknown-session", ns::kJingleErrors));
  CHECK(parse_error(parse_xml("<iq xmlns='jabber:client' type='error'/>")).condition == Condition::undefined_condition);
  for (const char* name : {"bad-request", "not-allowed", "resource-constraint", "undefined-condition"}) CHECK(name_of(*condition_of(name)) == std::string(name));
  CHECK(!condition_of("teapot"));
}

TEST_CASE("identifiers come from the seed") {
  Rng a(5), b(5), c(6);
  const std::string id = make_uuid(a);
  CHECK(id == make_uuid(b));
  CHECK(id != make_uuid(c));
  CHECK(id.size() == 36);
  CHECK(id[14] == '4');
  CHECK(make_hex(a, 8).find_first_not_of("0123456789abcdef") == std::string::npos);
}
