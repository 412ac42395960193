// What the daemons share: their main, the loop, the log, signals, the command line.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "core/base/result.h"
#include "core/base/rng.h"
#include "host/daemon/config_file.h"
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

/// An Rng seeded by the operating system, for what has to be different each time but is no secret.
Rng system_rng();

/// Runs the loop until SIGTERM or SIGINT. Then `on_stop` begins the end: it calls `finish` when all is done. A second signal, or
/// `patience`, ends it at once. systemd is told both.
void run_daemon(boost::asio::io_context& io, const Logger& log, const std::function<void(std::function<void()> finish)>& on_stop,
                std::chrono::seconds patience = std::chrono::seconds(10));
/// Likewise where all is done once what `on_stop` has written is sent.
void run_daemon(boost::asio::io_context& io, const Logger& log, const std::function<void()>& on_stop);

/// What a daemon is, for those who ask it.
struct DaemonInfo {
  std::string name, about, version;
};

/// What the command line `--config FILE [--check-config]` asked for.
struct DaemonStart {
  std::string path;
  std::optional<ConfigFile> file;  // absent: it was --help or --version, or a mistake that has been told
  bool check_only = false;
  int exit_code = 0;               // of the absent file
};
DaemonStart start_daemon(int argc, char** argv, const DaemonInfo& info);
/// Tells what is wrong with the file, once its settings were read. The exit code; nullopt: nothing is, and it is to run.
std::optional<int> check_daemon(DaemonStart& start);
/// "NAME: TEXT" on standard error; 1, the exit code.
int refuse_start(const std::string& name, const std::string& text);

/// A daemon's main. `serve` runs it to its end, or says why it cannot.
template <typename Settings>
int daemon_main(int argc, char** argv, const DaemonInfo& info, Settings (*read)(ConfigFile&), Result<void> (*serve)(Settings, const Logger&)) {
  DaemonStart start = start_daemon(argc, argv, info);
  if (!start.file) return start.exit_code;
  Settings settings = read(*start.file);
  if (const auto exit_code = check_daemon(start)) return *exit_code;
  const Logger log(info.name);
  if (const auto served = serve(std::move(settings), log); !served) return refuse_start(info.name, served.error());
  log.info("stopped");
  return 0;
}

}  // namespace tacoma::host
