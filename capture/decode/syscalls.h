// SPDX-License-Identifier: Apache-2.0
// The capture set as a table: a row a call, which says what event it makes and what role each argument plays. The filter
// builder walks the same rows, so a call is trapped exactly when it can be decoded. Roles are few and named after what
// the kernel does with the argument; a new system call is a row here and an event in events.yaml.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "capture/decode/call.h"
#include "capture/decode/event.h"

namespace vedette {

// A call counts only when (args[arg] & mask) == equals, for all its conditions; compared in the low 32 bits, which is
// all the kernel looks at for the arguments concerned (prot, level, optname).
struct Condition {
  uint8_t arg;
  uint32_t mask;
  uint32_t equals;
};

enum RowTraits : uint8_t {
  kGuarded = 1,        // always kernel-mediated, never the inline tier
  kAnswered = 2,        // always answered ENOSYS, so that the C library falls back (clone3, rows of foreign ABIs)
  kIoUring = 4,        // answered ENOSYS unless --io-uring allow
  kNoReturn = 8,       // does not come back when it succeeds
};

enum class Role : uint8_t;

struct Step {
  Role role;
  uint8_t arg;    // which argument register
  uint8_t slot;   // which slot of the event
  uint8_t extra;  // the role's second argument: a length's register, a width
};

struct Row {
  uint32_t nr;
  EventId id;
  uint8_t traits;
  std::span<const Condition> conditions;
  std::span<const Step> steps;

  bool is(RowTraits trait) const { return (traits & trait) != 0; }
};

// nullptr: not in the capture set. X32 numbers have no rows: the tracer refuses them.
const Row* find_row(Abi abi, uint32_t nr);

// Every row of an ABI, by ascending number.
std::span<const Row> rows_of(Abi abi);

}  // namespace vedette
