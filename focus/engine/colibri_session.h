// One conference on one bridge: the colibri2 requests that keep it, and how refusals are to be read.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/signal/colibri2.h"
#include "focus/engine/bridge_selector.h"

namespace tacoma::focus {

class ColibriSession {
 public:
  /// `meeting_id` is new for each session: a conference that an earlier session left behind on the bridge is not met again.
  /// `id` names the session to clients (`bridge-session`).
  ColibriSession(BridgeId bridge, std::string_view bridge_jid, std::string region, std::string meeting_id, std::string id, std::string room);

  BridgeId bridge() const { return bridge_; }
  const Jid& bridge_jid() const { return bridge_jid_; }
  const std::string& region() const { return region_; }
  const std::string& id() const { return id_; }
  bool has(std::string_view endpoint) const { return endpoints_.contains(endpoint); }
  size_t endpoints() const { return endpoints_.size(); }

  /// Creates an endpoint, and the conference with the first; without sources.
  struct Wish {
    std::vector<colibri2::MediaDescription> media;
    bool rewriting = false;  // the bridge shall rewrite SSRCs for it
    bool sctp = false;       // and take a data channel
  };
  colibri2::ConferenceModify allocate(std::string_view endpoint, std::string_view stats_id, Wish wish);
  /// The client's side of the transport, with its sources, once it accepted.
  colibri2::ConferenceModify accept(std::string_view endpoint, jingle::IceTransport transport, const jingle::SourceSet& sources,
                                    std::optional<int32_t> initial_last_n);
  /// All sources of the endpoint: they replace what the bridge had.
  colibri2::ConferenceModify replace_sources(std::string_view endpoint, const jingle::SourceSet& sources);
  /// Asks for new ICE credentials; the answer holds them.
  colibri2::ConferenceModify restart_ice(std::string_view endpoint);
  /// The client's side of the transport, anew.
  colibri2::ConferenceModify change_transport(std::string_view endpoint, jingle::IceTransport transport);
  colibri2::ConferenceModify expire(std::string_view endpoint);
  colibri2::ConferenceModify expire_all();

 private:
  colibri2::ConferenceModify request() const;
  BridgeId bridge_;
  Jid bridge_jid_;
  std::string region_, meeting_id_, id_, room_;
  bool created_ = false;
  std::set<std::string, std::less<>> endpoints_;
};

/// What a refusal means for the conference.
enum class Verdict : uint8_t {
  ignore,             // go on
  invite_failed,      // this invitation fails for good
  endpoint_lost,      // invite this one again
  session_lost,       // invite all of this session again; the bridge itself may be well
  bridge_graceful,    // likewise; the bridge takes no new conferences
  bridge_failed,      // likewise; the bridge is not to be used for a while
};
/// Of the answer to allocate().
Verdict judge_allocation(const colibri2::Error& error);
/// Of the answer to accept(), replace_sources() and expire().
Verdict judge_update(const colibri2::Error& error);

}  // namespace tacoma::focus
