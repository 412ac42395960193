#include <catch2/catch.hpp>

#include <string>

#include "core/signal/colibri2.h"

using namespace tacoma;
using colibri2::Reason;
using jingle::Media;

namespace {
const std::string kAllocate =
    "<iq xmlns='jabber:client' type='get' id='q1' from='jvbbrewery@internal.auth.tacoma.test/focus' to='jvbbrewery@internal.auth.tacoma.test/b1'>"
    "<conference-modify xmlns='jitsi:colibri2' meeting-id='7f3c' name='r@conference.tacoma.test' create='true' rtcstats-enabled='true'>"
    "<endpoint id='ab12cd34' create='true' stats-id='Eve-x1'><capability name='source-names'/><capability name='ssrc-rewriting'/>"
    "<media type='audio'><payload-type xmlns='urn:xmpp:jingle:apps:rtp:1' id='111' name='opus' clockrate='48000' channels='2'/>"
    "<rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' uri='urn:ietf:params:rtp-hdrext:ssrc-audio-level'/>"
    "<extmap-allow-mixed xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0'/></media><media type='video'/>"
    "<transport ice-controlling='true'><sctp/></transport></endpoint></conference-modify></iq>";
const std::string kUpdate =
    "<iq xmlns='jabber:client' type='get' id='q2' from='a@b/f' to='a@b/b1'><conference-modify xmlns='jitsi:colibri2' meeting-id='7f3c'>"
    "<endpoint id='ab12cd34'><transport><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='abcd' pwd='efgh'>"
    "<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='active'>AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99"
    "</fingerprint></transport></transport>"
    "<sources><media-source type='audio' id='ab12cd34-a0'><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='1' name='ab12cd34-a0'/></media-source>"
    "<media-source type='video' id='ab12cd34-v0'><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='2'/><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='3'/>"
    "<ssrc-group xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' semantics='FID'><source ssrc='2'/><source ssrc='3'/></ssrc-group></media-source></sources>"
    "<force-mute audio='true' video='false'/><initial-last-n value='5'/></endpoint>"
    "<endpoint id='gone' expire='true'/></conference-modify></iq>";
const std::string kModified =
    "<iq xmlns='jabber:client' type='result' id='q1' from='a@b/b1' to='a@b/f'><conference-modified xmlns='jitsi:colibri2'><endpoint id='ab12cd34'><transport>"
    "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='abcd' pwd='efgh'><rtcp-mux/>"
    "<candidate foundation='1' component='1' protocol='udp' priority='2130706431' ip='192.0.2.7' port='10000' type='host' generation='0' id='c1'/></transport>"
    "<sctp port='5000' role='server'/></transport></endpoint>"
    "<sources><media-source type='audio' id='jvb-a0'><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='9' name='jvb-a0'/></media-source></sources></conference-modified></iq>";

std::string complaint(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  const auto parsed = colibri2::parse_request(parse_xml(text.replace(at, from.size(), to)));
  return parsed ? "" : parsed.error();
}
std::string error_of_endpoint(const std::string& children) {
  const auto parsed = colibri2::parse_request(
      parse_xml("<iq xmlns='jabber:client'><conference-modify xmlns='jitsi:colibri2' meeting-id='m'><endpoint id='e'>" + children + "</endpoint></conference-modify></iq>"));
  return parsed ? "" : parsed.error();
}
std::string repeat(const std::string& text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}
}  // namespace

TEST_CASE("an allocation request is read whole") {
  const Element iq = parse_xml(kAllocate);
  REQUIRE(colibri2::is_request(iq));
  const auto request = colibri2::parse_request(iq);
  REQUIRE(request);
  CHECK(request->meeting_id == "7f3c");
  CHECK(request->name == "r@conference.tacoma.test");
  CHECK(request->create);
  CHECK(request->rtcstats_enabled);
  REQUIRE(request->endpoints.size() == 1);
  const colibri2::Endpoint& endpoint = request->endpoints[0];
  CHECK(endpoint.create);
  CHECK(endpoint.stats_id == "Eve-x1");
  CHECK(endpoint.has_capability(colibri2::kCapSourceNames));
  CHECK(endpoint.has_capability(colibri2::kCapSsrcRewriting));
  REQUIRE(endpoint.formats(Media::audio));
  CHECK(endpoint.formats(Media::audio)->find("opus")->id == 111);
  CHECK(endpoint.formats(Media::video)->payload_types.empty());
  CHECK(endpoint.transport->ice_controlling == true);
  CHECK(!endpoint.transport->ice);
  CHECK(endpoint.transport->sctp == colibri2::Sctp{});
  CHECK(!endpoint.sources);
}

