#include "loadgen/people/audio_receiver.h"

#include <algorithm>

#include "loadgen/media/clip.h"
#include "loadgen/media/decoders.h"
#include "loadgen/people/quality.h"

namespace tacoma {
namespace {
constexpr MissingPackets::Policy kPolicy = {false, Duration::milliseconds(100), Duration::seconds(1), 0};
// Chromium's NetEq starts at 80 ms and does not go below about 20 ms.
constexpr PlayoutDelay::Limits kWait = {Duration::milliseconds(20), Duration::milliseconds(400)};
constexpr int64_t kLongestGap = 250;       // packets: 5 s; a longer one is a new beginning
constexpr int64_t kMostConcealed = 5;      // packets in a row; beyond that a decoder fades to silence
constexpr int64_t kLoudSquare = 10'737;    // -50 dBov: (32768 x 10^(-50/20))^2

/// From capture to arrival, plus a constant.
Duration transit_of(Instant arrived, int64_t ticks) {
  return arrived.since_start() - Duration::nanoseconds(ticks * 1'000'000 / (kAudioClock / 1'000));
}
}  // namespace

AudioReceiver::AudioReceiver(bool decodes) : meter_(Media::audio, kAudioClock), missing_(kPolicy), playout_(kWait) {
  if (decodes) decoder_ = std::make_unique<AudioDecoder>();
}
AudioReceiver::~AudioReceiver() = default;
AudioReceiver::AudioReceiver(AudioReceiver&&) noexcept = default;
AudioReceiver& AudioReceiver::operator=(AudioReceiver&&) noexcept = default;

bool AudioReceiver::packet(Instant arrived, const RtpView& packet, BytesView sound, const RedPayload* red, bool voice, Histogram& delays) {
  const int64_t seq = sequences_.unwrap(packet.sequence());
  const MissingPackets::Arrival arrival = missing_.arrived(arrived, seq);
  if (arrival == MissingPackets::Arrival::known) return false;
  // Where redundant audio is negotiated, Opus is without FEC: nothing is credited twice.
  if (!red && seq > highest_ + 1 && highest_ >= 0 && seq - highest_ < kLongestGap) ++gap_ends_;
  highest_ = std::max(highest_, seq);
  if (const auto delay = meter_.packet(packet, arrived)) {
    delays.add(*delay);
    delay_least_ = std::min(delay_least_, *delay);
  }
  const int64_t ticks = timestamps_.unwrap(packet.timestamp());
  const Duration transit = transit_of(arrived, ticks);
  // A packet that had counted as lost is concealed already; it is not counted again as late.
  if (arrival != MissingPackets::Arrival::repaired && playout_.known() && transit > playout_.transit()) ++late_;
  playout_.add(arrived, transit);
  if (red) take_copies(arrived, seq, ticks, *red);
  if (sound.empty()) return true;
  ++sounds_;
  if (decoder_) decode(seq, sound, voice);
  return true;
}

// A copy stands for its packet when it comes before that would have been played. The playout waits for copies: NetEq stretches sound (expand,
// merge) until one comes; here the wait is that much longer all the time, and the delay is charged for it.
void AudioReceiver::take_copies(Instant arrived, int64_t seq, int64_t ticks, const RedPayload& red) {
  for (size_t i = 0; i < red.count; ++i) {
    const RedBlock& copy = red.copies[i];
    const auto back = static_cast<int64_t>(red.distance(i));
    if (back == 0 || copy.data.empty() || copy.payload_type != red.primary_type) continue;
    if (copy.timestamp_offset <= back * kAudioPacketSamples) playout_.wait_at_least(kWait.least + kAudioPacketTime * back);
    if (transit_of(arrived, ticks - copy.timestamp_offset) > playout_.transit()) continue;
    missing_.cover(seq - back);
    if (decoder_ && next_decoded_ >= 0) decode(seq - back, copy.data, false);
  }
}

void AudioReceiver::decode(int64_t seq, BytesView payload, bool voice) {
  if (next_decoded_ >= 0 && seq < next_decoded_) return;
  if (next_decoded_ >= 0) {
    const int64_t gap = std::min(seq - next_decoded_, kMostConcealed);
    for (int64_t i = 0; i < gap; ++i) {
      decoder_->conceal(i + 1 == gap ? payload : BytesView());
      ++decoded_.concealed;
    }
  }
  next_decoded_ = seq + 1;
  const Span<const int16_t> samples = decoder_->decode(payload);
  if (samples.empty()) {
    ++decoded_.damaged;
    return;
  }
  ++decoded_.packets;
  int64_t square = 0;
  for (int16_t s : samples) square += int64_t{s} * s;
  if (voice && square / static_cast<int64_t>(samples.size()) > kLoudSquare) ++decoded_.voiced;
}

void AudioReceiver::due(Instant now) {
  std::vector<uint16_t> nothing;
  missing_.due(now, Duration::zero(), 0, nothing);
}

void AudioReceiver::restart() {
  meter_.restart();
  missing_.restart();
  sequences_ = SequenceUnwrapper();
  timestamps_ = TimestampUnwrapper();
  playout_ = PlayoutDelay(kWait);
  next_decoded_ = highest_ = -1;
}

void AudioReceiver::take(ReceiveSample& sample) {
  meter_.take(sample);
  sample.lost = missing_.take_lost();
  sample.repaired = sample.by_red = missing_.take_covered();
  // The last packet of each gap is rebuilt from the one behind it, which the playout waits for.
  sample.by_fec = kFecCredit * std::min(gap_ends_, sample.lost - sample.by_red);
  if (sample.expected >= kEnoughToJudge && sounds_ > 0) {
    CallConditions conditions;
    conditions.loss = std::clamp((sample.lost - sample.by_red + late_ - sample.by_fec) / static_cast<double>(sample.expected), 0.0, 1.0);
    conditions.equipment_impairment = kOpusImpairment;
    conditions.loss_robustness = kOpusLossRobustness;
    const Duration quickest = delay_least_.is_infinite() ? Duration::zero() : delay_least_;
    conditions.mouth_to_ear = quickest + playout_.wait() + kCodecDelay;
    sample.mos = mos_of_rating(transmission_rating(conditions));
  }
  late_ = gap_ends_ = sounds_ = 0;
  delay_least_ = Duration::infinite();
}

}  // namespace tacoma
