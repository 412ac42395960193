// The configuration of tacoma-focus: deploy/tacoma-focus.yaml tells what each key does.
#pragma once

#include "focus/engine/focus.h"
#include "host/daemon/config_file.h"
#include "host/daemon/process_host.h"

namespace tacoma::focus {

struct Settings {
  FocusConfig focus;
  host::StreamTarget server;   // of the component stream
  SocketAddress http;
  std::string rooms_file;      // where the names of its rooms are kept for a focus after this one; empty: nowhere
};

/// Reads all of it; mistakes are in file.finish().
Settings read_settings(host::ConfigFile& file);

}  // namespace tacoma::focus
