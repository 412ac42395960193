#include "loadgen/media/speech.h"

#include <algorithm>
#include <cmath>

#include "core/base/rng.h"
#include "loadgen/media/clip.h"

namespace tacoma {
namespace {

constexpr double kRate = kAudioClock;
constexpr double kPi = 3.141592653589793;
constexpr double kSpeechRms = 0.0708;  // -23 dBov
constexpr double kQuietRms = 0.0004;   // -68 dBov

/// A two-pole filter of unit gain at 0 Hz: one formant.
class Resonator {
 public:
  void tune(double frequency, double bandwidth) {
    const double r = std::exp(-kPi * bandwidth / kRate);
    c_ = -r * r;
    b_ = 2 * r * std::cos(2 * kPi * frequency / kRate);
    a_ = 1 - b_ - c_;
  }
  double step(double x) {
    const double y = a_ * x + b_ * y1_ + c_ * y2_;
    y2_ = y1_;
    y1_ = y;
    return y;
  }

 private:
  double a_ = 1, b_ = 0, c_ = 0, y1_ = 0, y2_ = 0;
};

/// The flow out of the vocal folds over one period (phase 0..1), as its derivative: a slow rise and a sharp close.
double glottal_pulse(double phase) {
  if (phase < 0.40) return phase / 0.40 * (1 - phase / 0.40) * 1.6;
  if (phase < 0.56) return -(phase - 0.40) / 0.16 * 1.9;
  if (phase < 0.62) return -1.9 * (0.62 - phase) / 0.06;
  return 0;
}

struct Vowel { double f1, f2, f3; };
constexpr Vowel kVowels[] = {{730, 1090, 2440}, {530, 1840, 2480}, {270, 2290, 3010}, {570, 840, 2410},
                             {300, 870, 2240},  {660, 1720, 2410}, {490, 1350, 1690}, {520, 1190, 2390}};

/// A stretch of sound with one aim of the mouth.
struct Segment {
  uint32_t samples = 0;
  double voice = 0, hiss = 0;     // amplitudes
  Vowel mouth{500, 1500, 2500};
  double hiss_frequency = 4500;
  double pitch = 1;               // of the voice's own
};

uint32_t samples_of(double seconds) { return static_cast<uint32_t>(seconds * kRate); }

void add_syllable(Rng& rng, double pitch, std::vector<Segment>& out) {
  const uint32_t onset = rng.below(10);
  const Vowel mouth = kVowels[rng.below(8)];
  if (onset < 3) {         // a fricative
    out.push_back({samples_of(0.06 + 0.05 * rng.uniform()), 0, 0.25 + 0.2 * rng.uniform(), mouth,
                   3000 + 3500 * rng.uniform(), pitch});
  } else if (onset < 6) {  // a stop: silence, then a burst
    out.push_back({samples_of(0.045), 0, 0, mouth, 2500, pitch});
    out.push_back({samples_of(0.015), 0, 0.5, mouth, 1800 + 2000 * rng.uniform(), pitch});
  } else if (onset < 9) {  // a nasal
    out.push_back({samples_of(0.05 + 0.03 * rng.uniform()), 0.45, 0, {260, 1100, 2200}, 4500, pitch});
  }
  out.push_back({samples_of(0.09 + 0.11 * rng.uniform()), 0.8 + 0.4 * rng.uniform(), 0.01, mouth, 4500, pitch});
}

void add_phrase(Rng& rng, std::vector<Segment>& out) {
  const uint32_t words = 4 + rng.below(7);
  for (uint32_t word = 0; word < words; ++word) {
    const uint32_t syllables = 1 + rng.below(3);
    const double fall = 1.14 - 0.30 * word / words;
    for (uint32_t i = 0; i < syllables; ++i)
      add_syllable(rng, fall * (i == 0 ? 1.07 : 0.98) * (0.97 + 0.06 * rng.uniform()), out);
    out.push_back({samples_of(0.02 + 0.03 * rng.uniform()), 0.1, 0, {500, 1500, 2500}, 4500, fall});
  }
}

std::vector<Segment> plan_speech(Rng& rng, uint32_t total) {
  std::vector<Segment> out;
  const uint32_t tail = samples_of(0.5);
  for (uint64_t used = 0; used + tail < total;) {
    const size_t from = out.size();
    add_phrase(rng, out);
    out.push_back({samples_of(0.25 + 0.55 * rng.uniform()), 0, 0, {500, 1500, 2500}, 4500, 1});
    for (size_t i = from; i < out.size(); ++i) {
      out[i].samples =
          static_cast<uint32_t>(std::min<uint64_t>(out[i].samples, used + tail < total ? total - tail - used : 0));
      used += out[i].samples;
    }
  }
  out.push_back({tail, 0, 0, {500, 1500, 2500}, 4500, 1});
  return out;
}

/// What a plan sounds like in one throat.
class Throat {
 public:
  Throat(uint32_t voice, Rng rng) : rng_(rng) {
    constexpr double kPitch[] = {112, 205, 138, 236}, kSize[] = {1.0, 1.17, 1.05, 1.2};
    pitch_ = kPitch[voice % 4] * (1 + 0.03 * (voice / 4 % 8));
    size_ = kSize[voice % 4];
    formants_[3].tune(3600 * size_, 250);
  }
  void speak(const Segment& s, std::vector<double>& out) {
    for (uint32_t i = 0; i < s.samples; ++i) {
      if (i % 96 == 0) move_towards(s);  // every 2 ms
      phase_ += frequency_ / kRate;
      if (phase_ >= 1) {
        phase_ -= 1;
        wobble_ = 1 + 0.02 * (rng_.uniform() - 0.5);
      }
      const double noise = rng_.uniform() * 2 - 1;
      double y = voice_ * glottal_pulse(phase_);
      for (Resonator& f : formants_) y = f.step(y);
      out.push_back(y + hiss_ * hiss_filter_.step(noise) * 0.15);
    }
  }

