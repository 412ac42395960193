#include "host/daemon/daemon.h"

#include <sys/random.h>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>

#include "host/daemon/notify.h"

namespace tacoma::host {

Logger::Logger(std::string name) : name_(std::move(name)), is_journal_(std::getenv("JOURNAL_STREAM") != nullptr) {}

void Logger::line(bool is_warning, const std::string& text) const {
  if (is_journal_) {
    std::fprintf(stderr, "<%d>%s\n", is_warning ? 4 : 6, text.c_str());
    return;
  }
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
  std::fprintf(stderr, "%s.%03dZ %s %s: %s\n", stamp, static_cast<int>(ms), is_warning ? "warning" : "info", name_.c_str(), text.c_str());
}

int refuse_start(const std::string& name, const std::string& text) {
  std::fprintf(stderr, "%s: %s\n", name.c_str(), text.c_str());
  return 1;
}

DaemonStart start_daemon(int argc, char** argv, const DaemonInfo& info) {
  DaemonStart start;
  const auto usage_error = [&](const std::string& text) {
    refuse_start(info.name, text + "; see --help");
    start.exit_code = 2;
    return std::move(start);
  };
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--help" || word == "-h") {
      std::printf("%s: %s\n\nUsage: %s --config FILE [--check-config]\n"
                  "  --config FILE    the configuration (YAML)\n"
                  "  --check-config   say what is wrong with it, and exit: 0 nothing, 2 something\n"
                  "  --version, --help\n", info.name.c_str(), info.about.c_str(), info.name.c_str());
      return start;
    }
    if (word == "--version") {
      std::printf("%s %s\n", info.name.c_str(), info.version.c_str());
      return start;
    }
    if (word == "--check-config") start.check_only = true;
    else if (word == "--config" && i + 1 < argc) start.path = argv[++i];
    else return usage_error("'" + word + "' is no option");
  }
  if (start.path.empty()) return usage_error("--config FILE is missing");
  auto file = ConfigFile::read(start.path);
  if (!file) {
    refuse_start(info.name, file.error());
    start.exit_code = 2;
    return start;
  }
  start.file = std::move(*file);
  return start;
}

std::optional<int> check_daemon(DaemonStart& start) {
  const std::vector<std::string> errors = start.file->finish();
  for (const std::string& error : errors) std::fprintf(stderr, "%s\n", error.c_str());
  if (!errors.empty()) return 2;
  if (!start.check_only) return std::nullopt;
  std::printf("%s: nothing is wrong\n", start.path.c_str());
  return 0;
}

Rng system_rng() {
  uint64_t seed = 0;
  if (::getrandom(&seed, sizeof seed, 0) != static_cast<ssize_t>(sizeof seed)) std::abort();
  return Rng(seed);
}

void run_daemon(boost::asio::io_context& io, const Logger& log, const std::function<void(std::function<void()> finish)>& on_stop,
                std::chrono::seconds patience) {
  boost::asio::signal_set signals(io, SIGTERM, SIGINT);
  boost::asio::steady_timer limit(io);
  const auto finish = [&io] { io.stop(); };
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (error) return;
    notify_systemd("STOPPING=1");
    log.info("stopping");
    signals.async_wait([&](const boost::system::error_code& again, int) {
      if (!again) io.stop();
    });
    limit.expires_after(patience);
    limit.async_wait([&](const boost::system::error_code& aborted) {
      if (aborted) return;
      log.warn("what was under way is cut off");
      io.stop();
    });
    on_stop(finish);
  });
  notify_systemd("READY=1");
  io.run();
}

void run_daemon(boost::asio::io_context& io, const Logger& log, const std::function<void()>& on_stop) {
  run_daemon(io, log, [&](std::function<void()> finish) {
    on_stop();
    const auto wait = std::make_shared<boost::asio::steady_timer>(io, std::chrono::milliseconds(200));
    wait->async_wait([wait, finish](const boost::system::error_code&) { finish(); });
  });
}

}  // namespace tacoma::host
