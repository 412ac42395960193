#include <catch2/catch.hpp>

#include "core/signal/colibri2_json.h"

using namespace tacoma;
using namespace tacoma::colibri2;

TEST_CASE("colibri2 JSON: a request as the reference's documentation writes it") {
  std::string fingerprint = "AB";
  for (int i = 1; i < 32; ++i) fingerprint += ":CD";
  const auto request = parse_json_request(
      R"({"meeting-id":"m1","name":"r@c.X","create":true,"endpoints":[{"id":"ab12cd34","create":true,"capabilities":["source-names"],
 "medias":[{"type":"audio","payload-types":[{"id":111,"name":"opus","clockrate":48000,"channels":2,"parameters":{"minptime":10},
   "rtcp-fbs":[{"type":"transport-cc"}]}],"rtp-hdrexts":[{"id":1,"uri":"urn:ietf:params:rtp-hdrext:ssrc-audio-level"}]}],
 "transport":{"ice-controlling":true,"transport":{"ufrag":"abcd","pwd":"0123456789012345678901","rtcp-mux":true,
   "fingerprints":[{"hash":"sha-256","setup":"active","fingerprint":")" + fingerprint + R"("}],
   "candidates":[{"foundation":"1","component":1,"protocol":"udp","priority":1,"ip":"192.0.2.1","port":10000,"type":"host","generation":0,"id":"1"}]}},
 "sources":[{"type":"video","id":"ab12cd34-v0","sources":[{"ssrc":5,"name":"ab12cd34-v0"},6],"ssrc-groups":[{"semantics":"FID","sources":[5,6]}]}],
 "force-mute":{"audio":true,"video":false},"initial-last-n":3}]})");
  INFO((request ? std::string() : request.error()));
  REQUIRE(request);
  CHECK(request->meeting_id == "m1");
  CHECK(request->create);
  REQUIRE(request->endpoints.size() == 1);
  const Endpoint& e = request->endpoints[0];
  CHECK(e.has_capability(kCapSourceNames));
  REQUIRE(e.formats(jingle::Media::audio));
  const jingle::PayloadType* opus = e.formats(jingle::Media::audio)->find("opus");
  REQUIRE(opus);
  CHECK(opus->parameter("minptime") == "10");
  CHECK(opus->has_feedback("transport-cc"));
  REQUIRE(e.transport);
  CHECK(e.transport->ice_controlling == true);
  REQUIRE(e.transport->ice);
  CHECK(e.transport->ice->fingerprints[0].value == fingerprint);
  CHECK(e.transport->ice->candidates[0].address.to_string() == "192.0.2.1:10000");
  REQUIRE(e.sources);
  CHECK(to_source_set(*e.sources, "ab12cd34").video.groups[0].ssrcs == std::vector<Ssrc>{Ssrc(5), Ssrc(6)});
  CHECK(e.force_mute == ForceMute{true, false});
  CHECK(e.initial_last_n == 3);
}

TEST_CASE("colibri2 JSON: an answer") {
  ConferenceModified answer;
  answer.endpoints.push_back({});
  answer.endpoints[0].id = "ab12cd34";
  jingle::IceTransport ice;
  ice.ufrag = "u";
  ice.pwd = "p";
  ice.rtcp_mux = true;
  ice.fingerprints.push_back({});
  ice.fingerprints[0].value = "AA";
  ice.web_socket = "wss://x/colibri-ws/b/c/e?pwd=1";
  answer.endpoints[0].transport.emplace().ice = ice;
  answer.sources = to_media_sources(jingle::make_feedback_sources(Ssrc(1), Ssrc(2)));
  const std::string text = write_json(answer);
  INFO(text);
  for (const char* part : {"\"ufrag\": \"u\"", "\"rtcp-mux\": true", "\"fingerprint\": \"AA\"", "\"web-sockets\": [", "\"ssrc\": 1", "\"id\": \"jvb-a0\""})
    CHECK(text.find(part) != std::string::npos);
}

TEST_CASE("colibri2 JSON: what is wrong is said") {
  CHECK(parse_json_request("{").error() == "the body is no JSON object");
  CHECK(parse_json_request("[]").error() == "the body is no JSON object");
  CHECK_FALSE(parse_json_request("{}"));  // no meeting-id
  CHECK(parse_json_request(R"({"meeting-id":"m","endpoints":{}})").error() == "endpoints is no list");
  CHECK(parse_json_request(R"({"meeting-id":"m","nonsense":{}})").error() == "there is no nonsense in conference-modify");
  CHECK(parse_json_request(std::string(100, '[')).error() == "the body is nested too deeply");
}
