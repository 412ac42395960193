// A focus and a router with people and bridges that follow a script, in virtual time. What arrives where is written into
// one log, in order.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/signal/colibri2.h"
#include "core/signal/conference_request.h"
#include "core/signal/disco.h"
#include "core/signal/jingle.h"
#include "core/signal/presence.h"
#include "focus/engine/focus.h"
#include "tests/unit/router/deployment_fixture.h"

namespace tacoma::test {

using Log = std::vector<std::string>;

inline const Jid kRoom = jid("r@conference.tacoma.test");

inline jingle::IceTransport make_transport(std::string_view ufrag, jingle::Setup setup) {
  jingle::IceTransport transport;
  transport.ufrag = ufrag;
  transport.pwd = "password0password0password";
  std::string fingerprint = "AB";
  for (int i = 1; i < 32; ++i) fingerprint += ":CD";
  transport.fingerprints.push_back({"sha-256", fingerprint, setup});
  transport.rtcp_mux = true;
  return transport;
}

/// A bridge of stanzas: it has no media, but answers colibri2 as a bridge does.
class FakeBridge {
 public:
  FakeBridge(Deployment& deployment, Log& log, std::string name, std::string region, uint64_t seed)
      : name_(std::move(name)), region_(std::move(region)), deployment_(deployment), log_(log),
        client(account("jvb", std::string(deployment::kBridgePassword), name_), seed) {
    client.keeps = false;
    client.on_stanza = [this](const Element& stanza) { on_stanza(stanza); };
    deployment_.enter(client);
    stats.drain = false;
    stats.region = region_;
    client.send(presence(true));
    deployment_.wires.run();
  }
  void publish() {
    client.send(presence(false));
    deployment_.wires.run();
  }
  void leave() {
    client.send(muc::make_leave(occupant()));
    deployment_.wires.run();
  }
  Jid occupant() const { return jid(deployment::kBreweryRoom).with_resource(name_); }

  BridgeStats stats;
  bool is_silent = false;                          // answers nothing
  bool is_ill = false;                             // says so to health checks
  std::vector<colibri2::Error> refuse_allocations; // the next ones, first first
  std::vector<colibri2::Error> refuse_updates;
  bool without_transport = false;
  std::map<std::string, uint32_t> generations;     // of ICE restarts, by endpoint
  bool keeps_ice = false;                          // answers restarts without having done them
  std::vector<colibri2::ConferenceModify> requests;
  std::string last_meeting;
  bool last_was_get = false;

 private:
  Element presence(bool join) {
    Element presence = join ? muc::make_join(occupant()) : make_presence("", occupant());
    add_bridge_stats(presence, stats);
    return presence;
  }
  void on_stanza(const Element& stanza) {
    if (is_healthcheck(stanza)) {
      log_.push_back(name_ + " < healthcheck");
      if (is_silent) return;
      client.send(is_ill ? make_error(stanza, Condition::internal_server_error) : make_result(stanza));
      return;
    }
    if (!colibri2::is_request(stanza)) return;
    const auto request = colibri2::parse_request(stanza);
    REQUIRE(request);
    requests.push_back(*request);
    last_meeting = request->meeting_id;
    last_was_get = stanza.attr("type") == "get";
    bool creates = false, restarts = false;
    for (const colibri2::Endpoint& endpoint : request->endpoints) {
      const char* what = endpoint.create ? "create" : endpoint.expire ? "expire" : endpoint.transport && endpoint.transport->ice_restart ? "ice-restart" : endpoint.transport ? "transport" : "sources";
      log_.push_back(name_ + " < " + what + " " + endpoint.id + (request->create ? " new conference" : ""));
      creates |= endpoint.create;
      restarts |= endpoint.transport && endpoint.transport->ice_restart;
    }
    if (is_silent) return;
    std::vector<colibri2::Error>& refusals = creates ? refuse_allocations : refuse_updates;
    if (!refusals.empty() && !request->endpoints.front().expire) {
      client.send(colibri2::make_error(stanza, refusals.front()));
      refusals.erase(refusals.begin());
      return;
    }
    colibri2::ConferenceModified answer;
    if (creates && !without_transport) {
      colibri2::Endpoint& endpoint = answer.endpoints.emplace_back();
      endpoint.id = request->endpoints.front().id;
      endpoint.transport.emplace().ice = make_transport("b" + endpoint.id, jingle::Setup::actpass);
      answer.sources = colibri2::to_media_sources(jingle::make_feedback_sources(Ssrc(1), Ssrc(2)));
    }
    if (restarts && !without_transport) {
      colibri2::Endpoint& endpoint = answer.endpoints.emplace_back();
      endpoint.id = request->endpoints.front().id;
      jingle::IceTransport& ice = endpoint.transport.emplace().ice.emplace(make_transport("b" + endpoint.id, jingle::Setup::actpass));
      if (!keeps_ice) {
        ice.ice_generation = ++generations[endpoint.id];
        ice.ufrag += std::to_string(*ice.ice_generation);
      }
    }
    client.send(colibri2::make_answer(stanza, answer));
  }
  std::string name_, region_;
  Deployment& deployment_;
  Log& log_;

