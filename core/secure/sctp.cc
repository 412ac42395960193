#include "core/secure/sctp.h"

#include <sys/types.h>
#include <usrsctp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/flat_map.h"
#include "core/base/rng.h"
#include "core/secure/openssl_scope.h"

namespace tacoma {

// usrsctp, once a program. It is never finished: it ends with the program.
struct SctpAssociation::Library {
  static Library& get() {
    static thread_local char this_thread;
    static Library instance;
    if (!instance.owner) instance.owner = &this_thread;
    TACOMA_ASSERT(instance.owner == &this_thread);
    return instance;
  }

  Library() {
    usrsctp_init_nothreads(0, send_packet, nullptr);
    usrsctp_sysctl_set_sctp_ecn_enable(0);      // there is no IP header to mark
    usrsctp_sysctl_set_sctp_asconf_enable(0);   // no addresses to change
    usrsctp_sysctl_set_sctp_auth_enable(0);     // DTLS does that
    usrsctp_sysctl_set_sctp_nrsack_enable(0);
    usrsctp_sysctl_set_sctp_pktdrop_enable(0);
    usrsctp_sysctl_set_sctp_blackhole(2);       // no ABORT for what belongs to nobody
  }

  // Called within calls of ours only: it must not call back.
  static int send_packet(void* address, void* bytes, size_t size, uint8_t, uint8_t) {
    SctpAssociation** found = get().associations.find(reinterpret_cast<uintptr_t>(address));
    if (!found) return 0;  // has ended
    SctpAssociation& association = **found;
    if (association.packets_.size() >= kMaxQueuedPackets) return 0;
    const auto* first = static_cast<const uint8_t*>(bytes);
    association.packets_.emplace_back(first, first + size);
    association.note();
    return 0;
  }

  static void on_readable(struct socket*, void* argument, int) {
    SctpAssociation** found = get().associations.find(reinterpret_cast<uintptr_t>(argument));
    if (!found) return;
    (*found)->is_readable_ = true;
    (*found)->note();
  }

  /// Addresses are registered for good and handed on: giving one back sets usrsctp's own thread to work on all associations.
  uintptr_t take_address() {
    if (free_addresses.empty()) {
      usrsctp_register_address(reinterpret_cast<void*>(++last_address));
      return last_address;
    }
    const uintptr_t address = free_addresses.back();
    free_addresses.pop_back();
    return address;
  }

  /// Timers run on the time of whichever host asks first.
  void tick(Instant now) {
    if (now < ticked) ticked = now;  // another run, which begins again
    const int64_t ms = (now - ticked).ms();
    if (ms == 0) return;
    ticked = ticked + Duration::milliseconds(ms);
    usrsctp_handle_timers(static_cast<uint32_t>(std::min<int64_t>(ms, 1000)));
  }

  /// Everything usrsctp does sees the caller's time. Its random numbers are the system's.
  struct Scope {
    explicit Scope(Instant now) : time(now, nobody, SecureRandomness::system) {}
    Rng nobody{0};
    OpenSslScope time;
  };

