#include "host/daemon/config_file.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>

namespace tacoma::host {

struct ConfigSection::Shared {
  std::string file;
  std::vector<std::string> errors;
  struct Seen {
    YAML::Node map;
    std::string path;
    std::set<std::string> keys;
  };
  std::vector<std::shared_ptr<Seen>> seen;  // every mapping that was visited

  void error(const YAML::Mark& mark, const std::string& text) {
    std::string place = file;
    if (mark.line >= 0) place += ":" + std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1);
    errors.push_back(place + ": " + text);
  }
};

struct ConfigSection::Node {
  YAML::Node yaml;      // a mapping, or null
  YAML::Mark mark;      // where it stands, or would
  std::shared_ptr<Shared::Seen> seen;
  YAML::Node get(const std::string& key) {
    if (seen) seen->keys.insert(key);
    if (!yaml.IsMap()) return YAML::Node(YAML::NodeType::Undefined);
    return const_cast<const YAML::Node&>(yaml)[key];
  }
};

namespace {
bool is_there(const YAML::Node& node) { return node.IsDefined() && !node.IsNull(); }
}  // namespace

std::optional<SocketAddress> parse_socket_address(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string ip = text.substr(0, colon);
  const std::string port = text.substr(colon + 1);
  const bool bracketed = ip.size() > 2 && ip.front() == '[' && ip.back() == ']';
  if (bracketed) ip = ip.substr(1, ip.size() - 2);
  SocketAddress address;
  const auto parsed = IpAddress::parse(ip);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (!parsed || error != std::errc() || end != port.data() + port.size()) return std::nullopt;
  if ((parsed->family == IpFamily::v6) != bracketed) return std::nullopt;
  address.ip = *parsed;
  return address;
}

std::string ConfigSection::at(const std::string& key) const { return path_ + key; }

bool ConfigSection::has(const std::string& key) const { return is_there(node_->get(key)); }

void ConfigSection::complain(const std::string& key, const std::string& what) {
  const YAML::Node value = node_->get(key);
  shared_->error(is_there(value) ? value.Mark() : node_->mark, at(key) + ": " + what);
}

std::string ConfigSection::text(const std::string& key, const std::string& fallback) {
  const YAML::Node value = node_->get(key);
  if (!is_there(value)) return fallback;
  if (!value.IsScalar()) return complain(key, "is no text"), fallback;
  return value.Scalar();
}

int64_t ConfigSection::number(const std::string& key, int64_t least, int64_t most, int64_t fallback) {
  if (!has(key)) return fallback;
  const std::string value = text(key, "");
  int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || number < least || number > most)
    return complain(key, "'" + value + "' is no whole number from " + std::to_string(least) + " to " + std::to_string(most)), fallback;
  return number;
}

bool ConfigSection::flag(const std::string& key, bool fallback) {
  if (!has(key)) return fallback;
  const std::string value = text(key, "");
  if (value == "true" || value == "yes" || value == "on") return true;
  if (value == "false" || value == "no" || value == "off") return false;
  return complain(key, "'" + value + "' is neither true nor false"), fallback;
}

std::string ConfigSection::choice(const std::string& key, const std::vector<std::string>& allowed, const std::string& fallback) {
  const std::string value = text(key, fallback);
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return value;
  std::string list;
  for (const std::string& one : allowed) list += (list.empty() ? "" : ", ") + one;
  return complain(key, "'" + value + "' is none of " + list), fallback;
}

SocketAddress ConfigSection::address(const std::string& key, const std::string& fallback) {
  const std::string value = text(key, fallback);
  if (const auto parsed = parse_socket_address(value)) return *parsed;
  complain(key, "'" + value + "' is no address with port, such as 127.0.0.1:8080 or [::1]:8080");
  return *parse_socket_address(fallback);
}

std::vector<std::string> ConfigSection::texts(const std::string& key, const std::vector<std::string>& fallback) {
  const YAML::Node value = node_->get(key);
  if (!is_there(value)) return fallback;
  if (value.IsScalar()) return {value.Scalar()};
  std::vector<std::string> out;
  if (!value.IsSequence()) return complain(key, "is no list"), fallback;
  for (const YAML::Node& one : value) {
    if (!one.IsScalar()) return complain(key, "holds something that is no text"), fallback;
    out.push_back(one.Scalar());
  }
  return out;
}

