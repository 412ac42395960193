// A stock Jicofo drives this bridge: its requests as it writes them (colibri2 of August 2026), and the answers that it reads.
#include <catch2/catch.hpp>

#include "harness.h"
#include "tests/unit/signal/xml_pattern.h"

using namespace tacoma;
using namespace tacoma::test;

namespace {
const std::string kMeeting = "meeting-id='0d5b7a3e-9e63-4f43-9b0b-0a9d5b1f2c77' name='r@conference.tacoma.test'";

std::string request(const std::string& attributes, const std::string& inside) {
  return "<iq type='get' id='QkFTRTY0+/==' to='x' from='x'><conference-modify xmlns='jitsi:colibri2' " + kMeeting + " " + attributes + ">" + inside +
         "</conference-modify></iq>";
}

const std::string kAudio = R"(<media type='audio'>
  <payload-type xmlns='urn:xmpp:jingle:apps:rtp:1' id='111' name='opus' clockrate='48000' channels='2'>
   <parameter name='minptime' value='10'/><parameter name='useinbandfec' value='1'/>
   <rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='transport-cc'/></payload-type>
  <payload-type xmlns='urn:xmpp:jingle:apps:rtp:1' id='126' name='telephone-event' clockrate='8000'/>
  <rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' uri='urn:ietf:params:rtp-hdrext:ssrc-audio-level'/>
  <rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='5' uri='http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01'/>
  <extmap-allow-mixed xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0'/></media>)";
const std::string kVideo = R"(<media type='video'>
  <payload-type xmlns='urn:xmpp:jingle:apps:rtp:1' id='100' name='VP8' clockrate='90000'>
   <rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='ccm' subtype='fir'/><rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack'/>
   <rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack' subtype='pli'/><rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='transport-cc'/></payload-type>
  <payload-type xmlns='urn:xmpp:jingle:apps:rtp:1' id='107' name='H264' clockrate='90000'>
   <parameter value='profile-level-id=42e01f;level-asymmetry-allowed=1;packetization-mode=1;'/></payload-type>
  <payload-type xmlns='urn:xmpp:jingle:apps:rtp:1' id='96' name='rtx' clockrate='90000'><parameter name='apt' value='100'/></payload-type>
  <rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='3' uri='http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time'/>
  <extmap-allow-mixed xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0'/></media>)";

std::string allocation(const std::string& id, const std::string& attributes) {
  return request(attributes, "<endpoint id='" + id + "' create='true' stats-id='Eve-x1'><capability name='source-names'/><capability name='ssrc-rewriting'/>" + kAudio +
                                 kVideo + "<transport ice-controlling='true'><sctp/></transport></endpoint>");
}

const std::string kAccepted = R"(<endpoint id='aaaaaaaa'>
  <transport><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='client1' pwd='clientpassword0123456789'>
   <rtcp-mux/><fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='active'>AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89</fingerprint></transport></transport>
  <sources>
   <media-source type='audio' id='aaaaaaaa-a0'><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='11' name='aaaaaaaa-a0'>
     <parameter name='msid' value='aaaaaaaa-audio-0-1 t1'/></source></media-source>
   <media-source type='video' id='aaaaaaaa-v0'><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='12' name='aaaaaaaa-v0'/>
     <source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='13' name='aaaaaaaa-v0'/>
     <ssrc-group xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' semantics='FID'><source ssrc='12'/><source ssrc='13'/></ssrc-group></media-source></sources>
  <initial-last-n value='5'/></endpoint>)";

/// Sends a request as it stands, from the focus's place in the brewery.
Element say(Harness& h, const std::string& text, std::string_view from = "jvbbrewery@internal.auth.tacoma.test/focus") { return h.ask(stanza_of(text), from); }

void check_error(const Element& answer, const std::string& condition, const std::string& details) {
  check_said(answer, "<iq type='error' id='*' from='*' to='jvbbrewery@internal.auth.tacoma.test/focus'><error type='*'><" + condition +
                         " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>" + details + "</error></iq>");
}
std::string reason(const std::string& name) { return "<error xmlns='jitsi:colibri2' reason='" + name + "'/>"; }
}  // namespace

