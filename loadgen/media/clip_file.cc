#include "loadgen/media/clip_file.h"

#include "loadgen/media/test_picture.h"

namespace tacoma {
namespace {

constexpr char kMagic[] = "TACOCLIP";
constexpr uint32_t kFormat = 1;
constexpr uint32_t kMaxParts = 0xffff;  // frames or packets of a clip

uint64_t checksum(BytesView a, BytesView b) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (BytesView part : {a, b}) {
    for (uint8_t byte : part) hash = (hash ^ byte) * 0x100000001b3ull;
  }
  return hash;
}

class Growing {
 public:
  void integer(uint64_t v, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<uint8_t>(v >> (8 * i)));
  }
  void bytes(BytesView v) { out.insert(out.end(), v.begin(), v.end()); }
  std::vector<uint8_t> out;
};

std::vector<uint8_t> wrap(const std::vector<uint8_t>& body, const std::string& parameters) {
  Growing file;
  file.bytes(as_bytes(kMagic));
  file.integer(kFormat, 4);
  file.integer(parameters.size(), 4);
  file.bytes(as_bytes(parameters));
  file.integer(body.size(), 8);
  file.integer(checksum(as_bytes(parameters), body), 8);
  file.bytes(body);
  return std::move(file.out);
}

Result<BytesView> unwrap(BytesView file, const std::string& parameters) {
  ByteReader in(file);
  if (as_text(in.bytes(8)) != kMagic) return fail("it is no clip file");
  if (const uint32_t format = in.u32(); in.ok() && format != kFormat)
    return fail("its format is " + std::to_string(format));
  const BytesView made_from = in.bytes(in.u32());
  const uint64_t size = in.u64(), sum = in.u64();
  if (!in.ok() || in.remaining() < size) return fail("it is cut short");
  if (in.remaining() > size) return fail("it is too long");
  const BytesView body = in.bytes(size);
  if (checksum(made_from, body) != sum) return fail("its checksum does not match");
  if (as_text(made_from) != parameters) return fail("it was made from other settings");
  return body;
}

void write_audio(const AudioClip& clip, Growing& out) {
  out.integer(clip.size(), 4);
  for (uint32_t i = 0; i < clip.size(); ++i) {
    const AudioPacket p = clip.packet(i);
    out.integer(p.payload.size(), 2);
    out.integer(p.level, 1);
    out.integer(p.voice, 1);
    out.bytes(p.payload);
  }
}

bool read_audio(ByteReader& in, AudioClip& clip) {
  const uint32_t packets = in.u32();
  if (packets == 0 || packets > kMaxParts) return false;
  for (uint32_t i = 0; i < packets && in.ok(); ++i) {
    const uint16_t size = in.u16();
    const uint8_t level = in.u8(), voice = in.u8();
    const BytesView payload = in.bytes(size);
    if (level > 127 || voice > 1) return false;
    if (in.ok()) clip.append(payload, level, voice == 1);
  }
  return in.ok();
}

}  // namespace

std::vector<uint8_t> write_clip(const VideoClip& clip, const std::string& parameters) {
  Growing body;
  body.integer(clip.entries(), 4);
  for (uint32_t i = 0; i < clip.entries(); ++i) {
    const VideoFrame f = clip.entry(i);
    body.integer(f.data.size(), 4);
    body.integer(f.key, 1);
    body.bytes(f.data);
  }
  return wrap(body.out, parameters);
}

std::vector<uint8_t> write_clip(const SpeechClip& clip, const std::string& parameters) {
  Growing body;
  write_audio(clip.talking, body);
  write_audio(clip.quiet, body);
  return wrap(body.out, parameters);
}

Result<VideoClip> read_video_clip(BytesView file, const std::string& parameters, const VideoFormat& format,
                                  uint32_t picture) {
  const auto body = unwrap(file, parameters);
  if (!body) return fail(body.error());
  ByteReader in(*body);
  VideoClip clip(format, picture);
  const uint32_t frames = in.u32();
  bool good = frames > 0 && frames <= kMaxParts && frames % format.spatial_layers == 0;
  for (uint32_t i = 0; i < frames && good; ++i) {
    const uint32_t size = in.u32();
    const uint8_t key = in.u8();
    const BytesView data = in.bytes(size);
    good = in.ok() && key == (i == 0 ? 1 : 0) && !data.empty();
    if (good) clip.append(data, key == 1);
  }
  if (!good || in.remaining() != 0) return fail("its content is not a video clip");
  return clip;
}

Result<SpeechClip> read_speech_clip(BytesView file, const std::string& parameters) {
  const auto body = unwrap(file, parameters);
  if (!body) return fail(body.error());
  ByteReader in(*body);
  SpeechClip clip;
  if (!read_audio(in, clip.talking) || !read_audio(in, clip.quiet) || in.remaining() != 0)
    return fail("its content is not a speech clip");
  return clip;
}

}  // namespace tacoma
