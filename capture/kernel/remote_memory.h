// SPDX-License-Identifier: Apache-2.0
// The memory of another process, by the first way that is open:
//
//   process_vm_readv   the fastest for what we read (about 1.1 us). Some containers forbid it (docker's profiles for kernels
//                      before 4.8, without SYS_PTRACE); a program of another uid, or undumpable, is closed to it
//   /proc/PID/mem      opened while it was still open to us, it goes on working until the next exec
//   PTRACE_PEEKDATA    eight bytes a time, but of a task we have attached the kernel asks no more than that its image be
//                      dumpable: after `setuid; exec`, the way of container entry points, this is what is left
//
// A page may be missing because the program serves it itself (userfaultfd). process_vm_readv then sleeps
// until the program has served it, and no signal but SIGKILL ends that sleep. The other two ways fail at
// once: they do not let the kernel retry a fault (mm/memory.c, __access_remote_vm; fs/userfaultfd.c,
// handle_userfault; tried on 6.18). So a memory that may have such pages is read by these two alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "capture/kernel/fd.h"
#include "capture/kernel/tid.h"

namespace vedette {

// Some container forbids process_vm_readv; tried once on ourselves.
bool can_read_by_vm();

class RemoteMemory {
 public:
  explicit RemoteMemory(Tid tid) : tid_(tid) {}

  // Bytes that came before the first that cannot be read.
  size_t read(uint64_t address, void* into, size_t size);
  // The same; the call brings a small place, too, which this task is asked for later in its stop (kept.h).
  size_t read_with(uint64_t kept_address, size_t kept_size, uint64_t address, void* into, size_t size);
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
  // Until the next exec: the program may serve pages of this memory itself, and no read may wait for it.
  void never_wait() { served_ = true; }
  // After an exec: the old image's file would read the old, dead memory.
  void forget();
  Tid tid() const { return tid_; }

 private:
  size_t read_once(uint64_t address, char* into, size_t size);
  bool read_kept(uint64_t address, void* into, size_t size) const;
  size_t read_vm(uint64_t address, char* into, size_t size);
  size_t read_file(const Fd& file, uint64_t address, char* into, size_t size);
  size_t peek(uint64_t address, char* into, size_t size);
  bool open_file();
  Fd open_mem(int flags) const;
  bool may_wait() const { return !vm_refused_ && !served_ && can_read_by_vm(); }

  Tid tid_;
  Fd file_;
  bool vm_refused_ = false;    // until the next exec
  bool file_refused_ = false;
  bool served_ = false;
};

}  // namespace vedette
