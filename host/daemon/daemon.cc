#include "host/daemon/daemon.h"

#include <sys/random.h>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>

#include "host/daemon/notify.h"

namespace tacoma::host {

namespace {
std::string number(double value) {
  char text[40];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  return std::string(text, end);
}
}  // namespace

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

DaemonArguments parse_arguments(int argc, char** argv, std::string_view name, std::string_view about, std::string_view version, int& exit_code) {
  DaemonArguments arguments;
  const std::string usage = std::string(name) + ": " + std::string(about) + "\n\nUsage: " + std::string(name) +
                            " --config FILE [--check-config]\n"
                            "  --config FILE    the configuration (YAML)\n"
                            "  --check-config   say what is wrong with it, and exit: 0 nothing, 2 something\n"
                            "  --version, --help\n";
  exit_code = -1;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--help" || word == "-h") {
      std::fputs(usage.c_str(), stdout);
      exit_code = 0;
    } else if (word == "--version") {
      std::printf("%.*s %.*s\n", static_cast<int>(name.size()), name.data(), static_cast<int>(version.size()), version.data());
      exit_code = 0;
    } else if (word == "--check-config") {
      arguments.check_only = true;
    } else if (word == "--config" && i + 1 < argc) {
      arguments.config_file = argv[++i];
    } else {
      std::fprintf(stderr, "%.*s: '%s' is no option; see --help\n", static_cast<int>(name.size()), name.data(), argv[i]);
      exit_code = 2;
    }
    if (exit_code >= 0) return arguments;
  }
  if (arguments.config_file.empty()) {
    std::fprintf(stderr, "%.*s: --config FILE is missing; see --help\n", static_cast<int>(name.size()), name.data());
    exit_code = 2;
  }
  return arguments;
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

void MetricsText::head(std::string_view name, std::string_view help, std::string_view type) {
  text_ += "# HELP " + prefix_ + std::string(name) + " " + std::string(help) + "\n# TYPE " + prefix_ + std::string(name) + " " + std::string(type) + "\n";
}

void MetricsText::one(std::string_view name, std::string_view help, std::string_view type, double value) {
  head(name, help, type);
  text_ += prefix_ + std::string(name) + " " + number(value) + "\n";
}

void MetricsText::labelled(std::string_view name, std::string_view help, std::string_view label,
                           const std::vector<std::pair<std::string, double>>& values) {
  head(name, help, "counter");
  for (const auto& [value, count] : values)
    text_ += prefix_ + std::string(name) + "{" + std::string(label) + "=\"" + value + "\"} " + number(count) + "\n";
}

void MetricsText::histogram(std::string_view name, std::string_view help, const BucketCounts& counts) {
  head(name, help, "histogram");
  uint64_t sum = 0;
  for (size_t i = 0; i < counts.counts.size(); ++i) {
    sum += counts.counts[i];
    const std::string bound = i < counts.bounds.size() ? number(counts.bounds[i]) : "+Inf";
    text_ += prefix_ + std::string(name) + "_bucket{le=\"" + bound + "\"} " + std::to_string(sum) + "\n";
  }
  text_ += prefix_ + std::string(name) + "_sum " + number(counts.sum) + "\n" + prefix_ + std::string(name) + "_count " + std::to_string(sum) + "\n";
}

}  // namespace tacoma::host
