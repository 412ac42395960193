// A bridge with a brewery and clients around it: the smallest world that a bridge can live in. No delay; loss on demand.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/engine/bridge.h"
#include "core/rtp/rtcp.h"
#include "core/rtp/rtcp_writer.h"
#include "core/rtp/rtp_packet.h"
#include "core/rtp/rtx.h"
#include "core/secure/secure_path.h"
#include "core/signal/colibri2.h"
#include "core/signal/presence.h"
#include "core/signal/xmpp_stream.h"

namespace tacoma::test {

using Bytes = std::vector<uint8_t>;

/// An RTP or RTCP packet that a client got, opened.
struct Got {
  Instant at;
  Bytes bytes;
  Ecn ecn = Ecn::not_ect;
  RtpView rtp() const { return *RtpView::parse(bytes); }
};

/// A participant's media end: a secure path and what came over it.
class Client {
 public:
  Client(std::string id, uint32_t number, Crypto crypto, PacketPool& pool);
  std::string id;
  SocketAddress address;
  Ssrc audio, video, rtx;
  SecurePath path;
  Outbox out;
  uint16_t audio_sequence = 100, video_sequence = 65500, rtx_sequence = 7, transport_sequence = 1;
  uint32_t timestamp = 1000;
  std::vector<Got> rtp, rtcp;
  bool is_keyed = false, was_closed = false;

  void send_audio(Instant now, uint8_t level);
  void send_audio(Instant now, uint8_t level, uint8_t payload_type, const Bytes& payload);
  /// One packet of a VP8 frame that fits into it.
  Bytes make_video(bool key, size_t size = 200);
  void send_video(Instant now, bool key, size_t size = 200);
  void send_rtp(Instant now, const Bytes& packet);
  Ecn ecn = Ecn::not_ect;  // what it sends RTP with
  template <typename Write>
  void send_rtcp(Write write) {
    PacketRef packet = out.pool().make(1000);
    RtcpWriter w(packet.storage().subspan(0, 900));
    write(w);
    const auto size = path.protect_rtcp(packet.storage(), w.size());
    if (!size) return;
    packet.resize(*size);
    out.send(path.remote(), std::move(packet));
  }
  std::vector<Got> of(Ssrc ssrc) const;   // RTP of one source
  size_t count(RtcpType type, int format = -1) const;
};

class Harness {
 public:
  explicit Harness(Crypto crypto = Crypto::null, std::function<void(BridgeConfig&)> change = {});
  ~Harness();

  Instant now;
  PacketPool pool;
  Crypto crypto;
  std::unique_ptr<Bridge> bridge;
  SocketAddress bridge_address;
  std::vector<std::unique_ptr<Client>> clients;
  /// Tells which datagrams the network loses.
  std::function<bool(const SocketAddress& from, const SocketAddress& to, BytesView)> lose;

  // Signalling. The focus sits in the brewery.
  std::vector<Element> from_bridge;      // stanzas that are no answers to ours
  std::optional<BridgeStats> presence;
  uint32_t presences = 0;
  bool refuse_stream = false;
  uint32_t streams_opened = 0;
  Element ask(Element iq, std::string_view from = "jvbbrewery@internal.auth.tacoma.test/focus");
  Result<colibri2::ConferenceModified, colibri2::Error> modify(const colibri2::ConferenceModify& request);
  void close_stream();
  /// The server says this on the brewery's stream, well-formed or not.
  void say_on_stream(std::string_view text);
  void shut_down_gracefully();

  // Bridge channels, by stream.
  struct ChannelEnd {
    std::vector<std::string> messages;
    bool closed_by_bridge = false;
  };
  std::map<uint32_t, ChannelEnd> channels;
  uint32_t open_channel(std::string_view target);
  void say(uint32_t channel, std::string_view text);
  void hang_up(uint32_t channel);
  bool asks_for_data = false;                      // endpoints that join are to have a data channel
  std::optional<colibri2::Sctp> sctp_answer;       // to the last that joined
  /// The request target in the url that an endpoint was offered.
  std::string channel_target(std::string_view id) const;

  // Conferences.
  static colibri2::ConferenceModify conference(std::string_view meeting_id, bool create = false);
  static colibri2::Endpoint new_endpoint(std::string_view id);
  /// Allocates an endpoint and lets its client connect (unless told not to). `meeting` is created with its first endpoint.
  bool join_rewriting = false;           // who joins has its SSRCs rewritten
  bool join_red = false;                 // who joins takes redundant audio
  bool join_ccfb = false;                // who joins reports by RFC 8888
  Client& join(std::string_view meeting, std::string_view id, bool connect = true);
  void connect(std::string_view meeting, Client& client);
  void give_sources(std::string_view meeting, Client& client, bool audio = true, bool video = true);
  /// Its video is one source of three encodings from now on, the lowest with the client's own SSRC (and rtx, where `rtx`).
  void give_simulcast(std::string_view meeting, Client& client, Ssrc middle, Ssrc high, bool rtx);
  void expire(std::string_view meeting, std::string_view id);

  /// Carries everything out that is under way.
  void settle();
  /// Lets time pass, serving deadlines on the way.
  void run(Duration time);
  const BridgeCounts counts() const { return bridge->stats().counts; }
  /// Video from one client: a key frame whenever the bridge has asked for one.
  void send_video_answering_pli(Client& from);

 private:
  void flush_streams();
  void on_server_event(XmppEvent& event);
  void deliver(const SocketAddress& from, Outbox::Send send);
  void check_deadline() const;

  Outbox out_;
  XmppHosts hosts_;
  std::unique_ptr<XmppServerStream> server_;
  StreamId stream_{0};
  std::vector<Element> answers_;
  std::vector<std::string> meetings_;
  std::vector<std::pair<const Client*, size_t>> plis_seen_;
  std::vector<std::pair<std::string, jingle::IceTransport>> offers_;  // by client id
};

/// The bridge's own laws hold.
void check_audit(const Harness& h);

}  // namespace tacoma::test