 private:
  void move_towards(const Segment& s) {
    const double k = 0.12;  // the mouth takes some 15 ms
    voice_ += k * 2 * (s.voice - voice_);
    hiss_ += k * 2 * (s.hiss - hiss_);
    frequency_ += k * (pitch_ * s.pitch * wobble_ - frequency_);
    mouth_.f1 += k * (s.mouth.f1 - mouth_.f1);
    mouth_.f2 += k * (s.mouth.f2 - mouth_.f2);
    mouth_.f3 += k * (s.mouth.f3 - mouth_.f3);
    formants_[0].tune(mouth_.f1 * size_, 80);
    formants_[1].tune(mouth_.f2 * size_, 100);
    formants_[2].tune(mouth_.f3 * size_, 140);
    hiss_filter_.tune(s.hiss_frequency, 1500);
  }
  Rng rng_;
  double pitch_, size_, frequency_ = 120, phase_ = 0, wobble_ = 1, voice_ = 0, hiss_ = 0;
  Vowel mouth_{500, 1500, 2500};
  Resonator formants_[4], hiss_filter_;
};

void add_room_noise(Rng rng, std::vector<double>& samples) {
  double low = 0;
  for (double& s : samples) {  // rather more low than high, as rooms are
    const double white = rng.uniform() * 2 - 1;
    low += 0.05 * (white - low);
    s += kQuietRms * (white * 0.6 + low * 9.4 * 0.7);
  }
}

std::vector<int16_t> to_pcm(const std::vector<double>& samples) {
  std::vector<int16_t> out(samples.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    out[i] = static_cast<int16_t>(std::lround(std::clamp(samples[i], -0.99, 0.99) * 32767));
  }
  return out;
}

}  // namespace

std::vector<int16_t> synthesise_speech(uint32_t voice, uint32_t seconds) {
  const Rng rng = Rng(0x766f696365).split("voice", voice);
  Rng words = rng.split("words");
  std::vector<double> samples;
  samples.reserve(size_t{seconds} * kAudioClock);
  Throat throat(voice, rng.split("throat"));
  for (const Segment& s : plan_speech(words, seconds * kAudioClock)) throat.speak(s, samples);
  double power = 0;
  for (double s : samples) power += s * s;
  const double gain = kSpeechRms / std::sqrt(power / static_cast<double>(samples.size()));
  for (double& s : samples) s *= gain;
  add_room_noise(rng.split("room"), samples);
  return to_pcm(samples);
}

std::vector<int16_t> synthesise_quiet(uint32_t voice, uint32_t seconds) {
  std::vector<double> samples(size_t{seconds} * kAudioClock, 0.0);
  add_room_noise(Rng(0x7175696574).split("voice", voice), samples);
  return to_pcm(samples);
}

uint8_t audio_level(const int16_t* samples, uint32_t count) {
  double power = 0;
  for (uint32_t i = 0; i < count; ++i) power += static_cast<double>(samples[i]) * samples[i];
  if (power == 0) return 127;
  const double dbov = 10 * std::log10(power / count / (32768.0 * 32768.0));
  return static_cast<uint8_t>(std::clamp(std::lround(-dbov), 0l, 127l));
}

}  // namespace tacoma
