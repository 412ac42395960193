// The HTTP side of tacoma-bridge: health, statistics, metrics, drain, shutdown.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bridge/app/settings.h"
#include "host/daemon/http.h"

namespace tacoma::bridge {

/// Routes of the private port. `host` runs the bridge; `shut_down` is called when somebody asks for the end.
std::vector<host::HttpRoute> private_routes(host::ProcessHost& host, const Settings& settings, std::function<void()> shut_down);

}  // namespace tacoma::bridge
