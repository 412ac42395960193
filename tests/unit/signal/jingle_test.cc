#include <catch2/catch.hpp>

#include <string>

#include "core/signal/jingle.h"

using namespace tacoma;
using namespace tacoma::jingle;

namespace {
const std::string kFingerprint =
    "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99";

std::string in_iq(const std::string& jingle) {
  return "<iq xmlns='jabber:client' type='set' id='1' from='r@conference.tacoma.test/focus' to='r@conference.tacoma.test/ab12cd34'>" + jingle + "</iq>";
}
const std::string kTransport =
    "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='6k2vs1hq' pwd='2f5qdbp9l2r0jb2mvtgf1hn3ke'><rtcp-mux/>"
    "<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>" + kFingerprint + "</fingerprint>"
    "<candidate foundation='1' component='1' protocol='udp' priority='2130706431' ip='192.0.2.7' port='10000' type='host' generation='0' id='c1'/>"
    "<candidate foundation='2' component='1' protocol='udp' priority='1694498815' ip='2001:db8::7' port='10000' type='srflx' generation='0' id='c2' rel-addr='10.0.0.7' rel-port='10000'/>"
    "<candidate foundation='3' component='1' protocol='ssltcp' priority='1' ip='192.0.2.7' port='4443' type='host' generation='0' id='c3'/>"
    "<candidate foundation='4' component='1' protocol='udp' priority='1' ip='3f2a.local' port='5000' type='host' generation='0' id='c4'/>"
    "<web-socket xmlns='http://jitsi.org/protocol/colibri' url='wss://x/colibri-ws/b/c/e?pwd=1'/></transport>";
/// A focus's offer as Jicofo writes it.
const std::string kOffer = in_iq(
    "<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='8d8q6k3v1' initiator='r@conference.tacoma.test/focus' responder='r@conference.tacoma.test/ab12cd34'>"
    "<content name='audio' creator='initiator' senders='both'>"
    "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio' maxptime='60'>"
    "<payload-type id='111' name='opus' clockrate='48000' channels='2'><parameter name='minptime' value='10'/>"
    "<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='transport-cc'/></payload-type>"
    "<rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' uri='urn:ietf:params:rtp-hdrext:ssrc-audio-level'/>"
    "<extmap-allow-mixed xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0'/><rtcp-mux/>"
    "<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='1' name='jvb-a0'><parameter name='msid' value='mixedmslabel mixedlabelaudio0'/>"
    "<ssrc-info xmlns='http://jitsi.org/jitmeet' owner='jvb'/></source>"
    "</description>" + kTransport + "</content>"
    "<content name='video' creator='initiator' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'>"
    "<payload-type id='107' name='H264' clockrate='90000'><parameter name='' value='profile-level-id=42e01f;level-asymmetry-allowed=1;packetization-mode=1;'/>"
    "<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack' subtype='pli'/></payload-type>"
    "<payload-type id='99' name='rtx' clockrate='90000'><parameter name='apt' value='107'/></payload-type><rtcp-mux/>"
    "<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='4294967295' name='cd-v0' videoType='desktop'><parameter name='msid' value='s t'/>"
    "<ssrc-info xmlns='http://jitsi.org/jitmeet' owner='cd'/></source>"
    "<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='7' name='cd-v0'><parameter name='msid' value='s t'/><ssrc-info xmlns='http://jitsi.org/jitmeet' owner='cd'/></source>"
    "<ssrc-group xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' semantics='FID'><source ssrc='4294967295'/><source ssrc='7'/></ssrc-group>"
    "</description>" + kTransport + "</content>"
    "<content name='data' creator='initiator' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='application'/>"
    "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='6k2vs1hq' pwd='2f5qdbp9l2r0jb2mvtgf1hn3ke'>"
    "<sctpmap xmlns='urn:xmpp:jingle:transports:dtls-sctp:1' number='5000' protocol='webrtc-datachannel' streams='1024'/></transport></content>"
    "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content name='audio'/><content name='video'/><content name='data'/></group>"
    "<bridge-session xmlns='http://jitsi.org/protocol/focus' id='b17' region='eu'/>"
    "<startmuted xmlns='http://jitsi.org/jitmeet/start-muted' audio='true' video='false'/></jingle>");

Element iq_of(const Jingle& jingle) {
  Element iq = make_iq("set", *Jid::parse("a@b/c"), "1");
  iq.add(to_element(jingle));
  return iq;
}
/// What is wrong with an offer in which `from` was replaced by `to`.
std::string complaint(const std::string& from, const std::string& to, std::string text = kOffer) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
  const Element iq = parse_xml(text);
  REQUIRE(!iq.name.empty());
  const auto parsed = parse(iq);
  return parsed ? "" : parsed.error();
}
Jingle offer() {
  Jingle j;
  j.sid = "s1";
  j.initiator = "r@conference.tacoma.test/focus";
  Content audio, video;
  audio.name = "audio";
  audio.media = Media::audio;
  audio.formats = offered_audio();
  audio.rtcp_mux = true;
  video.name = "video";
  video.media = Media::video;
  video.formats = offered_video();
  video.rtcp_mux = true;
  IceTransport t;
  t.ufrag = "uf12";
  t.pwd = "pw12";
  t.rtcp_mux = true;
  t.fingerprints = {{"sha-256", kFingerprint, Setup::actpass}};
  t.candidates = {{"1", "c", 1, 2130706431, 0, {IpAddress::v4(192, 0, 2, 1), 10000}, CandidateType::host, {}}};
  audio.transport = video.transport = t;
  j.contents = {audio, video};
  j.bundle = {"audio", "video"};
  j.bridge_session = BridgeSession{"b1", "eu", false, false};
  put_sources(j, {{"jvb", make_feedback_sources(Ssrc(1), Ssrc(2))}, {"ab12cd34", make_sources("ab12cd34", Ssrc(11), Ssrc(12), Ssrc(13))}});
  return j;
}
}  // namespace

