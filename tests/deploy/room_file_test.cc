// The focus's rooms on disk: read back as written, private, and never half.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include "focus/app/room_file.h"

using namespace tacoma;
namespace fs = std::filesystem;

TEST_CASE("rooms are kept in a file of mode 0600, and read back up to a limit") {
  boost::asio::io_context io;
  const fs::path path = fs::temp_directory_path() / ("tacoma-rooms-" + std::to_string(::getpid()));
  const focus::RoomFile file(io, path.string(), [](bool, const std::string&) {});
  CHECK(file.read(10).empty());
  const std::vector<std::string> rooms = {"a@c.x", "b@c.x", "c@c.x"};
  REQUIRE(file.write(rooms));
  CHECK(file.read(10) == rooms);
  CHECK(file.read(2) == std::vector<std::string>{"a@c.x", "b@c.x"});
  CHECK((fs::status(path).permissions() & fs::perms::all) == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK_FALSE(fs::exists(path.string() + ".new"));
  REQUIRE(file.write({}));
  CHECK(file.read(10).empty());
  fs::remove(path);
  const focus::RoomFile nowhere(io, "/nonexistent/rooms", [](bool, const std::string&) {});
  const auto written = nowhere.write(rooms);
  REQUIRE_FALSE(written);
  CHECK(written.error() == "cannot keep the rooms in /nonexistent/rooms: No such file or directory");
}
