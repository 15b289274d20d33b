// SPDX-License-Identifier: Apache-2.0
// The kernel's number of a thread, in the agent's pid namespace. A process is named by the Tid of its leader.
#pragma once

#include <sys/types.h>

#include <compare>
#include <cstddef>
#include <functional>

namespace vedette {

class Tid {
 public:
  constexpr Tid() = default;
  constexpr explicit Tid(pid_t number) : number_(number) {}
  constexpr pid_t get() const { return number_; }
  constexpr bool is_set() const { return number_ > 0; }
  constexpr auto operator<=>(const Tid&) const = default;

 private:
  pid_t number_ = 0;
};

}  // namespace vedette

template <>
struct std::hash<vedette::Tid> {
  size_t operator()(vedette::Tid tid) const noexcept { return static_cast<size_t>(tid.get()) * 0x9e3779b97f4a7c15u; }
};
