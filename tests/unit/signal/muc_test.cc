#include <catch2/catch.hpp>

#include "core/signal/conference_request.h"
#include "core/signal/deployment.h"
#include "core/signal/disco.h"
#include "core/signal/muc.h"
#include "core/signal/presence.h"

using namespace tacoma;

namespace {
const Jid kRoom = *Jid::parse("r@conference.tacoma.test");
const Jid kOccupant = kRoom.with_resource("ab12cd34");
}  // namespace

TEST_CASE("joining and leaving a room") {
  CHECK(to_xml(muc::make_join(kOccupant), ns::kClient) ==
        "<presence to='r@conference.tacoma.test/ab12cd34'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
  const Element locked = muc::make_join(kOccupant, "s3cret");
  CHECK(muc::is_join(locked));
  CHECK(muc::join_password(locked) == "s3cret");
  CHECK(!muc::is_join(muc::make_leave(kOccupant)));
  CHECK(muc::make_leave(kOccupant).attr("type") == "unavailable");
  CHECK(!muc::is_join(make_presence({}, kOccupant)));
}

TEST_CASE("what a room says about an occupant") {
  Element presence = make_presence({}, kOccupant);
  muc::UserInfo info;
  info.item = {muc::Affiliation::owner, muc::Role::moderator, Jid::parse("focus@focus.tacoma.test/focus"), "", "begone", "boss"};
  info.statuses = {muc::kStatusNonAnonymous, muc::kStatusSelf};
  muc::add_user_info(presence, info);
  CHECK(to_xml(presence.children[0]) ==
        "<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner' role='moderator' jid='focus@focus.tacoma.test/focus'><actor nick='boss'/>"
        "<reason>begone</reason></item><status code='100'/><status code='110'/></x>");
  const auto read = muc::parse_user_info(parse_xml(to_xml(presence)));
  REQUIRE(read);
  CHECK(read->item.affiliation == muc::Affiliation::owner);
  CHECK(read->item.role == muc::Role::moderator);
  CHECK(read->item.jid->to_string() == deployment::kFocusFullJid);
  CHECK(read->item.actor_nick == "boss");
  CHECK(read->has_status(110));
  CHECK(!read->has_status(307));
  CHECK(!muc::parse_user_info(make_presence({}, kOccupant)));
  CHECK(!muc::parse_user_info(parse_xml("<presence xmlns='jabber:client'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='king' role='none'/></x></presence>")));
  std::string statuses;
  for (int i = 0; i < 100; ++i) statuses += "<status code='110'/>";
  CHECK(muc::parse_user_info(parse_xml("<presence xmlns='jabber:client'><x xmlns='http://jabber.org/protocol/muc#user'>" + statuses + "</x></presence>"))->statuses.size() == 16);
}

TEST_CASE("room configuration: a focus submits who sees JIDs, an owner a secret") {
  const auto config = muc::parse_config(muc::make_config(kRoom, "1"));
  REQUIRE(config);
  CHECK(config->whois_anyone == true);
  CHECK(!config->secret);
  CHECK(muc::parse_config(muc::make_config(kRoom, "1", "s"))->secret == "s");
  const Element form = muc::make_config_form(muc::make_config_query(kRoom, "2"), {true, "s", false});
  CHECK(form.attr("type") == "result");
  const auto offered = muc::parse_config(form);
  CHECK(offered->whois_anyone == true);
  CHECK(offered->members_only == false);
  CHECK(!muc::parse_config(muc::make_config_query(kRoom, "3")));
  const Element cancel = parse_xml("<iq xmlns='jabber:client' type='set'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='cancel'/></query></iq>");
  CHECK(muc::is_config_cancel(cancel));
  CHECK(!muc::parse_config(cancel));
}

TEST_CASE("kicks and grants") {
  const auto kick = muc::parse_admin(muc::make_kick(kRoom, "1", "ab12cd34", "noise"));
  REQUIRE(kick);
  CHECK(kick->at(0).nick == "ab12cd34");
  CHECK(kick->at(0).role == muc::Role::none);
  CHECK(kick->at(0).reason == "noise");
  CHECK(!kick->at(0).affiliation);
  const auto grant = muc::parse_admin(muc::make_grant(kRoom, "1", *Jid::parse("u@tacoma.test/1"), muc::Affiliation::owner));
  CHECK(grant->at(0).jid->to_string() == "u@tacoma.test");
  CHECK(grant->at(0).affiliation == muc::Affiliation::owner);
  const auto admin = [](const std::string& items) {
    return muc::parse_admin(parse_xml("<iq xmlns='jabber:client' type='set'><query xmlns='http://jabber.org/protocol/muc#admin'>" + items + "</query></iq>"));
  };
  CHECK(admin("").error() == "no items");
  CHECK(admin("<item role='king'/>").error() == "unknown role 'king'");
  CHECK(admin("<item affiliation='king'/>").error() == "unknown affiliation 'king'");
  CHECK(admin("<item jid='@'/>").error() == "malformed jid");
  std::string many;
  for (int i = 0; i < 65; ++i) many += "<item nick='n' role='none'/>";
  CHECK(admin(many).error() == "too many items");
}

TEST_CASE("a participant's presence") {
  ParticipantPresence p;
  p.display_name = "Eve";
  p.stats_id = "Eve-x1";
  p.region = "eu";
  p.codecs = "vp8";
  p.sources = {{"ab12cd34-a0", true, jingle::VideoType::none}, {"ab12cd34-v0", false, jingle::VideoType::desktop}};
  p.audio_muted = true;
  p.video_muted = false;
  p.caps_node = "https://jitsi.org/jitsi-meet";
  p.caps_ver = "abc=";
  p.features = {"urn:x"};
  Element presence = muc::make_join(kOccupant);
  add_participant(presence, p);
  CHECK(to_xml(presence, ns::kClient) ==
        "<presence to='r@conference.tacoma.test/ab12cd34'><x xmlns='http://jabber.org/protocol/muc'/>"
        "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://jitsi.org/jitsi-meet' ver='abc='/>"
        "<nick xmlns='http://jabber.org/protocol/nick'>Eve</nick><stats-id>Eve-x1</stats-id><jitsi_participant_region>eu</jitsi_participant_region>"
        "<jitsi_participant_codecList>vp8</jitsi_participant_codecList>"
        "<SourceInfo>{&quot;ab12cd34-a0&quot;:{&quot;muted&quot;:true},&quot;ab12cd34-v0&quot;:{&quot;muted&quot;:false,&quot;videoType&quot;:&quot;desktop&quot;}}</SourceInfo>"
        "<audiomuted>true</audiomuted><videomuted>false</videomuted><features><feature var='urn:x'/></features></presence>");
  const ParticipantPresence read = parse_participant(parse_xml(to_xml(presence)));
  CHECK(read.display_name == "Eve");
  CHECK(read.region == "eu");
  CHECK(read.codecs == "vp8");
  CHECK(read.sources == p.sources);
  CHECK(read.audio_muted == true);
  CHECK(read.video_muted == false);
  CHECK(read.caps_ver == "abc=");
  CHECK(read.features == p.features);
}

TEST_CASE("SourceInfo that is wrong reads as none") {
  CHECK(parse_source_info("[]").error() == "SourceInfo is not a JSON object");
  CHECK(parse_source_info("{").error() == "SourceInfo is not a JSON object");
  CHECK(parse_source_info(R"({"a":1})").error() == "SourceInfo of 'a' is not an object");
  CHECK(parse_source_info(R"({"a":{}})")->at(0).muted);
  std::string many = "{";
  for (size_t i = 0; i <= kMaxSourceStates; ++i) many += std::string(i ? "," : "") + "\"" + std::to_string(i) + "\":{}";
  CHECK(parse_source_info(many + "}").error() == "SourceInfo names too many sources");
  CHECK(parse_participant(parse_xml("<presence xmlns='jabber:client'><SourceInfo>{</SourceInfo></presence>")).sources.empty());
}

TEST_CASE("a focus's and a bridge's presence") {
  Element presence = make_presence({}, kRoom.with_resource("focus"));
  add_focus(presence, {{{"support-terminate-restart", "true"}, {"bridge-count", "1"}}, true});
  const FocusPresence focus = parse_focus(parse_xml(to_xml(presence)));
  CHECK(focus.properties.at(1) == std::pair<std::string, std::string>{"bridge-count", "1"});
  CHECK(focus.bridge_not_available);

  BridgeStats stats;
  CHECK(stats.drain);  // until it says otherwise
  stats.drain = false;
  stats.stress = 0.12;
  stats.version = "2.3";
  stats.region = "eu";
  stats.endpoints = 7;
  stats.others = {{"packet_rate_upload", "12"}};
  Element brewery = make_presence({}, *Jid::parse("jvbbrewery@internal.auth.tacoma.test/b1"));
  add_bridge_stats(brewery, stats);
  CHECK(to_xml(brewery).find("<stats xmlns='http://jitsi.org/protocol/colibri'><stat name='stress_level' value='0.1200'/><stat name='drain' value='false'/>") != std::string::npos);
  const auto read = parse_bridge_stats(parse_xml(to_xml(brewery)));
  REQUIRE(read);
  CHECK(read->stress == Approx(0.12));
  CHECK(!read->drain);
  CHECK(read->version == "2.3");
  CHECK(read->endpoints == 7);
  CHECK(read->others.at("packet_rate_upload") == "12");
  CHECK(!parse_bridge_stats(presence));
  const auto odd = parse_bridge_stats(parse_xml("<presence xmlns='jabber:client'><stats xmlns='http://jitsi.org/protocol/colibri'><stat name='stress_level' value='nan'/><stat name='endpoints' value='-3'/></stats></presence>"));
  CHECK(odd->stress == 0);
  CHECK(odd->endpoints == 0);
  CHECK(odd->drain);
  std::string many;
  for (size_t i = 0; i < 2 * kMaxStats; ++i) many += "<stat name='s" + std::to_string(i) + "' value='1'/>";
  CHECK(parse_bridge_stats(parse_xml("<presence xmlns='jabber:client'><stats xmlns='http://jitsi.org/protocol/colibri'>" + many + "</stats></presence>"))->others.size() == kMaxStats);
}

TEST_CASE("features are asked for and told") {
  const Element query = make_disco_query(kOccupant, "1", "n#v");
  CHECK(is_disco_query(query));
  DiscoInfo info;
  info.identities = {{"client", "web", "Tacoma"}};
  info.features = {std::string(kFeatureAudio), std::string(kFeatureTcc)};
  info.room_info = {{"muc#roominfo_meetingId", "m-1"}};
  const Element answer = make_disco_result(query, info);
  CHECK(answer.child("query", ns::kDiscoInfo)->attr("node") == "n#v");
  const auto read = parse_disco(parse_xml(to_xml(answer)));
  REQUIRE(read);
  CHECK(read->has(kFeatureTcc));
  CHECK(!read->has(kFeatureRtx));
  CHECK(read->identities == info.identities);
  CHECK(read->room_info == info.room_info);
  CHECK(!parse_disco(query));
  std::string many;
  for (size_t i = 0; i <= kMaxFeatures; ++i) many += "<feature var='f'/>";
  CHECK(parse_disco(parse_xml("<iq xmlns='jabber:client' type='result'><query xmlns='http://jabber.org/protocol/disco#info'>" + many + "</query></iq>")).error() == "too many features");

  // XEP-0115 section 5.2
  DiscoInfo exodus;
  exodus.identities = {{"client", "pc", "Exodus 0.9.1"}};
  exodus.features = {"http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items", "http://jabber.org/protocol/muc", "http://jabber.org/protocol/caps"};
  CHECK(caps_verification(exodus) == "QgayPKawpkPSDYmwT/WM94uAlu0=");
}

TEST_CASE("pings and health checks are told apart") {
  CHECK(is_ping(make_ping(kRoom, "1")));
  CHECK(!is_healthcheck(make_ping(kRoom, "1")));
  CHECK(is_healthcheck(make_healthcheck(kRoom, "1")));
  CHECK(!is_ping(make_result(make_ping(kRoom, "1"))));
}

TEST_CASE("the conference request and its answer") {
  const Element iq = parse_xml(
      "<iq xmlns='jabber:client' type='set' to='focus.tacoma.test' id='a1'><conference xmlns='http://jitsi.org/protocol/focus' room='r@conference.tacoma.test' machine-uid='m' "
      "token='t' session-id='s'><property name='startAudioMuted' value='10'/><property name='visitors-version' value='1'/></conference></iq>");
  REQUIRE(is_conference_request(iq));
  const auto request = parse_conference_request(iq);
  REQUIRE(request);
  CHECK(request->room == kRoom);
  CHECK(request->machine_uid == "m");
  CHECK(request->token == "t");
  CHECK(request->session_id == "s");
  CHECK(request->property("startAudioMuted") == "10");
  CHECK(to_xml(make_conference_request(*Jid::parse("focus.tacoma.test"), "a1", *request), ns::kClient) ==
        "<iq to='focus.tacoma.test' type='set' id='a1'><conference xmlns='http://jitsi.org/protocol/focus' room='r@conference.tacoma.test' machine-uid='m' token='t' session-id='s'>"
        "<property name='startAudioMuted' value='10'/><property name='visitors-version' value='1'/></conference></iq>");
  ConferenceRequest answer;
  answer.room = kRoom;
  answer.ready = true;
  answer.focus_jid = deployment::kFocusJid;
  answer.properties = {{"authentication", "false"}};
  CHECK(to_xml(make_conference_answer(iq, answer), ns::kClient) ==
        "<iq from='focus.tacoma.test' type='result' id='a1'><conference xmlns='http://jitsi.org/protocol/focus' room='r@conference.tacoma.test' ready='true' "
        "focusjid='focus@focus.tacoma.test'><property name='authentication' value='false'/></conference></iq>");
  const auto read = parse_conference_request(make_conference_answer(iq, answer));
  CHECK(read->ready);
  CHECK(read->focus_jid == deployment::kFocusJid);
  const auto error = [](const std::string& attributes, const std::string& children = {}) {
    const auto parsed = parse_conference_request(
        parse_xml("<iq xmlns='jabber:client' type='set'><conference xmlns='http://jitsi.org/protocol/focus'" + attributes + ">" + children + "</conference></iq>"));
    return parsed ? std::string() : parsed.error();
  };
  CHECK(error("") == "no room");
  CHECK(error(" room='@'") == "'@' is not a room");
  CHECK(error(" room='conference.tacoma.test'") == "'conference.tacoma.test' is not a room");
  CHECK(error(" room='r@c/x'") == "'r@c/x' is not a room");
  std::string many;
  for (size_t i = 0; i <= kMaxConferenceProperties; ++i) many += "<property name='p' value='v'/>";
  CHECK(error(" room='r@c'", many) == "too many properties");
  CHECK(!parse_conference_request(make_ping(kRoom, "1")));
}
