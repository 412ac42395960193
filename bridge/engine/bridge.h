// The bridge: a forwarding unit for conferences. It waits in its brewery room for a focus, takes endpoints by colibri2, makes each
// a secure path, and forwards every source to every other endpoint of its conference. docs/life-of-a-packet.md follows the code.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bridge/engine/downlink.h"
#include "bridge/engine/last_n_reducer.h"
#include "bridge/engine/ssrc_pool.h"
#include "bridge/engine/stats.h"
#include "core/base/crypto_mode.h"
#include "core/base/deadlines.h"
#include "core/base/flat_map.h"
#include "core/base/process.h"
#include "core/base/result.h"
#include "core/base/rng.h"
#include "core/secure/credentials.h"
#include "core/secure/data_channel.h"
#include "core/signal/deployment.h"

namespace tacoma {

struct BridgeLimits {
  size_t conferences = 4096;
  size_t endpoints = 16384;             // of the whole bridge
  size_t addresses_per_endpoint = 16;   // that may send for it; the oldest is forgotten
  size_t audio_ssrcs = bridge::SsrcPool::kLimit, video_ssrcs = bridge::SsrcPool::kLimit;  // that a receiver knows, where its SSRCs are rewritten
  Duration endpoint_idle = Duration::seconds(60);    // without a datagram, once its path was up
  Duration endpoint_connect = Duration::seconds(120);  // until its path is up
  Duration conference_empty = Duration::seconds(60);   // created and nobody came
};

struct BridgeLogin {
  std::string domain = std::string(deployment::kAuthDomain);
  std::string user = std::string(deployment::kBridgeUser);
  std::string password = std::string(deployment::kBridgePassword);
  std::string brewery = std::string(deployment::kBreweryRoom);
  std::string nick;                     // empty: the bridge's name
  std::string service = std::string(deployment::kClientService);
};

struct BridgeConfig {
  std::string name;                     // "eu-1"
  std::string region;
  std::string version = "0.1.0";        // bridges of one conference must have one version
  std::vector<SocketAddress> candidates;  // own addresses to advertise, the preferred one first
  std::vector<BridgeLogin> logins = {BridgeLogin()};  // one a brewery
  /// "wss://meet.example": endpoints are offered a channel at PREFIX/colibri-ws/NAME/... Empty: none, the bridge forwards all to all.
  std::string channel_url_prefix;
  /// Endpoints that ask for it (`sctp`) get a data channel. Only where all bridges of the program share one thread and nothing has to
  /// repeat (core/secure/sctp.h says why); with Crypto::real.
  bool data_channels = false;
  Crypto crypto = Crypto::real;
  SecureRandomness randomness = SecureRandomness::system;  // seeded: for runs that repeat; who knows the seed knows the keys
  Rng rng{1};
  BridgeLimits limits;
  bridge::CongestionConfig congestion;
};

class DtlsIdentity;
namespace colibri2 {
struct ConferenceModify;
struct ConferenceModified;
struct Error;
}  // namespace colibri2
namespace bridge {
class Brewery;
class ColibriRequest;
class Conference;
struct FeedbackScratch;
class Endpoint;
}  // namespace bridge

/// One shard: single-threaded, any number of conferences.
class Bridge final : public Process {
 public:
  explicit Bridge(BridgeConfig config);
  ~Bridge() override;

  void start(Instant now, Outbox& out) override;
  void on_datagrams(Instant now, Span<Datagram> in, Outbox& out) override;
  void on_stream(Instant now, const StreamEvent& event, Outbox& out) override;
  void on_deadline(Instant now, Outbox& out) override;
  Deadline deadline() const override;

  /// What colibri2 asks for, from whatever side it came.
  Result<colibri2::ConferenceModified, colibri2::Error> modify(Instant now, const colibri2::ConferenceModify& request, Outbox& out);

  /// The bridge channel is a stream of whole messages that somebody opens to the bridge: an `accepted` event whose service is the
  /// target "/colibri-ws/NAME/CONFERENCE/ENDPOINT?pwd=PASSWORD", then one `data` event a message. The host asks here first,
  /// so that it can refuse with a status; a stream that may not be is closed at once.
  enum class ChannelVerdict : uint8_t { welcome, not_found, forbidden };
  ChannelVerdict check_channel(std::string_view target) const;

  /// Takes no new conferences from now on and says so in its breweries.
  void shut_down_gracefully(Instant now, Outbox& out);
  bool is_shutting_down() const { return shutting_down_; }
  /// Asks focuses to choose other bridges for new conferences; takes those that come all the same.
  void set_drain(Instant now, bool on, Outbox& out);
  bool is_draining() const { return draining_; }
  /// Leaves its breweries: the end of the process.
  void leave(Instant now, Outbox& out);
  size_t breweries_joined() const;
  /// Load as published, 0 to 1.
  double stress() const { return stress_; }

