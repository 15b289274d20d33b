// SPDX-License-Identifier: Apache-2.0
// On our own memory: the kernel treats a process that reads itself like any other.
#include "capture/kernel/remote_memory.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <vector>

using namespace vedette;

namespace {

constexpr size_t kPage = 4096;

// Two pages, the second not readable.
struct Cliff {
  char* base = static_cast<char*>(
      ::mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  Cliff() { ::mprotect(base + kPage, kPage, PROT_NONE); }
  ~Cliff() { ::munmap(base, 2 * kPage); }
  uint64_t at(size_t offset) const { return reinterpret_cast<uint64_t>(base) + offset; }
};

}  // namespace

TEST_CASE("a read that runs into an unreadable page gives what comes before it") {
  const Cliff cliff;
  std::memset(cliff.base, 'x', kPage);
  RemoteMemory memory(Tid(::getpid()));
  char into[200] = {};
  CHECK(memory.read(cliff.at(kPage - 50), into, sizeof into) == 50);
  CHECK(into[49] == 'x');
  CHECK(into[50] == 0);
  CHECK(memory.read(cliff.at(kPage), into, sizeof into) == 0);
  CHECK(memory.read(0, into, sizeof into) == 0);
  CHECK(memory.read(~0ull - 10, into, sizeof into) == 0);
}

TEST_CASE("a read over many pages is whole") {
  constexpr size_t kPages = 40;
  char* const from = static_cast<char*>(
      ::mmap(nullptr, kPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  for (size_t i = 0; i < kPages * kPage; ++i) from[i] = static_cast<char>(i * 7);
  std::vector<char> into(kPages * kPage - 100);
  RemoteMemory memory(Tid(::getpid()));
  CHECK(memory.read(reinterpret_cast<uint64_t>(from) + 50, into.data(), into.size()) == into.size());
  CHECK(std::memcmp(into.data(), from + 50, into.size()) == 0);
  ::munmap(from, kPages * kPage);
}

TEST_CASE("a write reaches memory that the program itself may only read") {
  static const char kConstant[] = "constant";
  RemoteMemory memory(Tid(::getpid()));
  CHECK(memory.write(reinterpret_cast<uint64_t>(kConstant), "C", 1) == 1);
  char into = 0;
  CHECK(memory.read(reinterpret_cast<uint64_t>(kConstant), &into, 1) == 1);
  CHECK(into == 'C');
}

TEST_CASE("a memory that must not be waited for reads the same, to the byte") {
  const Cliff cliff;
  std::memset(cliff.base, 'x', kPage);
  RemoteMemory memory(Tid(::getpid()));
  memory.never_wait();
  char into[200] = {};
  CHECK(memory.read(cliff.at(kPage - 50), into, 50) == 50);
  CHECK(into[49] == 'x');
  CHECK(into[50] == 0);
  CHECK(memory.read(0, into, sizeof into) == 0);
  RemoteMemory::Piece pieces[] = {{cliff.at(0), into, 8}, {cliff.at(kPage - 8), into + 8, 8}};
  CHECK(memory.gather(pieces));
  CHECK(std::memcmp(into, "xxxxxxxxxxxxxxxx", 16) == 0);
}