  const void* owner = nullptr;  // the thread, by the address of a variable of its own
  FlatMap<uintptr_t, SctpAssociation*> associations;
  uintptr_t last_address = 0;
  std::vector<uintptr_t> free_addresses;
  std::vector<uint8_t> buffer = std::vector<uint8_t>(16 * 1024);  // for what is read
  Instant ticked;
};

namespace {

sockaddr_conn address_of(uintptr_t address) {
  sockaddr_conn a{};
  a.sconn_family = AF_CONN;
  a.sconn_port = __builtin_bswap16(SctpAssociation::kPort);
  a.sconn_addr = reinterpret_cast<void*>(address);
  return a;
}

template <typename T>
void set_option(struct socket* s, int level, int name, const T& value) {
  const int result = usrsctp_setsockopt(s, level, name, &value, sizeof value);
  TACOMA_ASSERT(result == 0);
}

void set_options(struct socket* s) {
  set_option(s, SOL_SOCKET, SO_LINGER, linger{1, 0});  // close() aborts and frees at once
  set_option(s, SOL_SOCKET, SO_SNDBUF, static_cast<int>(SctpAssociation::kSendBuffer));
  set_option(s, SOL_SOCKET, SO_RCVBUF, static_cast<int>(SctpAssociation::kReceiveBuffer));
  set_option(s, IPPROTO_SCTP, SCTP_NODELAY, 1);
  set_option(s, IPPROTO_SCTP, SCTP_RECVRCVINFO, 1);
  set_option(s, IPPROTO_SCTP, SCTP_INITMSG, sctp_initmsg{SctpAssociation::kStreams, SctpAssociation::kStreams, 0, 0});
  // Whoever does not answer for the sum of these is gone; ICE notices earlier.
  set_option(s, IPPROTO_SCTP, SCTP_RTOINFO, sctp_rtoinfo{0, 1000, 5000, 400});
  set_option(s, IPPROTO_SCTP, SCTP_ENABLE_STREAM_RESET, sctp_assoc_value{SCTP_ALL_ASSOC, SCTP_ENABLE_RESET_STREAM_REQ});
  sctp_paddrparams path{};
  path.spp_address.ss_family = AF_CONN;
  path.spp_flags = SPP_PMTUD_DISABLE | SPP_HB_DISABLE;  // ICE consent is the heartbeat
  path.spp_pathmtu = SctpAssociation::kMaxPacket;
  set_option(s, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, path);
  for (const uint16_t type : {SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT})
    set_option(s, IPPROTO_SCTP, SCTP_EVENT, sctp_event{SCTP_ALL_ASSOC, type, 1});
}

/// Whether a row of type, length, value (RFC 9260 section 3.2.1) is whole; the padding of the last may be missing.
bool is_row(BytesView row) {
  while (!row.empty()) {
    if (row.size() < 4) return false;
    const size_t length = load_u16(row.data() + 2);
    if (length < 4 || length > row.size()) return false;
    row = row.subspan((length + 3) & ~size_t{3});
  }
  return true;
}

enum class Soundness : uint8_t { sound, malformed, unexpected };
/// usrsctp 0.9.5 loops for ever over a parameter of length 0 in an INIT: rows are checked before it sees them, and what no peer
/// of ours has a reason to send does not get there.
Soundness check_chunks(BytesView chunks, bool is_up) {
  if (!is_row(chunks)) return Soundness::malformed;
  while (!chunks.empty()) {
    const size_t length = load_u16(chunks.data() + 2);
    const BytesView body = chunks.subspan(4, length - 4);
    switch (chunks[0]) {
      case SCTP_INITIATION:
        if (is_up) return Soundness::unexpected;  // a peer that begins anew gets a new path first
        [[fallthrough]];
      case SCTP_INITIATION_ACK:
        if (body.size() < 16 || !is_row(body.subspan(16))) return Soundness::malformed;
        break;
      case SCTP_HEARTBEAT_REQUEST: case SCTP_HEARTBEAT_ACK: case SCTP_ABORT_ASSOCIATION: case SCTP_OPERATION_ERROR: case SCTP_STREAM_RESET:
        if (!is_row(body)) return Soundness::malformed;
        break;
      case SCTP_DATA: case SCTP_SELECTIVE_ACK: case SCTP_SHUTDOWN: case SCTP_SHUTDOWN_ACK: case SCTP_SHUTDOWN_COMPLETE: case SCTP_COOKIE_ECHO:
      case SCTP_COOKIE_ACK: case SCTP_FORWARD_CUM_TSN: case SCTP_PAD_CHUNK:
        break;
      default:
        return Soundness::unexpected;  // addresses, authentication, ECN, drafts: none of them was agreed on
    }
    chunks = chunks.subspan((length + 3) & ~size_t{3});
  }
  return Soundness::sound;
}

}  // namespace

SctpHost::SctpHost() = default;
SctpHost::~SctpHost() { TACOMA_ASSERT(started_.empty()); }

Deadline SctpHost::deadline() const { return {next_tick_, "SCTP timers"}; }

void SctpHost::on_deadline(Instant now) {
  if (now < next_tick_) return;
  next_tick_ = started_.empty() ? Instant::never() : now + kTick;
  const SctpAssociation::Library::Scope scope(now);
  SctpAssociation::Library::get().tick(now);
  for (SctpAssociation* association : std::vector<SctpAssociation*>(started_)) association->receive();
}

std::optional<uint32_t> SctpHost::next_pending() {
  if (pending_.empty()) return std::nullopt;
  SctpAssociation& association = *pending_.front();
  pending_.erase(pending_.begin());
  association.is_pending_ = false;
  return association.tag_;
}

SctpAssociation::SctpAssociation(SctpHost& host, Role role, uint32_t tag)
    : host_(host), role_(role), tag_(tag), address_(Library::get().take_address()) {
  Library::get().associations.set(address_, this);
}

SctpAssociation::~SctpAssociation() {
  {
    const Library::Scope scope(Library::get().ticked);
    end();
  }
  Library::get().associations.erase(address_);
  Library::get().free_addresses.push_back(address_);
  std::erase(host_.pending_, this);
}

void SctpAssociation::note() {
  if (is_pending_) return;
  is_pending_ = true;
  host_.pending_.push_back(this);
}

void SctpAssociation::start(Instant now) {
  if (state_ != State::idle) return;
  Library& library = Library::get();
  const Library::Scope scope(now);
  if (host_.started_.empty()) host_.next_tick_ = now + SctpHost::kTick;
  host_.started_.push_back(this);
  library.tick(now);
  state_ = State::connecting;
  struct socket* s = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, nullptr, nullptr, 0, nullptr);
  TACOMA_ASSERT(s);  // only memory can fail here
  set_options(s);
  usrsctp_set_non_blocking(s, 1);
  sockaddr_conn own = address_of(address_);
  const int bound = usrsctp_bind(s, reinterpret_cast<sockaddr*>(&own), sizeof own);
  TACOMA_ASSERT(bound == 0);  // nobody else has this address
  if (role_ == Role::server) {
    listening_ = s;
    const int listens = usrsctp_listen(s, 1);
    TACOMA_ASSERT(listens == 0);
  } else {
    socket_ = s;
    usrsctp_set_upcall(s, Library::on_readable, reinterpret_cast<void*>(address_));
    if (usrsctp_connect(s, reinterpret_cast<sockaddr*>(&own), sizeof own) != 0 && errno != EINPROGRESS) end();
  }
}