TEST_CASE("a transport said once for each line of an SDP counts once for each name") {
  std::string text = "<jingle xmlns='urn:xmpp:jingle:1' action='transport-info' sid='s'>";
  for (int line = 0; line < 60; ++line) {
    text += std::string("<content name='") + (line == 0 ? "audio" : "video") + "'><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ice-generation='3' ufrag='u" +
            std::to_string(line) + "abc' pwd='0123456789012345678901'/></content>";
  }
  const auto read = parse(parse_xml(in_iq(text + "</jingle>")));
  REQUIRE(read);
  REQUIRE(read->contents.size() == 2);
  CHECK(read->contents[1].name == "video");
  REQUIRE(read->transport());
  CHECK(read->transport()->ufrag == "u0abc");
  CHECK(read->transport()->ice_generation == 3u);
  std::string many = "<jingle xmlns='urn:xmpp:jingle:1' action='transport-info' sid='s'>";
  for (size_t line = 0; line <= kMaxTransportContents; ++line) many += "<content name='audio'/>";
  CHECK(parse(parse_xml(in_iq(many + "</jingle>"))).error() == "too many contents");
  // Names that differ stay few, as everywhere.
  many = "<jingle xmlns='urn:xmpp:jingle:1' action='transport-info' sid='s'>";
  for (size_t line = 0; line <= kMaxContents; ++line) many += "<content name='" + std::to_string(line) + "'/>";
  CHECK(parse(parse_xml(in_iq(many + "</jingle>"))).error() == "too many contents");
}

