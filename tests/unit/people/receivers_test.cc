#include <catch2/catch.hpp>

#include "core/rtp/vp8.h"
#include "loadgen/media/clip.h"
#include "loadgen/people/media_receiver.h"
#include "tests/world/meeting/collected_results.h"
#include "tests/support/instants.h"

namespace tacoma {
namespace {

const Duration kRoundTrip = Duration::milliseconds(80);

/// A video stream of single-packet frames, 25 a second, that the test delivers as it likes.
struct VideoStream {
  PacketPool pool;
  VideoReceiver receiver;
  VideoReceiver::Delays delays;
  static constexpr uint32_t kFirst = 1'000'000;

  VideoStream() { receiver.sender_report({to_ntp(at_ms(0)), kFirst, 0, 0}, at_ms(0)); }

  VideoReceiver::Outcome arrive(uint16_t frame, Instant at, bool key = false, bool retransmitted = false) {
    uint8_t header[12];
    write_rtp_header(header, {100, true, static_cast<uint16_t>(65'530 + frame), kFirst + frame * 3'600u, Ssrc(5)}, {});
    PacketRef packet = pool.make(12 + 4 + 500);
    MutableBytes bytes = packet.mutable_bytes();
    std::memset(bytes.data(), 0, bytes.size());
    std::memcpy(bytes.data(), header, 12);
    Vp8Descriptor descriptor;
    descriptor.partition_start = true;
    descriptor.picture_id = frame;
    write_vp8(bytes.subspan(12), descriptor);
    bytes[16] = key ? 0 : 1;
    const auto view = RtpView::parse(packet.bytes());
    REQUIRE(view);
    return receiver.packet(at, at, VideoCodec::vp8, *view, packet, retransmitted, delays);
  }
  ReceiveSample take(Instant at) {
    ReceiveSample sample;
    receiver.take(at, at - taken, sample);
    taken = at;
    return sample;
  }
  Instant taken;
};

struct AudioStream {
  AudioReceiver receiver{false};
  Histogram delays;
  bool arrive(uint16_t seq, Instant at) {
    uint8_t packet[12 + 60] = {};
    write_rtp_header(packet, {111, false, seq, seq * kAudioPacketSamples, Ssrc(6)}, {});
    const auto view = RtpView::parse(packet);
    REQUIRE(view);
    return receiver.packet(at, *view, view->payload(), nullptr, true, delays);
  }
  /// With copies of the packets before it, one each 20 ms.
  bool arrive_red(uint16_t seq, Instant at, size_t copies) {
    const uint8_t sound[60] = {};
    std::vector<RedBlock> blocks;
    for (size_t back = copies; back > 0; --back) blocks.push_back({111, static_cast<uint16_t>(back * kAudioPacketSamples), sound});
    uint8_t packet[12 + 300] = {};
    write_rtp_header(packet, {112, false, seq, seq * kAudioPacketSamples, Ssrc(6)}, {});
    const size_t size = write_red(MutableBytes(packet).subspan(12), Span<const RedBlock>(blocks), 111, sound);
    const auto view = RtpView::parse(BytesView(packet, 12 + size));
    REQUIRE(view);
    const auto red = parse_red(view->payload());
    REQUIRE(red);
    return receiver.packet(at, *view, red->primary, &*red, true, delays);
  }
  ReceiveSample take() {
    ReceiveSample sample;
    receiver.take(sample);
    return sample;
  }
};

}  // namespace

TEST_CASE("An interval's median delay is that of all its packets, however many") {
  for (int count : {1, 59, 60, 61, 1'000, 50'000}) {
    IntervalDelays delays;
    for (int i = 0; i < count; ++i) delays.add(Duration::microseconds(10'000 + int64_t{i} * 20'000 / count));
    CHECK(delays.median().to_ms() == Approx(count == 1 ? 10 : 20).margin(0.7));
    CHECK(delays.max() == Duration::microseconds(10'000 + int64_t{count - 1} * 20'000 / count));
    delays.clear();
    CHECK(delays.median() == Duration::zero());
  }
}

TEST_CASE("Undisturbed video is complete, rendered and measured") {
  VideoStream video;
  for (uint16_t i = 0; i < 50; ++i) CHECK(video.arrive(i, at_ms(40 * i + 30), i == 0) == VideoReceiver::Outcome::used);
  CHECK(video.receiver.has_picture());
  CHECK(video.receiver.next_due().is_never());
  const ReceiveSample sample = video.take(at_ms(2'100));
  CHECK(sample.packets == 50);
  CHECK(sample.expected == 50);
  CHECK(sample.bytes == 50 * 516);
  CHECK(sample.lost == 0);
  CHECK(sample.frames_complete == 50);
  CHECK(sample.frames_rendered == 50);
  CHECK(sample.freezes == 0);
  CHECK(sample.delay_max == Duration::milliseconds(30));
  CHECK(sample.frame_delay_max == Duration::milliseconds(30));
  CHECK(sample.delay_p50.to_ms() == Approx(30).epsilon(0.04));
  CHECK(video.delays.packets.total() == 50);
  CHECK(video.delays.frames.total() == 50);
}

TEST_CASE("A lost packet is asked for, and its repair plays what waited") {
  VideoStream video;
  for (uint16_t i = 0; i < 10; ++i) video.arrive(i, at_ms(40 * i + 30), i == 0);
  video.arrive(11, at_ms(40 * 11 + 30));
  const Instant due = video.receiver.next_due();
  CHECK(due == at_ms(40 * 11 + 35));
  std::vector<uint16_t> ask;
  CHECK_FALSE(video.receiver.due(due, kRoundTrip, ask));
  CHECK(ask == std::vector<uint16_t>{static_cast<uint16_t>(65'530 + 10)});
  CHECK(video.receiver.next_due() == due + Duration::milliseconds(100));
  CHECK(video.arrive(10, at_ms(505), false, true) == VideoReceiver::Outcome::used);
  CHECK(video.arrive(10, at_ms(506), false, true) == VideoReceiver::Outcome::duplicate);
  for (uint16_t i = 12; i < 50; ++i) video.arrive(i, at_ms(40 * i + 30));
  const ReceiveSample sample = video.take(at_ms(2'100));
  CHECK(sample.packets == 49);  // first hand
  CHECK(sample.expected == 50);
  CHECK(sample.lost == 1);
  CHECK(sample.repaired == 1);
  CHECK(sample.frames_complete == 50);
  CHECK(sample.frames_rendered == 50);  // the lateness of 10 makes the playout wait longer, so 11 is shown after it
  CHECK(sample.freezes == 0);
  CHECK(sample.frame_delay_max == Duration::milliseconds(105));
}

TEST_CASE("Where repair fails a key frame is asked for, and the freeze is measured") {
  VideoStream video;
  for (uint16_t i = 0; i < 25; ++i) video.arrive(i, at_ms(40 * i), i == 0);
  CHECK(video.take(at_ms(1'000)).frames_rendered == 25);
  uint32_t nacks = 0;
  std::vector<Instant> key_frames_asked;
  uint16_t next = 26;  // 25 is lost
  while (next < 75) {
    const Instant arrival = at_ms(40 * next);
    const Instant due = video.receiver.next_due();
    if (due <= arrival) {
      std::vector<uint16_t> ask;
      if (video.receiver.due(due, kRoundTrip, ask)) key_frames_asked.push_back(due);
      nacks += static_cast<uint32_t>(ask.size());
      REQUIRE(video.receiver.next_due() > due);
      continue;
    }
    video.arrive(next, arrival, next == 40);  // the answer to the request
    ++next;
  }
  CHECK(nacks >= 3);
  CHECK(key_frames_asked == std::vector<Instant>{at_ms(40 * 26) + VideoReceiver::kRepairWait});
  const ReceiveSample sample = video.take(at_ms(3'000));
  CHECK(sample.lost == 1);
  CHECK(sample.repaired == 0);
  CHECK(sample.frames_complete == 49);
  CHECK(sample.frames_rendered == 35);
  CHECK(sample.freezes == 1);
  CHECK(sample.frozen.to_ms() == Approx(600).margin(50));  // frame 24 to frame 40, with a little playout delay
}

TEST_CASE("Before the first key frame one is asked for, once a second") {
  VideoStream video;
  std::vector<Instant> asked;
  for (uint16_t i = 1; i < 60; ++i) {
    video.arrive(i, at_ms(40 * i));
    std::vector<uint16_t> ask;
    if (video.receiver.next_due() <= at_ms(40 * i) && video.receiver.due(at_ms(40 * i), kRoundTrip, ask)) asked.push_back(at_ms(40 * i));
  }
  CHECK(asked == std::vector<Instant>{at_ms(40), at_ms(1'040), at_ms(2'040)});
  CHECK(video.take(at_ms(2'400)).frames_rendered == 0);
}

TEST_CASE("A key frame that is on its way is not asked for") {
  VideoStream video;
  uint8_t bytes[12 + 4 + 100] = {};
  write_rtp_header(bytes, {100, false, 65'530, VideoStream::kFirst, Ssrc(5)}, {});  // no marker: more follows
  Vp8Descriptor descriptor;
  descriptor.partition_start = true;
  descriptor.picture_id = 1;
  write_vp8(MutableBytes(bytes + 12, 4), descriptor);
  PacketRef packet = video.pool.copy(bytes);
  video.receiver.packet(at_ms(5), at_ms(5), VideoCodec::vp8, *RtpView::parse(packet.bytes()), packet, false, video.delays);
  CHECK(video.receiver.next_due() == at_ms(5) + VideoReceiver::kKeyFrameGrace);
}

TEST_CASE("Another bridge numbers anew: nothing is lost, the picture comes back with a key frame") {
  VideoStream video;
  for (uint16_t i = 0; i < 25; ++i) video.arrive(i, at_ms(40 * i), i == 0);
  video.receiver.restart();
  for (uint16_t i = 5'000; i < 5'010; ++i) video.arrive(i, at_ms(40 * (i - 4'950)), i == 5'000);
  const ReceiveSample sample = video.take(at_ms(2'400));
  CHECK(sample.lost == 0);
  CHECK(sample.expected == 35);
  CHECK(sample.frames_rendered == 35);
  CHECK(sample.freezes == 1);
}

TEST_CASE("Frames that wait for their time are limited: the oldest is shown early") {
  VideoStream video;
  Instant now;
  for (uint16_t frame = 0; frame < 60; ++frame) {  // held up again and again: the wait grows to 400 ms
    now = std::max(now, at_ms(40 * frame + (frame % 20 == 10 ? 600 : 30)));
    video.arrive(frame, now, frame == 0);
  }
  // From now on 500 frames a second: 200 would wait.
  now = at_ms(40 * 60 + 30);
  video.take(now);
  for (uint32_t i = 0; i < 300; ++i, now = now + Duration::milliseconds(2)) {
    uint8_t bytes[12 + 4 + 20] = {};
    write_rtp_header(bytes, {100, true, static_cast<uint16_t>(65'530 + 60 + i), VideoStream::kFirst + 60 * 3'600u + i * 180u, Ssrc(5)}, {});
    Vp8Descriptor descriptor;
    descriptor.partition_start = true;
    descriptor.picture_id = 1;
    write_vp8(MutableBytes(bytes + 12, 4), descriptor);
    bytes[16] = 1;
    PacketRef packet = video.pool.copy(bytes);
    video.receiver.packet(now, now, VideoCodec::vp8, *RtpView::parse(packet.bytes()), packet, false, video.delays);
  }
  // They are spread 5 ms apart, so without the limit at most 120 of them would have been shown by now.
  CHECK(video.take(now).frames_rendered >= 300 - VideoReceiver::kMostUpcoming);
}

TEST_CASE("A decoder's packets are limited") {
  PacketPool pool;
  KeptPackets kept;
  for (size_t i = 0; i < KeptPackets::kMost + 10; ++i) {
    PacketRef packet = pool.copy(std::vector<uint8_t>(50, 1));
    kept.keep(static_cast<int64_t>(i), packet, packet.bytes());
  }
  CHECK(kept.size() == KeptPackets::kMost);
  CHECK(kept.take({5, 6, 0, true, at_ms(0), 0}).empty());  // the oldest are gone
  PictureCheck check(0, VideoFormat());
  CHECK_FALSE(check.decode(at_ms(0), kept.take({20, 21, 0, true, at_ms(0), 0}), VideoCodec::vp8));  // no VP8
  CHECK(check.damaged() == 1);
}

TEST_CASE("Sources of others are limited") {
  Plan plan;
  plan.people.resize(1);
  plan.conferences.emplace_back().people = {0};
  CollectedResults results;
  MediaReceiver receiver(0, plan, results);
  for (uint32_t i = 0; i < MediaReceiver::kMostSources + 5; ++i) receiver.add_source("stranger", Media::audio, Ssrc(i + 1), Ssrc(0));
  CHECK(receiver.sources() == MediaReceiver::kMostSources);
  CHECK(receiver.drops()[Drop::signalling_limit] == 5);
}

TEST_CASE("What a guest encrypts is not taken for plain") {
  Plan plan;
  plan.people.resize(1);
  plan.conferences.emplace_back().people = {0};
  CollectedResults results;
  MediaReceiver receiver(0, plan, results);
  ReceiveFormats formats;
  formats.opus = 111;
  receiver.add_source("stranger", Media::audio, Ssrc(7), Ssrc(0));
  receiver.start(at_ms(0), formats);
  PacketPool pool;
  uint16_t sequence = 0;
  const auto closed = [&] {
    uint8_t bytes[60] = {};
    write_rtp_header(bytes, {111, true, ++sequence, sequence * 960u, Ssrc(7)}, {});
    Datagram datagram;
    datagram.packet = pool.copy(bytes);
    datagram.arrived = at_ms(20 * sequence);
    receiver.rtp(at_ms(20 * sequence), datagram);
    return receiver.drops()[Drop::frame_undecryptable];
  };
  CHECK(closed() == 0);
  CHECK(receiver.set_encrypted("stranger", true));
  CHECK(closed() == 1);
  CHECK(closed() == 2);
  CHECK(receiver.set_encrypted("stranger", false));
  CHECK(closed() == 2);
  CHECK(receiver.set_encrypted("another", true));  // said before its sources are known
  receiver.add_source("another", Media::audio, Ssrc(8), Ssrc(0));
  plan.people[0].endpoint_id = "ours";
  CHECK_FALSE(receiver.set_encrypted("ours", true));
}

TEST_CASE("Malformed payloads are refused") {
  VideoStream video;
  uint8_t bytes[13] = {};
  write_rtp_header(bytes, {100, true, 1, 1, Ssrc(5)}, {});
  bytes[12] = 0x80;  // an extended descriptor that is cut off
  PacketRef packet = video.pool.copy(bytes);
  CHECK(video.receiver.packet(at_ms(5), at_ms(5), VideoCodec::vp8, *RtpView::parse(packet.bytes()), packet, false, video.delays) ==
        VideoReceiver::Outcome::malformed);
}

TEST_CASE("Undisturbed audio sounds as good as the model can say") {
  AudioStream audio;
  audio.receiver.sender_report({to_ntp(at_ms(0)), 0, 0, 0}, at_ms(0));
  for (uint16_t i = 0; i < 50; ++i) CHECK(audio.arrive(i, at_ms(20 * i + 40)));
  const ReceiveSample sample = audio.take();
  CHECK(sample.packets == 50);
  CHECK(sample.lost == 0);
  CHECK(sample.delay_max == Duration::milliseconds(40));
  CHECK(sample.mos == Approx(4.41).margin(0.01));
  CHECK_FALSE(audio.arrive(49, at_ms(1'100)));
}

TEST_CASE("Lost and late audio packets cost quality, silence is not judged") {
  AudioStream audio;
  for (uint16_t i = 0; i < 100; ++i) {
    if (i % 20 == 7) continue;                       // 5 % lost
    audio.arrive(i, at_ms(20 * i + (i == 90 ? 110 : 40)));  // one comes after its time
    if (audio.receiver.next_due() <= at_ms(20 * i + 40)) audio.receiver.due(at_ms(20 * i + 40));
  }
  const ReceiveSample sample = audio.take();
  CHECK(sample.expected == 100);
  CHECK(sample.lost == 5);
  CHECK(sample.mos == Approx(4.1).margin(0.15));  // 6 %, of which in-band FEC makes 3.5 good: Ie-eff 10.5
  for (uint16_t i = 100; i < 105; ++i) audio.arrive(i, at_ms(400 * i));
  CHECK(audio.take().mos == 0);
}

TEST_CASE("In-band FEC makes good single losses, not long gaps") {
  const auto mos_with = [](auto is_lost) {
    AudioStream audio;
    for (uint16_t i = 0; i < 200; ++i) {
      if (!is_lost(i)) audio.arrive(i, at_ms(20 * i + 40));
      if (audio.receiver.next_due() <= at_ms(20 * i + 40)) audio.receiver.due(at_ms(20 * i + 40));
    }
    return audio.take().mos;
  };
  const double none = mos_with([](uint16_t) { return false; });
  const double single = mos_with([](uint16_t i) { return i % 20 == 7; });         // 5 %, one at a time
  const double burst = mos_with([](uint16_t i) { return i >= 100 && i < 110; });  // the same number in one gap
  CHECK(none > single);
  CHECK(single > burst + 0.2);
}

TEST_CASE("A source that the bridge holds back is not frozen, and one that comes back larger is a switch") {
  VideoStream video;
  for (uint16_t i = 0; i < 50; ++i) video.arrive(i, at_ms(40 * i + 30), i == 0);
  video.receiver.set_forwarded(at_ms(2'050), false);
  const ReceiveSample paused = video.take(at_ms(6'000));
  CHECK_FALSE(paused.forwarded);
  CHECK(paused.freezes == 0);
  CHECK(paused.frozen == Duration::zero());
  video.receiver.set_forwarded(at_ms(6'000), true);
  for (uint16_t i = 50; i < 100; ++i) video.arrive(i, at_ms(40 * i + 4'030), i == 50);
  CHECK(video.take(at_ms(8'100)).freezes == 0);
  CHECK(video_quality(720, 30, 2.5e6, 0) > video_quality(360, 30, 0.7e6, 0));
  CHECK(video_quality(360, 30, 0.7e6, 0) > video_quality(360, 8, 0.3e6, 0));
  CHECK(video_quality(360, 30, 0.7e6, 0.5) < video_quality(360, 30, 0.7e6, 0));
  CHECK(video_quality(0, 30, 1e6, 0) == 0);
}

TEST_CASE("A lost packet whose copy comes in time is repaired by redundancy, and not credited to FEC as well") {
  for (const size_t copies : {size_t{1}, size_t{2}}) {
    AudioStream plain, redundant;
    redundant.receiver.sender_report({to_ntp(at_ms(0)), 0, 0, 0}, at_ms(0));
    plain.receiver.sender_report({to_ntp(at_ms(0)), 0, 0, 0}, at_ms(0));
    for (uint16_t i = 0; i < 200; ++i) {
      const bool lost = i % 20 == 7 || i % 20 == 14 || i % 20 == 15;  // one, and two in a row
      if (lost) continue;
      plain.arrive(i, at_ms(20 * i + 30));
      redundant.arrive_red(i, at_ms(20 * i + 30), copies);
      plain.receiver.due(at_ms(20 * i + 30));
      redundant.receiver.due(at_ms(20 * i + 30));
    }
    plain.receiver.due(at_ms(4'200));
    redundant.receiver.due(at_ms(4'200));
    const ReceiveSample a = plain.take(), b = redundant.take();
    CHECK(a.lost == 30);
    CHECK(a.by_red == 0);
    CHECK(a.by_fec == Approx(AudioReceiver::kFecCredit * 20));
    CHECK(b.lost == 30);
    CHECK(b.by_red == (copies == 2 ? 30 : 20));
    CHECK(b.repaired == b.by_red);
    CHECK(b.by_fec == 0);
    CHECK(b.mos > a.mos);
  }
}

TEST_CASE("The playout waits for copies, and its delay is charged for them") {
  AudioStream plain, redundant;
  for (AudioStream* stream : {&plain, &redundant}) stream->receiver.sender_report({to_ntp(at_ms(0)), 0, 0, 0}, at_ms(0));
  for (uint16_t i = 0; i < 200; ++i) {
    plain.arrive(i, at_ms(20 * i + 140));
    redundant.arrive_red(i, at_ms(20 * i + 140), 2);
  }
  CHECK(redundant.take().mos < plain.take().mos);  // 186 ms and 226 ms from mouth to ear
}

TEST_CASE("A copy that comes after its time repairs nothing") {
  AudioStream stream;
  uint16_t i = 0;
  for (; i < 100; ++i) stream.arrive_red(i, at_ms(20 * i + 30), 1);
  // 100 is lost, and 101 with its copy comes 60 ms later than usual: the playout waits for 40.
  stream.arrive_red(101, at_ms(20 * 101 + 90), 1);
  for (i = 102; i < 120; ++i) stream.arrive_red(i, at_ms(20 * i + 30), 1);
  stream.receiver.due(at_ms(3'000));
  const ReceiveSample sample = stream.take();
  CHECK(sample.lost == 1);
  CHECK(sample.by_red == 0);
}

TEST_CASE("A packet that comes itself after its copy is not lost") {
  AudioStream stream;
  for (uint16_t i = 0; i < 100; ++i) stream.arrive_red(i, at_ms(20 * i + 30), 1);
  stream.arrive_red(101, at_ms(20 * 101 + 30), 1);
  CHECK(stream.arrive_red(100, at_ms(20 * 101 + 35), 1));
  CHECK_FALSE(stream.arrive_red(100, at_ms(20 * 101 + 36), 1));
  stream.receiver.due(at_ms(3'000));
  const ReceiveSample sample = stream.take();
  CHECK(sample.lost == 0);
  CHECK(sample.by_red == 0);
  CHECK(sample.packets == 102);
}

}  // namespace tacoma
