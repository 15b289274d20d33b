// SPDX-License-Identifier: Apache-2.0
// A read never crosses a page boundary within one remote iovec: the kernel's partial transfers are whole
// iovecs, so that splitting by page makes a short answer exact. Two pages (the usual worst case for a path)
// go in one call.
#include "capture/kernel/remote_memory.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "capture/kernel/kept.h"
#include "capture/kernel/proc.h"
#include "capture/kernel/ptrace.h"

namespace vedette {
namespace {

constexpr uint64_t kPage = 4096;  // the smallest; larger pages only split finer than needed
constexpr int kPiecesMax = 16;

// One piece for each page; how many.
int split(uint64_t address, size_t size, iovec* into, int most) {
  int pieces = 0;
  for (size_t done = 0; pieces < most && done < size; ++pieces) {
    const size_t piece = std::min<uint64_t>(kPage - (address + done) % kPage, size - done);
    into[pieces] = {reinterpret_cast<void*>(address + done), piece};
    done += piece;
  }
  return pieces;
}

}  // namespace

bool can_read_by_vm() {
  static const bool can = [] {
    char from = 1, into = 0;
    iovec local{&into, 1}, remote{&from, 1};
    return ::process_vm_readv(::getpid(), &local, 1, &remote, 1, 0) == 1;
  }();
  return can;
}

size_t RemoteMemory::read(uint64_t address, void* into, size_t size) {
  if (read_kept(address, into, size)) return size;
  char* const out = static_cast<char*>(into);
  if (served_ && !file_.is_open()) return read_once(address, out, size);
  if (may_wait()) {
    const size_t done = read_vm(address, out, size);
    if (!vm_refused_) return done;
  }
  return open_file() ? read_file(file_, address, out, size) : peek(address, out, size);
}

bool RemoteMemory::read_kept(uint64_t address, void* into, size_t size) const {
  if (!kept_bytes || kept_bytes->tid != tid_ || kept_bytes->address != address || kept_bytes->size != size) return false;
  std::memcpy(into, kept_bytes->bytes.data(), size);
  return true;
}

// First the small place: behind the end of a stack nothing can be read, which ends the call.
size_t RemoteMemory::read_with(uint64_t kept_address, size_t kept_size, uint64_t address, void* into, size_t size) {
  const bool is_possible = may_wait() && kept_size != 0 && kept_size <= kKeptBytesMax && size <= kPage * (kPiecesMax - 2);
  if (!is_possible) return read(address, into, size);
  KeptBytes kept{.tid = tid_, .address = kept_address, .size = kept_size, .bytes = {}};
  iovec local[2] = {{kept.bytes.data(), kept_size}, {into, size}};
  iovec remote[kPiecesMax] = {{reinterpret_cast<void*>(kept_address), kept_size}};
  const int pieces = 1 + split(address, size, remote + 1, kPiecesMax - 1);
  const ssize_t got = ::process_vm_readv(tid_.get(), local, 2, remote, static_cast<unsigned long>(pieces), 0);
  if (got < static_cast<ssize_t>(kept_size)) return read(address, into, size);
  kept_bytes = kept;
  return static_cast<size_t>(got) - kept_size;
}

// Who has such memory may have thousands of threads: none of them costs a descriptor for longer than a read.
size_t RemoteMemory::read_once(uint64_t address, char* into, size_t size) {
  const Fd file = file_refused_ ? Fd() : open_mem(O_RDONLY);
  return file.is_open() ? read_file(file, address, into, size) : peek(address, into, size);
}

bool RemoteMemory::gather(std::span<const Piece> pieces) {
  iovec local[kPiecesMax], remote[kPiecesMax];
  if (may_wait() && pieces.size() <= kPiecesMax) {
    size_t wanted = 0;
    for (size_t i = 0; i < pieces.size(); ++i) {
      local[i] = {pieces[i].into, pieces[i].size};
      remote[i] = {reinterpret_cast<void*>(pieces[i].address), pieces[i].size};
      wanted += pieces[i].size;
    }
    const ssize_t got = ::process_vm_readv(tid_.get(), local, pieces.size(), remote, pieces.size(), 0);
    if (got == static_cast<ssize_t>(wanted)) return true;
  }
  return std::all_of(pieces.begin(), pieces.end(), [this](const Piece& piece) {
    return read(piece.address, piece.into, piece.size) == piece.size;
  });
}

bool RemoteMemory::poke(uint64_t address, const void* from, size_t size) {
  for (size_t done = 0; done < size; done += sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, static_cast<const char*>(from) + done, sizeof word);
    if (!ptrace_poke(tid_, address + done, word)) return false;
  }
  return true;
}

size_t RemoteMemory::read_vm(uint64_t address, char* out, size_t size) {
  size_t done = 0;
  while (done < size) {
    iovec remote[kPiecesMax];
    const int pieces = split(address + done, size - done, remote, kPiecesMax);
    size_t wanted = 0;
    for (int i = 0; i < pieces; ++i) wanted += remote[i].iov_len;
    iovec local{out + done, wanted};
    const ssize_t got = ::process_vm_readv(tid_.get(), &local, 1, remote, static_cast<unsigned long>(pieces), 0);
    vm_refused_ = got < 0 && (errno == EPERM || errno == EACCES);
    if (got > 0) done += static_cast<size_t>(got);
    if (got < static_cast<ssize_t>(wanted)) return done;
  }
  return done;
}

size_t RemoteMemory::read_file(const Fd& file, uint64_t address, char* into, size_t size) {
  size_t done = 0;
  while (done < size) {
    const size_t piece = std::min<uint64_t>(kPage - (address + done) % kPage, size - done);
    const ssize_t got = ::pread(file.get(), into + done, piece, static_cast<off_t>(address + done));
    if (got <= 0) return done;
    done += static_cast<size_t>(got);
  }
  return done;
}

size_t RemoteMemory::write(uint64_t address, const void* from, size_t size) {
  if (!open_file()) return 0;
  const ssize_t put = ::pwrite(file_.get(), from, size, static_cast<off_t>(address));
  return put > 0 ? static_cast<size_t>(put) : 0;
}

// A word never crosses a page, so the first that cannot be read ends the readable part to the byte.
size_t RemoteMemory::peek(uint64_t address, char* into, size_t size) {
  size_t done = 0;
  while (done < size) {
    const uint64_t at = address + done;
    const size_t skip = at % sizeof(uint64_t);
    const Result<uint64_t> word = ptrace_peek(tid_, at - skip);
    if (!word) return done;
    const size_t piece = std::min(sizeof(uint64_t) - skip, size - done);
    std::memcpy(into + done, reinterpret_cast<const char*>(&*word) + skip, piece);
    done += piece;
  }
  return done;
}

Fd RemoteMemory::open_mem(int flags) const { return open_at(ProcPath(tid_, "mem"), flags); }

bool RemoteMemory::open_file() {
  if (file_.is_open() || file_refused_) return file_.is_open();
  file_ = open_mem(O_RDWR);
  file_refused_ = !file_.is_open();
  return file_.is_open();
}

void RemoteMemory::keep_open() { open_file(); }

void RemoteMemory::forget() {
  file_.reset();
  vm_refused_ = file_refused_ = served_ = false;
}

}  // namespace vedette
