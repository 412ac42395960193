// A whole deployment on one machine: what `tacoma up` writes into its state folder, and what it starts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/address.h"
#include "core/base/result.h"

namespace tacoma::up {

struct Options {
  std::string public_host;       // "meet.example.org"; empty: localhost, this machine only
  std::string bind;              // address of the web server; empty: loopback, or everywhere with a public host
  uint16_t port = 8443;          // 0: the kernel chooses
  bool is_plain = false;         // HTTP in place of HTTPS: behind a proxy, or on localhost
  std::string certificate_file, key_file;  // empty: self-signed, made here
  uint32_t bridges = 1;
  uint16_t media_port = 10000;   // of the first bridge, the others follow; 0: the kernel chooses each
  std::vector<std::string> advertise;      // addresses that people send media to; empty: this machine's
  bool has_data_channel = false; // clients reach their bridge by data channel; otherwise by WebSocket
  std::string web_root;          // folder of the web client; empty: the one that comes with Tacoma
  std::string state;             // folder; empty: $XDG_STATE_HOME/tacoma/up
};

inline constexpr uint32_t kMaxBridges = 64;

/// Where each part listens, on loopback.
struct Ports {
  uint16_t client = 0, component = 0, http = 0;  // Prosody
  uint16_t focus = 0;
  struct Bridge {
    uint16_t control = 0, channel = 0;
  };
  std::vector<Bridge> bridges;
};

struct Deployment {
  std::string domain;            // XMPP
  std::string origin;            // "localhost:8443", as in URLs
  std::string state;             // absolute
  Ports ports;
  std::string prosody_config, focus_config;
  std::vector<std::string> bridge_configs;
  std::string certificate_file, key_file;  // empty: plain
  std::string config_js;         // what the web client reads
  std::string web_root;
};

/// Prepares the state folder: secrets (made once, for their owner only), configurations, certificate. `port` is the bound one.
Result<Deployment> prepare(const Options& options, uint16_t port);

/// Loopback TCP ports that are free now.
Result<std::vector<uint16_t>> free_ports(size_t count);

/// The folder of a program that belongs to this one: beside it, else anywhere in PATH. Empty: not found.
std::string find_program(const std::string& name);

}  // namespace tacoma::up
