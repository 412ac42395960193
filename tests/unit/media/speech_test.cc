#include <catch2/catch.hpp>

#include <cmath>

#include "loadgen/media/clip_file.h"
#include "loadgen/media/decoders.h"
#include "loadgen/media/encode.h"
#include "loadgen/media/speech.h"

using namespace tacoma;

TEST_CASE("the level is the power of the samples in -dBov") {
  std::vector<int16_t> samples(960);
  CHECK(audio_level(samples.data(), 960) == 127);
  std::fill(samples.begin(), samples.end(), int16_t{-32768});
  CHECK(audio_level(samples.data(), 960) == 0);
  for (size_t i = 0; i < samples.size(); ++i)
    samples[i] = static_cast<int16_t>(std::lround(3276.8 * std::sin(0.1 * static_cast<double>(i))));
  CHECK(audio_level(samples.data(), 960) == 23);  // a tenth of full scale is -20 dB, a sine another -3
  for (int16_t& s : samples) s = static_cast<int16_t>(s / 10);
  CHECK(audio_level(samples.data(), 960) == 43);
}

TEST_CASE("voices are the same every time and differ from each other") {
  const SpeechClip a = encode_speech(0, {}), again = encode_speech(0, {}), other = encode_speech(1, {});
  CHECK(write_clip(a, "") == write_clip(again, ""));
  CHECK(write_clip(a, "") != write_clip(other, ""));
}

TEST_CASE("speech has words and pauses, a rate near 32 kbit/s, and no click at its end") {
  for (uint32_t voice = 0; voice < 4; ++voice) {
    CAPTURE(voice);
    const SpeechClip clip = encode_speech(voice, {});
    REQUIRE(clip.talking.size() == 1000);  // 20 s
    size_t bytes = 0, voiced = 0, skipped = 0, loudest = 127;
    for (uint32_t i = 0; i < clip.talking.size(); ++i) {
      const AudioPacket p = clip.talking.packet(i);
      bytes += p.payload.size();
      voiced += p.voice;
      skipped += p.skipped();
      loudest = std::min<size_t>(loudest, p.level);
      if (p.skipped()) CHECK_FALSE(p.voice);
    }
    CHECK(static_cast<double>(bytes) * 8 / 20 > 24'000);
    CHECK(static_cast<double>(bytes) * 8 / 20 < 36'000);
    CHECK(voiced > 600);
    CHECK(voiced < 900);
    CHECK(skipped > 20);   // the pauses are long enough for DTX
    CHECK(skipped < 250);
    CHECK(loudest >= 10);
    CHECK(loudest <= 22);
    CHECK(clip.talking.packet(999).level > 60);
    CHECK(clip.talking.packet(1007).level == clip.talking.packet(7).level);
  }
}

TEST_CASE("an open but quiet microphone sends about one packet every 400 ms") {
  const SpeechClip clip = encode_speech(2, {});
  REQUIRE(clip.quiet.size() == 400);  // 8 s
  uint32_t sent = 0, gap = 0, longest = 0;
  for (uint32_t i = 0; i < 3 * clip.quiet.size(); ++i) {
    const AudioPacket p = clip.quiet.packet(i);
    CHECK_FALSE(p.voice);
    CHECK(p.level >= 65);
    CHECK(p.level <= 75);
    sent += !p.skipped();
    gap = p.skipped() ? gap + 1 : 0;
    longest = std::max(longest, gap);
  }
  CHECK(sent >= 45);  // 24 s
  CHECK(sent <= 75);
  CHECK(longest <= 30);  // also across the end of the loop
}

TEST_CASE("what is decoded is as loud as the packets say") {
  const SpeechClip clip = encode_speech(1, {});
  AudioDecoder decoder;
  double error = 0;
  int judged = 0;
  uint8_t before = 127;
  for (uint32_t i = 0; i < clip.talking.size(); ++i) {
    const AudioPacket p = clip.talking.packet(i);
    const auto samples = p.skipped() ? decoder.conceal() : decoder.decode(p.payload);
    REQUIRE(samples.size() == kAudioPacketSamples);
    // Opus delays by 6.5 ms, so a packet's sound lies over two; where the level is steady that does not matter.
    if (p.voice && std::abs(int{p.level} - int{before}) <= 2) {
      error += std::abs(int{audio_level(samples.data(), kAudioPacketSamples)} - int{p.level});
      ++judged;
    }
    before = p.level;
  }
  REQUIRE(judged > 100);
  CHECK(error / judged < 2.5);
}

TEST_CASE("a lost packet is rebuilt better from the next one's FEC than it is concealed") {
  const SpeechClip clip = encode_speech(0, {});
  double fec_error = 0, concealed_error = 0;
  for (uint32_t lost = 40; lost < 900; lost += 41) {
    if (!clip.talking.packet(lost).voice || clip.talking.packet(lost + 1).skipped()) continue;
    AudioDecoder whole, with_fec, without;
    std::vector<int16_t> truth;
    for (uint32_t i = lost - 30; i <= lost; ++i) {
      const BytesView payload = clip.talking.packet(i).payload;
      if (payload.empty()) continue;
      const auto samples = whole.decode(payload);
      truth.assign(samples.begin(), samples.end());
      if (i == lost) break;
      with_fec.decode(payload);
      without.decode(payload);
    }
    auto error = [&](Span<const int16_t> heard) {
      double sum = 0;
      for (size_t i = 0; i < truth.size(); ++i) sum += std::pow(double{static_cast<double>(truth[i])} - heard[i], 2);
      return sum;
    };
    REQUIRE(truth.size() == kAudioPacketSamples);
    fec_error += error(with_fec.conceal(clip.talking.packet(lost + 1).payload));
    concealed_error += error(without.conceal());
  }
  CHECK(fec_error < concealed_error);
  AudioDecoder decoder;
  const uint8_t nonsense[] = {0xff, 0xff};
  CHECK(decoder.decode(BytesView(nonsense, 2)).empty());
}
