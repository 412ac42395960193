// What a colibri2 request does to a bridge.
#pragma once

#include "bridge/engine/bridge.h"
#include "bridge/engine/receiver.h"
#include "core/secure/secure_path.h"
#include "core/signal/colibri2.h"

namespace tacoma::bridge {

/// One request. It is checked as a whole first and changes nothing when any of it is refused.
class ColibriRequest {
 public:
  ColibriRequest(Bridge& bridge, Instant now, Outbox& out) : bridge_(bridge), now_(now), out_(out) {}
  Result<colibri2::ConferenceModified, colibri2::Error> handle(const colibri2::ConferenceModify& request);

 private:
  using Check = std::optional<colibri2::Error>;  // nullopt: nothing against it
  Check check(const colibri2::ConferenceModify& request, const Conference* conference) const;
  Check check(const colibri2::Endpoint& wanted, const Conference* conference) const;
  Check check_sources(const colibri2::Endpoint& wanted, const Conference* conference) const;
  colibri2::Endpoint apply(const colibri2::Endpoint& wanted, Conference& conference);
  void apply_transport(const colibri2::Transport& transport, Endpoint& endpoint);
  colibri2::Transport describe(Endpoint& endpoint) const;

  Bridge& bridge_;
  const Instant now_;
  Outbox& out_;
};

/// The sources that signalled SSRCs stand for: a SIM group is one, of up to kMaxEncodings encodings (what is beyond is ignored), and so is
/// an SSRC that is in none and nobody's rtx.
std::vector<SourceDescription> describe_sources(const std::vector<colibri2::MediaSource>& sources);

}  // namespace tacoma::bridge