TEST_CASE("an offer of a focus is read whole") {
  const Element iq = parse_xml(kOffer);
  REQUIRE(is_jingle(iq));
  const auto j = parse(iq);
  REQUIRE(j);
  CHECK(j->action == Action::session_initiate);
  CHECK(j->sid == "8d8q6k3v1");
  CHECK(j->bundle == std::vector<std::string>{"audio", "video", "data"});
  CHECK(j->bridge_session->id == "b17");
  CHECK(j->bridge_session->region == "eu");
  CHECK(j->start_muted->audio);
  CHECK(!j->start_muted->video);
  const Content* audio = j->content("audio");
  REQUIRE(audio);
  CHECK(audio->rtcp_mux);
  CHECK(audio->max_ptime == 60u);
  CHECK(audio->formats.extmap_allow_mixed);
  CHECK(audio->formats.extension(kExtAudioLevel) == 1);
  const PayloadType* opus = audio->formats.find("OPUS");
  REQUIRE(opus);
  CHECK(opus->channels == 2);
  CHECK(opus->parameter("minptime") == "10");
  CHECK(opus->has_feedback("transport-cc"));
  const IceTransport& t = *audio->transport;
  CHECK(t.ufrag == "6k2vs1hq");
  CHECK(t.rtcp_mux);
  CHECK(t.fingerprints.at(0).value == kFingerprint);
  CHECK(t.fingerprints.at(0).setup == Setup::actpass);
  REQUIRE(t.candidates.size() == 2);  // neither the TCP one nor the name
  CHECK(t.candidates[0].address.to_string() == "192.0.2.7:10000");
  CHECK(t.candidates[1].type == CandidateType::srflx);
  CHECK(t.candidates[1].related->to_string() == "10.0.0.7:10000");
  CHECK(*t.web_socket == "wss://x/colibri-ws/b/c/e?pwd=1");
  const Content* video = j->content("video");
  REQUIRE(video->formats.find("H264"));
  CHECK(video->formats.find("H264")->parameter("") == "profile-level-id=42e01f;level-asymmetry-allowed=1;packetization-mode=1;");
  CHECK(video->formats.find_rtx(107)->id == 99);
  CHECK(!video->formats.find_rtx(100));
  CHECK(j->content("data")->media == Media::application);
  CHECK(j->content("data")->transport->sctp_map->port == 5000);
  const auto sources = sources_of(*j, "nobody");
  REQUIRE(sources);
  CHECK(sources->at("jvb").audio.sources.at(0).msid == "mixedmslabel mixedlabelaudio0");
  CHECK(sources->at("cd").video.sources.at(0).ssrc == Ssrc(4294967295u));
  CHECK(sources->at("cd").video.sources.at(0).video_type == VideoType::desktop);
  CHECK(sources->at("cd").video.groups.at(0).ssrcs == std::vector<Ssrc>{Ssrc(4294967295u), Ssrc(7)});
  CHECK(validate(sources->at("cd")));
}

TEST_CASE("what is written reads back the same") {
  for (const Element& iq : {parse_xml(kOffer), iq_of(offer())}) {
    const auto first = parse(iq);
    REQUIRE(first);
    const std::string text = to_xml(iq_of(*first));
    const auto second = parse(parse_xml(text));
    REQUIRE(second);
    CHECK(to_xml(iq_of(*second)) == text);
  }
}

TEST_CASE("an offer declares the namespaces that the web client looks for, literally") {
  const std::string text = to_xml(iq_of(offer()), ns::kClient);
  for (const char* literal :
       {"<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='s1'", "<content name='audio' creator='initiator' senders='both'>",
        "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>", "<payload-type id='111' name='opus' clockrate='48000' channels='2'>",
        "<parameter name='minptime' value='10'/>", "<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='transport-cc'/>",
        "<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack' subtype='pli'/>",
        "<rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' uri='urn:ietf:params:rtp-hdrext:ssrc-audio-level'/>",
        "<extmap-allow-mixed xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0'/><rtcp-mux/>",
        "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='uf12' pwd='pw12'><rtcp-mux/>",
        "<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>AA:BB:",
        "<candidate foundation='1' component='1' protocol='udp' priority='2130706431' ip='192.0.2.1' port='10000' type='host' generation='0' id='c'/>",
        "<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='11' name='ab12cd34-a0'>", "<ssrc-info xmlns='http://jitsi.org/jitmeet' owner='ab12cd34'/>",
        "<ssrc-group xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' semantics='FID'><source ssrc='12'/><source ssrc='13'/></ssrc-group>",
        "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content name='audio'/><content name='video'/></group>",
        "<bridge-session xmlns='http://jitsi.org/protocol/focus' id='b1' region='eu'/>",
        "<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='2' name='jvb-v0'><parameter name='msid' value='mixedmslabel mixedlabelvideo0'/>"}) {
    INFO(literal);
    CHECK(text.find(literal) != std::string::npos);
  }
  CHECK(text.find(" xmlns:") == std::string::npos);  // no prefix anywhere
}

