// What the daemons share: the loop, the log, signals, the command line, metrics as text.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/rng.h"
#include "host/daemon/process_host.h"

namespace tacoma::host {

/// Lines on standard error: "2026-11-22T11:00:00.123Z warning bridge: text". Under systemd (JOURNAL_STREAM is set) without the time,
/// and with the priority that the journal reads ("<4>").
class Logger {
 public:
  explicit Logger(std::string name);
  void info(const std::string& text) const { line(false, text); }
  void warn(const std::string& text) const { line(true, text); }
  ProcessHost::Log sink() const {
    return [this](bool is_warning, const std::string& text) { line(is_warning, text); };
  }

 private:
  void line(bool is_warning, const std::string& text) const;
  std::string name_;
  bool is_journal_ = false;
};

/// What the command line asked for.
struct DaemonArguments {
  std::string config_file;
  bool check_only = false;
};

/// Reads `--config FILE [--check-config]`; --help and --version are answered here. `exit_code` >= 0: do that at once.
DaemonArguments parse_arguments(int argc, char** argv, std::string_view name, std::string_view about, std::string_view version, int& exit_code);

/// An Rng seeded by the operating system, for what has to be different each time but is no secret.
Rng system_rng();

/// Runs the loop until SIGTERM or SIGINT. Then `on_stop` begins the end: it calls `finish` when all is done. A second signal, or
/// `patience`, ends it at once. systemd is told both.
void run_daemon(boost::asio::io_context& io, const Logger& log, const std::function<void(std::function<void()> finish)>& on_stop,
                std::chrono::seconds patience = std::chrono::seconds(10));

/// The exposition format of Prometheus, version 0.0.4.
class MetricsText {
 public:
  explicit MetricsText(std::string prefix) : prefix_(std::move(prefix)) {}
  void gauge(std::string_view name, std::string_view help, double value) { one(name, help, "gauge", value); }
  /// The name gets "_total".
  void counter(std::string_view name, std::string_view help, double value) { one(std::string(name) + "_total", help, "counter", value); }
  void histogram(std::string_view name, std::string_view help, const BucketCounts& counts);
  /// One counter with a label: call once a value, all in a row.
  void labelled(std::string_view name, std::string_view help, std::string_view label, const std::vector<std::pair<std::string, double>>& values);
  const std::string& text() const { return text_; }

 private:
  void head(std::string_view name, std::string_view help, std::string_view type);
  void one(std::string_view name, std::string_view help, std::string_view type, double value);
  std::string prefix_, text_;
};

}  // namespace tacoma::host
