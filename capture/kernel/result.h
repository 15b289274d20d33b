// SPDX-License-Identifier: Apache-2.0
// A value, or the kernel's word why there is none. Must be looked at. No exceptions here: ESRCH ("the task is
// gone") is a normal answer to any ptrace request and is tested like a value; what cannot be done is turned
// into a code of the catalogue by the caller who knows what was tried (agent/failure.h).
#pragma once

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <utility>

namespace vedette {

class Errno {
 public:
  constexpr explicit Errno(int number) : number_(number) {}
  static Errno last() { return Errno(errno); }
  constexpr int get() const { return number_; }
  constexpr bool is_gone() const { return number_ == ESRCH; }
  constexpr bool operator==(const Errno&) const = default;

 private:
  int number_;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Errno error) : error_(error) {}
  explicit operator bool() const { return value_.has_value(); }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }
  Errno error() const { return error_; }

 private:
  std::optional<T> value_;
  Errno error_{0};
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Errno error) : error_(error) {}
  explicit operator bool() const { return error_.get() == 0; }
  Errno error() const { return error_; }

 private:
  Errno error_{0};
};

// What a system call that answers -1 and errno said.
inline Result<void> check(long answer) {
  if (answer < 0) return Errno::last();
  return {};
}

}  // namespace vedette