TEST_CASE("other messages of a session") {
  const auto accept = parse(parse_xml(in_iq(
      "<jingle xmlns='urn:xmpp:jingle:1' action='session-accept' sid='s'><content name='video' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'>"
      "<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='5' name='ab12cd34-v0' videoType='camera'><parameter name='msid' value='a b'/></source></description>"
      "<initial-last-n xmlns='jitsi:colibri2' value='-1'/></content></jingle>")));
  REQUIRE(accept);
  CHECK(accept->contents[0].initial_last_n == -1);
  CHECK(sources_of(*accept, "ab12cd34")->at("ab12cd34").video.sources.at(0).owner == "ab12cd34");

  const auto terminate = parse(parse_xml(in_iq("<jingle xmlns='urn:xmpp:jingle:1' action='session-terminate' sid='s'><reason><connectivity-error/><text>ICE FAILED</text></reason>"
                                               "<bridge-session xmlns='http://jitsi.org/protocol/focus' id='b' restart='true'/></jingle>")));
  REQUIRE(terminate);
  CHECK(terminate->reason->condition == "connectivity-error");
  CHECK(terminate->reason->text == "ICE FAILED");
  CHECK(terminate->bridge_session->restart);
  CHECK(!terminate->bridge_session->ice_restart);
  CHECK(to_xml(to_element(*terminate)) ==
        "<jingle xmlns='urn:xmpp:jingle:1' action='session-terminate' sid='s'><reason><connectivity-error/><text>ICE FAILED</text></reason>"
        "<bridge-session xmlns='http://jitsi.org/protocol/focus' id='b' restart='true'/></jingle>");

  const auto info = parse(parse_xml(in_iq("<jingle xmlns='urn:xmpp:jingle:1' action='session-info' sid='s'><ice-state xmlns='http://jitsi.org/protocol/focus'>failed</ice-state>"
                                          "<bridge-session xmlns='http://jitsi.org/protocol/focus' id='b' ice-restart='true'/></jingle>")));
  REQUIRE(info);
  CHECK(info->ice_state == "failed");
  CHECK(info->bridge_session->ice_restart);

  Jingle add;
  add.action = Action::source_add;
  add.sid = "s";
  put_sources(add, {{"ab12cd34", make_sources("ab12cd34", Ssrc(1), Ssrc(), Ssrc())}});
  CHECK(to_xml(to_element(add)) ==
        "<jingle xmlns='urn:xmpp:jingle:1' action='source-add' sid='s'><content name='audio' creator='initiator' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>"
        "<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='1' name='ab12cd34-a0'><parameter name='msid' value='ab12cd34-audio-0-1 ab12cd34-a-track-1'/>"
        "<ssrc-info xmlns='http://jitsi.org/jitmeet' owner='ab12cd34'/></source></description></content></jingle>");

  Jingle silent;
  silent.action = Action::session_terminate;
  silent.sid = "s";
  silent.reason = Reason{};
  CHECK(to_xml(to_element(silent)) == "<jingle xmlns='urn:xmpp:jingle:1' action='session-terminate' sid='s'><reason/></jingle>");

  const Element stale = make_unknown_session(parse_xml(kOffer));
  CHECK(parse_error(stale).condition == Condition::item_not_found);
  CHECK(parse_error(stale).details.at(0).is("unknown-session", ns::kJingleErrors));
}

