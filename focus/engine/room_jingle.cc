// What members say: session-accept, session-terminate, session-info, sources, mute.
#include <algorithm>
#include <utility>

#include "focus/engine/room.h"

namespace tacoma::focus {

namespace {
constexpr std::string_view kMuteAudio = "http://jitsi.org/jitmeet/audio";
constexpr std::string_view kMuteVideo = "http://jitsi.org/jitmeet/video";
constexpr std::string_view kMuteDesktop = "http://jitsi.org/jitmeet/desktop";

Failure<StanzaError> failure(Condition condition, std::string text) {
  StanzaError error;
  error.condition = condition;
  error.text = std::move(text);
  return {std::move(error)};
}

/// What a bridge needs to reach a client. One that it refused would count against the bridge, and cost the whole conference
/// its session: so it is refused here.
bool has_credentials(const jingle::IceTransport& transport) {  // RFC 8839 section 5.4
  return transport.ufrag.size() >= 4 && transport.ufrag.size() <= 256 && transport.pwd.size() >= 22 && transport.pwd.size() <= 256;
}
bool is_complete(const jingle::IceTransport& transport) {
  return has_credentials(transport) && std::any_of(transport.fingerprints.begin(), transport.fingerprints.end(),
                                                 [](const jingle::Fingerprint& f) { return f.hash == "sha-256"; });
}
}  // namespace

void Room::on_iq(Instant now, const Jid& from, const Element& iq) {
  if (phase_ == Phase::over) return refuse(iq, Condition::item_not_found);
  Member* member = by_nick(from.resource);
  if (!member) return refuse(iq, Condition::not_acceptable, "Not a member of the conference");
  if (jingle::is_jingle(iq)) return on_jingle(now, *member, iq);
  for (std::string_view media : {kMuteAudio, kMuteVideo, kMuteDesktop})
    if (const Element* mute = iq.child("mute", media)) return on_mute(*member, iq, *mute);
  refuse(iq, Condition::service_unavailable);
}

void Room::on_jingle(Instant now, Member& member, const Element& iq) {
  const auto message = jingle::parse(iq);
  if (!message) return refuse(iq, Condition::bad_request, message.error());
  if (!member.has_session() || message->sid != member.sid) return shared_.line.send(jingle::make_unknown_session(iq));
  switch (message->action) {
    case jingle::Action::session_accept: return on_accept(now, member, iq, *message);
    case jingle::Action::session_terminate: return on_terminate(now, member, iq, *message);
    case jingle::Action::session_info: return on_info(now, member, iq, *message);
    case jingle::Action::transport_info: return on_transport(now, member, iq, *message);
    case jingle::Action::source_add:
    case jingle::Action::source_remove: return on_sources(now, member, iq, *message);
    case jingle::Action::session_initiate: return refuse(iq, Condition::feature_not_implemented);
  }
}

Result<jingle::SourceSet, StanzaError> Room::own_sources(const Member& member, const jingle::Jingle& message) const {
  auto all = jingle::sources_of(message, member.nick);
  if (!all) return failure(Condition::bad_request, all.error());
  for (const auto& [owner, sources] : *all)
    if (owner != member.nick) return failure(Condition::bad_request, "sources of another owner");
  const auto mine = all->find(member.nick);
  if (mine == all->end()) return jingle::SourceSet();
  return std::move(mine->second);
}

void Room::on_accept(Instant now, Member& member, const Element& iq, const jingle::Jingle& message) {
  if (member.state != State::invited) return refuse(iq, Condition::unexpected_request, "already accepted");
  const jingle::IceTransport* transport = message.transport();
  if (!transport || !is_complete(*transport)) return refuse(iq, Condition::bad_request, "no transport with a sha-256 fingerprint");
  auto sources = own_sources(member, message);
  if (sources)
    if (auto added = sources_.try_add(member.nick, *sources); !added) sources = fail(added.error());
  if (!sources) {
    ++shared_.stats.source_errors;
    return refuse(iq, sources.error());
  }
  member.state = State::active;
  ++shared_.stats.accepts;
  shared_.line.send(make_result(iq));
  std::optional<int32_t> last_n;
  for (const jingle::Content& content : message.contents)
    if (content.initial_last_n) last_n = content.initial_last_n;
  update_bridge(now, session_->accept(member.nick, *transport, sources_.of(member.nick), last_n));
  tell_untold(member);
  tell_others(member.nick, {});
}

void Room::on_terminate(Instant now, Member& member, const Element& iq, const jingle::Jingle& message) {
  const bool wants_restart = message.bridge_session && message.bridge_session->restart;
  if (message.bridge_session && message.bridge_session->id != session_->id())
    return refuse(iq, Condition::item_not_found, "another bridge session");
  if (wants_restart) {
    ++shared_.stats.restarts_requested;
    if (!member.restarts.accept(now, shared_.config.times)) {
      ++shared_.stats.restarts_refused;
      return refuse(iq, Condition::resource_constraint, "too many restarts");
    }
  }
  shared_.line.send(make_result(iq));
  withdraw(now, member, nullptr);
  if (wants_restart) {
    member.state = State::waiting;
    // Alone it is not invited: it waits for company as anybody else.
    invite_waiting(now);
  }
  publish();
}

void Room::on_info(Instant now, Member& member, const Element& iq, const jingle::Jingle& message) {
  if (message.ice_state == "failed") ++shared_.stats.ice_failed;  // the client asks for a restart in a stanza of its own
  if (!message.bridge_session || !message.bridge_session->ice_restart) return shared_.line.send(make_result(iq));
  ++shared_.stats.ice_restarts_requested;
  if (member.state != State::active) return refuse(iq, Condition::unexpected_request, "not accepted yet");
  if (message.bridge_session->id != session_->id()) return refuse(iq, Condition::item_not_found, "another bridge session");
  if (!shared_.line.has_room() || !member.ice_restarts.accept(now, shared_.config.times)) {
    ++shared_.stats.ice_restarts_refused;
    return refuse(iq, Condition::resource_constraint, "too many ICE restarts");
  }
  shared_.line.send(make_result(iq));
  Pending pending{Pending::Kind::ice_restart, number_, member.number, member.invite, session_number_};
  shared_.line.request(colibri2::make_request(session_->bridge_jid(), "", session_->restart_ice(member.nick)),
                       now + shared_.config.times.iq_timeout, pending);
}

/// The client's side after an ICE restart; or further candidates, which the bridge may use.
void Room::on_transport(Instant now, Member& member, const Element& iq, const jingle::Jingle& message) {
  if (member.state != State::active) return refuse(iq, Condition::unexpected_request, "not accepted yet");
  const jingle::IceTransport* transport = message.transport();
  if (!transport || !has_credentials(*transport)) return refuse(iq, Condition::bad_request, "no transport with ICE credentials");
  if (!transport->fingerprints.empty() && !is_complete(*transport)) return refuse(iq, Condition::bad_request, "no sha-256 fingerprint");
  shared_.line.send(make_result(iq));
  // What belongs to an earlier restart of two is late: the bridge has other credentials by now.
  if (transport->ice_generation && *transport->ice_generation != member.ice_generation) return;
  update_bridge(now, session_->change_transport(member.nick, *transport));
}

void Room::on_sources(Instant now, Member& member, const Element& iq, const jingle::Jingle& message) {
  if (member.state != State::active) return refuse(iq, Condition::unexpected_request, "not accepted yet");
  auto named = own_sources(member, message);
  const jingle::SourceSet before = sources_.of(member.nick);
  Result<void, StanzaError> done;
  if (!named) done = fail(named.error());
  else if (message.action == jingle::Action::source_add) done = sources_.try_add(member.nick, *named);
  else done = sources_.try_remove(member.nick, *named);
  if (!done) {
    ++shared_.stats.source_errors;
    return refuse(iq, done.error());
  }
  shared_.line.send(make_result(iq));
  if (before == sources_.of(member.nick)) return;
  update_bridge(now, session_->replace_sources(member.nick, sources_.of(member.nick)));
  tell_others(member.nick, before);
}

void Room::tell_others(const std::string& owner, const jingle::SourceSet& before) {
  const jingle::SourceSet shown = without_simulcast(before), now_shown = without_simulcast(sources_.of(owner));
  const jingle::SourceSet removed = difference(shown, now_shown), added = difference(now_shown, shown);
  if (removed.empty() && added.empty()) return;
  std::vector<Member*> told;
  for (auto& [number, member] : members_) {
    if (member->nick == owner || rewrites_for(*member)) continue;
    if (member->state == State::active) told.push_back(member.get());
    else if (member->state == State::invited) member->untold.emplace(owner, shown);
  }
  if (!removed.empty()) send_sources(jingle::Action::source_remove, {{owner, removed}}, told);
  if (!added.empty()) send_sources(jingle::Action::source_add, {{owner, added}}, told);
}

void Room::tell_untold(Member& member) {
  struct Batch {
    jingle::Action action;
    jingle::ConferenceSources sources;
    size_t longest = 0;
  };
  Batch removed{jingle::Action::source_remove, {}}, added{jingle::Action::source_add, {}};
  std::vector<Batch> full_batches;
  const auto put = [&](Batch& batch, const std::string& owner, jingle::SourceSet set) {
    if (set.empty()) return;
    const size_t longest = longest_text(set);
    if (batch.longest + longest > kSourcesBudget && !batch.sources.empty()) {
      full_batches.push_back({batch.action, std::exchange(batch.sources, {}), 0});
      batch.longest = 0;
    }
    batch.longest += longest;
    batch.sources.emplace(owner, std::move(set));
  };
  const auto untold = std::exchange(member.untold, {});
  for (const auto& [owner, shown] : untold) put(removed, owner, difference(shown, without_simulcast(sources_.of(owner))));
  full_batches.push_back(std::move(removed));
  for (const auto& [owner, shown] : untold) put(added, owner, difference(without_simulcast(sources_.of(owner)), shown));
  full_batches.push_back(std::move(added));
  for (const Batch& batch : full_batches)
    if (!batch.sources.empty()) send_sources(batch.action, batch.sources, {&member});
}

void Room::send_sources(jingle::Action action, const jingle::ConferenceSources& sources, const std::vector<Member*>& to) {
  // Written once for all who read JSON and once for the others: only addresses and session ids differ.
  std::string as_json, as_xml;
  for (Member* member : to) {
    std::string& inner = member->features.json_sources ? as_json : as_xml;
    if (inner.empty()) {
      jingle::Jingle message;
      message.action = action;
      if (member->features.json_sources) message.json_sources = sources;
      else jingle::put_sources(message, sources);
      for (const Element& child : jingle::to_element(message).children) write_xml(child, ns::kJingle, inner);
    }
    if (inner.size() > kMaxSourcesText) {
      shared_.stats.drops.count(Drop::signalling_limit);
      continue;
    }
    std::string iq = "<iq type='set' from='" + shared_.line.own_text() + "' to='";
    write_escaped(member->address, iq);
    iq += "' id='" + shared_.line.next_id() + "'><jingle xmlns='urn:xmpp:jingle:1' action='";
    iq += jingle::name_of(action);
    iq += "' sid='" + member->sid + "'>";
    shared_.line.send_text(iq);
    shared_.line.send_text(inner);
    shared_.line.send_text("</jingle></iq>");
  }
}

void Room::on_mute(Member& sender, const Element& iq, const Element& mute) {
  const auto jid = Jid::parse(mute.attr("jid"));
  Member* victim = jid && jid->bare() == jid_ ? by_nick(jid->resource) : nullptr;
  if (!victim) return refuse(iq, Condition::item_not_found);
  const bool on = mute.text == "true" || mute.text == "1";
  // Moderators may mute; only its owner opens a microphone again.
  if (victim != &sender && (!on || sender.role != muc::Role::moderator)) return refuse(iq, Condition::forbidden);
  shared_.line.send(make_result(iq));
  if (victim == &sender) return;
  Element order = make_iq("set", victim->jid, "");
  Element& child = order.add("mute", mute.ns);
  child.set("jid", victim->address).set("actor", sender.address);
  child.text = "true";
  shared_.line.notify(std::move(order));
}

}  // namespace tacoma::focus
