#include <catch2/catch.hpp>

#include "core/rtp/vp8.h"
#include "loadgen/people/audio_track.h"
#include "loadgen/people/red_history.h"
#include "loadgen/people/video_track.h"
#include "noise_speech.h"

namespace tacoma {
namespace {

std::vector<uint8_t> noise(Rng& rng, size_t size, bool key) {
  std::vector<uint8_t> bytes(size);
  rng.fill(bytes.data(), size);
  bytes[0] = static_cast<uint8_t>((bytes[0] & 0xfe) | (key ? 0 : 1));  // RFC 6386 section 9.1: 0 is a key frame
  return bytes;
}

VideoClip make_video(uint32_t fps = 25) {
  VideoFormat format;
  format.fps = fps;
  VideoClip clip(format, 1);
  Rng rng(7);
  for (int i = 0; i < 40; ++i) clip.append(noise(rng, i == 0 ? 15'000 : 500 + rng.below(4'000), i == 0), i == 0);
  return clip;
}

struct Sent {
  Instant at;
  VideoTrack::Packet packet;
  std::vector<uint8_t> payload;  // as on the wire
};

std::vector<uint8_t> payload_of(const VideoTrack::Packet& packet) {
  std::vector<uint8_t> payload(VideoTrack::kMaxPrefix);
  payload.resize(VideoTrack::write_prefix(packet, payload.data()));
  payload.insert(payload.end(), packet.data.begin(), packet.data.end());
  return payload;
}

std::vector<Sent> play(VideoTrack& track, size_t frames) {
  std::vector<Sent> sent;
  while (frames > 0) {
    const Instant at = track.due();
    const VideoTrack::Packet packet = track.take();
    sent.push_back({at, packet, payload_of(packet)});
    if (packet.last) --frames;
  }
  return sent;
}
}  // namespace

TEST_CASE("VP8 packets put together again are the clip's frames") {
  const VideoClip clip = make_video();
  Rng rng(1);
  VideoTrack track(clip.format(), &clip, rng);
  track.start(Instant());
  std::vector<uint8_t> frame;
  uint32_t number = 0;
  std::optional<uint16_t> last_picture;
  for (const Sent& s : play(track, 60)) {  // more than the clip holds: it begins again
    CHECK(s.payload.size() <= VideoTrack::kMaxPayload);
    const auto descriptor = parse_vp8(s.payload);
    REQUIRE(descriptor);
    CHECK(descriptor->size() == 4);
    CHECK(s.payload.size() == s.packet.size());
    CHECK(starts_frame(*descriptor) == frame.empty());
    CHECK(starts_vp8_key_frame(s.payload, *descriptor) == (frame.empty() && number == 0));
    if (frame.empty() && last_picture) CHECK(descriptor->picture_id == ((*last_picture + 1) & 0x7fff));
    last_picture = descriptor->picture_id;
    frame.insert(frame.end(), s.payload.begin() + static_cast<std::ptrdiff_t>(descriptor->size()), s.payload.end());
    if (!s.packet.last) continue;
    const BytesView want = clip.frame(number).data;
    REQUIRE(frame == std::vector<uint8_t>(want.begin(), want.end()));
    frame.clear();
    number = (number + 1) % clip.size();
  }
  CHECK(number == 60 % clip.size());
}