TEST_CASE("a message that is wrong is refused with the reason") {
  CHECK(complaint("session-initiate", "transport-replace") == "unknown action 'transport-replace'");
  CHECK(complaint(" sid='8d8q6k3v1'", "") == "no session id");
  CHECK(complaint("port='10000'", "port='99999'") == "content 'audio': port '99999' is not a number up to 65535");
  CHECK(complaint("port='10000'", "port='0'") == "content 'audio': port 0 is no place to send to");
  CHECK(complaint("port='10000'", "port='-1'") == "content 'audio': port '-1' is not a number up to 65535");
  CHECK(complaint("ssrc='1'", "ssrc='-1'") == "content 'audio': ssrc '-1' is not a number up to 4294967295");
  CHECK(complaint("ssrc='1'", "ssrc='4294967296'") == "content 'audio': ssrc '4294967296' is not a number up to 4294967295");
  CHECK(complaint("ssrc='1'", "ssrc='0'") == "content 'audio': ssrc 0 is no source");
  CHECK(complaint(" ssrc='1'", "") == "content 'audio': <source/> has no ssrc");
  CHECK(complaint("id='111'", "id='128'") == "content 'audio': id '128' is not a number up to 127");
  CHECK(complaint("clockrate='48000'", "clockrate='fast'") == "content 'audio': clockrate 'fast' is not a number up to 1000000");
  CHECK(complaint("id='99'", "id='107'") == "content 'video': payload type 107 is given twice");
  CHECK(complaint("id='1' uri", "id='0' uri") == "content 'audio': header extension id 0 is reserved");
  CHECK(complaint("media='audio'", "media='smell'") == "content 'audio': unknown media 'smell'");
  CHECK(complaint("semantics='FID'", "semantics='LS'") == "content 'video': unknown group semantics 'LS'");
  CHECK(complaint("semantics='BUNDLE'", "semantics='LS'") == "unknown grouping 'LS'");
  CHECK(complaint("setup='actpass'", "setup='holdconn'") == "content 'audio': unknown fingerprint setup 'holdconn'");
  CHECK(complaint("AA:BB:CC", "AA:BB:CX") == "content 'audio': fingerprint is not pairs of hex digits");
  CHECK(complaint("AA:BB:CC:", "") == "content 'audio': fingerprint has the wrong length");
  CHECK(complaint("ufrag='6k2vs1hq'", "ufrag='a b'") == "content 'audio': malformed ICE ufrag or pwd");
  CHECK(complaint(" pwd='2f5qdbp9l2r0jb2mvtgf1hn3ke'", "") == "content 'audio': malformed ICE ufrag or pwd");
  CHECK(complaint("type='srflx'", "type='magic'") == "content 'audio': unknown candidate type 'magic'");
  CHECK(complaint("name='video' creator", "name='audio' creator") == "content 'audio' is given twice");
  CHECK(complaint("senders='both'", "senders='all'") == "unknown senders 'all'");
  CHECK(complaint("maxptime='60'", "maxptime='x'") == "content 'audio': maxptime 'x' is not a number up to 1000");
  CHECK(parse(parse_xml(in_iq("<jingle xmlns='urn:xmpp:jingle:1' action='session-accept' sid='s'/>"))).error() == "session-accept without contents");
  CHECK(parse(parse_xml(in_iq(""))).error() == "no jingle element");
}

namespace {
std::string repeat(const std::string& before, const std::string& after, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += before + std::to_string(i + 1) + after;
  return out;
}
std::string error_of_content(const std::string& children) {
  const auto parsed = parse(parse_xml(in_iq("<jingle xmlns='urn:xmpp:jingle:1' action='session-info' sid='s'>" + children + "</jingle>")));
  if (!parsed) return parsed.error();
  const auto sources = sources_of(*parsed, "me");
  return sources ? "" : sources.error();
}
std::string error_of_description(const std::string& children) {
  return error_of_content("<content name='c'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>" + children + "</description></content>");
}
std::string error_of_transport(const std::string& children) {
  return error_of_content("<content name='c'><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1'>" + children + "</transport></content>");
}
}  // namespace