  BridgeStatsNow stats() const;
  /// What the way to each connected endpoint is thought to carry, in no order; nothing without a controller.
  std::vector<DataRate> estimates() const;
  std::vector<ConferenceStats> conferences() const;  // in order of creation
  /// The laws: every packet in times its fan-out is a send or a counted drop; per receiver and source the sequence numbers sent and
  /// those that upstream still misses form one range without holes. Covers what has ended, too.
  BridgeAudit audit() const;

 private:
  friend class bridge::ColibriRequest;

  void deliver(Instant now, Datagram& datagram, Outbox& out);
  bridge::Endpoint* endpoint_of(const Datagram& datagram);
  void bind(const SocketAddress& address, bridge::Endpoint& endpoint);
  void unbind(bridge::Endpoint& endpoint);
  void on_path_events(Instant now, bridge::Endpoint& endpoint, Outbox& out);
  void touch(bridge::Endpoint& endpoint);
  void after_batch(Instant now, Outbox& out);
  void on_endpoint_deadline(Instant now, bridge::Endpoint& endpoint, Outbox& out);
  Instant endpoint_deadline(const bridge::Endpoint& endpoint) const;
  void rearm(bridge::Endpoint& endpoint);
  void on_requests(Instant now, bridge::Brewery& brewery, Outbox& out);
  void publish(Instant now, bridge::Brewery& brewery, Outbox& out);
  void publish_everywhere(Instant now, Outbox& out);
  void measure(Instant now);
  Instant brewery_deadline() const;
  void end_empty_conferences(Instant now);
  Instant next_empty_conference() const;

  std::pair<ChannelVerdict, bridge::Endpoint*> find_channel(std::string_view target) const;
  void open_channel(Instant now, const StreamEvent& event, Outbox& out);
  void close_channel(bridge::Endpoint& endpoint, Outbox& out);
  std::string channel_url(const bridge::Endpoint& endpoint) const;
  uint32_t open_channels() const;
  void watch_channels(Instant now);
  void check_channels(Instant now, Outbox& out);
  void share(Instant now, Outbox& out);
  void reduce_last_n(Instant now);
  /// Gives an endpoint whose path has not begun a data channel, where there can be one.
  bool offer_data(bridge::Endpoint& endpoint);
  void take_data(Instant now, bridge::Endpoint& endpoint);
  /// Carries out what data channels have to say and to send; at the end of each call from outside.
  void pump_data(Instant now, Outbox& out);
  void on_data_event(Instant now, bridge::Endpoint& endpoint, const DataChannel::Event& event, Outbox& out);

  bridge::Conference* find_conference(std::string_view meeting_id);
  bridge::Conference& add_conference(Instant now, const std::string& meeting_id, const std::string& name);
  bridge::Endpoint& add_endpoint(Instant now, bridge::Conference& conference, const std::string& id);
  void rewrite_ssrcs(bridge::Endpoint& endpoint);
  IceCredentials fresh_credentials();
  /// Ends an endpoint; its conference too when it was the last.
  void remove_endpoint(Instant now, bridge::Endpoint& endpoint, Outbox& out);
  void remove_conference(Instant now, bridge::Conference& conference, Outbox& out);
  void forget(bridge::Conference& conference);

  // Objects of the deadline heap; endpoints follow.
  static constexpr uint32_t kBreweryDeadline = 0, kEmptyConferences = 1, kChannels = 2, kSharing = 3, kDataChannels = 4, kFirstEndpoint = 5;

  BridgeConfig config_;
  Rng rng_;
  std::shared_ptr<const DtlsIdentity> identity_;
  std::vector<std::unique_ptr<bridge::Brewery>> breweries_;
  Ssrc feedback_audio_, feedback_video_;

  SctpHost sctp_;  // outlives the endpoints
  std::unique_ptr<bridge::FeedbackScratch> feedback_;             // of all conferences
  std::vector<std::unique_ptr<bridge::Conference>> conferences_;  // in order of creation
  std::vector<std::unique_ptr<bridge::Endpoint>> endpoints_;      // by index; holes are reused
  std::vector<uint32_t> free_;
  FlatMap<SocketAddress, bridge::Endpoint*> by_address_;
  FlatMap<std::string, bridge::Endpoint*> by_ufrag_;
  FlatMap<StreamId, bridge::Endpoint*> by_channel_;
  std::vector<bridge::Endpoint*> touched_;  // in this batch
  Deadlines deadlines_;
  bool watches_channels_ = false;
  Instant data_due_ = Instant::never();  // as the deadline heap knows it

  uint64_t last_channel_id_ = 0;
  uint64_t made_ = 0;                    // endpoints so far: names their random numbers
  uint64_t measured_packets_ = 0;        // when the stress level was last measured
  Instant measured_at_;
  double stress_ = 0;
  bridge::LastNReducer last_n_reducer_;
  bool shutting_down_ = false, draining_ = false;
  BridgeStatsNow totals_;                // of what has ended, and of strangers
  std::vector<std::string> violations_;  // found when something ended
};

}  // namespace tacoma
