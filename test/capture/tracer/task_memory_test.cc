// SPDX-License-Identifier: Apache-2.0
// On our own memory, which is read as another process's is.
#include "capture/tracer/task_memory.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

using namespace vedette;

TEST_CASE("short reads that lie close together are the memory's bytes, up to where it ends") {
  constexpr size_t kPage = 4096;
  char* const pages = static_cast<char*>(::mmap(nullptr, 3 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  REQUIRE(pages != MAP_FAILED);
  for (size_t i = 0; i < 2 * kPage; ++i) pages[i] = static_cast<char>(i * 7);
  REQUIRE(::munmap(pages + 2 * kPage, kPage) == 0);
  RemoteMemory remote(Tid(::getpid()));
  TaskMemory memory(remote);
  const auto read = [&](size_t at, size_t size) {
    std::string into(size, '?');
    into.resize(memory.read(reinterpret_cast<uint64_t>(pages + at), into.data(), size));
    return into;
  };
  const auto expected = [&](size_t at, size_t size) { return std::string(pages + at, size); };
  for (const size_t at : {size_t{0}, size_t{8}, size_t{100}, size_t{4}, size_t{900}, size_t{1023}, size_t{1024}, kPage - 20, kPage - 8, kPage}) {
    for (const size_t size : {size_t{1}, size_t{8}, size_t{16}, size_t{256}, size_t{257}, size_t{2000}}) CHECK(read(at, size) == expected(at, size));
  }
  memory.expect(reinterpret_cast<uint64_t>(pages + 40), reinterpret_cast<uint64_t>(pages + kPage - 30));
  CHECK(read(40, 200) == expected(40, 200));
  CHECK(read(kPage - 30, 100) == expected(kPage - 30, 100));
  memory.expect(reinterpret_cast<uint64_t>(pages + 50), 0);
  CHECK(read(50, 200) == expected(50, 200));
  CHECK(read(2 * kPage - 10, 256) == expected(2 * kPage - 10, 10));
  CHECK(read(2 * kPage - 10, 8) == expected(2 * kPage - 10, 8));
  CHECK(read(2 * kPage, 8).empty());
  ::munmap(pages, 2 * kPage);
}
