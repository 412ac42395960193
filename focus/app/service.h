// The HTTP side of tacoma-focus: conference requests, health, metrics.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "focus/app/settings.h"
#include "host/daemon/http.h"

namespace tacoma::focus {

inline constexpr std::string_view kVersion = "0.1.0";

/// Requests that came by HTTP and wait for the focus's answer.
class Desk {
 public:
  explicit Desk(host::ProcessHost& host) : host_(host) {}
  /// POST /conference-request/v1: {"room":"name@conference.example.org","properties":{..}}.
  void on_request(const host::HttpRequest& request, host::HttpAnswer answer);
  /// Hands out what the focus has answered. After each call of it.
  void collect(Focus& focus);

 private:
  host::ProcessHost& host_;
  std::map<uint64_t, host::HttpAnswer> waiting_;
};

std::vector<host::HttpRoute> routes(host::ProcessHost& host, Desk& desk);

}  // namespace tacoma::focus