TEST_CASE("each count has its limit, and what just fits passes") {
  const auto types = [](size_t n) { return repeat("<payload-type id='", "' name='x' clockrate='8000'/>", n); };
  CHECK(error_of_description(types(kMaxPayloadTypes)).empty());
  CHECK(error_of_description(types(kMaxPayloadTypes + 1)) == "content 'c': too many payload types");
  const auto extensions = [](size_t n) { return repeat("<rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' uri='u' id='", "'/>", n); };
  CHECK(error_of_description(extensions(kMaxHeaderExtensions)).empty());
  CHECK(error_of_description(extensions(kMaxHeaderExtensions + 1)) == "content 'c': too many header extensions");
  const auto parameters = [](size_t n) { return "<payload-type id='1' clockrate='8000'>" + repeat("<parameter name='p", "' value=''/>", n) + "</payload-type>"; };
  CHECK(error_of_description(parameters(kMaxParameters)).empty());
  CHECK(error_of_description(parameters(kMaxParameters + 1)) == "content 'c': too many parameters of a payload type");
  const auto sources = [](size_t n) { return repeat("<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='", "'/>", n); };
  CHECK(error_of_description(sources(kMaxSourcesPerEndpoint)).empty());
  CHECK(error_of_description(sources(kMaxSourcesPerEndpoint + 1)) == "too many sources of 'me'");
  const auto groups = [&](size_t n) {
    return sources(2) + repeat("<ssrc-group xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' semantics='FID'><source ssrc='1'/><source ssrc='", "'/></ssrc-group>", n);
  };
  CHECK(error_of_description(groups(kMaxGroupsPerEndpoint)).empty());
  CHECK(error_of_description(groups(kMaxGroupsPerEndpoint + 1)) == "too many source groups of 'me'");
  CHECK(error_of_description("<ssrc-group xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' semantics='SIM'>" + repeat("<source ssrc='", "'/>", 21) + "</ssrc-group>") ==
        "content 'c': too many sources in a group");
  CHECK(error_of_description("<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='1' name='" + std::string(kMaxText + 1, 'n') + "'/>") == "content 'c': name is too long");
  const auto candidates = [](size_t n) { return repeat("<candidate protocol='udp' ip='192.0.2.1' type='host' port='", "'/>", n); };
  CHECK(error_of_transport(candidates(kMaxCandidates)).empty());
  CHECK(error_of_transport(candidates(kMaxCandidates + 1)) == "content 'c': too many candidates");
  const std::string fingerprint = "<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256'>" + kFingerprint + "</fingerprint>";
  std::string fingerprints;
  for (int i = 0; i < 9; ++i) fingerprints += fingerprint;
  CHECK(error_of_transport(fingerprints) == "content 'c': too many fingerprints");
  CHECK(error_of_content(repeat("<content name='", "'/>", kMaxContents)).empty());
  CHECK(error_of_content(repeat("<content name='", "'/>", kMaxContents + 1)) == "too many contents");
  CHECK(error_of_content("<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'>" + repeat("<content name='", "'/>", kMaxContents + 1) + "</group>") ==
        "too many contents in a group");
}

TEST_CASE("sources of one owner: what a focus accepts") {
  SourceSet set = make_sources("ab12cd34", Ssrc(1), Ssrc(2), Ssrc(3));
  CHECK(validate(set));
  SECTION("an SSRC twice") { set.audio.sources[0].ssrc = Ssrc(2); CHECK(validate(set).error() == "ssrc 2 is used twice"); }
  SECTION("a group of strangers") { set.video.groups[0].ssrcs[1] = Ssrc(9); CHECK(validate(set).error() == "a group names ssrc 9, which is no source"); }
  SECTION("FID of three") { set.video.groups[0].ssrcs.push_back(Ssrc(2)); CHECK(validate(set).error() == "a FID group has two sources"); }
  SECTION("SIM of one") { set.video.groups.push_back({GroupSemantics::sim, {Ssrc(2)}}); CHECK(validate(set).error() == "a SIM group has at least two sources"); }
  SECTION("two msids in a group") { set.video.sources[1].msid = "x y"; CHECK(validate(set).error() == "the sources of a group have different msids"); }
  SECTION("no msid in a group") { set.video.sources[1].msid.clear(); CHECK(validate(set).error() == "ssrc 3 is in a group but has no msid"); }
  SECTION("one msid for two sources") { set.video.groups.clear(); CHECK(validate(set).error() == "msid 'ab12cd34-video-0-1 ab12cd34-v-track-1' is used twice"); }
  SECTION("too many") {
    for (uint32_t i = 0; i < kMaxSourcesPerEndpoint; ++i) set.audio.sources.push_back({Ssrc(100 + i), "", "", "", VideoType::none});
    CHECK(validate(set).error() == "too many sources");
  }
  SECTION("too many groups") {
    for (uint32_t i = 0; i < kMaxGroupsPerEndpoint; ++i) set.video.groups.push_back(set.video.groups[0]);
    CHECK(validate(set).error() == "too many source groups");
  }
  SECTION("simulcast with rtx") {
    set.video = {};
    for (uint32_t i = 1; i <= 6; ++i) set.video.sources.push_back({Ssrc(10 + i), "n", "o", "s t", VideoType::camera});
    set.video.groups = {{GroupSemantics::sim, {Ssrc(11), Ssrc(12), Ssrc(13)}}, {GroupSemantics::fid, {Ssrc(11), Ssrc(14)}},
                        {GroupSemantics::fid, {Ssrc(12), Ssrc(15)}}, {GroupSemantics::fid, {Ssrc(13), Ssrc(16)}}};
    CHECK(validate(set));
  }
}