 public:
  Client client;
};

/// A person: asks, joins, answers disco#info and Jingle.
class Person {
 public:
  Person(Deployment& deployment, Log& log, std::string own_nick, uint32_t number)
      : number_(number), deployment_(deployment), log_(log), nick(std::move(own_nick)), client(anonymous(), number) {
    client.keeps = false;
    client.on_stanza = [this](const Element& stanza) { on_stanza(stanza); };
    features = {{{"client", "web", "test"}},
                {std::string(kFeatureAudio), std::string(kFeatureVideo), std::string(kFeatureRtx), std::string(kFeatureTcc)},
                {}};
    sources = jingle::make_sources(this->nick, Ssrc(number * 10 + 1), Ssrc(number * 10 + 2), Ssrc(number * 10 + 3));
  }
  /// Steps 3 to 5 of a join.
  void come() {
    deployment_.enter(client);
    ask();
    enter_room();
  }
  void ask() {
    ConferenceRequest request;
    request.room = kRoom;
    request.properties = properties;
    client.send(make_conference_request(jid(deployment::kFocusDomain), "ask", request));
    deployment_.wires.run();
  }
  void enter_room() {
    Element join = muc::make_join(kRoom.with_resource(nick));
    add_participant(join, presence);
    client.send(join);
    deployment_.wires.run();
  }
  void leave() {
    client.send(muc::make_leave(kRoom.with_resource(nick)));
    deployment_.wires.run();
  }
  void accept() {
    jingle::Jingle message;
    message.action = jingle::Action::session_accept;
    message.sid = offer.sid;
    for (jingle::Media media : {jingle::Media::audio, jingle::Media::video}) {
      jingle::Content& content = message.contents.emplace_back();
      content.name = jingle::name_of(media);
      content.media = media;
      content.rtcp_mux = true;
      content.transport = make_transport("p" + nick, jingle::Setup::active);
    }
    jingle::put_sources(message, {{nick, sources}});
    send(message, "accept");
  }
  /// session-terminate that asks for another invitation.
  void restart(std::string bridge_session = {}) {
    REQUIRE(offer.bridge_session);
    jingle::Jingle message;
    message.action = jingle::Action::session_terminate;
    message.sid = offer.sid;
    message.reason = jingle::Reason{"connectivity-error", ""};
    message.bridge_session = jingle::BridgeSession{bridge_session.empty() ? offer.bridge_session->id : bridge_session, "", true, false};
    send(message, "restart");
  }
  /// session-info that asks for new ICE credentials of the bridge.
  void restart_ice(std::string bridge_session = {}) {
    REQUIRE(offer.bridge_session);
    jingle::Jingle message;
    message.action = jingle::Action::session_info;
    message.sid = offer.sid;
    message.bridge_session = jingle::BridgeSession{bridge_session.empty() ? offer.bridge_session->id : bridge_session, "", false, true};
    send(message, "ice-restart");
  }
  /// Its own credentials, anew.
  void send_transport(uint32_t generation, std::string_view ufrag) {
    jingle::Jingle message;
    message.action = jingle::Action::transport_info;
    message.sid = offer.sid;
    jingle::Content& content = message.contents.emplace_back();
    content.name = "audio";
    content.transport = make_transport(ufrag, jingle::Setup::active);
    content.transport->ice_generation = generation;
    send(message, "transport");
  }
  void change_sources(jingle::Action action, const jingle::SourceSet& set) {
    jingle::Jingle message;
    message.action = action;
    message.sid = offer.sid;
    jingle::put_sources(message, {{nick, set}});
    send(message, "sources");
  }
  void send(const jingle::Jingle& message, std::string_view id) {
    Element iq = make_iq("set", kRoom.with_resource("focus"), id);
    iq.add(jingle::to_element(message));
    send(std::move(iq));
  }
  void send(Element iq) {
    client.send(iq);
    deployment_.wires.run();
  }

