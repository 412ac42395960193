// All clips of a run, each made once or loaded from a cache.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "core/base/result.h"
#include "loadgen/media/clip.h"

namespace tacoma {

/// Where encoded clips are kept between runs, by name. FileClipStore (file_clip_store.h) is one.
class ClipStore {
 public:
  virtual ~ClipStore() = default;
  /// The stored bytes; nullopt when there are none.
  virtual std::optional<std::vector<uint8_t>> load(const std::string& name) = 0;
  /// Stores all of it or nothing. The error is a sentence.
  virtual Result<void> save(const std::string& name, BytesView bytes) = 0;
};

struct ClipProgress {
  std::string what;     // "video 640x360 25/s 600 kbit/s, picture 2"
  double done = 0;      // 0..1 of this clip; 1 exactly once, at its end
  bool from_cache = false;
};

struct ClipLibraryOptions {
  ClipStore* store = nullptr;                         // none: everything is made anew; must outlive the library
  std::function<void(const ClipProgress&)> progress;  // called while a clip is made, about 20 times, and once when loaded
  std::function<void(const std::string&)> note;       // a sentence: a damaged cache file, a cache that cannot be written
};

/// Makes clips on demand and hands out shared, immutable ones. The same arguments give the same bytes on every run. To
/// be used by one thread; the clips themselves may be read by many.
class ClipLibrary {
 public:
  /// Distinct voices and distinct pictures; a clip index is taken modulo this, so a run holds few clips however many
  /// people it has.
  static constexpr uint32_t kVariants = 4;

  explicit ClipLibrary(ClipLibraryOptions options = {}) : options_(std::move(options)) {}

  /// One encoding by itself. The error says which format libvpx refused (odd or tiny sizes, a rate of zero).
  Result<std::shared_ptr<const VideoClip>> video(uint32_t index, const VideoFormat& format);
  Result<std::shared_ptr<const SpeechClip>> speech(uint32_t index);

 private:
  using VideoKey = std::tuple<uint32_t, uint32_t, uint32_t, uint32_t, int64_t, uint32_t, uint32_t, VideoCodec>;  // picture, width, height, fps, rate, temporal, spatial layers
  ClipLibraryOptions options_;
  std::map<VideoKey, std::shared_ptr<const VideoClip>> video_;
  std::map<uint32_t, std::shared_ptr<const SpeechClip>> speech_;
};

}  // namespace tacoma
