#include "harness.h"

#include <catch2/catch.hpp>

#include <algorithm>

#include "core/rtp/extensions.h"
#include "core/rtp/vp8.h"
#include "core/signal/muc.h"

namespace tacoma::test {

namespace {
constexpr uint8_t kOpus = 111, kVp8 = 100;

SecurePath::Config client_path(const SocketAddress& address, uint32_t number, Crypto crypto) {
  SecurePath::Config c;
  c.ice_role = IceRole::controlled;
  c.dtls_role = DtlsRole::client;
  c.local_addresses = {address};
  c.crypto = crypto;
  c.rng = Rng(7000 + number);
  c.identity = DtlsIdentity::make(Rng(9000 + number), SecureRandomness::seeded, crypto);
  return c;
}
SocketAddress client_address(uint32_t number) { return {IpAddress::v4(10, 0, 1, static_cast<uint8_t>(number)), 20000}; }
}  // namespace

Client::Client(std::string id_, uint32_t number, Crypto crypto, PacketPool& pool)
    : id(std::move(id_)), address(client_address(number)), audio(1000 + number), video(2000 + number), rtx(3000 + number),
      path(client_path(address, number, crypto)), out(pool) {}

void Client::send_rtp(Instant, const Bytes& packet) {
  if (!path.ready()) return;
  PacketRef big = out.pool().make(packet.size() + kMaxSrtpOverhead);
  std::copy(packet.begin(), packet.end(), big.storage().begin());
  const auto size = path.protect_rtp(big.storage(), packet.size());
  REQUIRE(size);
  big.resize(*size);
  out.send(path.remote(), std::move(big), ecn);
}

void Client::send_audio(Instant now, uint8_t level) {
  Bytes payload(80);
  for (size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<uint8_t>(audio_sequence + i);
  send_audio(now, level, kOpus, payload);
}

void Client::send_audio(Instant now, uint8_t level, uint8_t payload_type, const Bytes& payload) {
  const uint8_t level_data = encode_audio_level({level < 100, level});
  uint8_t transport[2];
  store_u16(transport, transport_sequence++);
  const RtpExtension extensions[] = {{1, BytesView(&level_data, 1)}, {5, BytesView(transport)}};
  RtpHeader header{payload_type, false, audio_sequence++, timestamp, audio};
  timestamp += 960;
  Bytes packet(rtp_header_size(extensions));
  packet.resize(write_rtp_header(packet, header, extensions));
  packet.insert(packet.end(), payload.begin(), payload.end());
  send_rtp(now, packet);
}

Bytes Client::make_video(bool key, size_t size) {
  uint8_t transport[2], mid = '1';
  store_u16(transport, transport_sequence++);
  const RtpExtension extensions[] = {{5, BytesView(transport)}, {10, BytesView(&mid, 1)}};
  RtpHeader header{kVp8, true, video_sequence++, timestamp, video};
  timestamp += 3600;
  Bytes packet(size);
  const size_t head = write_rtp_header(packet, header, extensions);
  Vp8Descriptor d;
  d.partition_start = true;
  d.picture_id = static_cast<uint16_t>(header.sequence & 0x7fff);
  const size_t descriptor = write_vp8(MutableBytes(packet).subspan(head), d);
  for (size_t i = head + descriptor; i < packet.size(); ++i) packet[i] = static_cast<uint8_t>(header.sequence * 3 + i);
  packet[head + descriptor] = key ? 0x10 : 0x11;
  return packet;
}

void Client::send_video(Instant now, bool key, size_t size) { send_rtp(now, make_video(key, size)); }

std::vector<Got> Client::of(Ssrc ssrc) const {
  std::vector<Got> result;
  for (const Got& g : rtp)
    if (g.rtp().ssrc() == ssrc) result.push_back(g);
  return result;
}

size_t Client::count(RtcpType type, int format) const {
  size_t n = 0;
  for (const Got& g : rtcp) {
    RtcpReader reader{BytesView(g.bytes)};
    for (RtcpPacket p; reader.next(p);)
      if (p.type == type && (format < 0 || p.count == format)) ++n;
  }
  return n;
}

Harness::Harness(Crypto crypto_, std::function<void(BridgeConfig&)> change)
    : crypto(crypto_), bridge_address{IpAddress::v4(10, 0, 0, 1), 10000}, out_(pool) {
  BridgeConfig config;
  config.randomness = SecureRandomness::seeded;
  config.name = "eu-1";
  config.region = "eu";
  config.version = "7.7";
  config.candidates = {bridge_address};
  config.crypto = crypto;
  config.rng = Rng(42);
  if (change) change(config);
  Rng rng(1);
  hosts_.add_account(deployment::kAuthDomain, deployment::kBridgeUser, deployment::kBridgePassword, rng);
  bridge = std::make_unique<Bridge>(config);
  bridge->start(now, out_);
  settle();
}

Harness::~Harness() { lose = nullptr; }

void Harness::shut_down_gracefully() {
  bridge->shut_down_gracefully(now, out_);
  settle();
}

uint32_t Harness::open_channel(std::string_view target) {
  const uint32_t id = 0x80000000u + static_cast<uint32_t>(channels.size());
  channels[id];
  StreamEvent event;
  event.kind = StreamEvent::Kind::accepted;
  event.id = StreamId(id);
  event.service = target;
  bridge->on_stream(now, event, out_);
  settle();
  return id;
}

void Harness::say(uint32_t channel, std::string_view text) {
  StreamEvent event;
  event.kind = StreamEvent::Kind::data;
  event.id = StreamId(channel);
  event.data = as_bytes(text);
  bridge->on_stream(now, event, out_);
  settle();
}

void Harness::hang_up(uint32_t channel) {
  StreamEvent event;
  event.kind = StreamEvent::Kind::closed;
  event.id = StreamId(channel);
  bridge->on_stream(now, event, out_);
  settle();
}

std::string Harness::channel_target(std::string_view id) const {
  for (const auto& [name, transport] : offers_)
    if (name == id && transport.web_socket) return transport.web_socket->substr(transport.web_socket->find("/colibri-ws/"));
  return {};
}

void Harness::flush_streams() {
  for (bool more = true; more;) {
    more = false;
    // Taken out first: calls below append to the outbox.
    std::vector<Outbox::StreamOp> ops = out_.stream_ops();
    std::vector<Bytes> written;
    for (const auto& op : ops) {
      const BytesView b = out_.stream_bytes(op);
      written.emplace_back(b.begin(), b.end());
    }
    std::vector<Outbox::Send> sends = std::move(out_.sends());
    out_.clear();
    for (auto& s : sends) deliver(bridge_address, std::move(s));
    for (size_t i = 0; i < ops.size(); ++i) {
      more = true;
      switch (ops[i].kind) {
        case Outbox::StreamOp::Kind::open: {
          CHECK(ops[i].service == "xmpp");
          ++streams_opened;
          stream_ = ops[i].id;
          StreamEvent event;
          event.id = stream_;
          event.kind = refuse_stream ? StreamEvent::Kind::closed : StreamEvent::Kind::opened;
          if (!refuse_stream) server_ = std::make_unique<XmppServerStream>(XmppServerStream::Kind::client, hosts_, Rng(300 + streams_opened));
          bridge->on_stream(now, event, out_);
          break;
        }
        case Outbox::StreamOp::Kind::write:
          if (server_ && ops[i].id == stream_) server_->on_bytes(written[i]);
          if (ops[i].id != stream_) channels[ops[i].id.value()].messages.emplace_back(as_text(written[i]));
          break;
        case Outbox::StreamOp::Kind::close:
          if (ops[i].id == stream_) server_.reset();
          else channels[ops[i].id.value()].closed_by_bridge = true;
          break;
      }
    }
    while (server_) {
      auto event = server_->poll();
      if (!event) break;
      on_server_event(*event);
    }
    if (server_ && server_->has_output()) {
      more = true;
      const std::string text = server_->take_output();
      StreamEvent event;
      event.id = stream_;
      event.kind = StreamEvent::Kind::data;
      event.data = as_bytes(text);
      bridge->on_stream(now, event, out_);
    }
    more = more || !out_.empty();
  }
}

void Harness::on_server_event(XmppEvent& event) {
  if (event.kind != XmppEvent::Kind::stanza) {
    CHECK(event.kind == XmppEvent::Kind::ready);
    return;
  }
  Element& stanza = event.stanza;
  if (is_presence(stanza)) {
    ++presences;
    presence = parse_bridge_stats(stanza);
    Element echo = make_presence({}, from_of(stanza));
    echo.set("from", stanza.attr("to"));
    muc::UserInfo info;
    info.item.affiliation = muc::Affiliation::owner;
    info.item.role = muc::Role::moderator;
    info.statuses = {muc::kStatusSelf};
    muc::add_user_info(echo, info);
    server_->send(echo);
  } else if (is_answer(stanza)) {
    answers_.push_back(stanza);
  } else {
    from_bridge.push_back(stanza);
  }
}

Element Harness::ask(Element iq, std::string_view from) {
  REQUIRE(server_);
  const std::string id(iq.attr("id"));
  iq.set("from", from).set("to", server_->jid().to_string());
  answers_.clear();
  server_->send(iq);
  settle();
  for (const Element& answer : answers_)
    if (answer.attr("id") == id) return answer;
  return {};
}

Result<colibri2::ConferenceModified, colibri2::Error> Harness::modify(const colibri2::ConferenceModify& request) {
  const Element answer = ask(colibri2::make_request(Jid(), "x", request));
  REQUIRE(is_answer(answer));
  if (answer.attr("type") == "error") return fail(colibri2::parse_error(answer));
  auto parsed = colibri2::parse_answer(answer);
  REQUIRE(parsed);
  return *parsed;
}

void Harness::say_on_stream(std::string_view text) {
  StreamEvent event;
  event.id = stream_;
  event.kind = StreamEvent::Kind::data;
  event.data = as_bytes(text);
  bridge->on_stream(now, event, out_);
  settle();
}

void Harness::close_stream() {
  server_.reset();
  StreamEvent event;
  event.id = stream_;
  event.kind = StreamEvent::Kind::closed;
  bridge->on_stream(now, event, out_);
  settle();
}

colibri2::ConferenceModify Harness::conference(std::string_view meeting_id, bool create) {
  colibri2::ConferenceModify m;
  m.meeting_id = std::string(meeting_id);
  m.name = std::string(meeting_id) + "@conference.tacoma.test";
  m.create = create;
  return m;
}

colibri2::Endpoint Harness::new_endpoint(std::string_view id) {
  colibri2::Endpoint e;
  e.id = std::string(id);
  e.create = true;
  e.capabilities = {std::string(colibri2::kCapSourceNames)};
  e.media = {{jingle::Media::audio, jingle::offered_audio()}, {jingle::Media::video, jingle::offered_video()}};
  e.transport.emplace();
  e.transport->ice_controlling = true;
  return e;
}

Client& Harness::join(std::string_view meeting, std::string_view id, bool connect_too) {
  const bool first = std::find(meetings_.begin(), meetings_.end(), meeting) == meetings_.end();
  if (first) meetings_.emplace_back(meeting);
  auto request = conference(meeting, first);
  request.endpoints = {new_endpoint(id)};
  if (join_rewriting) request.endpoints[0].capabilities.emplace_back(colibri2::kCapSsrcRewriting);
  if (join_red) request.endpoints[0].media[0].formats = jingle::offered_redundant_audio();
  if (join_ccfb)
    for (colibri2::MediaDescription& media : request.endpoints[0].media) media.formats.replace_transport_cc_by_ccfb();
  if (asks_for_data) request.endpoints[0].transport->sctp.emplace();
  const auto answer = modify(request);
  REQUIRE(answer);
  REQUIRE(answer->endpoints.size() == 1);
  REQUIRE(answer->endpoints[0].transport);
  sctp_answer = answer->endpoints[0].transport->sctp;
  clients.push_back(std::make_unique<Client>(std::string(id), static_cast<uint32_t>(clients.size() + 1), crypto, pool));
  offers_.push_back({std::string(id), *answer->endpoints[0].transport->ice});
  Client& client = *clients.back();
  if (connect_too) connect(meeting, client);
  return client;
}

void Harness::connect(std::string_view meeting, Client& client) {
  const jingle::IceTransport& offer = std::find_if(offers_.begin(), offers_.end(), [&](const auto& o) { return o.first == client.id; })->second;
  REQUIRE(offer.candidates.size() == 1);
  CHECK(offer.candidates[0].address == bridge_address);
  std::vector<IceCandidate> candidates = {{offer.candidates[0].address, offer.candidates[0].priority}};
  client.path.set_remote(now, {offer.ufrag, offer.pwd}, candidates, *Fingerprint::parse(offer.fingerprints.at(0).value), DtlsSetup::actpass, client.out);
  auto update = conference(meeting);
  colibri2::Endpoint e;
  e.id = client.id;
  e.transport.emplace();
  e.transport->ice.emplace();
  e.transport->ice->ufrag = client.path.credentials().ufrag;
  e.transport->ice->pwd = client.path.credentials().pwd;
  e.transport->ice->fingerprints = {{"sha-256", client.path.fingerprint().to_string(), jingle::Setup::active}};
  update.endpoints = {e};
  REQUIRE(modify(update));
  give_sources(meeting, client);
  for (int i = 0; i < 100 && !client.is_keyed; ++i) run(Duration::milliseconds(20));
  REQUIRE(client.is_keyed);
}

void Harness::give_sources(std::string_view meeting, Client& client, bool audio, bool video) {
  auto update = conference(meeting);
  colibri2::Endpoint e;
  e.id = client.id;
  e.sources = colibri2::to_media_sources(
      jingle::make_sources(client.id, audio ? client.audio : Ssrc(), video ? client.video : Ssrc(), video ? client.rtx : Ssrc()));
  update.endpoints = {e};
  REQUIRE(modify(update));
}

void Harness::give_simulcast(std::string_view meeting, Client& client, Ssrc middle, Ssrc high, bool rtx) {
  auto update = conference(meeting);
  colibri2::Endpoint e;
  e.id = client.id;
  colibri2::MediaSource source;
  source.type = jingle::Media::video;
  source.id = client.id + "-v0";
  std::vector<Ssrc> ssrcs = {client.video, middle, high};
  source.ssrcs.groups = {{jingle::GroupSemantics::sim, ssrcs}};
  if (rtx) {
    ssrcs.push_back(client.rtx);
    source.ssrcs.groups.push_back({jingle::GroupSemantics::fid, {client.video, client.rtx}});
  }
  for (Ssrc ssrc : ssrcs) {
    jingle::Source one;
    one.ssrc = ssrc;
    source.ssrcs.sources.push_back(one);
  }
  e.sources = {source};
  update.endpoints = {e};
  REQUIRE(modify(update));
}

void Harness::expire(std::string_view meeting, std::string_view id) {
  auto request = conference(meeting);
  colibri2::Endpoint e;
  e.id = std::string(id);
  e.expire = true;
  request.endpoints = {e};
  REQUIRE(modify(request));
}

void Harness::deliver(const SocketAddress& from, Outbox::Send send) {
  const SocketAddress to = send.to;
  if (lose && lose(from, to, send.packet.bytes())) return;
  Datagram datagram{from, to, std::move(send.packet), now, send.ecn};
  if (to == bridge_address) {
    bridge->on_datagrams(now, Span<Datagram>(&datagram, 1), out_);
    return;
  }
  for (auto& client : clients) {
    if (client->address != to) continue;
    const Arrival arrival = client->path.on_datagram(now, datagram, client->out);
    if (arrival.kind == ArrivalKind::rtp) client->rtp.push_back({now, Bytes(datagram.packet.bytes().begin(), datagram.packet.bytes().end()), send.ecn});
    if (arrival.kind == ArrivalKind::rtcp) client->rtcp.push_back({now, Bytes(datagram.packet.bytes().begin(), datagram.packet.bytes().end()), send.ecn});
    for (PathEvent e; client->path.poll_event(e);) {
      if (e.kind == PathEvent::Kind::keyed) client->is_keyed = true;
      if (e.kind == PathEvent::Kind::closed) client->was_closed = true;
    }
    return;
  }
}

void Harness::settle() {
  for (bool more = true; more;) {
    more = false;
    flush_streams();
    for (auto& client : clients) {
      std::vector<Outbox::Send> sends = std::move(client->out.sends());
      client->out.clear();
      for (auto& s : sends) {
        more = true;
        deliver(client->address, std::move(s));
      }
    }
    more = more || !out_.empty();
  }
}

void Harness::check_deadline() const { REQUIRE((bridge->deadline().at > now)); }

void Harness::run(Duration time) {
  const Instant end = now + time;
  for (;;) {
    settle();
    Instant next = bridge->deadline().at;
    for (auto& client : clients) next = std::min(next, client->path.deadline().at);
    if (next > end) break;
    now = std::max(now, next);
    if (bridge->deadline().at <= now) {
      bridge->on_deadline(now, out_);
      check_deadline();
    }
    for (auto& client : clients)
      if (client->path.deadline().at <= now) client->path.on_deadline(now, client->out);
  }
  now = end;
}

void Harness::send_video_answering_pli(Client& from) {
  auto seen = std::find_if(plis_seen_.begin(), plis_seen_.end(), [&](const auto& p) { return p.first == &from; });
  if (seen == plis_seen_.end()) seen = plis_seen_.insert(plis_seen_.end(), {&from, 0});
  const size_t plis = from.count(RtcpType::payload_feedback, kFormatPli);
  from.send_video(now, plis > seen->second);
  seen->second = plis;
  settle();
}

void check_audit(const Harness& h) {
  const BridgeAudit audit = h.bridge->audit();
  for (const std::string& v : audit.violations) UNSCOPED_INFO(v);
  CHECK(audit.holds());
}

}  // namespace tacoma::test
