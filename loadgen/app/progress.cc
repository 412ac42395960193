#include "loadgen/app/progress.h"

#include <cstdio>

#include <unistd.h>

namespace tacoma {

std::string with_commas(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

std::string progress_text(const RunState& s) {
  char text[200];
  const double now = s.now.to_seconds(), length = s.length.to_seconds();
  std::snprintf(text, sizeof text, "%.1f s of %.1f s", now, length);
  std::string out = text;
  const double speed = s.wall_seconds > 0 ? now / s.wall_seconds : 0;
  if (speed > 0) {
    std::snprintf(text, sizeof text, " | %.*f x real time", speed < 10 ? 2 : 0, speed);
    out += text;
  }
  out += " | " + std::to_string(s.joined) + " of " + std::to_string(s.people) + " joined | " + with_commas(s.packets) + " packets";
  if (speed > 0 && now < length) {
    std::snprintf(text, sizeof text, " | %.0f s left", (length - now) / speed);
    out += text;
  }
  return out;
}

ProgressLine::ProgressLine(bool quiet) : quiet_(quiet), on_terminal_(::isatty(STDERR_FILENO) != 0) {}

void ProgressLine::show(const RunState& state) {
  if (quiet_) return;
  const auto now = std::chrono::steady_clock::now();
  const auto pause = on_terminal_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(5000);
  if (last_.time_since_epoch().count() != 0 && now - last_ < pause) return;
  last_ = now;
  passing(progress_text(state));
}

void ProgressLine::passing(const std::string& text) {
  if (quiet_) return;
  std::fprintf(stderr, on_terminal_ ? "\r\033[K%s" : "%s\n", text.c_str());
  std::fflush(stderr);
  line_open_ = on_terminal_;
}

void ProgressLine::note(const std::string& text) {
  clear();
  std::fprintf(stderr, "%s\n", text.c_str());
}

void ProgressLine::clear() {
  if (line_open_) std::fputs("\r\033[K", stderr);
  line_open_ = false;
}

}  // namespace tacoma
