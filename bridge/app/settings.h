// The configuration of tacoma-bridge: deploy/tacoma-bridge.yaml tells what each key does.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bridge/engine/bridge.h"
#include "host/daemon/config_file.h"
#include "host/daemon/process_host.h"

namespace tacoma::bridge {

struct Settings {
  BridgeConfig bridge;                           // without candidates
  std::vector<SocketAddress> udp;                // to bind, at most one a family
  std::vector<SocketAddress> advertised;         // port 0: the bound one. Empty: this machine's addresses
  std::vector<std::pair<std::string, host::StreamTarget>> servers;  // by stream service
  SocketAddress private_http;
  std::optional<SocketAddress> public_http;      // of the bridge channel
  std::string public_certificate, public_key;    // empty: a proxy in front does TLS
  bool allow_shutdown = false;                   // POST /colibri/shutdown
  bool allow_rest = true;                        // /colibri/v2/conferences
};

/// Reads all of it; mistakes are in file.finish().
Settings read_settings(host::ConfigFile& file);

/// The candidates to advertise, given what was bound.
std::vector<SocketAddress> candidates_of(const Settings& settings, const std::vector<SocketAddress>& bound);

}  // namespace tacoma::bridge
