// SPDX-License-Identifier: Apache-2.0
// What the kernel itself counts of a thread's input and output in /proc/PID/task/TID/io (proc(5)): rchar and
// wchar, bytes that read and write and their kin have moved; syscr and syscw, how many such calls there were.
// Never reset, not by exec either; a new thread begins at 0. /proc/PID/io has the sum over all threads that
// the process has and had, and over the children that it has waited for. Needs a kernel with
// CONFIG_TASK_IO_ACCOUNTING, and what ptrace needs.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "capture/kernel/fd.h"

namespace vedette {

struct IoCounts {
  uint64_t read = 0;     // bytes
  uint64_t written = 0;
  uint64_t reads = 0;    // calls
  uint64_t writes = 0;
  bool operator==(const IoCounts&) const = default;
};
// What of them is looked at, one after the other.
inline constexpr std::array kIoCounts = {&IoCounts::read, &IoCounts::written, &IoCounts::reads, &IoCounts::writes};

// Of a process's only thread, which has had no children, both say the same, and the shorter path costs half.
enum class IoScope : bool { Process, Thread };

// An interface for tests, which bring counts of their own.
class KernelIo {
 public:
  virtual ~KernelIo() = default;
  // Nothing: the thread is gone, or we may not ask.
  virtual std::optional<IoCounts> counts(uint32_t tid, IoScope scope) = 0;
};

// Keeps the files of those it was asked about last open: a process that lives for milliseconds is asked about
// twice, and opening costs more than reading.
class ProcKernelIo final : public KernelIo {
 public:
  std::optional<IoCounts> counts(uint32_t tid, IoScope scope) override;

 private:
  struct Opened {
    uint32_t tid = 0;
    IoScope scope = IoScope::Process;
    Fd file;
  };
  static constexpr size_t kKept = 16;

  Opened opened_[kKept];
};

}  // namespace vedette
