// A program that this one starts, follows and ends.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "core/base/result.h"

namespace tacoma::up {

/// Its standard output and error go to a log file. It ends (SIGTERM) when this program does, however that happens.
class Child {
 public:
  Child(std::string name, std::vector<std::string> command, std::string log_file)
      : name_(std::move(name)), command_(std::move(command)), log_file_(std::move(log_file)) {}

  Result<void> start();
  void signal(int number) const;
  /// Takes note of its end if it has ended. True once for each end.
  bool reap(std::string& how);

  const std::string& name() const { return name_; }
  const std::string& log_file() const { return log_file_; }
  bool is_running() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }

 private:
  std::string name_;
  std::vector<std::string> command_;
  std::string log_file_;
  pid_t pid_ = 0;
};

}  // namespace tacoma::up
