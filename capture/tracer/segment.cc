// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/segment.h"

#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include <utility>

namespace vedette {

namespace {

void set_mode(int id, unsigned short mode) {
  shmid_ds facts;
  if (::shmctl(id, IPC_STAT, &facts) != 0) return;
  facts.shm_perm.mode = mode;
  (void)::shmctl(id, IPC_SET, &facts);
}

}  // namespace

std::optional<size_t> Segment::bytes_of(int id) {
  shmid_ds facts;
  return ::shmctl(id, IPC_STAT, &facts) == 0 ? std::optional<size_t>(facts.shm_segsz) : std::nullopt;
}

bool Segment::is_ours(int id) {
  shmid_ds facts;
  return ::shmctl(id, IPC_STAT, &facts) == 0 && facts.shm_cpid == ::getpid();
}

Segment Segment::create(size_t bytes, Use use) {
  Segment segment;
  // Any uid of the workload attaches it: a program that drops root keeps its rings. Other containers have
  // other namespaces. Code is for everybody to run and nobody to write: once we have it attached, its owner
  // cannot any more, without CAP_IPC_OWNER.
  const int mode = use == Use::Code ? 0755 : 0666;
  const int id = ::shmget(IPC_PRIVATE, bytes, IPC_CREAT | mode);
  if (id < 0) return segment;
  void* base = ::shmat(id, nullptr, 0);
  if (use == Use::Code) set_mode(id, 0555);
  // Linux lets a segment that is marked for removal be attached as long as somebody holds it: we do.
  (void)::shmctl(id, IPC_RMID, nullptr);
  if (base == reinterpret_cast<void*>(-1)) return segment;
  segment.id_ = id;
  segment.bytes_ = bytes;
  segment.base_ = static_cast<std::byte*>(base);
  return segment;
}

Segment::~Segment() {
  if (base_ != nullptr) (void)::shmdt(base_);
}

void Segment::swap(Segment& other) {
  std::swap(id_, other.id_);
  std::swap(bytes_, other.bytes_);
  std::swap(base_, other.base_);
}

// A hole in the segment itself: gone from all who have it attached (since Linux 3.1).
bool Segment::give_back(size_t offset, size_t bytes) {
  constexpr size_t kPage = 4096;
  const size_t first = (offset + kPage - 1) & ~(kPage - 1), end = (offset + bytes) & ~(kPage - 1);
  return first >= end || ::madvise(base_ + first, end - first, MADV_REMOVE) == 0;
}

Segment::Users Segment::users() const {
  shmid_ds facts;
  if (::shmctl(id_, IPC_STAT, &facts) != 0) return {};
  return {.attached = static_cast<unsigned>(facts.shm_nattch), .last = facts.shm_lpid};
}

}  // namespace vedette
