#include "core/secure/srtp.h"

#include <srtp2/srtp.h>

#include <algorithm>

#include "core/base/flat_map.h"
#include "core/secure/gcm_srtp.h"
#include "core/secure/replay_window.h"

namespace tacoma {
namespace {

constexpr size_t kRtpHeader = 12;
constexpr size_t kRtcpHeader = 8;
constexpr uint32_t kEncryptedFlag = 0x80000000;  // E of SRTCP, RFC 3711 section 3.4

// libsrtp2 keeps global tables. Initialised once a process and never torn down: sessions may live until exit.
bool library_ready() {
  static const bool ready = srtp_init() == srtp_err_status_ok;
  return ready;
}

// The size of an RTP header with its CSRCs and extension; 0 when it is not whole or not of version 2.
size_t rtp_header_size(BytesView p) {
  if (p.size() < kRtpHeader || (p.data()[0] >> 6) != 2) return 0;
  size_t header = kRtpHeader + 4 * (p.data()[0] & 15u);
  if (p.data()[0] & 0x10) {
    if (p.size() < header + 4) return 0;
    header += 4 + 4u * load_u16(p.data() + header + 2);
  }
  return p.size() >= header ? header : 0;
}

bool is_rtcp(BytesView p) { return p.size() >= kRtcpHeader && (p.data()[0] >> 6) == 2; }

Drop drop_of(srtp_err_status_t status) {
  switch (status) {
    case srtp_err_status_auth_fail: return Drop::srtp_auth;
    case srtp_err_status_replay_fail:
    case srtp_err_status_replay_old: return Drop::srtp_replay;
    default: return Drop::srtp_error;
  }
}

}  // namespace

struct SrtpSession::Libsrtp {
  srtp_t outbound = nullptr, inbound = nullptr;
  FlatMap<uint32_t, bool> inbound_ssrcs;  // those with state in libsrtp2, which knows no limit of its own

  ~Libsrtp() {
    if (outbound) srtp_dealloc(outbound);
    if (inbound) srtp_dealloc(inbound);
  }
  bool may_open(uint32_t ssrc) const { return inbound_ssrcs.size() < kMaxInboundSsrcs || inbound_ssrcs.find(ssrc); }
  void opened(uint32_t ssrc) {
    if (!inbound_ssrcs.find(ssrc)) inbound_ssrcs.set(ssrc, true);
  }
};

struct SrtpSession::Null {
  using Window = ReplayWindow<kNullWindow>;
  uint64_t outbound = 0, inbound = 0;  // keys
  uint32_t rtcp_sent = 0;
  Window rtcp_window;
  std::vector<uint32_t> ssrcs;  // beside windows: the scan stays in few cache lines
  std::vector<Window> windows;

  static uint64_t mix(uint64_t a, uint64_t b) {
    const unsigned __int128 product = static_cast<unsigned __int128>(a ^ 0x9e3779b97f4a7c15ull) * (b ^ 0xbf58476d1ce4e5b9ull);
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }
  // 16 bytes over the fixed header, the size and a number (the SRTCP index): what a wrong key, a wrong length or a flipped
  // header bit changes.
  static void tag(uint64_t key, const uint8_t* packet, size_t size, uint32_t number, uint8_t* out) {
    uint64_t head;
    std::memcpy(&head, packet, sizeof head);
    const uint64_t rest = (uint64_t{size >= kRtpHeader ? load_u32(packet + 8) : 0} << 32) | number;
    const uint64_t first = mix(key ^ head, rest + size);
    store_u64(out, first);
    store_u64(out + 8, mix(first, key));
  }
  static bool tag_matches(uint64_t key, const uint8_t* packet, size_t size, uint32_t number) {
    uint8_t expected[16];
    tag(key, packet, size, number, expected);
    return std::memcmp(expected, packet + size, sizeof expected) == 0;
  }