TEST_CASE("stock Jicofo: an allocation is answered with transport and feedback sources, under its id byte for byte") {
  Harness h;
  check_said(say(h, allocation("aaaaaaaa", "create='true' rtcstats-enabled='true'")), R"(
<iq type='result' id='QkFTRTY0+/==' from='*' to='jvbbrewery@internal.auth.tacoma.test/focus' only='true'>
 <conference-modified xmlns='jitsi:colibri2'>
  <endpoint id='aaaaaaaa' expire='-'><transport><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='*' pwd='*' ice-generation='-'>
    <rtcp-mux/><fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>*</fingerprint>
    <candidate foundation='1' component='1' protocol='udp' priority='*' ip='*' port='*' type='host' generation='0' id='*'/></transport></transport></endpoint>
  <sources>
   <media-source type='audio' id='jvb-a0'><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='*' name='jvb-a0'/></media-source>
   <media-source type='video' id='jvb-v0'><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='*' name='jvb-v0'/></media-source></sources>
 </conference-modified></iq>)");
  // The next one comes without create: the conference is there.
  check_said(say(h, allocation("bbbbbbbb", "")), R"(<iq type='result'><conference-modified xmlns='jitsi:colibri2'>
    <endpoint id='bbbbbbbb'><transport><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='*' pwd='*'/></transport></endpoint><sources/></conference-modified></iq>)");
  CHECK(h.bridge->stats().endpoints == 2);
}

TEST_CASE("stock Jicofo: accepted, changed, muted and expired, an endpoint goes through its life") {
  Harness h;
  say(h, allocation("aaaaaaaa", "create='true'"));
  say(h, allocation("bbbbbbbb", ""));
  // Updates carry no transport back, and no sources.
  const std::string done = "<iq type='result'><conference-modified xmlns='jitsi:colibri2'><endpoint id='aaaaaaaa' only='true'/></conference-modified></iq>";
  const Element accepted = say(h, request("", kAccepted));
  check_said(accepted, done);
  CHECK(accepted.children[0].child("sources") == nullptr);
  const auto sources_of = [&] {
    const auto all = h.bridge->conferences();
    size_t sources = 0;
    for (const auto& c : all) sources += c.sources;
    return sources;
  };
  CHECK(sources_of() == 2);
  // source-add of a screen: the full list again, with what was there.
  const std::string screen = R"(<media-source type='video' id='aaaaaaaa-v1'><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='21' name='aaaaaaaa-v1' videoType='desktop'>
     <parameter name='msid' value='aaaaaaaa-video-1-1 t2'/></source></media-source>)";
  const std::string kept = R"(<media-source type='audio' id='aaaaaaaa-a0'><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='11' name='aaaaaaaa-a0'/></media-source>)";
  check_said(say(h, request("", "<endpoint id='aaaaaaaa'><sources>" + kept + screen + "</sources></endpoint>")), done);
  CHECK(sources_of() == 2);  // the camera is gone, the screen is there
  check_said(say(h, request("", "<endpoint id='aaaaaaaa'><sources/></endpoint>")), done);
  CHECK(sources_of() == 0);
  // Moderation mutes many at once.
  check_said(say(h, request("", "<endpoint id='aaaaaaaa'><force-mute audio='true' video='false'/></endpoint><endpoint id='bbbbbbbb'><force-mute audio='true' video='true'/></endpoint>")),
             "<iq type='result'><conference-modified xmlns='jitsi:colibri2'><endpoint id='aaaaaaaa'/><endpoint id='bbbbbbbb'/></conference-modified></iq>");
  // Expiry is echoed, also of several; the last takes the conference with it.
  check_said(say(h, request("", "<endpoint id='aaaaaaaa' expire='true'/><endpoint id='bbbbbbbb' expire='true'/>")),
             "<iq type='result'><conference-modified xmlns='jitsi:colibri2'><endpoint id='aaaaaaaa' expire='true'/><endpoint id='bbbbbbbb' expire='true'/></conference-modified></iq>");
  CHECK(h.bridge->stats().conferences == 0);
}

