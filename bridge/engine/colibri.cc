#include "bridge/engine/colibri.h"

#include <algorithm>

#include "bridge/engine/conference.h"
#include "core/signal/media_description.h"

namespace tacoma::bridge {

using colibri2::Reason;

namespace {
colibri2::Error refuse(Condition condition, std::string text = {}, Reason reason = Reason::none, std::string endpoint = {}) {
  colibri2::Error error;
  error.condition = condition;
  error.reason = reason;
  error.endpoint = std::move(endpoint);
  error.text = std::move(text);
  return error;
}

Endpoint* find_endpoint(const Conference* conference, std::string_view id) {
  if (!conference) return nullptr;
  for (Endpoint* endpoint : conference->endpoints)
    if (endpoint->id == id) return endpoint;
  return nullptr;
}

/// More than expiry and muting: only one endpoint a request may bring it.
bool is_substantial(const colibri2::Endpoint& e) { return !e.expire && (e.create || !e.media.empty() || e.transport || e.sources); }

std::optional<Fingerprint> fingerprint_of(const jingle::IceTransport& transport, DtlsSetup& setup) {
  for (const jingle::Fingerprint& f : transport.fingerprints) {
    if (f.hash != "sha-256") continue;
    setup = f.setup == jingle::Setup::active ? DtlsSetup::active : f.setup == jingle::Setup::passive ? DtlsSetup::passive : DtlsSetup::actpass;
    return Fingerprint::parse(f.value);
  }
  return std::nullopt;
}
}  // namespace

std::vector<SourceDescription> describe_sources(const std::vector<colibri2::MediaSource>& sources) {
  using jingle::GroupSemantics;
  std::vector<SourceDescription> result;
  for (const colibri2::MediaSource& media : sources) {
    const auto& groups = media.ssrcs.groups;
    const auto in_group = [&](GroupSemantics semantics, size_t place, Ssrc ssrc) -> const jingle::SourceGroup* {
      for (const jingle::SourceGroup& g : groups)
        if (g.semantics == semantics && g.ssrcs.size() > place && g.ssrcs[place] == ssrc) return &g;
      return nullptr;
    };
    const auto encoding = [&](Ssrc ssrc) {
      const jingle::SourceGroup* fid = in_group(GroupSemantics::fid, 0, ssrc);
      return EncodingDescription{ssrc, fid && fid->ssrcs.size() == 2 ? fid->ssrcs[1] : Ssrc()};
    };
    const auto is_listed = [&](Ssrc ssrc) {
      return std::any_of(media.ssrcs.sources.begin(), media.ssrcs.sources.end(), [&](const jingle::Source& s) { return s.ssrc == ssrc; });
    };
    const auto is_part_of_another = [&](Ssrc ssrc) {
      return std::any_of(groups.begin(), groups.end(), [&](const jingle::SourceGroup& g) {
        const auto at = std::find(g.ssrcs.begin(), g.ssrcs.end(), ssrc);
        return at != g.ssrcs.end() && at != g.ssrcs.begin() && (g.semantics == GroupSemantics::sim || g.ssrcs.size() == 2) && is_listed(g.ssrcs[0]);
      });
    };
    for (const jingle::Source& source : media.ssrcs.sources) {
      if (is_part_of_another(source.ssrc)) continue;
      SourceDescription description{{encoding(source.ssrc)}, media.type == jingle::Media::video, source.name.empty() ? media.id : source.name};
      const jingle::SourceGroup* sim = in_group(GroupSemantics::sim, 0, source.ssrc);
      for (size_t i = 1; sim && i < std::min(sim->ssrcs.size(), kMaxEncodings); ++i)
        if (is_listed(sim->ssrcs[i])) description.encodings.push_back(encoding(sim->ssrcs[i]));
      result.push_back(std::move(description));
    }
  }
  return result;
}

Result<colibri2::ConferenceModified, colibri2::Error> ColibriRequest::handle(const colibri2::ConferenceModify& request) {
  Conference* conference = bridge_.find_conference(request.meeting_id);
  if (const Check refusal = check(request, conference)) return fail(colibri2::Error(*refusal));
  colibri2::ConferenceModified answer;
  if (request.expire) {
    bridge_.remove_conference(now_, *conference, out_);
    return answer;
  }
  if (!conference) conference = &bridge_.add_conference(now_, request.meeting_id, request.name);
  bool creates = request.create;
  for (const colibri2::Endpoint& wanted : request.endpoints) creates = creates || wanted.create;
  if (creates) answer.sources = colibri2::to_media_sources(jingle::make_feedback_sources(bridge_.feedback_audio_, bridge_.feedback_video_));
  // Expiry last: it may end the conference that others of the request still want.
  answer.endpoints.resize(request.endpoints.size());
  for (const bool expires : {false, true}) {
    for (size_t i = 0; i < request.endpoints.size(); ++i) {
      const colibri2::Endpoint& wanted = request.endpoints[i];
      if (wanted.expire != expires) continue;
      if (expires) conference = bridge_.find_conference(request.meeting_id);
      answer.endpoints[i].id = wanted.id;
      answer.endpoints[i].expire = expires;
      if (conference) answer.endpoints[i] = apply(wanted, *conference);
    }
  }
  return answer;
}

ColibriRequest::Check ColibriRequest::check(const colibri2::ConferenceModify& request, const Conference* conference) const {
  if (request.create && conference) return refuse(Condition::conflict, "conference exists", Reason::conference_already_exists);
  if (!request.create && !conference) return refuse(Condition::item_not_found, "no such conference", Reason::conference_not_found);
  if (request.expire && !conference) return refuse(Condition::item_not_found, "no such conference", Reason::conference_not_found);
  if (request.create && bridge_.shutting_down_) return refuse(Condition::service_unavailable, "shutting down", Reason::graceful_shutdown);
  const auto substantial = std::count_if(request.endpoints.begin(), request.endpoints.end(), is_substantial);
  if (!request.relays.empty() || request.has_connects || substantial > 1)
    return refuse(Condition::feature_not_implemented, "relays, exports and several endpoints at once", Reason::feature_not_implemented);
  if (request.create && bridge_.conferences_.size() >= bridge_.config_.limits.conferences) return refuse(Condition::resource_constraint, "conference limit");
  if (request.expire) return std::nullopt;
  for (const colibri2::Endpoint& wanted : request.endpoints)
    if (Check refusal = check(wanted, conference)) return refusal;
  return std::nullopt;
}

ColibriRequest::Check ColibriRequest::check(const colibri2::Endpoint& wanted, const Conference* conference) const {
  if (wanted.expire) return std::nullopt;  // one that is gone already is gone
  const Endpoint* endpoint = find_endpoint(conference, wanted.id);
  const bool exists = endpoint != nullptr;
  if (wanted.id.empty()) return refuse(Condition::bad_request, "endpoint without id");
  if (wanted.create) {
    if (exists) return refuse(Condition::conflict, "endpoint exists");
    if (!wanted.transport) return refuse(Condition::bad_request, "no transport for a new endpoint");
    if (!wanted.has_capability(colibri2::kCapSourceNames)) return refuse(Condition::bad_request, "source-names is required");
    if (wanted.transport->sctp && wanted.transport->sctp->role == colibri2::SctpRole::client)
      return refuse(Condition::bad_request, "endpoints open data channels, the bridge does not");
    const size_t endpoints = bridge_.endpoints_.size() - bridge_.free_.size();
    if (endpoints >= bridge_.config_.limits.endpoints) return refuse(Condition::resource_constraint, "endpoint limit");
  } else if (!exists) {
    return refuse(Condition::item_not_found, "no such endpoint", Reason::unknown_endpoint, wanted.id);
  }
  if (wanted.muc_role == "visitor" && wanted.sources && !wanted.sources->empty()) return refuse(Condition::bad_request, "visitors send nothing");
  if (wanted.transport && wanted.transport->ice) {
    const jingle::IceTransport& ice = *wanted.transport->ice;
    if (!(ice.ufrag.empty() && ice.pwd.empty()) && !IceCredentials{ice.ufrag, ice.pwd}.valid()) return refuse(Condition::bad_request, "bad ICE credentials");
    DtlsSetup setup = DtlsSetup::actpass;
    const bool known = ice.fingerprints.empty() && ((endpoint && endpoint->peer) || ice.ufrag.empty());
    if (!known && !fingerprint_of(ice, setup)) return refuse(Condition::bad_request, "no usable sha-256 fingerprint");
  }
  return check_sources(wanted, conference);
}

ColibriRequest::Check ColibriRequest::check_sources(const colibri2::Endpoint& wanted, const Conference* conference) const {
  if (!wanted.sources) return std::nullopt;
  const std::vector<SourceDescription> described = describe_sources(*wanted.sources);
  std::vector<EncodingDescription> encodings;
  for (const SourceDescription& d : described) encodings.insert(encodings.end(), d.encodings.begin(), d.encodings.end());
  if (encodings.size() > jingle::kMaxSourcesPerEndpoint) return refuse(Condition::bad_request, "too many sources");
  std::vector<Ssrc> seen = {bridge_.feedback_audio_, bridge_.feedback_video_};
  for (const EncodingDescription& e : encodings) {
    for (Ssrc ssrc : {e.ssrc, e.rtx}) {
      if (ssrc == Ssrc() && ssrc != e.ssrc) continue;  // no rtx
      if (ssrc == Ssrc() || std::find(seen.begin(), seen.end(), ssrc) != seen.end()) return refuse(Condition::bad_request, "SSRC is zero or used twice");
      seen.push_back(ssrc);
      // Lookup does not change the conference.
      const Source* owner = conference ? const_cast<Conference*>(conference)->find_source(ssrc) : nullptr;
      if (owner && owner->owner->id != wanted.id) return refuse(Condition::bad_request, "SSRC belongs to another endpoint");
    }
  }
  return std::nullopt;
}

colibri2::Endpoint ColibriRequest::apply(const colibri2::Endpoint& wanted, Conference& conference) {
  colibri2::Endpoint answer;
  answer.id = wanted.id;
  Endpoint* endpoint = find_endpoint(&conference, wanted.id);
  if (wanted.expire) {
    answer.expire = true;
    if (endpoint) bridge_.remove_endpoint(now_, *endpoint, out_);
    return answer;
  }
  if (!endpoint) endpoint = &bridge_.add_endpoint(now_, conference, wanted.id);
  if (!wanted.media.empty()) endpoint->set_formats(wanted.formats(jingle::Media::audio), wanted.formats(jingle::Media::video));
  if (wanted.create && wanted.has_capability(colibri2::kCapSsrcRewriting)) bridge_.rewrite_ssrcs(*endpoint);
  if (wanted.create && wanted.transport->sctp) (void)bridge_.offer_data(*endpoint);  // describe() tells
  if (wanted.create) conference.join(*endpoint);  // after its formats are known, before its sources
  if (wanted.transport) apply_transport(*wanted.transport, *endpoint);
  if (wanted.sources) conference.set_sources(*endpoint, describe_sources(*wanted.sources));
  if (wanted.initial_last_n) endpoint->channel.wants.apply(channel::LastN{*wanted.initial_last_n});
  if (wanted.force_mute) {
    endpoint->receiver.audio_muted = wanted.force_mute->audio;
    endpoint->receiver.video_muted = wanted.force_mute->video;
  }
  if (wanted.create || (wanted.transport && wanted.transport->ice_restart)) answer.transport = describe(*endpoint);
  bridge_.rearm(*endpoint);
  return answer;
}

void ColibriRequest::apply_transport(const colibri2::Transport& transport, Endpoint& endpoint) {
  if (transport.ice_restart) {
    bridge_.by_ufrag_.erase(endpoint.ufrag);
    endpoint.path.restart_ice(now_, bridge_.fresh_credentials());
    endpoint.ufrag = endpoint.path.credentials().ufrag;
    bridge_.by_ufrag_.set(endpoint.ufrag, &endpoint);
    ++endpoint.ice_generation;
  }
  if (!transport.ice || transport.ice->ufrag.empty()) return;
  if (!transport.ice->fingerprints.empty()) endpoint.peer = fingerprint_of(*transport.ice, endpoint.peer_setup);
  std::vector<IceCandidate> candidates;
  for (const jingle::Candidate& c : transport.ice->candidates)
    if (c.component == 1) candidates.push_back({c.address, c.priority});
  const bool taken = endpoint.path.set_remote(now_, {transport.ice->ufrag, transport.ice->pwd}, candidates, *endpoint.peer, endpoint.peer_setup, out_);
  (void)taken;  // its credentials were checked; false is left for a path that has ended, which expires
}

colibri2::Transport ColibriRequest::describe(Endpoint& endpoint) const {
  jingle::IceTransport ice;
  ice.ufrag = endpoint.path.credentials().ufrag;
  ice.pwd = endpoint.path.credentials().pwd;
  ice.rtcp_mux = true;
  if (!bridge_.config_.channel_url_prefix.empty()) ice.web_socket = bridge_.channel_url(endpoint);
  if (endpoint.ice_generation > 0) ice.ice_generation = endpoint.ice_generation;
  uint32_t number = 0;
  for (const IceCandidate& c : endpoint.path.candidates()) {
    jingle::Candidate candidate;
    candidate.id = endpoint.id + "-" + std::to_string(number);
    candidate.foundation = std::to_string(++number);
    candidate.priority = c.priority;
    candidate.generation = endpoint.ice_generation;
    candidate.address = c.address;
    ice.candidates.push_back(std::move(candidate));
  }
  jingle::Fingerprint fingerprint;
  fingerprint.value = endpoint.path.fingerprint().to_string();
  ice.fingerprints.push_back(std::move(fingerprint));
  colibri2::Transport transport;
  transport.ice = std::move(ice);
  if (endpoint.data) transport.sctp = colibri2::Sctp{SctpAssociation::kPort, colibri2::SctpRole::server};
  return transport;
}

}  // namespace tacoma::bridge
