#include "loadgen/media/clip_library.h"

#include "loadgen/media/clip_file.h"
#include "loadgen/media/encode.h"

namespace tacoma {
namespace {

/// What the bytes of a clip depend on.
std::string parameters_of(const std::string& name) {
  return name + ", generation " + std::to_string(kClipGeneration) + ", " + encoder_versions();
}

EncodeProgress relay(const ClipLibraryOptions& options, const std::string& what) {
  if (!options.progress) return {};
  return [&options, what](double done) { options.progress({what, done, false}); };
}

/// The three ways to a clip: load it; else make it and save it. `read` and `make` do what is particular to its kind.
template <typename Clip, typename Read, typename Make>
Result<std::shared_ptr<const Clip>> load_or_make(const ClipLibraryOptions& options, const std::string& name,
                                                 const std::string& what, Read read, Make make) {
  auto note = [&options](const std::string& sentence) { if (options.note) options.note(sentence); };
  const std::string file_name = name + ".clip", parameters = parameters_of(name);
  if (options.store != nullptr) {
    if (const auto file = options.store->load(file_name)) {
      Result<Clip> clip = read(*file, parameters);
      if (clip) {
        if (options.progress) options.progress({what, 1, true});
        return std::make_shared<const Clip>(*std::move(clip));
      }
      note("The cached clip " + file_name + " is made anew: " + clip.error() + ".");
    }
  }
  Result<Clip> made = make(relay(options, what));
  if (!made) return fail(made.error());
  auto clip = std::make_shared<const Clip>(*std::move(made));
  if (options.store != nullptr) {
    if (const auto saved = options.store->save(file_name, write_clip(*clip, parameters)); !saved) {
      note("The clip " + file_name + " could not be kept for the next run: " + saved.error());
    }
  }
  if (options.progress) options.progress({what, 1, false});
  return std::shared_ptr<const Clip>(clip);
}

}  // namespace

Result<std::shared_ptr<const VideoClip>> ClipLibrary::video(uint32_t index, const VideoFormat& format) {
  const uint32_t picture = index % kVariants;
  const VideoKey key{picture, format.width, format.height, format.fps, format.rate.bps(), format.temporal_layers, format.spatial_layers, format.codec};
  if (const auto found = video_.find(key); found != video_.end()) return found->second;
  const std::string size = std::to_string(format.width) + "x" + std::to_string(format.height);
  const bool is_vp9 = format.codec == VideoCodec::vp9;
  const std::string name = (is_vp9 ? "vp9-" : "video-") + size + "-" + std::to_string(format.fps) + "-" +
                           std::to_string(format.rate.bps()) + "-" + std::to_string(picture) +
                           (format.temporal_layers > 1 ? "-t" + std::to_string(format.temporal_layers) : "") +
                           (format.spatial_layers > 1 ? "-s" + std::to_string(format.spatial_layers) : "");
  const std::string what = (is_vp9 ? "VP9 video " : "video ") + size + " " + std::to_string(format.fps) + "/s " +
                           std::to_string(format.rate.bps() / 1000) + " kbit/s, " +
                           (format.temporal_layers > 1 ? std::to_string(format.temporal_layers) + " temporal layers, " : "") +
                           (format.spatial_layers > 1 ? std::to_string(format.spatial_layers) + " spatial layers, " : "") + "picture " +
                           std::to_string(picture);
  auto clip = load_or_make<VideoClip>(
      options_, name, what,
      [&](BytesView file, const std::string& parameters) { return read_video_clip(file, parameters, format, picture); },
      [&](const EncodeProgress& progress) { return encode_video(format, picture, progress); });
  if (clip) video_.emplace(key, *clip);
  return clip;
}

Result<std::shared_ptr<const SpeechClip>> ClipLibrary::speech(uint32_t index) {
  const uint32_t voice = index % kVariants;
  if (const auto found = speech_.find(voice); found != speech_.end()) return found->second;
  auto clip = load_or_make<SpeechClip>(
      options_, "speech-" + std::to_string(voice), "speech, voice " + std::to_string(voice),
      [](BytesView file, const std::string& parameters) { return read_speech_clip(file, parameters); },
      [&](const EncodeProgress& progress) -> Result<SpeechClip> { return encode_speech(voice, progress); });
  if (clip) speech_.emplace(voice, *clip);
  return clip;
}

}  // namespace tacoma
