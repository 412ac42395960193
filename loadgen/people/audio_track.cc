#include "loadgen/people/audio_track.h"

namespace tacoma {

AudioTrack::AudioTrack(const SpeechClip& clip, const std::vector<Utterance>& talks, Rng& rng)
    : clip_(&clip), talks_(&talks), first_timestamp_(rng.u32()), phase_(rng.uniform(Duration::zero(), kAudioPacketTime)),
      talk_at_(rng.below(10'000)), quiet_at_(rng.below(10'000)) {}

void AudioTrack::start(Instant now) {
  zero_ = now + phase_;
  started_ = true;
  prepare();
}

// Makes next_ the packet of index_, or of the first index after it that is not a DTX gap.
void AudioTrack::prepare() {
  for (uint32_t skipped = 0; skipped <= kMostSkipped; ++skipped, ++index_) {
    const Instant t = at(index_);
    while (talk_ < talks_->size() && (*talks_)[talk_].to <= t) ++talk_;
    const bool talking = talk_ < talks_->size() && (*talks_)[talk_].from <= t;
    next_ = talking ? clip_->talking.packet(talk_at_++) : clip_->quiet.packet(quiet_at_++);
    if (!next_.skipped() || skipped == kMostSkipped) return;
    gap_ = true;
  }
}

void AudioTrack::skip_to(Instant now, Duration behind) {
  if (due() + behind >= now) return;
  index_ += static_cast<uint64_t>((now - due()) / kAudioPacketTime);
  gap_ = true;
  prepare();
}

AudioTrack::Packet AudioTrack::take() {
  Packet packet;
  packet.payload = next_.payload;
  packet.timestamp = first_timestamp_ + static_cast<uint32_t>(index_ * kAudioPacketSamples);
  packet.level = next_.level;
  packet.voice = next_.voice;
  packet.first = gap_;
  gap_ = next_.skipped();
  ++index_;
  prepare();
  return packet;
}

uint32_t AudioTrack::timestamp_at(Instant t) const {
  return first_timestamp_ + static_cast<uint32_t>((t - zero_).ns() * (kAudioClock / 1'000) / 1'000'000);
}

}  // namespace tacoma
