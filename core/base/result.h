// A value or the reason why there is none, for control requests. (The packet path uses Drop, which costs nothing.)
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "core/base/assert.h"

namespace tacoma {

/// Wraps an error so that Result<T, E> can tell it from a value of the same type.
template <typename E>
struct Failure {
  E error;
};
template <typename E>
Failure<std::decay_t<E>> fail(E&& error) {
  return {std::forward<E>(error)};
}
inline Failure<std::string> fail(const char* message) { return {std::string(message)}; }

/// Either a T or an E. Reading the one that is not there aborts.
template <typename T, typename E = std::string>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  template <typename F>
  Result(Failure<F> failure) : state_(std::in_place_index<1>, std::move(failure.error)) {}
  explicit operator bool() const { return state_.index() == 0; }
  T& operator*() & { TACOMA_ASSERT(state_.index() == 0); return *std::get_if<0>(&state_); }
  const T& operator*() const& { TACOMA_ASSERT(state_.index() == 0); return *std::get_if<0>(&state_); }
  T&& operator*() && { TACOMA_ASSERT(state_.index() == 0); return std::move(*std::get_if<0>(&state_)); }
  T* operator->() { return &**this; }
  const T* operator->() const { return &**this; }
  const E& error() const { TACOMA_ASSERT(state_.index() == 1); return *std::get_if<1>(&state_); }

 private:
  std::variant<T, E> state_;
};

/// Success without a value, or an E.
template <typename E>
class [[nodiscard]] Result<void, E> {
 public:
  Result() = default;
  template <typename F>
  Result(Failure<F> failure) : error_(std::move(failure.error)) {}
  explicit operator bool() const { return !error_; }
  const E& error() const { TACOMA_ASSERT(error_); return *error_; }

 private:
  std::optional<E> error_;
};

}  // namespace tacoma
