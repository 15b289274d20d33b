// SPDX-License-Identifier: Apache-2.0
// The memory of another process. process_vm_readv is fastest (about 300 ns for 80 bytes) and stops at the first page that
// is not there. Some containers forbid it (docker's profiles for kernels before 4.8, without SYS_PTRACE), and a program
// that changed its uid or made itself undumpable is closed to it; /proc/PID/mem, opened while it was still open to us,
// goes on working until the next exec.
#pragma once

#include <cstddef>
#include <cstdint>

#include "capture/kernel/fd.h"
#include "capture/kernel/tid.h"

namespace vedette {

class RemoteMemory {
 public:
  explicit RemoteMemory(Tid tid) : tid_(tid) {}

  // Bytes that came before the first that cannot be read.
  size_t read(uint64_t address, void* into, size_t size);
  // Bytes written; also into pages the program itself cannot write (text), which become its own copies.
  size_t write(uint64_t address, const void* from, size_t size);
  // Opens /proc/PID/mem while we may: call it at attach and after every exec.
  void keep_open();
  // After an exec: the old image's file would read the old, dead memory.
  void forget();
  Tid tid() const { return tid_; }

 private:
  size_t read_file(uint64_t address, char* into, size_t size);
  bool open_file();

  Tid tid_;
  Fd file_;
};

// Some container forbids process_vm_readv; tried once on ourselves.
bool can_read_by_vm();

}  // namespace vedette