std::optional<Drop> SctpAssociation::on_packet(Instant now, BytesView packet) {
  constexpr size_t kHeader = 12, kChunkHeader = 4;
  if (state_ == State::idle || state_ == State::ended) return Drop::sctp_unexpected;
  if (packet.size() < kHeader + kChunkHeader) return Drop::sctp_malformed;
  // Others are not to be found by a port that is not this association's.
  if (load_u16(packet.data()) != kPort || load_u16(packet.data() + 2) != kPort) return Drop::sctp_unexpected;
  const Soundness soundness = check_chunks(packet.subspan(kHeader), state_ == State::up);
  if (soundness != Soundness::sound) return soundness == Soundness::malformed ? Drop::sctp_malformed : Drop::sctp_unexpected;
  const Library::Scope scope(now);
  Library::get().tick(now);
  usrsctp_conninput(reinterpret_cast<void*>(address_), packet.data(), packet.size(), 0);
  if (listening_) {
    struct socket* accepted = usrsctp_accept(listening_, nullptr, nullptr);
    if (accepted) {
      usrsctp_close(listening_);  // one association a peer
      listening_ = nullptr;
      socket_ = accepted;
      usrsctp_set_non_blocking(accepted, 1);
      usrsctp_set_upcall(accepted, Library::on_readable, reinterpret_cast<void*>(address_));
      state_ = State::up;
      is_readable_ = true;
      note();
    }
  }
  receive();
  return std::nullopt;
}

bool SctpAssociation::poll_packet(std::vector<uint8_t>& packet) {
  if (packets_.empty()) return false;
  packet = std::move(packets_.front());
  packets_.erase(packets_.begin());
  return true;
}

bool SctpAssociation::poll_message(SctpMessage& message) {
  if (messages_.empty()) return false;
  message = std::move(messages_.front());
  messages_.erase(messages_.begin());
  return true;
}

bool SctpAssociation::poll_reset(uint16_t& stream) {
  if (resets_.empty()) return false;
  stream = resets_.front();
  resets_.erase(resets_.begin());
  return true;
}

std::optional<Drop> SctpAssociation::send(Instant now, uint16_t stream, uint32_t ppid, BytesView message) {
  if (state_ != State::up || stream >= kStreams) return Drop::sctp_unexpected;
  const Library::Scope scope(now);
  Library::get().tick(now);
  sctp_sndinfo info{};
  info.snd_sid = stream;
  info.snd_ppid = __builtin_bswap32(ppid);
  const ssize_t sent = usrsctp_sendv(socket_, message.data(), message.size(), nullptr, 0, &info, sizeof info, SCTP_SENDV_SNDINFO, 0);
  return sent == static_cast<ssize_t>(message.size()) ? std::nullopt : std::optional(Drop::sctp_full);
}