TEST_CASE("compact JSON sources: the focus's text, and back") {
  const std::string text =
      R"({"sources":{"ab12cd34":[[{"s":1,"n":"ab12cd34-v0","m":"a b"},{"s":2,"n":"ab12cd34-v1","m":"c d","v":"d"}],[["s",1,3],["f",1,4]],[{"s":5,"n":"ab12cd34-a0","m":"e f"}]],"cd":[]}})";
  const auto sources = parse_json_sources(text);
  REQUIRE(sources);
  const SourceSet& set = sources->at("ab12cd34");
  CHECK(set.video.sources.at(0).name == "ab12cd34-v0");
  CHECK(set.video.sources.at(0).video_type == VideoType::camera);
  CHECK(set.video.sources.at(1).video_type == VideoType::desktop);
  CHECK(set.video.groups.at(0).semantics == GroupSemantics::sim);
  CHECK(set.video.groups.at(1).ssrcs == std::vector<Ssrc>{Ssrc(1), Ssrc(4)});
  CHECK(set.audio.sources.at(0).owner == "ab12cd34");
  CHECK(sources->at("cd").empty());
  CHECK(write_json_sources(*sources) == text);
  Jingle add;
  add.action = Action::source_add;
  add.sid = "s";
  add.json_sources = *sources;
  const auto read = parse(parse_xml(to_xml(iq_of(add))));
  REQUIRE(read);
  CHECK(*sources_of(*read, "x") == *sources);
  CHECK(write_json_sources({}) == R"({"sources":{}})");
}

TEST_CASE("compact JSON sources that are wrong are refused") {
  const auto error = [](const std::string& owner_lists) {
    const auto read = parse_json_sources(R"({"sources":{"a":)" + owner_lists + "}}");
    return read ? std::string() : read.error();
  };
  CHECK(error("[]").empty());
  CHECK(error("7") == "sources of 'a' are not four lists");
  CHECK(error("[[],[],[],[],[]]") == "sources of 'a' are not four lists");
  CHECK(error("[7]") == "sources of 'a' are not a list");
  CHECK(error("[[7]]") == "a source of 'a' is not an object");
  CHECK(error(R"([[{"s":-1}]])") == "a source of 'a' has no valid ssrc");
  CHECK(error(R"([[{"s":4294967296}]])") == "a source of 'a' has no valid ssrc");
  CHECK(error(R"([[{"s":1.5}]])") == "a source of 'a' has no valid ssrc");
  CHECK(error(R"([[{"s":"1"}]])") == "a source of 'a' has no valid ssrc");
  CHECK(error(R"([[{"s":1,"n":7}]])") == "a source of 'a' is malformed");
  CHECK(error(R"([[],[["x",1]]])") == "a group of 'a' has unknown semantics");
  CHECK(error(R"([[],[["f"]]])") == "a group of 'a' is malformed");
  CHECK(error(R"([[],[["f",-1]]])") == "a group of 'a' has no valid ssrc");
  std::string many = "[[";
  for (size_t i = 0; i <= kMaxSourcesPerEndpoint; ++i) many += (i ? "," : "") + std::string(R"({"s":)") + std::to_string(i + 1) + "}";
  CHECK(error(many + "]]") == "too many sources of 'a'");
  std::string groups = "[[],[";
  for (size_t i = 0; i <= kMaxGroupsPerEndpoint; ++i) groups += std::string(i ? "," : "") + R"(["f",1,2])";
  CHECK(error(groups + "]]") == "too many groups of 'a'");
  std::string owners = R"({"sources":{)";
  for (size_t i = 0; i <= kMaxOwners; ++i) owners += std::string(i ? "," : "") + "\"" + std::to_string(i) + "\":[]";
  CHECK(parse_json_sources(owners + "}}").error() == "too many owners of sources");
  for (const char* wrong : {"", "{", "[]", "{}", R"({"sources":[]})", R"({"sources":{"":[]}})"}) CHECK(!parse_json_sources(wrong));
  CHECK(!parse_json_sources(std::string(200000, '[')));
}