TEST_CASE("stock Jicofo: an ICE restart is answered with the new transport and its generation") {
  Harness h;
  say(h, allocation("aaaaaaaa", "create='true'"));
  say(h, request("", kAccepted));
  for (const char* generation : {"1", "2"})
    check_said(say(h, request("", "<endpoint id='aaaaaaaa'><transport ice-restart='true'/></endpoint>")),
               "<iq type='result'><conference-modified xmlns='jitsi:colibri2'><endpoint id='aaaaaaaa'><transport>"
               "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='*' pwd='*' ice-generation='" + std::string(generation) + "'>"
               "<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>*</fingerprint>"
               "<candidate ip='*' port='*' type='host' generation='" + generation + "'/></transport></transport></endpoint></conference-modified></iq>");
  check_said(say(h, request("", R"(<endpoint id='aaaaaaaa'><transport><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ice-generation='2' ufrag='client2'
     pwd='clientpassword0123456789'/></transport></endpoint>)")),
             "<iq type='result'><conference-modified xmlns='jitsi:colibri2'><endpoint id='aaaaaaaa' only='true'/></conference-modified></iq>");
}

TEST_CASE("stock Jicofo: each refusal has its condition and reason") {
  Harness h;
  check_error(say(h, allocation("aaaaaaaa", "")), "item-not-found", reason("conference_not_found"));
  say(h, allocation("aaaaaaaa", "create='true'"));
  check_error(say(h, allocation("bbbbbbbb", "create='true'")), "conflict", reason("conference_already_exists"));
  const Element twice = say(h, allocation("aaaaaaaa", ""));
  check_error(twice, "conflict", "");
  CHECK(twice.child("error", ns::kClient)->child("error", "jitsi:colibri2") == nullptr);
  check_error(say(h, request("", "<endpoint id='cccccccc'><sources/></endpoint>")), "item-not-found",
              "<error xmlns='jitsi:colibri2' reason='unknown_endpoint'><endpoint id='cccccccc'/></error>");
  check_error(say(h, request("", "<endpoint id='aaaaaaaa'><sources/></endpoint><endpoint id='bbbbbbbb' create='true'><capability name='source-names'/><transport/></endpoint>")),
              "feature-not-implemented", reason("feature_not_implemented"));
  check_error(say(h, request("", "<connects><connect url='wss://transcriber'/></connects>")), "feature-not-implemented", reason("feature_not_implemented"));
  check_error(say(h, request("", "<endpoint id='bbbbbbbb' create='true'><capability name='source-names'/>" + kAudio + "</endpoint>")), "bad-request", "");
  check_error(say(h, request("", "<endpoint id='bbbbbbbb' create='true'>" + kAudio + "<transport ice-controlling='true'/></endpoint>")), "bad-request", "");
  check_error(say(h, request("", "<endpoint id='bbbbbbbb' create='true' muc-role='visitor'><capability name='source-names'/><transport/>"
                                 "<sources><media-source type='audio' id='x-a0'><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='9'/></media-source></sources></endpoint>")),
              "bad-request", "");
  check_error(say(h, "<iq type='get' id='i'><conference-modify xmlns='jitsi:colibri2' name='r@x' create='true'/></iq>"), "bad-request", "");  // no meeting-id
  CHECK(h.bridge->stats().endpoints == 1);
  h.shut_down_gracefully();
  Element other = stanza_of(allocation("aaaaaaaa", "create='true'"));
  other.children[0].set("meeting-id", "another");
  check_error(h.ask(other), "service-unavailable", reason("graceful_shutdown"));
  check_said(say(h, allocation("bbbbbbbb", "")), "<iq type='result'/>");  // those that are there go on
}

TEST_CASE("stock Jicofo: health checks, and what a stranger is told") {
  Harness h;
  check_said(say(h, "<iq type='get' id='h1'><healthcheck xmlns='http://jitsi.org/protocol/healthcheck'/></iq>"), "<iq type='result' id='h1' only='true'/>");
  for (const char* stranger : {"eve@tacoma.test/x", "jvbbrewery@internal.auth.tacoma.test", "other@internal.auth.tacoma.test/focus"}) {
    check_said(say(h, allocation("aaaaaaaa", "create='true'"), stranger),
               "<iq type='error' id='QkFTRTY0+/=='><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
    check_said(say(h, "<iq type='get' id='h2'><healthcheck xmlns='http://jitsi.org/protocol/healthcheck'/></iq>", stranger), "<iq type='error'><error><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
  }
  CHECK(h.bridge->stats().conferences == 0);
}
