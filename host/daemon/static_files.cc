#include "host/daemon/static_files.h"

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "host/daemon/http.h"

namespace tacoma::host {

namespace {
namespace fs = std::filesystem;

const char* type_of(const std::string& extension) {
  static constexpr std::pair<std::string_view, const char*> kTypes[] = {
      {".html", "text/html; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"}, {".mjs", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"}, {".json", "application/json"}, {".map", "application/json"}, {".svg", "image/svg+xml"},
      {".png", "image/png"}, {".jpg", "image/jpeg"}, {".webp", "image/webp"}, {".ico", "image/x-icon"}, {".wasm", "application/wasm"},
      {".woff", "font/woff"}, {".woff2", "font/woff2"}, {".mp3", "audio/mpeg"}, {".ogg", "audio/ogg"}, {".wav", "audio/wav"},
      {".webmanifest", "application/manifest+json"}, {".txt", "text/plain; charset=utf-8"}, {".tflite", "application/octet-stream"},
  };
  for (const auto& [known, type] : kTypes)
    if (extension == known) return type;
  return "application/octet-stream";
}

/// Percent decoding; nullopt for what is malformed or holds a zero byte.
std::optional<std::string> decoded(const std::string& path) {
  std::string out;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      out += path[i];
      continue;
    }
    unsigned value = 0;
    if (path.size() - i < 3 || std::sscanf(path.c_str() + i + 1, "%2x", &value) != 1 || value == 0) return std::nullopt;
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

std::optional<std::string> read(const fs::path& file) {
  std::error_code error;
  if (!fs::is_regular_file(file, error) || fs::file_size(file, error) > StaticFiles::kLongest) return std::nullopt;
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return std::nullopt;
  return std::move(text).str();
}

/// A path that stays below the root: no part is "..".
bool is_inside(const fs::path& relative) {
  for (const fs::path& part : relative)
    if (part == ".." || part.is_absolute()) return false;
  return true;
}

void fill_in(std::string& page, const fs::path& root) {
  constexpr std::string_view kBegin = "<!--#include virtual=\"", kEnd = "\" -->";
  for (size_t at = 0; (at = page.find(kBegin, at)) != std::string::npos;) {
    const size_t end = page.find(kEnd, at);
    if (end == std::string::npos) return;
    std::string name = page.substr(at + kBegin.size(), end - at - kBegin.size());
    if (!name.empty() && name[0] == '/') name.erase(0, 1);
    const std::string part = is_inside(name) ? read(root / name).value_or("") : "";
    page.replace(at, end + kEnd.size() - at, part);
    at += part.size();
  }
}
}  // namespace

HttpResponse StaticFiles::get(const std::string& path) const {
  const auto plain = decoded(path);
  if (!plain || plain->empty() || plain->front() != '/') return HttpResponse::error(400, "malformed path");
  const fs::path relative = plain->substr(1);
  if (!is_inside(relative)) return HttpResponse::error(404, "there is nothing outside");
  fs::path file = fs::path(root_) / relative;
  std::error_code error;
  const bool is_room = !fs::is_regular_file(file, error) && relative.extension().empty();
  if (is_room) file = fs::path(root_) / "index.html";
  auto content = read(file);
  if (!content) return HttpResponse::error(404, "there is nothing at " + path.substr(0, 200));
  HttpResponse response;
  if (file.extension() == ".html") fill_in(*content, root_);
  response.content_type = type_of(file.extension().string());
  response.body = std::move(*content);
  response.headers.emplace_back("Cache-Control", "no-cache");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  return response;
}

}  // namespace tacoma::host
