#include "loadgen/media/file_clip_store.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace tacoma {
namespace {

namespace fs = std::filesystem;

struct Close {
  void operator()(std::FILE* f) const { std::fclose(f); }
};
using File = std::unique_ptr<std::FILE, Close>;

std::string reason() { return std::strerror(errno); }

}  // namespace

std::optional<std::vector<uint8_t>> FileClipStore::load(const std::string& name) {
  File file(std::fopen((fs::path(directory_) / name).c_str(), "rb"));
  if (!file) return std::nullopt;
  std::vector<uint8_t> bytes;
  uint8_t block[64 * 1024];
  for (size_t n; (n = std::fread(block, 1, sizeof block, file.get())) > 0;) bytes.insert(bytes.end(), block, block + n);
  return bytes;
}

Result<void> FileClipStore::save(const std::string& name, BytesView bytes) {
  std::error_code error;
  fs::create_directories(directory_, error);
  const fs::path place = fs::path(directory_) / name;
  // Two runs may fill one cache at a time: each writes a file of its own, and the last rename wins with the same bytes.
  const std::string draft = place.string() + ".new-" + std::to_string(::getpid());
  File file(std::fopen(draft.c_str(), "wb"));
  if (!file) return fail(draft + ": " + reason());
  const bool written =
      std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size() && std::fflush(file.get()) == 0;
  const std::string why = written ? "" : reason();
  const bool closed = std::fclose(file.release()) == 0;
  if (written && closed && std::rename(draft.c_str(), place.c_str()) == 0) return {};
  const std::string sentence = place.string() + ": " + (why.empty() ? reason() : why);
  std::remove(draft.c_str());
  return fail(sentence);
}

}  // namespace tacoma
