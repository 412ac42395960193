// The configuration that a deployment gives to its web pages, /config.js, read without a JavaScript engine.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace tacoma {

inline constexpr size_t kMaxConfigJs = 1024 * 1024;
inline constexpr size_t kMaxConfigValues = 10'000;  // more are not kept
inline constexpr size_t kMaxConfigNesting = 64;     // deeper objects are passed over

/// Text values by path: {"hosts.domain", "meet.example.org"}. The object and its later assignments (`config.hosts.muc = ...`) both
/// count, the last one holds. A value is a string, a variable that holds one, `location.host` or `location.hostname`, or several of
/// these joined by '+'; everything else is passed over. Never fails: what cannot be understood is not there.
/// `host` and `hostname` are what the page's address has ("meet.example.org:8443", "meet.example.org").
std::map<std::string, std::string> read_config_js(std::string_view text, std::string_view host, std::string_view hostname);

}  // namespace tacoma
