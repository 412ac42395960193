#include "analysis/read/database.h"

#include <sqlite3.h>

#include <utility>

namespace tacoma::analysis {

int64_t Row::integer(int column) const { return sqlite3_column_int64(statement_, column); }
double Row::real(int column) const { return sqlite3_column_double(statement_, column); }
bool Row::null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
std::optional<int64_t> Row::maybe(int column) const { return null(column) ? std::nullopt : std::optional(integer(column)); }
std::string Row::text(int column) const {
  const unsigned char* chars = sqlite3_column_text(statement_, column);
  return chars ? std::string(reinterpret_cast<const char*>(chars),
                             static_cast<size_t>(sqlite3_column_bytes(statement_, column)))
               : "";
}

namespace {

/// The path as a file URI (RFC 3986): whatever a shell allows in a name is allowed here.
std::string uri_of(const std::string& path, const char* query) {
  static const char* kHex = "0123456789ABCDEF";
  std::string out = "file:";
  for (char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
                       c == '.' || c == '-' || c == '_';
    if (plain) out += c;
    else (out += '%') += {kHex[byte >> 4], kHex[byte & 15]};
  }
  return out + query;
}

}  // namespace

Result<Database> Database::open(const std::string& path) {
  std::string why;
  // A folder that may not be written cannot hold the index of the write-ahead log: then the file is read as it is.
  for (const char* query : {"?mode=ro", "?mode=ro&immutable=1"}) {
    sqlite3* handle = nullptr;
    const int opened =
        sqlite3_open_v2(uri_of(path, query).c_str(), &handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nullptr);
    if (opened == SQLITE_OK &&
        sqlite3_exec(handle, "SELECT count(*) FROM sqlite_master", nullptr, nullptr, nullptr) == SQLITE_OK) {
      sqlite3_busy_timeout(handle, 2000);
      return Database(handle);
    }
    why = handle ? sqlite3_errmsg(handle) : "out of memory";
    sqlite3_close(handle);
  }
  return fail(why);
}

Database::~Database() { sqlite3_close(handle_); }

Result<void> Database::each(const std::string& sql, const std::function<void(const Row&)>& visit) const {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK)
    return fail(std::string(sqlite3_errmsg(handle_)));
  int state = SQLITE_ROW;
  while ((state = sqlite3_step(statement)) == SQLITE_ROW) visit(Row(statement));
  const std::string why = state == SQLITE_DONE ? "" : sqlite3_errmsg(handle_);
  sqlite3_finalize(statement);
  if (!why.empty()) return fail(why);
  return {};
}

}  // namespace tacoma::analysis
