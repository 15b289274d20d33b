// SPDX-License-Identifier: Apache-2.0
// The capture set as a table: a row a call, which says what event it makes and what role each argument plays.
// The filter builder walks the same rows, so a call is trapped exactly when it can be decoded. Roles are few
// and named after what the kernel does with the argument (roles.h); a new system call is a row in calls.cc,
// its number in the numbers of each architecture, and an event in events.yaml.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "capture/decode/call.h"
#include "events.h"

namespace vedette {

// A short list inside a table's row.
template <typename T, size_t N>
class List {
 public:
  constexpr List() = default;
  constexpr List(std::initializer_list<T> from) {
    for (const T& item : from) items_[size_++] = item;
  }
  constexpr const T* begin() const { return items_; }
  constexpr const T* end() const { return items_ + size_; }
  constexpr size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr const T& operator[](size_t i) const { return items_[i]; }

 private:
  T items_[N] = {};
  uint8_t size_ = 0;
};

// A call counts only when (args[arg] & mask) == equals, for all its conditions; compared in the low 32 bits,
// which is all the kernel looks at for the arguments concerned (prot, level, optname).
struct Condition {
  uint8_t arg = 0;
  uint32_t mask = 0;
  uint32_t equals = 0;
};

enum RowTraits : uint8_t {
  kIoUring = 1,   // answered ENOSYS unless --io-uring allow
  kNoReturn = 2,  // does not come back to the next instruction when it succeeds (execve)
  kNotOwnReading = 4,  // counts when arg 0 (another process) or arg 2 (something new) is not 0 (prlimit64)
  kOfRequests = 8,     // counts when arg 1 is one of kRequests (ioctl)
  kTellsPlaintext = 16,  // what a TLS library tells (wire/plaintext.h): arg 2 is the result
};

// The requests of ioctl(2) that reach further than their descriptor: typing into a terminal (TIOCSTI),
// selecting and pasting on a console (TIOCLINUX), taking the console's output (TIOCCONS), a file's inode
// flags (FS_IOC_SETFLAGS with its 32-bit twin, FS_IOC_FSSETXATTR), copying one file into another without
// reading it (FICLONE, FICLONERANGE), and asking /dev/userfaultfd for what userfaultfd(2) gives
// (USERFAULTFD_IOC_NEW).
inline constexpr uint32_t kNewUserfaultfd = 0xaa00;
inline constexpr uint32_t kRequests[] = {0x5412,     0x541c,     0x541d,     0x40086602,     0x40046602,
                                         0x401c5820, 0x40049409, 0x4020940d, kNewUserfaultfd};

enum class Role : uint8_t;  // roles.h
enum class Fold : uint8_t;  // compat.h

struct Step {
  Role role{};
  uint8_t arg = 0;    // which argument register
  uint8_t slot = 0;   // which slot of the event
  uint8_t extra = 0;  // the role's second word: the register of a length, an offset in a struct
};

struct Row {
  uint32_t nr = 0;
  const char* name = nullptr;  // the kernel's name of the call
  EventId id = EventId::none;
  uint8_t traits = 0;
  Fold fold{};                 // how an i386 call's registers become these arguments
  List<Condition, 2> conditions;
  List<Step, 8> steps;

  bool is(RowTraits trait) const { return (traits & trait) != 0; }
};

// Numbers from here on are of kernels younger than capture/wire/kernel-calls.yaml: nobody has looked at them
// yet.
inline constexpr uint32_t kCallsEnd = 470;

// nullptr: not in the capture set. X32's and Arm's calls have no rows: the tracer refuses them.
const Row* find_row(Abi abi, uint32_t nr);

// The row of a write that tells what passes TLS (wire/plaintext.h); nullptr: it is an ordinary call.
const Row* find_plaintext_row(const Call& call);

// May a refused convention's call run all the same? One that only ends a thread or its process: what is
// refused must be able to leave.
bool only_ends(Abi abi, uint32_t nr);

// Every row of an ABI, by ascending number.
std::span<const Row> rows_of(Abi abi);

}  // namespace vedette
