// The names of the focus's rooms on disk, for the focus after this one.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "focus/engine/focus.h"
#include "host/daemon/process_host.h"

namespace tacoma::focus {

class RoomFile {
 public:
  /// `path` empty: nothing is read or written.
  RoomFile(boost::asio::io_context& io, std::string path, host::ProcessHost::Log log) : path_(std::move(path)), log_(std::move(log)), timer_(io) {}

  /// One a line, at most so many; none when there is no file.
  std::vector<std::string> read(size_t most) const;
  /// After each call of the focus. What changed is written within a second.
  void update(const Focus& focus);
  /// Writes it now: whole, or not at all.
  Result<void> write(const std::vector<std::string>& rooms) const;

 private:
  std::string path_;
  host::ProcessHost::Log log_;
  boost::asio::steady_timer timer_;
  std::pair<uint64_t, uint64_t> seen_{0, 0};  // rooms made, rooms there
  bool is_waiting_ = false, has_failed_ = false;
};

}  // namespace tacoma::focus
