// One endpoint of a conference: its path, its way in and its way out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bridge/engine/allotment.h"
#include "bridge/engine/channel.h"
#include "bridge/engine/downlink.h"
#include "bridge/engine/receiver.h"
#include "bridge/engine/sender.h"
#include "bridge/engine/speaker.h"
#include "bridge/engine/ssrc_pool.h"
#include "core/secure/secure_path.h"

namespace tacoma::bridge {

class Conference;

class Endpoint {
 public:
  Endpoint(std::string id_, uint32_t index_, Conference& conference_, SecurePath::Config path_config, const CongestionConfig& congestion,
           Instant now)
      : id(std::move(id_)), index(index_), conference(&conference_), path(std::move(path_config)), downlink(congestion), sender(path, downlink), created(now), last_heard(now) {}

  const std::string id;
  const uint32_t index;            // in the bridge
  Conference* const conference;
  SecurePath path;
  Downlink downlink;
  Sender sender;
  Receiver receiver;
  Loudness loudness;
  bool among_loudest = false;      // where only the loudest are passed on
  uint64_t joined = 0;             // its place among those who have joined its conference
  UplinkLimit uplink;

  const Instant created;
  Instant last_heard;              // an authenticated datagram of its path
  bool was_up = false;             // its path was keyed once
  bool touched = false;            // in this batch
  Instant armed = Instant::never();  // its deadline as the bridge knows it; may be early, never late
  std::vector<SocketAddress> addresses;  // bound to it, oldest first
  std::string ufrag;               // under which the bridge finds it
  uint32_t ice_generation = 0;
  std::optional<Fingerprint> peer;  // of its certificate, as signalled
  DtlsSetup peer_setup = DtlsSetup::actpass;

  std::unique_ptr<DataChannel> data;  // where one was asked for
  Channel channel;                 // messages beside the media
  /// Of one that knows no sources but by the maps on its channel.
  struct SsrcPools {
    SsrcPool audio, video;
  };
  std::unique_ptr<SsrcPools> pools;
  bool rewrites_ssrcs() const { return pools != nullptr; }
  SsrcPool& ssrcs(bool video) { return video ? pools->video : pools->audio; }
  bool told_inactive = false;      // the others know that nothing comes from it
  /// From a packet's sending until the second NACK about it can have come, or the first where a queue stands. Of a source of several sizes the second then,
  /// too: another size begins with a key frame, of which a full queue may drop the repeats as well.
  Duration turnaround(bool of_sizes) const { return sender.round_trip() * 2 + downlink.waited() * (of_sizes ? 2 : 1); }
  /// What it wants to receive, as far as it has said.
  const ReceiverWants& constraints() const { return channel.wants; }

  /// What is on the wire about extensions and rtx when sending to it.
  void set_formats(const jingle::MediaFormats* audio, const jingle::MediaFormats* video);
};

}  // namespace tacoma::bridge