std::vector<SocketAddress> ConfigSection::addresses(const std::string& key, const std::vector<std::string>& fallback) {
  std::vector<SocketAddress> out;
  for (const std::string& value : texts(key, fallback)) {
    if (const auto parsed = parse_socket_address(value)) out.push_back(*parsed);
    else complain(key, "'" + value + "' is no address with port, such as 192.0.2.1:10000 or [2001:db8::1]:10000");
  }
  return out;
}

std::string ConfigSection::secret(const std::string& key) {
  const std::string file = text(key + "_file", "");
  if (file.empty()) return text(key, "");
  if (has(key)) complain(key, "is given twice: here and by " + key + "_file");
  const std::filesystem::path path = std::filesystem::path(shared_->file).parent_path() / file;
  std::ifstream in(path);
  std::string line;
  if (!in || !std::getline(in, line) || line.empty()) complain(key + "_file", "cannot read a first line from " + path.string());
  return line;
}

ConfigSection ConfigSection::section(const std::string& key) {
  ConfigSection child;
  child.shared_ = shared_;
  child.node_ = std::make_shared<Node>();
  child.path_ = path_ + key + ".";
  const YAML::Node value = node_->get(key);
  child.node_->mark = is_there(value) ? value.Mark() : node_->mark;
  if (is_there(value) && !value.IsMap()) complain(key, "is no section of its own keys");
  if (!is_there(value) || !value.IsMap()) return child;
  child.node_->yaml = value;
  child.node_->seen = std::make_shared<Shared::Seen>();
  child.node_->seen->map = value;
  child.node_->seen->path = child.path_;
  shared_->seen.push_back(child.node_->seen);
  return child;
}

std::vector<ConfigSection> ConfigSection::sections(const std::string& key) {
  std::vector<ConfigSection> out;
  const YAML::Node value = node_->get(key);
  if (!is_there(value)) return out;
  if (!value.IsSequence()) return complain(key, "is no list"), out;
  for (size_t i = 0; i < value.size(); ++i) {
    const YAML::Node one = value[i];
    const std::string path = path_ + key + "[" + std::to_string(i) + "].";
    if (!one.IsMap()) {
      shared_->error(one.Mark(), path + " is no section of its own keys");
      continue;
    }
    ConfigSection child;
    child.shared_ = shared_;
    child.node_ = std::make_shared<Node>();
    child.path_ = path;
    child.node_->yaml = one;
    child.node_->mark = one.Mark();
    child.node_->seen = std::make_shared<Shared::Seen>();
    child.node_->seen->map = one;
    child.node_->seen->path = path;
    shared_->seen.push_back(child.node_->seen);
    out.push_back(child);
  }
  return out;
}

Result<ConfigFile> ConfigFile::read(const std::string& path) {
  ConfigFile config;
  config.root_.shared_ = std::make_shared<ConfigSection::Shared>();
  config.root_.shared_->file = path;
  YAML::Node top;
  std::ifstream in(path);
  if (!in) return fail("cannot read " + path);
  try {
    top = YAML::Load(in);
  } catch (const YAML::Exception& e) {
    return fail(path + ":" + std::to_string(e.mark.line + 1) + ":" + std::to_string(e.mark.column + 1) + ": " + e.msg);
  }
  if (is_there(top) && !top.IsMap()) return fail(path + ":1:1: the file is no mapping of keys to values");
  ConfigSection& root = config.root_;
  root.node_ = std::make_shared<ConfigSection::Node>();
  root.node_->yaml = top;
  root.node_->mark = top.Mark();
  root.node_->seen = std::make_shared<ConfigSection::Shared::Seen>();
  root.node_->seen->map = top;
  root.shared_->seen.push_back(root.node_->seen);
  return config;
}

std::vector<std::string> ConfigFile::finish() {
  ConfigSection::Shared& shared = *root_.shared_;
  for (const auto& seen : shared.seen) {
    if (!seen->map.IsMap()) continue;
    for (const auto& entry : seen->map) {
      const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "?";
      if (seen->keys.count(key) == 0) shared.error(entry.first.Mark(), seen->path + key + ": there is no such key");
    }
  }
  return shared.errors;
}

}  // namespace tacoma::host
