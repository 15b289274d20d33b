// SPDX-License-Identifier: Apache-2.0
// The container that the agent itself is in, by the kernel's word: its id, and whether it is a privileged
// one. A container engine that is asked for a privileged container gives it every capability, no seccomp
// filter, and masks nothing in /proc; one that has all three marks can do what a privileged one can, whatever
// its engine calls it. A mark that is missing proves the opposite.
#pragma once

#include <cstdint>
#include <string>

#include "capture/state/truth.h"

namespace vedette {

enum class Privilege : uint8_t { Unknown, No, Yes };

struct Container {
  std::string id;  // empty: none
  Privilege privilege = Privilege::Unknown;
};

// The container of process `pid`, which must not have a filter of ours.
Container container_of(Truth& truth, uint32_t pid);

}  // namespace vedette
