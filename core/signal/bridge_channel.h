// The bridge channel: JSON messages between an endpoint and its bridge, and between bridges, over a WebSocket or a data channel.
// Each is an object whose type is in `colibriClass` (JVB, message/BridgeChannelMessage.kt; lib-jitsi-meet, modules/RTC/BridgeChannel.ts).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/id.h"
#include "core/base/result.h"

namespace tacoma::channel {

// What a stranger can make us hold.
inline constexpr size_t kMaxMessage = 64 * 1024;   // bytes of one message
inline constexpr size_t kMaxDepth = 16;            // of objects and lists in it
inline constexpr size_t kMaxNames = 1024;          // in each list or map of sources
inline constexpr size_t kMaxName = 256;            // bytes of an endpoint id or source name
inline constexpr int32_t kMaxHeight = 16'384;
inline constexpr double kMaxFrameRate = 1'000;

/// First message of a client on a data channel; the bridge answers with ServerHello. On a WebSocket the bridge begins.
struct ClientHello {
  bool operator==(const ClientHello&) const = default;
};
struct ServerHello {
  std::string version;  // empty: not said
  bool operator==(const ServerHello&) const = default;
};

/// From endpoint to endpoint. `to`: an endpoint id, or empty for everybody. The bridge sets `from`.
struct EndpointMessage {
  std::string from, to;
  std::string fields;  // JSON object with all other members, msgPayload first of all
  bool operator==(const EndpointMessage&) const = default;
};
/// What an endpoint tells all others about its connection. The bridge sets `from`.
struct EndpointStats {
  std::string from;
  std::string fields;  // JSON object with all other members
  bool operator==(const EndpointStats&) const = default;
};

struct VideoConstraints {
  int32_t max_height = -1;      // pixels; -1 no limit, 0 none of it
  double max_frame_rate = -1;   // -1 no limit
  bool operator==(const VideoConstraints&) const = default;
};
/// What a receiver wants. Everything is optional; what is absent stays as it was.
struct ReceiverVideoConstraints {
  std::optional<int32_t> last_n;                             // -1 no limit
  std::optional<std::vector<std::string>> selected, on_stage;  // source names, most wanted first
  std::optional<VideoConstraints> defaults;                  // of sources that `constraints` does not name
  std::optional<std::map<std::string, VideoConstraints>> constraints;  // by source name
  std::optional<int64_t> assumed_bandwidth_bps;              // instead of the estimate
  bool operator==(const ReceiverVideoConstraints&) const = default;
};
struct LastN {
  int32_t last_n = -1;
  bool operator==(const LastN&) const = default;
};
enum class VideoType : uint8_t { camera, desktop, desktop_high_fps, none };
struct SourceVideoType {
  std::string source;
  VideoType type = VideoType::camera;
  std::string endpoint;  // between bridges only
  bool operator==(const SourceVideoType&) const = default;
};
struct ReceiverAudioSubscription {
  bool all = true;
  std::vector<std::string> include, exclude;  // source names
  bool operator==(const ReceiverAudioSubscription&) const = default;
};

/// How high a sender needs to go: -1 no limit, 0 nobody looks.
struct SenderSourceConstraints {
  std::string source;
  int32_t max_height = -1;
  bool operator==(const SenderSourceConstraints&) const = default;
};
struct DominantSpeaker {
  std::string endpoint;
  std::vector<std::string> previous;  // newest first
  bool silence = false;
  bool operator==(const DominantSpeaker&) const = default;
};
/// On the wire `active` is a string.
struct ConnectivityStatus {
  std::string endpoint;
  bool active = true;
  bool operator==(const ConnectivityStatus&) const = default;
};
struct ForwardedSources {
  std::vector<std::string> sources;
  bool operator==(const ForwardedSources&) const = default;
};
struct VideoMapping {
  std::string source, owner;
  Ssrc ssrc, rtx;         // rtx zero: none, -1 on the wire
  VideoType type = VideoType::camera;
  std::string mid;        // empty: not said
  bool operator==(const VideoMapping&) const = default;
};
struct VideoSourcesMap {
  std::vector<VideoMapping> mapped;
  bool operator==(const VideoSourcesMap&) const = default;
};
struct AudioMapping {
  std::string source, owner;
  Ssrc ssrc;
  std::string mid;
  bool operator==(const AudioMapping&) const = default;
};
struct AudioSourcesMap {
  std::vector<AudioMapping> mapped;
  bool operator==(const AudioSourcesMap&) const = default;
};
struct ConnectionStats {
  int64_t estimated_downlink_bps = 0;
  bool operator==(const ConnectionStats&) const = default;
};
struct SyntheticSourceSending {
  std::string source;
  bool sending = false;
  int64_t timestamp_ms = 0;
  bool operator==(const SyntheticSourceSending&) const = default;
};

// Between bridges.
struct AddReceiver {
  std::string bridge, source;
  VideoConstraints constraints;
  bool operator==(const AddReceiver&) const = default;
};
struct RemoveReceiver {
  std::string bridge, endpoint;
  bool operator==(const RemoveReceiver&) const = default;
};

using Message = std::variant<ClientHello, ServerHello, EndpointMessage, EndpointStats, ReceiverVideoConstraints, LastN, SourceVideoType,
                             ReceiverAudioSubscription, SenderSourceConstraints, DominantSpeaker, ConnectivityStatus, ForwardedSources,
                             VideoSourcesMap, AudioSourcesMap, ConnectionStats, SyntheticSourceSending, AddReceiver, RemoveReceiver>;

/// The text of one message. Members stand in a fixed order.
std::string write(const Message& message);
/// Reads one message. Errors: a limit, no JSON object, an unknown class, a member that is missing or of the wrong kind; a sentence each.
/// Members that the class does not have are ignored.
Result<Message> parse(std::string_view text);

/// The address of an endpoint's channel: "/colibri-ws/<server>/<conference>/<endpoint>?pwd=<password>", parts percent-encoded.
struct Target {
  std::string server, conference, endpoint, password;
  bool operator==(const Target&) const = default;
};
inline constexpr std::string_view kTargetPrefix = "/colibri-ws/";
std::string to_string(const Target& target);
/// Reads a request target. Error: a path of another shape, or a query that does not begin with `pwd=`.
Result<Target> parse_target(std::string_view target);

}  // namespace tacoma::channel
