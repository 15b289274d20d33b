// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/bytes.h"

#include <sys/mman.h>
#include <sys/stat.h>

namespace vedette {
namespace {

constexpr off_t kFileMax = 1ll << 30;
constexpr uintptr_t kPage = 4096;

// Never before the workload is launched: it inherits what we do with signals.
bool handle_bus_errors(void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction action = {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO;
  return ::sigaction(SIGBUS, &action, nullptr) == 0;
}

}  // namespace

FileBytes* FileBytes::newest_ = nullptr;

std::optional<size_t> FileBytes::size_of(int fd) {
  struct stat facts;
  if (::fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_size <= 0 || facts.st_size > kFileMax) return std::nullopt;
  return static_cast<size_t>(facts.st_size);
}

FileBytes::FileBytes(int fd, size_t size) : older_(newest_) {
  static const bool is_handled = handle_bus_errors(on_bus_error);
  if (!is_handled || size == 0) return;
  void* const base = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (base == MAP_FAILED) return;
  base_ = static_cast<const std::byte*>(base);
  size_ = size;
  newest_ = this;
}

FileBytes::~FileBytes() {
  if (base_ == nullptr) return;
  newest_ = older_;
  (void)::munmap(const_cast<std::byte*>(base_), size_);
}

// Another's fault is not ours to hide: it comes again, and ends us as it would have.
void FileBytes::on_bus_error(int, siginfo_t* info, void*) {
  for (const FileBytes* bytes = newest_; bytes != nullptr; bytes = bytes->older_) {
    if (bytes->fill_page_at(info->si_addr)) return;
  }
  (void)::signal(SIGBUS, SIG_DFL);
}

bool FileBytes::fill_page_at(const void* address) const {
  const uintptr_t at = reinterpret_cast<uintptr_t>(address), start = reinterpret_cast<uintptr_t>(base_);
  if (at < start || at - start >= size_) return false;
  void* const page = reinterpret_cast<void*>(at & ~(kPage - 1));
  return ::mmap(page, kPage, PROT_READ, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0) == page;
}

}  // namespace vedette
