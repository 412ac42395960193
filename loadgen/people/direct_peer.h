// One half of two people who send to each other without focus, bridge and signalling: what lies between two senders and receivers is
// the network alone.
#pragma once

#include <memory>
#include <string>

#include "loadgen/people/participant.h"
#include "core/secure/secure_path.h"

namespace tacoma {

/// What signalling would tell of a person.
struct DirectDescription {
  SocketAddress address;
  std::string endpoint;
  IceCredentials credentials;
  Fingerprint fingerprint;
  Ssrc audio, video, rtx;  // zero where it sends none
};

class DirectPeer final : public Process {
 public:
  /// The first of a pair takes the lead in ICE and DTLS.
  DirectPeer(ParticipantConfig config, bool is_first);
  ~DirectPeer() override;

  DirectDescription describe() const;
  /// Once, before start().
  void set_other(DirectDescription other);

  void start(Instant now, Outbox& out) override;
  void on_datagrams(Instant now, Span<Datagram> in, Outbox& out) override;
  void on_stream(Instant, const StreamEvent&, Outbox&) override {}
  void on_deadline(Instant now, Outbox& out) override;
  Deadline deadline() const override;
  /// As Participant::finish.
  void finish(Instant now);

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace tacoma