TEST_CASE("Frames are captured on an exact schedule and paced within their interval") {
  for (uint32_t fps : {25u, 30u, 7u}) {
    const VideoClip clip = make_video(fps);
    Rng rng(2);
    VideoTrack track(clip.format(), &clip, rng);
    CHECK(track.phase() >= Duration::zero());
    CHECK(track.phase() < Duration::seconds(1) / fps);
    track.start(Instant::at(Duration::seconds(3)) + track.phase());
    const Instant zero = track.due();
    CHECK(zero == Instant::at(Duration::seconds(3)) + track.phase());
    const std::vector<Sent> sent = play(track, 100);
    const uint32_t first = sent.front().packet.timestamp;
    uint64_t frame = 0;
    Instant before = zero;
    uint16_t next_seq = sent.front().packet.sequence;
    for (const Sent& s : sent) {
      const Instant captured = zero + Duration::nanoseconds(static_cast<int64_t>(frame * 1'000'000'000 / fps));
      if (s.packet.first) CHECK(s.at == captured);
      CHECK(s.packet.timestamp == first + static_cast<uint32_t>(frame * 90'000 / fps));
      CHECK(s.packet.timestamp - track.timestamp_at(captured) <= 1);
      CHECK(s.at >= before);
      CHECK(s.at < captured + Duration::seconds(1) / fps);
      CHECK(s.packet.sequence == next_seq++);
      before = s.at;
      if (s.packet.last) ++frame;
    }
  }
}

TEST_CASE("A packet made again equals the one that was sent") {
  const VideoClip clip = make_video();
  Rng rng(3);
  VideoTrack track(clip.format(), &clip, rng);
  track.start(Instant());
  const std::vector<Sent> sent = play(track, 90);
  CHECK_FALSE(track.again(static_cast<uint16_t>(sent.back().packet.sequence + 1)));
  CHECK_FALSE(track.again(static_cast<uint16_t>(sent.front().packet.sequence - 1)));
  size_t frames = 0, found = 0;
  for (size_t i = sent.size(); i-- > 0;) {
    if (sent[i].packet.last) ++frames;
    const auto again = track.again(sent[i].packet.sequence);
    REQUIRE(again.has_value() == (frames <= VideoTrack::kHistory));
    if (!again) continue;
    ++found;
    REQUIRE(payload_of(*again) == sent[i].payload);
    CHECK(again->timestamp == sent[i].packet.timestamp);
    CHECK(again->last == sent[i].packet.last);
  }
  CHECK(found > VideoTrack::kHistory);
}

TEST_CASE("What has not gone out of a frame cannot be asked for") {
  const VideoClip clip = make_video();
  Rng rng(3);
  VideoTrack track(clip.format(), &clip, rng);
  track.start(Instant());
  const VideoTrack::Packet first = track.take();  // of a key frame of many packets
  CHECK(track.again(first.sequence));
  CHECK_FALSE(track.again(static_cast<uint16_t>(first.sequence + 1)));
}

TEST_CASE("A key frame on request comes with the next frame") {
  const VideoClip clip = make_video();
  Rng rng(4);
  VideoTrack track(clip.format(), &clip, rng);
  track.start(Instant());
  play(track, 5);
  VideoTrack::Packet packet = track.take();
  CHECK_FALSE(packet.key);
  track.request_key_frame();
  while (!packet.last) packet = track.take();
  CHECK_FALSE(packet.key);
  packet = track.take();
  CHECK(packet.first);
  CHECK(packet.key);
}

TEST_CASE("A sender that was held up skips frames and keeps its clock") {
  const VideoClip clip = make_video();
  Rng rng(5);
  VideoTrack track(clip.format(), &clip, rng);
  track.start(Instant());
  const Instant zero = track.due();
  const std::vector<Sent> sent = play(track, 10);
  const Instant later = zero + Duration::milliseconds(1'010);
  track.skip_to(later, Duration::milliseconds(500));
  CHECK(track.due() == zero + Duration::seconds(1));
  const VideoTrack::Packet packet = track.take();
  CHECK(packet.timestamp == sent.front().packet.timestamp + 90'000);
  CHECK(packet.sequence == static_cast<uint16_t>(sent.back().packet.sequence + 1));
}

TEST_CASE("Temporal layers are named, numbered and left out without a gap") {
  VideoFormat format;
  format.fps = 30;
  format.temporal_layers = 3;
  VideoClip clip(format, 1);
  Rng rng(8);
  for (int i = 0; i < 120; ++i) clip.append(noise(rng, i == 0 ? 9'000 : 1'500, i == 0), i == 0);
  VideoTrack track(format, &clip, rng);
  track.start(Instant());
  const auto layers = [&](size_t frames) {
    std::string seen;
    for (const Sent& s : play(track, frames)) {
      if (!s.packet.first) continue;
      const auto descriptor = parse_vp8(s.payload);
      REQUIRE(descriptor);
      REQUIRE(descriptor->temporal_layer);
      CHECK(descriptor->non_reference == (descriptor->temporal_layer == 2));
      seen += static_cast<char>('0' + *descriptor->temporal_layer);
    }
    return seen;
  };
  CHECK(layers(8) == "02120212");
  track.set_layers(1, DataRate::zero());
  CHECK(layers(4) == "0101");
  track.set_layers(0, DataRate::zero());
  CHECK(layers(3).find_first_not_of('0') == std::string::npos);
  track.set_layers(2, DataRate::zero());
  // The higher layers come back only behind a frame of layer 0.
  const std::string back = layers(9);
  CHECK(back.substr(back.find('2')).substr(0, 4) == "2120");
  CHECK(back[back.find('2') - 1] == '0');
}

TEST_CASE("A model's packets are VP8 to whoever looks, and stay so when made again") {
  VideoFormat format;
  format.content = VideoContent::model;
  format.temporal_layers = 3;
  format.rate = DataRate::kbps(1'500);
  Rng rng(9);
  VideoTrack track(format, nullptr, rng);
  track.set_layers(2, DataRate::kbps(1'000));
  track.start(Instant());
  const std::vector<Sent> sent = play(track, VideoTrack::kHistory);
  const auto key = parse_vp8(sent.front().payload);
  REQUIRE(key);
  CHECK(starts_vp8_key_frame(sent.front().payload, *key));
  const auto size = vp8_key_frame_size(sent.front().payload, *key);
  REQUIRE(size);
  CHECK(size->height == 360);
  for (const Sent& s : sent) {
    CHECK(s.payload.size() <= VideoTrack::kMaxPayload);
    CHECK(s.payload.size() == s.packet.size());
    const auto descriptor = parse_vp8(s.payload);
    REQUIRE(descriptor);
    CHECK(starts_vp8_key_frame(s.payload, *descriptor) == (s.packet.first && s.packet.key));
    const auto again = track.again(s.packet.sequence);
    REQUIRE(again);
    CHECK(payload_of(*again) == s.payload);
  }
}

TEST_CASE("Speech goes out every 20 ms while somebody talks, and little otherwise") {
  const SpeechClip clip = make_speech();
  const auto at = [](int64_t n) { return Instant::at(Duration::milliseconds(n)); };
  const std::vector<Utterance> talks = {{at(2'000), at(5'000)}, {at(8'000), at(9'000)}};
  Rng rng(6);
  AudioTrack track(clip, talks, rng);
  track.start(Instant());
  std::optional<Instant> zero;
  std::optional<uint32_t> first_timestamp;
  size_t voice = 0, quiet = 0, markers = 0;
  while (track.due() < at(10'000)) {
    const Instant due = track.due();
    const AudioTrack::Packet packet = track.take();
    if (packet.payload.empty()) continue;
    if (!zero) {
      zero = due;
      first_timestamp = packet.timestamp;
      CHECK(packet.first);
    }
    const Duration since = due - *zero;
    CHECK(since.ns() % kAudioPacketTime.ns() == 0);
    CHECK(packet.timestamp == *first_timestamp + static_cast<uint32_t>(since / kAudioPacketTime * kAudioPacketSamples));
    const bool talking = (due >= at(2'000) && due < at(5'000)) || (due >= at(8'000) && due < at(9'000));
    CHECK(packet.voice == talking);
    ++(packet.voice ? voice : quiet);
    if (packet.first) ++markers;
  }
  CHECK(voice == 150 + 50);
  CHECK(quiet >= 14);   // 6 s, one each 400 ms
  CHECK(quiet <= 17);
  CHECK(markers >= quiet);
}

TEST_CASE("A sender that never talks and has no comfort noise wakes seldom") {
  SpeechClip clip = make_speech();
  clip.quiet = AudioClip();
  for (int i = 0; i < 10; ++i) clip.quiet.append({}, 127, false);
  const std::vector<Utterance> talks;
  Rng rng(6);
  AudioTrack track(clip, talks, rng);
  track.start(Instant());
  int wakes = 0;
  while (track.due() < Instant::at(Duration::seconds(20))) {
    CHECK(track.take().payload.empty());
    ++wakes;
  }
  CHECK(wakes <= 11);
}

TEST_CASE("Redundant audio repeats the packets right before, as far as RED can say it") {
  using Bytes = std::vector<uint8_t>;
  std::vector<Bytes> sounds;
  for (uint8_t i = 0; i < 8; ++i) sounds.emplace_back(static_cast<size_t>(20 + i), i);
  RedHistory history;
  uint8_t out[1'000];
  const auto copies_of = [&](uint32_t timestamp, size_t copies, const Bytes& sound, size_t room = sizeof out) {
    const size_t size = history.write(MutableBytes(out, room), copies, 111, timestamp, sound);
    REQUIRE(size > 0);
    const auto red = parse_red(BytesView(out, size));
    REQUIRE(red);
    CHECK(Bytes(red->primary.begin(), red->primary.end()) == sound);
    std::vector<std::pair<uint16_t, Bytes>> found;
    for (size_t i = 0; i < red->count; ++i) {
      CHECK(red->distance(i) == red->count - i);
      found.emplace_back(red->copies[i].timestamp_offset, Bytes(red->copies[i].data.begin(), red->copies[i].data.end()));
    }
    return found;
  };
  using Found = std::vector<std::pair<uint16_t, Bytes>>;
  CHECK(copies_of(0, 2, sounds[0]).empty());
  history.sent(0, sounds[0]);
  CHECK(copies_of(960, 2, sounds[1]) == Found{{960, sounds[0]}});
  history.sent(960, sounds[1]);
  history.sent(1920, sounds[2]);
  CHECK(copies_of(2880, 2, sounds[3]) == Found{{1920, sounds[1]}, {960, sounds[2]}});
  CHECK(copies_of(2880, 1, sounds[3]) == Found{{960, sounds[2]}});
  // The nearest one stays when there is no room for both; over a gap of DTX there is none at all.
  CHECK(copies_of(2880, 2, sounds[3], 1 + 23 + 4 + 22) == Found{{960, sounds[2]}});
  CHECK(copies_of(1920 + kMaxRedOffset, 2, sounds[3]).size() == 1);
  CHECK(copies_of(1920 + kMaxRedOffset + 1, 2, sounds[3]).empty());
  // A packet too long to be repeated is a hole: what is before it is not said either.
  const Bytes longest(kMaxRedLength + 1);
  history.sent(2880, longest);
  CHECK(copies_of(3840, 2, sounds[4]).empty());
  CHECK(history.write(MutableBytes(out, 24), 2, 111, 3840, sounds[4]) == 0);
}

}  // namespace tacoma