void SctpAssociation::reset_stream(Instant now, uint16_t stream) {
  if (state_ != State::up || stream >= kStreams) return;
  const Library::Scope scope(now);
  close_own_side(stream);
}

void SctpAssociation::stop(Instant now) {
  const Library::Scope scope(now);
  end();
}

// Inside a scope.
void SctpAssociation::close_own_side(uint16_t stream) {
  alignas(sctp_reset_streams) uint8_t bytes[sizeof(sctp_reset_streams) + sizeof stream] = {};
  auto* request = reinterpret_cast<sctp_reset_streams*>(bytes);
  request->srs_assoc_id = SCTP_ALL_ASSOC;
  request->srs_flags = SCTP_STREAM_RESET_OUTGOING;
  request->srs_number_streams = 1;
  std::memcpy(bytes + sizeof(sctp_reset_streams), &stream, sizeof stream);
  // Refused while an earlier request is under way: then the stream stays open on our side, and nobody uses it.
  (void)usrsctp_setsockopt(socket_, IPPROTO_SCTP, SCTP_RESET_STREAMS, bytes, sizeof bytes);
}

// Inside a scope. Reads what usrsctp has put together.
void SctpAssociation::receive() {
  while (is_readable_ && socket_ && messages_.size() < kMaxQueuedMessages) {
    std::vector<uint8_t>& buffer = Library::get().buffer;
    sockaddr_conn from{};
    socklen_t from_size = sizeof from;
    sctp_rcvinfo info{};
    socklen_t info_size = sizeof info;
    unsigned info_type = SCTP_RECVV_NOINFO;
    int flags = 0;
    const ssize_t size = usrsctp_recvv(socket_, buffer.data(), buffer.size(), reinterpret_cast<sockaddr*>(&from), &from_size, &info, &info_size,
                                       &info_type, &flags);
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINPROGRESS || errno == ENOTCONN)) {
      is_readable_ = false;
      return;
    }
    if (size <= 0) return end();
    const BytesView part(buffer.data(), static_cast<size_t>(size));
    if (flags & MSG_NOTIFICATION) {
      on_notification(part);
      continue;
    }
    if (partial_.size() + part.size() > kMaxMessage) skips_rest_ = true;
    if (!skips_rest_) partial_.insert(partial_.end(), part.begin(), part.end());
    if (!(flags & MSG_EOR)) continue;
    if (std::exchange(skips_rest_, false)) ++too_long_;
    else if (info_type == SCTP_RECVV_RCVINFO) messages_.push_back({info.rcv_sid, __builtin_bswap32(info.rcv_ppid), partial_});
    partial_.clear();
    note();
  }
}

// Inside a scope.
void SctpAssociation::on_notification(BytesView bytes) {
  sctp_notification notification{};
  std::memcpy(&notification, bytes.data(), std::min(bytes.size(), sizeof notification));
  note();
  if (notification.sn_header.sn_type == SCTP_ASSOC_CHANGE) {
    const uint16_t change = notification.sn_assoc_change.sac_state;
    if (change == SCTP_COMM_UP) state_ = State::up;
    else end();  // lost, shut down, refused; or begun anew by a peer that has forgotten its channels
    return;
  }
  constexpr size_t kHeader = sizeof(sctp_stream_reset_event);
  const uint16_t flags = notification.sn_strreset_event.strreset_flags;
  if (notification.sn_header.sn_type != SCTP_STREAM_RESET_EVENT || !(flags & SCTP_STREAM_RESET_INCOMING_SSN) || bytes.size() < kHeader) return;
  const auto take = [&](uint16_t stream) {
    if (stream >= kStreams || std::find(resets_.begin(), resets_.end(), stream) != resets_.end()) return;
    resets_.push_back(stream);
    close_own_side(stream);
  };
  if (bytes.size() == kHeader)  // all
    for (uint16_t stream = 0; stream < kStreams; ++stream) take(stream);
  for (size_t at = kHeader; at + 2 <= bytes.size(); at += 2) {
    uint16_t stream = 0;
    std::memcpy(&stream, bytes.data() + at, sizeof stream);
    take(stream);
  }
}

// Inside a scope. The peer, if it is still there, is told by an ABORT among the packets.
void SctpAssociation::end() {
  if (state_ != State::idle) state_ = State::ended;
  for (struct socket** s : {&listening_, &socket_})
    if (struct socket* open = std::exchange(*s, nullptr)) usrsctp_close(open);
  std::erase(host_.started_, this);
  note();
}

}  // namespace tacoma
