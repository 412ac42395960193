// What tests of deployments share: files, a blunt HTTP client, and the wish for a Prosody.
#pragma once

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "host/linux/udp.h"
#include "up/child.h"
#include "up/deployment.h"
#include "tests/support/files.h"

namespace tacoma::test {

/// Sends a request and reads the answer to its end; nothing when nobody listens.
inline std::string http(uint16_t port, const std::string& request) {
  const host::Fd fd(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval patience{5, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return {};
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) return {};
  std::string answer;
  char piece[4096];
  for (ssize_t size; (size = ::recv(fd.get(), piece, sizeof piece, 0)) > 0;) answer.append(piece, static_cast<size_t>(size));
  return answer;
}
inline std::string get(uint16_t port, const std::string& target, const std::string& headers = "") {
  return http(port, "GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers + "\r\n");
}
inline std::string post(uint16_t port, const std::string& target, const std::string& body) {
  return http(port, "POST " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
}
inline bool is_status(const std::string& answer, const std::string& status) { return answer.substr(0, 12) == "HTTP/1.1 " + status; }

/// Ends a child in order, or else.
inline void end_child(up::Child& child, std::string* how_out = nullptr) {
  child.signal(SIGTERM);
  std::string how;
  for (int i = 0; i < 100 && child.is_running() && !child.reap(how); ++i) ::usleep(100'000);
  child.signal(SIGKILL);
  if (how_out && !how.empty()) *how_out = how;
}

inline void skip_without_prosody() {
  if (!up::find_program("prosody").empty()) return;
  std::puts("skipped: Prosody is not installed (apt-get install prosody)");
  std::fflush(stdout);
  std::_Exit(4);  // as CMakeLists.txt has it
}

}  // namespace tacoma::test