TEST_CASE("an update carries the client's transport and a full list of sources") {
  const auto request = colibri2::parse_request(parse_xml(kUpdate));
  REQUIRE(request);
  REQUIRE(request->endpoints.size() == 2);
  const colibri2::Endpoint& endpoint = request->endpoints[0];
  CHECK(endpoint.transport->ice->fingerprints.at(0).setup == jingle::Setup::active);
  CHECK(!endpoint.transport->ice_controlling);
  REQUIRE(endpoint.sources);
  const jingle::SourceSet set = colibri2::to_source_set(*endpoint.sources, "ab12cd34");
  CHECK(set.audio.sources.at(0).owner == "ab12cd34");
  CHECK(set.video.sources.at(1).name == "ab12cd34-v0");
  CHECK(set.video.groups.at(0).ssrcs == std::vector<Ssrc>{Ssrc(2), Ssrc(3)});
  CHECK(endpoint.force_mute == colibri2::ForceMute{true, false});
  CHECK(endpoint.initial_last_n == 5);
  CHECK(request->endpoints[1].expire);
  const auto none = colibri2::parse_request(parse_xml(
      "<iq xmlns='jabber:client'><conference-modify xmlns='jitsi:colibri2' meeting-id='m'><endpoint id='e'><sources/></endpoint></conference-modify></iq>"));
  REQUIRE(none);
  CHECK(none->endpoints[0].sources == std::vector<colibri2::MediaSource>{});  // all gone, not unchanged
}

TEST_CASE("requests and answers are written as they are read") {
  for (const std::string& text : {kAllocate, kUpdate}) {
    const auto first = colibri2::parse_request(parse_xml(text));
    REQUIRE(first);
    const Element iq = colibri2::make_request(*Jid::parse("a@b/b1"), "q", *first);
    CHECK(iq.attr("type") == "get");
    const auto second = colibri2::parse_request(parse_xml(to_xml(iq)));
    REQUIRE(second);
    CHECK(*second == *first);
  }
  const auto answer = colibri2::parse_answer(parse_xml(kModified));
  REQUIRE(answer);
  CHECK(answer->endpoints.at(0).transport->sctp->role == colibri2::SctpRole::server);
  CHECK(answer->endpoints.at(0).transport->ice->candidates.at(0).address.port == 10000);
  CHECK(answer->sources.at(0).id == "jvb-a0");
  const auto again = colibri2::parse_answer(parse_xml(to_xml(colibri2::make_answer(parse_xml(kAllocate), *answer))));
  REQUIRE(again);
  CHECK(*again == *answer);
  const std::string text = to_xml(colibri2::to_element(*answer));
  CHECK(text.find("<endpoint id='ab12cd34'><transport><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='abcd' pwd='efgh'>") != std::string::npos);
  CHECK(text.find("</transport><sctp role='server' port='5000'/></transport></endpoint><sources>") != std::string::npos);
}

TEST_CASE("sources keep their names and groups on the way to the bridge and back") {
  const jingle::SourceSet set = jingle::make_sources("ab12cd34", Ssrc(1), Ssrc(2), Ssrc(3));
  const auto list = colibri2::to_media_sources(set);
  REQUIRE(list.size() == 2);
  CHECK(list[1].id == "ab12cd34-v0");
  CHECK(list[1].ssrcs.sources.size() == 2);
  CHECK(list[1].ssrcs.groups.size() == 1);
  CHECK(colibri2::to_source_set(list, "ab12cd34") == set);
}

TEST_CASE("relays and connects are seen, so that they can be refused") {
  const auto request = colibri2::parse_request(parse_xml(
      "<iq xmlns='jabber:client'><conference-modify xmlns='jitsi:colibri2' meeting-id='m'><relay id='r1' create='true' mesh-id='0'/><connects/></conference-modify></iq>"));
  REQUIRE(request);
  CHECK(request->relays.at(0) == colibri2::Relay{"r1", "0", true, false});
  CHECK(request->has_connects);
  CHECK(*colibri2::parse_request(parse_xml(to_xml(colibri2::make_request(*Jid::parse("a@b/c"), "1", *request)))) == *request);
}

