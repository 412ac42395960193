#include "focus/engine/colibri_session.h"

#include <utility>

namespace tacoma::focus {

using colibri2::ConferenceModify;

ColibriSession::ColibriSession(BridgeId bridge, std::string_view bridge_jid, std::string region, std::string meeting_id, std::string id,
                               std::string room)
    : bridge_(bridge),
      bridge_jid_(Jid::parse(bridge_jid).value_or(Jid())),
      region_(std::move(region)),
      meeting_id_(std::move(meeting_id)),
      id_(std::move(id)),
      room_(std::move(room)) {}

ConferenceModify ColibriSession::request() const {
  ConferenceModify request;
  request.meeting_id = meeting_id_;
  request.name = room_;
  return request;
}

ConferenceModify ColibriSession::allocate(std::string_view id, std::string_view stats_id, Wish wish) {
  ConferenceModify modify = request();
  modify.create = !std::exchange(created_, true);
  colibri2::Endpoint& endpoint = modify.endpoints.emplace_back();
  endpoint.id = id;
  endpoint.create = true;
  endpoint.stats_id = stats_id;
  endpoint.capabilities = {std::string(colibri2::kCapSourceNames)};
  if (wish.rewriting) endpoint.capabilities.emplace_back(colibri2::kCapSsrcRewriting);
  endpoint.media = std::move(wish.media);
  endpoint.transport.emplace().ice_controlling = true;
  if (wish.sctp) endpoint.transport->sctp.emplace();
  endpoints_.emplace(id);
  return modify;
}

ConferenceModify ColibriSession::accept(std::string_view id, jingle::IceTransport transport, const jingle::SourceSet& sources,
                                        std::optional<int32_t> initial_last_n) {
  ConferenceModify modify = replace_sources(id, sources);
  colibri2::Endpoint& endpoint = modify.endpoints.front();
  endpoint.transport.emplace().ice = std::move(transport);
  endpoint.initial_last_n = initial_last_n;
  return modify;
}

ConferenceModify ColibriSession::replace_sources(std::string_view id, const jingle::SourceSet& sources) {
  ConferenceModify modify = request();
  colibri2::Endpoint& endpoint = modify.endpoints.emplace_back();
  endpoint.id = id;
  endpoint.sources = colibri2::to_media_sources(sources);
  return modify;
}

ConferenceModify ColibriSession::restart_ice(std::string_view id) {
  ConferenceModify modify = request();
  colibri2::Endpoint& endpoint = modify.endpoints.emplace_back();
  endpoint.id = id;
  endpoint.transport.emplace().ice_restart = true;
  return modify;
}

ConferenceModify ColibriSession::change_transport(std::string_view id, jingle::IceTransport transport) {
  ConferenceModify modify = request();
  colibri2::Endpoint& endpoint = modify.endpoints.emplace_back();
  endpoint.id = id;
  endpoint.transport.emplace().ice = std::move(transport);
  return modify;
}

ConferenceModify ColibriSession::expire(std::string_view id) {
  ConferenceModify modify = request();
  colibri2::Endpoint& endpoint = modify.endpoints.emplace_back();
  endpoint.id = id;
  endpoint.expire = true;
  if (const auto known = endpoints_.find(id); known != endpoints_.end()) endpoints_.erase(known);
  return modify;
}

ConferenceModify ColibriSession::expire_all() {
  ConferenceModify modify = request();
  for (const std::string& id : endpoints_) {
    colibri2::Endpoint& endpoint = modify.endpoints.emplace_back();
    endpoint.id = id;
    endpoint.expire = true;
  }
  endpoints_.clear();
  return modify;
}

Verdict judge_allocation(const colibri2::Error& error) {
  if (error.reason == colibri2::Reason::conference_not_found || error.condition == Condition::conflict) return Verdict::session_lost;
  if (error.reason == colibri2::Reason::graceful_shutdown) return Verdict::bridge_graceful;
  if (error.condition == Condition::bad_request) return Verdict::invite_failed;
  return Verdict::bridge_failed;
}

Verdict judge_update(const colibri2::Error& error) {
  if (error.reason == colibri2::Reason::unknown_endpoint && !error.endpoint.empty()) return Verdict::endpoint_lost;
  return Verdict::session_lost;
}

}  // namespace tacoma::focus
