// The little of SQLite that the run folder and the metrics share. Included by their .cc files only.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <sqlite3.h>

#include "core/base/time.h"

namespace tacoma {

/// A prepared statement. bind() in order, then step() or run().
class Statement {
 public:
  Statement(sqlite3* db, const char* sql) { sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr); }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  bool ok() const { return statement_ != nullptr; }
  template <typename... Values>
  Statement& bind(const Values&... values) {
    at_ = 0;
    (put(values), ...);
    return *this;
  }
  /// True while there is a row.
  bool step() { return statement_ && sqlite3_step(statement_) == SQLITE_ROW; }
  /// Runs to the end and makes it ready for the next time; SQLITE_OK or the error.
  int run() {
    if (!statement_) return SQLITE_ERROR;
    const int code = sqlite3_step(statement_);
    sqlite3_reset(statement_);
    return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
  }
  int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  double real(int column) const { return sqlite3_column_double(statement_, column); }
  bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  std::string text(int column) const {
    const unsigned char* text = sqlite3_column_text(statement_, column);
    return text ? reinterpret_cast<const char*>(text) : "";
  }

 private:
  void put(std::nullptr_t) { sqlite3_bind_null(statement_, ++at_); }
  void put(double value) { sqlite3_bind_double(statement_, ++at_, value); }
  void put(int64_t value) { sqlite3_bind_int64(statement_, ++at_, value); }
  void put(uint64_t value) { put(static_cast<int64_t>(value)); }
  void put(uint32_t value) { put(int64_t{value}); }
  void put(int value) { put(int64_t{value}); }
  void put(bool value) { put(int64_t{value ? 1 : 0}); }
  void put(Duration value) { put(value.ns()); }
  void put(Instant value) { put(value.ns()); }
  void put(std::string_view value) { sqlite3_bind_text(statement_, ++at_, value.data(), static_cast<int>(value.size()),
      SQLITE_TRANSIENT); }
  void put(const std::string& value) { put(std::string_view(value)); }
  void put(const char* value) { put(std::string_view(value)); }
  template <typename T>
  void put(const std::optional<T>& value) {
    if (value) put(*value);
    else put(nullptr);
  }

  sqlite3_stmt* statement_ = nullptr;
  int at_ = 0;
};

}  // namespace tacoma