TEST_CASE("requests that are wrong are refused with the reason") {
  CHECK(complaint(kAllocate, " meeting-id='7f3c'", "") == "no valid meeting-id");
  CHECK(complaint(kAllocate, "<endpoint id='ab12cd34'", "<endpoint") == "<endpoint/> without a valid id");
  CHECK(complaint(kAllocate, "create='true' stats-id", "create='true' expire='true' stats-id") == "endpoint 'ab12cd34' is to be created and expired");
  CHECK(complaint(kAllocate, "media type='audio'", "media type='application'") == "endpoint 'ab12cd34': media of unknown type 'application'");
  CHECK(complaint(kAllocate, "media type='video'", "media type='audio'") == "endpoint 'ab12cd34': media of one type is given twice");
  CHECK(complaint(kAllocate, "<sctp/>", "<sctp port='70000'/>") == "endpoint 'ab12cd34': sctp port '70000' is not a number up to 65535");
  CHECK(complaint(kAllocate, "<sctp/>", "<sctp role='x'/>") == "endpoint 'ab12cd34': unknown sctp role 'x'");
  CHECK(complaint(kUpdate, "ssrc='1'", "ssrc='one'") == "endpoint 'ab12cd34': ssrc 'one' is not a number up to 4294967295");
  CHECK(complaint(kUpdate, "value='5'", "value='-2'") == "endpoint 'ab12cd34': initial-last-n '-2' is not a number up to 2147483647");
  CHECK(complaint(kUpdate, "media-source type='audio'", "media-source type='x'") == "endpoint 'ab12cd34': media-source of unknown type 'x'");
  CHECK(colibri2::parse_request(parse_xml("<iq xmlns='jabber:client'/>")).error() == "no conference-modify");
  CHECK(colibri2::parse_answer(parse_xml("<iq xmlns='jabber:client'/>")).error() == "no conference-modified");
}

TEST_CASE("each count of a request has its limit") {
  CHECK(error_of_endpoint(repeat("<capability name='c'/>", colibri2::kMaxCapabilities)).empty());
  CHECK(error_of_endpoint(repeat("<capability name='c'/>", colibri2::kMaxCapabilities + 1)) == "endpoint 'e': too many capabilities");
  const auto sources = [](size_t n) { return "<sources>" + repeat("<media-source type='audio'/>", n) + "</sources>"; };
  CHECK(error_of_endpoint(sources(colibri2::kMaxMediaSources)).empty());
  CHECK(error_of_endpoint(sources(colibri2::kMaxMediaSources + 1)) == "endpoint 'e': too many media sources");
  CHECK(error_of_endpoint("<sources><media-source type='audio'>" +
                          repeat("<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='1'/>", jingle::kMaxSourcesPerEndpoint + 1) + "</media-source></sources>") ==
        "endpoint 'e': too many sources");
  const auto endpoints = [](size_t n) {
    return parse_xml("<iq xmlns='jabber:client'><conference-modify xmlns='jitsi:colibri2' meeting-id='m'>" + repeat("<endpoint id='e'/>", n) + "</conference-modify></iq>");
  };
  CHECK(colibri2::parse_request(endpoints(colibri2::kMaxEndpoints)));
  CHECK(colibri2::parse_request(endpoints(colibri2::kMaxEndpoints + 1)).error() == "too many endpoints");
}

TEST_CASE("a refusal carries condition, reason and endpoint") {
  const Element request = parse_xml(kAllocate);
  const Element refused = colibri2::make_error(request, {Condition::item_not_found, Reason::unknown_endpoint, "ab12cd34", "no such endpoint"});
  CHECK(to_xml(refused) ==
        "<iq xmlns='jabber:client' to='jvbbrewery@internal.auth.tacoma.test/focus' from='jvbbrewery@internal.auth.tacoma.test/b1' type='error' id='q1'>"
        "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no such endpoint</text>"
        "<error xmlns='jitsi:colibri2' reason='unknown_endpoint'><endpoint id='ab12cd34'/></error></error></iq>");
  const colibri2::Error read = colibri2::parse_error(parse_xml(to_xml(refused)));
  CHECK(read.condition == Condition::item_not_found);
  CHECK(read.reason == Reason::unknown_endpoint);
  CHECK(read.endpoint == "ab12cd34");
  CHECK(colibri2::parse_error(colibri2::make_error(request, {Condition::conflict, Reason::none, {}, {}})).reason == Reason::none);
  CHECK(colibri2::parse_error(colibri2::make_error(request, {Condition::service_unavailable, Reason::graceful_shutdown, {}, {}})).reason == Reason::graceful_shutdown);
}
