#include "focus/app/room_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "host/linux/udp.h"

namespace tacoma::focus {

std::vector<std::string> RoomFile::read(size_t most) const {
  std::vector<std::string> rooms;
  if (path_.empty()) return rooms;
  std::ifstream in(path_);
  for (std::string line; rooms.size() < most && std::getline(in, line);) rooms.push_back(std::move(line));
  return rooms;
}

void RoomFile::update(const Focus& focus) {
  const FocusStats stats = focus.stats();
  const auto now = std::make_pair(stats.conferences_created, stats.conferences);
  // While the server is away there are no rooms, and those of before are what counts.
  if (path_.empty() || is_waiting_ || now == seen_ || !focus.ready()) return;
  is_waiting_ = true;
  timer_.expires_after(std::chrono::milliseconds(500));
  timer_.async_wait([this, &focus](const boost::system::error_code& error) {
    is_waiting_ = false;
    if (error || !focus.ready()) return;
    const FocusStats then = focus.stats();
    seen_ = {then.conferences_created, then.conferences};
    const auto written = write(focus.rooms());
    if (!written && !has_failed_) log_(true, written.error());
    has_failed_ = !written;
  });
}

Result<void> RoomFile::write(const std::vector<std::string>& rooms) const {
  std::string text;
  for (const std::string& room : rooms) text += room + "\n";
  const std::string fresh = path_ + ".new";
  const host::Fd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  const bool done = fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) && std::rename(fresh.c_str(), path_.c_str()) == 0;
  if (!done) return fail("cannot keep the rooms in " + path_ + ": " + std::strerror(errno));
  return {};
}

}  // namespace tacoma::focus
