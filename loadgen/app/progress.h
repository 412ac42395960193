// The line that says how far a run is.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "core/base/time.h"

namespace tacoma {

struct RunState {
  Duration now, length;
  double wall_seconds = 0;
  uint32_t joined = 0, people = 0;
  uint64_t packets = 0;  // received by people
};

/// "12.0 s of 40.0 s | 3.4 x real time | 8 of 8 joined | 123,456 packets | 8 s left"
std::string progress_text(const RunState& state);
/// 1234567 -> "1,234,567".
std::string with_commas(uint64_t number);

/// Writes to standard error: one line that is rewritten on a terminal, else a plain line about every five seconds.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet);
  ~ProgressLine() { clear(); }
  void show(const RunState& state);
  /// A line of its own: a note, a warning. Shown even when quiet.
  void note(const std::string& text);
  /// A passing line: what is being prepared. On a terminal it is overwritten by the next one.
  void passing(const std::string& text);
  /// The same, but for terminals only.
  void fleeting(const std::string& text) { if (on_terminal_) passing(text); }
  void clear();

 private:
  const bool quiet_, on_terminal_;
  bool line_open_ = false;
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace tacoma
