// Files of a web client from a folder.
#pragma once

#include <string>

namespace tacoma::host {

struct HttpResponse;

class StaticFiles {
 public:
  static constexpr size_t kLongest = size_t{64} << 20;

  explicit StaticFiles(std::string root) : root_(std::move(root)) {}
  /// The file at a request path. A path whose last part has no dot and that is no file is a room: index.html, whose
  /// `<!--#include virtual="FILE" -->` lines are filled in (the Jitsi Meet client is built of such parts).
  HttpResponse get(const std::string& path) const;

 private:
  std::string root_;
};

}  // namespace tacoma::host
