// What systemd wants to know of a service (sd_notify(3)).
#pragma once

#include <string_view>

namespace tacoma::host {

/// Sends "READY=1", "STOPPING=1" or the like to the socket named by NOTIFY_SOCKET; does nothing where there is none.
void notify_systemd(std::string_view state);

}  // namespace tacoma::host