 private:
  void on_stanza(const Element& stanza) {
    if (is_answer(stanza)) return on_answer(stanza);
    if (is_presence(stanza)) return on_presence(stanza);
    if (is_disco_query(stanza)) {
      log_.push_back(nick + " < disco#info");
      if (answers_disco) client.send(make_disco_result(stanza, features));
      return;
    }
    if (const Element* mute = stanza.children.empty() || stanza.children[0].name != "mute" ? nullptr : &stanza.children[0]) {
      const std::string media = mute->ns.substr(mute->ns.rfind('/') + 1);
      CHECK(mute->attr("jid") == kRoom.with_resource(nick).to_string());
      CHECK(mute->text == "true");
      log_.push_back(nick + " < mute " + media + " by " + std::string(mute->attr("actor")));
      client.send(make_result(stanza));
      return;
    }
    if (!jingle::is_jingle(stanza)) return;
    const auto message = jingle::parse(stanza);
    REQUIRE(message);
    std::string line = nick + " < " + jingle::name_of(message->action);
    if (message->reason) line += " " + message->reason->condition + (message->reason->text.empty() ? "" : " " + message->reason->text);
    const bool changes_sources = message->action == jingle::Action::source_add || message->action == jingle::Action::source_remove;
    if (changes_sources) {
      CHECK(message->sid == offer.sid);
      const auto changed = jingle::sources_of(*message, "?");
      REQUIRE(changed);
      for (const auto& [owner, set] : *changed) line += " " + owner;
      last_change = *changed;
      last_change_was_json = message->json_sources.has_value();
    }
    log_.push_back(line);
    if (message->action == jingle::Action::session_initiate && is_silent) return;
    if (message->action == jingle::Action::session_initiate && refuses) {
      client.send(make_error(stanza, Condition::bad_request));
      return;
    }
    client.send(make_result(stanza));
    if (message->action == jingle::Action::transport_info) last_transport = *message;
    if (message->action != jingle::Action::session_initiate) return;
    offer = *message;
    ++offers;
    if (accepts) accept();
  }
  void on_answer(const Element& stanza) {
    if (stanza.attr("type") == "error") {
      const StanzaError error = parse_error(stanza);
      last_error = name_of(error.condition);
      last_error_text = error.text;
      log_.push_back(nick + " < error " + last_error);
      return;
    }
    if (stanza.attr("id") != "ask") {
      log_.push_back(nick + " < result " + std::string(stanza.attr("id")));
      return;
    }
    const auto answer = parse_conference_request(stanza);
    REQUIRE(answer);
    ready = answer->ready;
    focus_jid = answer->focus_jid;
    log_.push_back(nick + " < conference ready=" + (ready ? "true" : "false"));
  }
  void on_presence(const Element& stanza) {
    const Jid from = from_of(stanza);
    const auto info = muc::parse_user_info(stanza);
    if (from.resource == "focus") {
      focus_presence = parse_focus(stanza);
      focus_is_here = stanza.attr("type") != "unavailable";
      if (info && info->item.jid) focus_real_jid = info->item.jid->to_string();
    }
    if (from.resource == nick && info) role = info->item.role;
  }
  uint32_t number_;
  Deployment& deployment_;
  Log& log_;

 public:
  std::string nick;
  Client client;
  ParticipantPresence presence;
  DiscoInfo features;
  jingle::SourceSet sources;
  bool accepts = true, refuses = false, answers_disco = true;
  bool is_silent = false;  // to offers
  std::vector<std::pair<std::string, std::string>> properties;  // of its conference request
  bool ready = false, focus_is_here = false;
  std::string focus_jid, focus_real_jid, last_error, last_error_text;
  FocusPresence focus_presence;
  muc::Role role = muc::Role::none;
  jingle::Jingle offer, last_transport;
  int offers = 0;
  jingle::ConferenceSources last_change;
  bool last_change_was_json = false;
};

/// One focus that is up; bridges and people are added by the test.
struct Conference : Deployment {
  explicit Conference(FocusConfig config = FocusConfig::embedded(Rng(3))) : focus(std::move(config)) {
    wires.attach(focus);
    wires.run();
  }
  FakeBridge& add_bridge(std::string name = "eu-1", std::string region = "eu") {
    bridges.push_back(std::make_unique<FakeBridge>(*this, log, std::move(name), std::move(region), 100 + bridges.size()));
    return *bridges.back();
  }
  Person& add_person(std::string nick) {
    people.push_back(std::make_unique<Person>(*this, log, std::move(nick), static_cast<uint32_t>(people.size() + 1)));
    return *people.back();
  }
  /// A conference request that does not come by XMPP.
  uint64_t request_outside(const ConferenceRequest& request) {
    uint64_t number = 0;
    wires.inspect(focus, [&](Instant now, Outbox& out) { number = focus.request_conference(now, request, out); });
    wires.run();
    return number;
  }
  /// What was logged since the last call, one a line.
  Log take_log() { return std::exchange(log, {}); }
  Focus focus;
  Log log;
  std::vector<std::unique_ptr<FakeBridge>> bridges;
  std::vector<std::unique_ptr<Person>> people;
};

/// Only the lines that begin so.
inline Log only(const Log& log, std::string_view prefix) {
  Log chosen;
  for (const std::string& line : log)
    if (line.starts_with(prefix)) chosen.push_back(line);
  return chosen;
}

}  // namespace tacoma::test
