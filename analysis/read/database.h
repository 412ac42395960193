// SQLite, as far as reading needs it.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace tacoma::analysis {

/// One row of an answer. Columns count from 0; NULL reads as zero or empty.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  bool null(int column) const;
  std::optional<int64_t> maybe(int column) const;

 private:
  sqlite3_stmt* statement_;
};

/// A database that is only read, also one that a killed run left open.
class Database {
 public:
  static Result<Database> open(const std::string& path);
  Database(Database&& other) noexcept : handle_(other.handle_) { other.handle_ = nullptr; }
  Database& operator=(Database&&) = delete;
  ~Database();

  /// Calls visit for each row. The error is SQLite's.
  Result<void> each(const std::string& sql, const std::function<void(const Row&)>& visit) const;

 private:
  explicit Database(sqlite3* handle) : handle_(handle) {}
  sqlite3* handle_;
};

}  // namespace tacoma::analysis
