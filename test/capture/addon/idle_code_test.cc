// SPDX-License-Identifier: Apache-2.0
#include "capture/addon/idle_code.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace vedette::addon {

namespace {
constexpr size_t kPages = 64;

// A file of `kPages` pages, full of 'a', mapped as programs are.
class MappedFile {
 public:
  MappedFile() {
    char path[] = "/tmp/vedette-idle-code-XXXXXX";
    const int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    unlink(path);
    const std::vector<char> text(size(), 'a');
    REQUIRE(write(fd, text.data(), size()) == static_cast<ssize_t>(size()));
    at = static_cast<char*>(mmap(nullptr, size(), PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
    REQUIRE(at != MAP_FAILED);
    close(fd);
    for (size_t i = 0; i < size(); i += page()) CHECK(*static_cast<volatile char*>(at + i) == 'a');
  }
  ~MappedFile() { munmap(at, size()); }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  static size_t page() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }
  static size_t size() { return kPages * page(); }
  Segment segment() const { return {reinterpret_cast<uintptr_t>(at), kPages, true}; }
  // Bytes of it that are in this process' page table.
  size_t resident() const {
    FILE* const file = fopen("/proc/self/smaps", "re");
    char line[512];
    size_t all_kib = 0;
    for (bool is_here = false; fgets(line, sizeof line, file) != nullptr;) {
      uintptr_t from = 0, to = 0;
      size_t kib = 0;
      if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
        is_here = from < reinterpret_cast<uintptr_t>(at) + size() && to > reinterpret_cast<uintptr_t>(at);
      if (is_here && sscanf(line, "Rss: %zu kB", &kib) == 1) all_kib += kib;
    }
    fclose(file);
    return all_kib * 1024;
  }

  char* at = nullptr;
};
}  // namespace

TEST_CASE("pages of a file that were read go, and come back when they are read again") {
  const MappedFile file;
  REQUIRE(file.resident() == MappedFile::size());
  CHECK(drop_pages(file.segment()) >= MappedFile::size());
  CHECK(file.resident() == 0);
  CHECK(file.at[MappedFile::size() - 1] == 'a');
}

TEST_CASE("with a page that is read again come few others") {
  const MappedFile file;
  drop_pages(file.segment());
  for (size_t page = 0; page < kPages; page += 16) CHECK(file.at[page * MappedFile::page()] == 'a');
  CHECK(file.resident() <= MappedFile::size() / 4);
  CHECK(file.resident() >= kPages / 16 * MappedFile::page());
}

TEST_CASE("a page that differs from its file stays, and its mapping with it") {
  const MappedFile file;
  REQUIRE(mprotect(file.at, MappedFile::page(), PROT_READ | PROT_WRITE) == 0);
  file.at[1] = 'b';
  REQUIRE(mprotect(file.at, MappedFile::page(), PROT_READ | PROT_EXEC) == 0);
  drop_pages(file.segment());
  CHECK(file.at[1] == 'b');
}

TEST_CASE("a page that differs from its file stays also where it was swapped out") {
  const MappedFile file;
  REQUIRE(mprotect(file.at, MappedFile::page(), PROT_READ | PROT_WRITE) == 0);
  file.at[1] = 'b';
  REQUIRE(mprotect(file.at, MappedFile::page(), PROT_READ | PROT_EXEC) == 0);
  madvise(file.at, MappedFile::page(), MADV_PAGEOUT);  // without swap, or before Linux 5.4, it stays where it is
  drop_pages(file.segment());
  CHECK(file.at[1] == 'b');
}

TEST_CASE("of a segment one part after the other goes") {
  const MappedFile file;
  CHECK(drop_pages(file.segment(), {.index = 1, .of = 4}) == MappedFile::size() / 4);
  CHECK(file.resident() == MappedFile::size() - MappedFile::size() / 4);
  for (size_t i = 0; i < 4; i++) drop_pages(file.segment(), {.index = i, .of = 4});
  CHECK(file.resident() == 0);
}

TEST_CASE("a program's own code goes and comes back, and what it wrote stays") {
  static char written[] = "of its own data";
  written[0] = 'O';
  CHECK(drop_idle_code() > 0);
  CHECK(std::strcmp(written, "Of its own data") == 0);
}

}  // namespace vedette::addon
