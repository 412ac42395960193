// The clip cache on disk.
#pragma once

#include <string>

#include "loadgen/media/clip_library.h"

namespace tacoma {

/// One file a clip in one directory, written beside its place and renamed into it, so that a reader never sees half a
/// file.
class FileClipStore final : public ClipStore {
 public:
  /// The directory is made by the first save.
  explicit FileClipStore(std::string directory) : directory_(std::move(directory)) {}
  std::optional<std::vector<uint8_t>> load(const std::string& name) override;
  Result<void> save(const std::string& name, BytesView bytes) override;

 private:
  std::string directory_;
};

}  // namespace tacoma
