#include <opus/opus.h>
#include <vpx/vpx_codec.h>

#include <string>

#include "core/base/assert.h"
#include "loadgen/media/encode.h"
#include "loadgen/media/speech.h"

namespace tacoma {
namespace {

constexpr uint32_t kTalkSeconds = 20, kQuietSeconds = 8;
constexpr uint32_t kPacketsPerSecond = 50;
constexpr uint8_t kVoiceFrom = 50;  // louder than -50 dBov counts as voice
constexpr int kDtxBytes = 2;        // libopus: a packet of at most two bytes need not be sent

class Encoder {
 public:
  Encoder() {
    int error = 0;
    codec_ = opus_encoder_create(kAudioClock, 1, OPUS_APPLICATION_VOIP, &error);
    TACOMA_ASSERT(error == OPUS_OK);
    opus_encoder_ctl(codec_, OPUS_SET_BITRATE(32'000));
    opus_encoder_ctl(codec_, OPUS_SET_VBR(1));
    opus_encoder_ctl(codec_, OPUS_SET_COMPLEXITY(5));
    opus_encoder_ctl(codec_, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
    opus_encoder_ctl(codec_, OPUS_SET_INBAND_FEC(1));
    // From 6 % on libopus gives up bandwidth for FEC at this rate; below it sends none.
    opus_encoder_ctl(codec_, OPUS_SET_PACKET_LOSS_PERC(10));
    opus_encoder_ctl(codec_, OPUS_SET_DTX(1));
  }
  ~Encoder() { opus_encoder_destroy(codec_); }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  /// Encodes what is a whole number of packets; the packets go to `out`, or nowhere.
  void encode(const std::vector<int16_t>& samples, AudioClip* out) {
    uint8_t packet[1275];  // RFC 6716 section 3.2.1: the longest frame
    for (size_t at = 0; at + kAudioPacketSamples <= samples.size(); at += kAudioPacketSamples) {
      const int size = opus_encode(codec_, samples.data() + at, kAudioPacketSamples, packet, sizeof packet);
      TACOMA_ASSERT(size > 0);
      if (out == nullptr) continue;
      const uint8_t level = audio_level(samples.data() + at, kAudioPacketSamples);
      const bool sent = size > kDtxBytes;
      out->append(BytesView(packet, sent ? static_cast<size_t>(size) : 0), level, sent && level <= kVoiceFrom);
    }
  }

 private:
  OpusEncoder* codec_ = nullptr;
};

}  // namespace

SpeechClip encode_speech(uint32_t voice, const EncodeProgress& progress) {
  SpeechClip clip;
  auto tell = [&](double done) { if (progress) progress(done); };
  // Each loop is encoded behind its own end, so that the encoder's state at its start is that of a repetition.
  const std::vector<int16_t> talk = synthesise_speech(voice, kTalkSeconds);
  tell(0.5);
  const std::vector<int16_t> talk_end(talk.end() - 2 * kAudioClock, talk.end());
  Encoder talking;
  talking.encode(talk_end, nullptr);
  talking.encode(talk, &clip.talking);
  tell(0.9);
  const std::vector<int16_t> quiet = synthesise_quiet(voice, kQuietSeconds);
  Encoder open_microphone;
  open_microphone.encode(quiet, nullptr);
  open_microphone.encode(quiet, &clip.quiet);
  TACOMA_ASSERT(clip.talking.size() == kTalkSeconds * kPacketsPerSecond &&
                clip.quiet.size() == kQuietSeconds * kPacketsPerSecond);
  return clip;
}

const char* encoder_versions() {
  static const std::string text = std::string("libvpx ") + vpx_codec_version_str() + ", " + opus_get_version_string();
  return text.c_str();
}

}  // namespace tacoma