  Window* window_of(uint32_t ssrc) {
    const auto found = std::find(ssrcs.begin(), ssrcs.end(), ssrc);
    if (found != ssrcs.end()) return &windows[static_cast<size_t>(found - ssrcs.begin())];
    if (ssrcs.size() == kMaxInboundSsrcs) return nullptr;
    ssrcs.push_back(ssrc);
    windows.emplace_back();
    return &windows.back();
  }
};

SrtpSession::SrtpSession() = default;
SrtpSession::~SrtpSession() = default;
SrtpSession::SrtpSession(SrtpSession&&) noexcept = default;
SrtpSession& SrtpSession::operator=(SrtpSession&&) noexcept = default;

Result<SrtpSession> SrtpSession::make(SrtpProfile profile, const SrtpKey& outbound, const SrtpKey& inbound) {
  SrtpSession session;
  session.profile_ = profile;
  if (profile == SrtpProfile::null) {
    session.null_ = std::make_unique<Null>();
    session.null_->outbound = load_u64(outbound.bytes.data());
    session.null_->inbound = load_u64(inbound.bytes.data());
    return session;
  }
  if (profile == SrtpProfile::aead_aes_128_gcm) {
    session.gcm_ = GcmSrtp::make(outbound.bytes.data(), inbound.bytes.data(), kMaxInboundSsrcs);
    if (!session.gcm_) return fail("AES-128-GCM cannot be set up");
    return session;
  }
  if (!library_ready()) return fail("libsrtp2 cannot be initialised");
  session.real_ = std::make_unique<Libsrtp>();
  srtp_policy_t policy{};
  srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
  srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
  policy.window_size = kReplayWindow;
  policy.allow_repeat_tx = 1;  // a retransmission without RTX is the same packet again
  const auto create = [&](srtp_ssrc_type_t direction, const SrtpKey& key, srtp_t* out) {
    std::array<uint8_t, 30> bytes = key.bytes;  // libsrtp2 wants it writable
    policy.ssrc.type = direction;
    policy.key = bytes.data();
    return srtp_create(out, &policy) == srtp_err_status_ok;
  };
  if (!create(ssrc_any_outbound, outbound, &session.real_->outbound) || !create(ssrc_any_inbound, inbound, &session.real_->inbound)) {
    return fail("libsrtp2 refuses the profile");
  }
  return session;
}

Result<size_t, Drop> SrtpSession::protect_rtp(BytesView header, BytesView payload, MutableBytes out) {
  const size_t size = header.size() + payload.size();
  if (size + srtp_overhead(profile_) > out.size()) return fail(Drop::over_mtu);
  if (gcm_) {  // encrypts while it copies
    if (rtp_header_size(header) != header.size() || header.empty()) return fail(Drop::rtp_malformed);
    return gcm_->protect_rtp(header, payload, out.data());
  }
  if (!header.empty()) std::memcpy(out.data(), header.data(), header.size());
  if (!payload.empty()) std::memcpy(out.data() + header.size(), payload.data(), payload.size());
  return protect_rtp(out, size);
}

Result<size_t, Drop> SrtpSession::protect_rtp(MutableBytes buffer, size_t size) {
  if (size + srtp_overhead(profile_) > buffer.size()) return fail(Drop::over_mtu);
  const BytesView packet = buffer.subspan(0, size);
  const size_t header = rtp_header_size(packet);
  if (header == 0) return fail(Drop::rtp_malformed);
  if (null_) {
    Null::tag(null_->outbound, buffer.data(), size, 0, buffer.data() + size);
    return size + srtp_overhead(profile_);
  }
  if (gcm_) return gcm_->protect_rtp(packet.subspan(0, header), packet.subspan(header), buffer.data());
  int length = static_cast<int>(size);
  const srtp_err_status_t status = srtp_protect(real_->outbound, buffer.data(), &length);
  if (status != srtp_err_status_ok) return fail(drop_of(status));
  return static_cast<size_t>(length);
}

Result<size_t, Drop> SrtpSession::protect_rtcp(MutableBytes buffer, size_t size) {
  if (size + srtcp_overhead(profile_) > buffer.size()) return fail(Drop::over_mtu);
  if (!is_rtcp(buffer.subspan(0, size))) return fail(Drop::rtcp_malformed);
  if (null_) {
    const uint32_t index = ++null_->rtcp_sent | kEncryptedFlag;
    Null::tag(null_->outbound, buffer.data(), size, index, buffer.data() + size);
    store_u32(buffer.data() + size + 16, index);
    return size + srtcp_overhead(profile_);
  }
  if (gcm_) return gcm_->protect_rtcp(buffer.data(), size);
  int length = static_cast<int>(size);
  const srtp_err_status_t status = srtp_protect_rtcp(real_->outbound, buffer.data(), &length);
  if (status != srtp_err_status_ok) return fail(drop_of(status));
  return static_cast<size_t>(length);
}

Result<size_t, Drop> SrtpSession::unprotect_rtp(MutableBytes packet) {
  if (packet.size() < kRtpHeader + srtp_overhead(profile_)) return fail(Drop::rtp_malformed);
  const size_t size = packet.size() - srtp_overhead(profile_);
  const size_t header = rtp_header_size(packet.subspan(0, size));
  if (header == 0) return fail(Drop::rtp_malformed);
  const uint32_t ssrc = load_u32(packet.data() + 8);
  if (null_) {
    if (!Null::tag_matches(null_->inbound, packet.data(), size, 0)) return fail(Drop::srtp_auth);
    Null::Window* window = null_->window_of(ssrc);
    if (!window) return fail(Drop::srtp_error);
    const uint64_t index = estimate_index(window->highest(), load_u16(packet.data() + 2));
    if (!window->fresh(index)) return fail(Drop::srtp_replay);
    window->accept(index);
    return size;
  }
  if (gcm_) return gcm_->unprotect_rtp(packet, header);
  if (!real_->may_open(ssrc)) return fail(Drop::srtp_error);
  int length = static_cast<int>(packet.size());
  const srtp_err_status_t status = srtp_unprotect(real_->inbound, packet.data(), &length);
  if (status != srtp_err_status_ok) return fail(drop_of(status));
  real_->opened(ssrc);
  return static_cast<size_t>(length);
}

Result<size_t, Drop> SrtpSession::unprotect_rtcp(MutableBytes packet) {
  if (packet.size() < kRtcpHeader + srtcp_overhead(profile_) || !is_rtcp(packet)) return fail(Drop::rtcp_malformed);
  if (null_) {
    const size_t size = packet.size() - srtcp_overhead(profile_);
    const uint32_t index = load_u32(packet.data() + size + 16);
    if (!Null::tag_matches(null_->inbound, packet.data(), size, index)) return fail(Drop::srtp_auth);
    if (!null_->rtcp_window.fresh(index & ~kEncryptedFlag)) return fail(Drop::srtp_replay);
    null_->rtcp_window.accept(index & ~kEncryptedFlag);
    return size;
  }
  if (gcm_) return gcm_->unprotect_rtcp(packet);
  const uint32_t ssrc = load_u32(packet.data() + 4);
  if (!real_->may_open(ssrc)) return fail(Drop::srtp_error);
  int length = static_cast<int>(packet.size());
  const srtp_err_status_t status = srtp_unprotect_rtcp(real_->inbound, packet.data(), &length);
  if (status != srtp_err_status_ok) return fail(drop_of(status));
  real_->opened(ssrc);
  return static_cast<size_t>(length);
}

}  // namespace tacoma
