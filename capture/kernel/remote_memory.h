// SPDX-License-Identifier: Apache-2.0
// The memory of another process, by the first way that is open:
//
//   process_vm_readv   the fastest for what we read (about 1.1 us). Some containers forbid it (docker's profiles for kernels
//                      before 4.8, without SYS_PTRACE); a program of another uid, or undumpable, is closed to it
//   /proc/PID/mem      opened while it was still open to us, it goes on working until the next exec
//   PTRACE_PEEKDATA    eight bytes a time, but of a task we have attached the kernel asks no more than that its image be
//                      dumpable: after `setuid; exec`, the way of container entry points, this is what is left
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "capture/kernel/fd.h"
#include "capture/kernel/tid.h"

namespace vedette {

class RemoteMemory {
 public:
  explicit RemoteMemory(Tid tid) : tid_(tid) {}

  // Bytes that came before the first that cannot be read.
  size_t read(uint64_t address, void* into, size_t size);
  // Several places in one call; false when any byte of them cannot be read.
  struct Piece {
    uint64_t address;
    void* into;
    size_t size;
  };
  bool gather(std::span<const Piece> pieces);
  // Bytes written; also into pages the program itself cannot write (text), which become its own copies.
  size_t write(uint64_t address, const void* from, size_t size);
  // Whole words of eight bytes, at any address, also into such pages: for a few cheaper than opening a file.
  bool poke(uint64_t address, const void* from, size_t size);
  // Opens /proc/PID/mem while we may: call it at attach and after every exec.
  void keep_open();
  // After an exec: the old image's file would read the old, dead memory.
  void forget();
  Tid tid() const { return tid_; }

 private:
  size_t read_vm(uint64_t address, char* into, size_t size);
  size_t read_file(uint64_t address, char* into, size_t size);
  size_t peek(uint64_t address, char* into, size_t size);
  bool open_file();

  Tid tid_;
  Fd file_;
  bool vm_refused_ = false;    // until the next exec
  bool file_refused_ = false;
};

// Some container forbids process_vm_readv; tried once on ourselves.
bool can_read_by_vm();

}  // namespace vedette
