#include <catch2/catch.hpp>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "loadgen/media/clip_file.h"
#include "loadgen/media/file_clip_store.h"
#include "tests/support/files.h"

using namespace tacoma;
namespace fs = std::filesystem;

namespace {

using Folder = test::TempFolder;

VideoFormat small() {
  VideoFormat f;
  f.width = 160;
  f.height = 90;
  f.fps = 10;
  f.rate = DataRate::kbps(60);
  return f;
}

/// A library over a cache, and what it said.
struct Told {
  explicit Told(ClipStore* store)
      : library({store, [this](const ClipProgress& p) { if (p.done == 1) (p.from_cache ? loaded : made)++; },
                 [this](const std::string& s) { notes.push_back(s); }}) {}
  int made = 0, loaded = 0;
  std::vector<std::string> notes;
  ClipLibrary library;
};

std::vector<uint8_t> bytes_of(const VideoClip& clip) { return write_clip(clip, ""); }

void rewrite(const fs::path& file, const std::function<void(std::string&)>& change) {
  std::ifstream in(file, std::ios::binary);
  std::string content((std::istreambuf_iterator<char>(in)), {});
  in.close();
  change(content);
  std::ofstream(file, std::ios::binary | std::ios::trunc) << content;
}

}  // namespace

TEST_CASE("clips are made once, shared, and loaded by the next run with the same bytes") {
  Folder folder;
  FileClipStore store(folder / "deep" / "cache");
  Told first(&store), second(&store);
  const auto a = first.library.video(1, small());
  REQUIRE(a);
  CHECK(first.library.video(1, small())->get() == a->get());
  CHECK(first.library.video(1 + ClipLibrary::kVariants, small())->get() == a->get());
  CHECK(first.made == 1);
  REQUIRE(first.library.speech(1));
  CHECK(first.made == 2);
  const auto b = second.library.video(1, small());
  REQUIRE(b);
  CHECK(bytes_of(**a) == bytes_of(**b));
  CHECK((*b)->format() == small());
  CHECK((*b)->picture() == 1);
  CHECK(write_clip(**second.library.speech(1), "") == write_clip(**first.library.speech(1), ""));
  CHECK(second.made == 0);
  CHECK(second.loaded == 2);
  CHECK(first.notes.empty());
  CHECK(second.notes.empty());
  for (const auto& entry : fs::directory_iterator(folder / "deep" / "cache"))
    CHECK(entry.path().extension() == ".clip");
}

TEST_CASE("a damaged cache file is named, made anew and mended") {
  Folder folder;
  FileClipStore store(folder.path);
  Told first(&store);
  const auto clip = first.library.video(0, small());
  REQUIRE(clip);
  const fs::path file = folder / "video-160x90-10-60000-0.clip";
  REQUIRE(fs::exists(file));
  struct { std::function<void(std::string&)> change; const char* says; } damages[] = {
      {[](std::string& s) { s[s.size() / 2] ^= 1; }, "checksum"},
      {[](std::string& s) { s.resize(s.size() / 2); }, "cut short"},
      {[](std::string& s) { s.clear(); }, "no clip file"},
      {[](std::string& s) { s += "x"; }, "too long"},
      {[](std::string& s) { s[11] = 9; }, "format is 9"},
      {[](std::string& s) { s[12] = '\xff'; }, "cut short"}};
  for (const auto& damage : damages) {
    rewrite(file, damage.change);
    Told again(&store);
    const auto mended = again.library.video(0, small());
    REQUIRE(mended);
    CHECK(again.made == 1);
    REQUIRE(again.notes.size() == 1);
    CHECK_THAT(again.notes[0], Catch::Contains(file.filename().string()) && Catch::Contains(damage.says));
    CHECK(bytes_of(**mended) == bytes_of(**clip));
    Told last(&store);
    REQUIRE(last.library.video(0, small()));
    CHECK(last.loaded == 1);
  }
}

TEST_CASE("a clip from other settings is not taken") {
  const auto clip = ClipLibrary().video(0, small());
  REQUIRE(clip);
  const auto file = write_clip(**clip, "older encoder");
  CHECK(read_video_clip(file, "older encoder", small(), 0));
  const auto refused = read_video_clip(file, "newer encoder", small(), 0);
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error(), Catch::Contains("other settings"));
  CHECK_FALSE(read_speech_clip(file, "older encoder"));
}

TEST_CASE("a cache that cannot be written costs a note, not the run") {
  Folder folder;
  std::ofstream(folder / "file") << "in the way";
  FileClipStore store(folder / "file" / "cache");
  Told told(&store);
  REQUIRE(told.library.video(0, small()));
  REQUIRE(told.notes.size() == 1);
  CHECK_THAT(told.notes[0], Catch::Contains("could not be kept"));
}
