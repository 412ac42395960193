// A daemon's configuration: YAML whose every mistake is told with its place, all of them at once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/address.h"
#include "core/base/result.h"

namespace tacoma::host {

class ConfigFile;

/// A mapping of the file, or one that is absent and gives what its reader falls back to. Each value that is read is known; what is
/// left unread is reported by ConfigFile::finish().
class ConfigSection {
 public:
  bool has(const std::string& key) const;
  std::string text(const std::string& key, const std::string& fallback);
  int64_t number(const std::string& key, int64_t least, int64_t most, int64_t fallback);
  bool flag(const std::string& key, bool fallback);
  /// "192.0.2.1:10000" or "[::]:10000"; `port` 0 is allowed.
  SocketAddress address(const std::string& key, const std::string& fallback);
  std::vector<SocketAddress> addresses(const std::string& key, const std::vector<std::string>& fallback);
  std::vector<std::string> texts(const std::string& key, const std::vector<std::string>& fallback);
  /// One of `allowed`.
  std::string choice(const std::string& key, const std::vector<std::string>& allowed, const std::string& fallback);
  /// KEY, or the first line of the file that KEY_file names (relative to the configuration's folder).
  std::string secret(const std::string& key);
  ConfigSection section(const std::string& key);
  std::vector<ConfigSection> sections(const std::string& key);
  /// An error at the key's place, or at the section's where it is absent.
  void complain(const std::string& key, const std::string& what);

 private:
  friend class ConfigFile;
  struct Node;
  struct Shared;
  std::string at(const std::string& key) const;
  std::shared_ptr<Shared> shared_;
  std::shared_ptr<Node> node_;
  std::string path_;  // "udp."
};

class ConfigFile {
 public:
  /// Errors: the file cannot be read, or is no YAML.
  static Result<ConfigFile> read(const std::string& path);
  ConfigSection& root() { return root_; }
  /// What is wrong, "FILE:LINE:COLUMN: key: what" each, unknown keys included. Empty: all is well.
  std::vector<std::string> finish();

 private:
  ConfigSection root_;
};

/// "192.0.2.1:10000", "[2001:db8::1]:10000".
std::optional<SocketAddress> parse_socket_address(const std::string& text);

}  // namespace tacoma::host
