// The header extensions that we read and write. Ids are negotiated; 0 means "not negotiated".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/time.h"
#include "core/rtp/rtp_packet.h"

namespace tacoma {

inline constexpr std::string_view kAudioLevelUri = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
inline constexpr std::string_view kAbsSendTimeUri = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
inline constexpr std::string_view kTransportCcUri =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
inline constexpr std::string_view kMidUri = "urn:ietf:params:rtp-hdrext:sdes:mid";
inline constexpr std::string_view kVideoOrientationUri = "urn:3gpp:video-orientation";

/// Negotiated ids; the defaults are those that Jitsi offers.
struct ExtensionIds {
  uint8_t audio_level = 1;
  uint8_t abs_send_time = 3;
  uint8_t transport_cc = 5;
  uint8_t mid = 10;
  uint8_t video_orientation = 0;
  uint8_t dependency_descriptor = 0;
  static ExtensionIds none() { return {0, 0, 0, 0, 0, 0}; }
};

/// RFC 6464: the level in -dBov, 0 loudest, 127 silence, and the sender's voice activity flag.
struct AudioLevel {
  bool voice = false;
  uint8_t level = 127;
};
/// Element data is one byte.
constexpr uint8_t encode_audio_level(AudioLevel a) { return static_cast<uint8_t>((a.voice ? 0x80 : 0) | (a.level & 0x7f)); }
inline std::optional<AudioLevel> read_audio_level(const RtpView& packet, uint8_t id) {
  if (id == 0) return std::nullopt;
  const auto data = packet.extension(id);
  if (!data || data->empty()) return std::nullopt;
  return AudioLevel{((*data)[0] & 0x80) != 0, static_cast<uint8_t>((*data)[0] & 0x7f)};
}

/// abs-send-time: 24 bits of seconds in 6.18 fixed point, wrapping every 64 s. Element data is three bytes.
constexpr uint32_t encode_abs_send_time(Instant t) { return static_cast<uint32_t>(to_ntp(t) >> 14) & 0xffffff; }
inline std::optional<uint32_t> read_abs_send_time(const RtpView& packet, uint8_t id) {
  if (id == 0) return std::nullopt;
  const auto data = packet.extension(id);
  if (!data || data->size() != 3) return std::nullopt;
  return load_u24(data->data());
}

/// Transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 2). Two bytes.
inline std::optional<uint16_t> read_transport_sequence(const RtpView& packet, uint8_t id) {
  if (id == 0) return std::nullopt;
  const auto data = packet.extension(id);
  if (!data || data->size() != 2) return std::nullopt;
  return load_u16(data->data());
}

/// RFC 9143 section 15.1: the media's identification tag, UTF-8 without terminator.
inline std::optional<std::string_view> read_mid(const RtpView& packet, uint8_t id) {
  if (id == 0) return std::nullopt;
  const auto data = packet.extension(id);
  if (!data || data->empty()) return std::nullopt;
  return as_text(*data);
}

}  // namespace tacoma
