// SPDX-License-Identifier: Apache-2.0
// The lists of patches that the boots of new images work off, made of this machine's own dynamic linker or,
// where there is none, of the test itself.
#include "capture/inline/file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <string_view>

using namespace vedette;

namespace {

constexpr const char* kLinker = "/lib64/ld-linux-x86-64.so.2";

std::unique_ptr<PatchableFile> open_subject(SiteCache& cache) {
  for (const char* path : {kLinker, "/lib/ld-musl-x86_64.so.1"}) {
    if (Fd file(::open(path, O_RDONLY | O_CLOEXEC)); file.is_open()) return PatchableFile::open(std::move(file), cache);
  }
  return PatchableFile::open(Fd(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)), cache);
}

uint64_t word_at(const NearSegment& near, uint64_t place) {
  uint64_t word = 0;
  memcpy(&word, near.segment.base() + place, sizeof word);
  return word;
}

// Sites that have a stub.
std::vector<size_t> placed(const NearSegment& near) {
  std::vector<size_t> sites;
  for (size_t i = 0; i < near.stubs.stubs.size(); ++i) {
    if (near.stubs.stubs[i].address != 0) sites.push_back(i);
  }
  return sites;
}

// A file with stubs, a gigabyte before it.
struct Subject {
  SiteCache cache;
  std::unique_ptr<PatchableFile> file = open_subject(cache);
  NearSegment* near = nullptr;
  std::vector<size_t> sites;

  Subject() {
    REQUIRE(file);
    near = file->near(-(int64_t{1} << 30));
    REQUIRE(near != nullptr);
    sites = placed(*near);
    REQUIRE(sites.size() >= 2);
  }
  uint64_t list_of(std::span<const size_t> some) { return near->list_of(file->image(), some); }
};

// What comes before a build-id of 20 bytes in an ELF file: the lengths of name and id, the type, the name.
constexpr std::string_view kIdNote("\4\0\0\0\x14\0\0\0\3\0\0\0GNU\0", 16);

// A copy of the subject, for whose writers `mode` speaks. `id_bytes`: so short is its build-id.
std::unique_ptr<PatchableFile> copy_of_subject(SiteCache& cache, mode_t mode, char id_bytes = 20) {
  std::string bytes(1 << 22, '\0');
  const Fd from(::open(kLinker, O_RDONLY | O_CLOEXEC));
  const ssize_t size = from.is_open() ? ::read(from.get(), bytes.data(), bytes.size()) : 0;
  if (const size_t note = bytes.find(kIdNote); note != bytes.npos) bytes[note + 4] = id_bytes;
  char name[] = "/tmp/vedette-file-XXXXXX";
  Fd copy(::mkstemp(name));
  ::unlink(name);
  if (size <= 0 || !copy.is_open() || ::write(copy.get(), bytes.data(), static_cast<size_t>(size)) != size || ::fchmod(copy.get(), mode) != 0) return nullptr;
  return PatchableFile::open(std::move(copy), cache);
}

}  // namespace

TEST_CASE("a build-id vouches for a file that only root could have written") {
  SiteCache cache;
  const std::unique_ptr<PatchableFile> roots = copy_of_subject(cache, 0755), anybodys = copy_of_subject(cache, 0757);
  if (roots == nullptr || anybodys == nullptr || roots->image().build_id.empty()) {
    MESSAGE("skipped: no dynamic linker with a build-id");
    return;
  }
  CHECK(roots->vouches_by_build_id() == (::geteuid() == 0));
  CHECK_FALSE(anybodys->vouches_by_build_id());
}

TEST_CASE("a short build-id vouches for nothing") {
  SiteCache cache;
  const std::unique_ptr<PatchableFile> brief = copy_of_subject(cache, 0755, 8);
  if (brief == nullptr || brief->image().build_id.size() != 8) {
    MESSAGE("skipped: no dynamic linker with a build-id");
    return;
  }
  CHECK_FALSE(brief->vouches_by_build_id());
}

TEST_CASE("a file is at a path that leads to it, and not where another lies or none") {
  FileCache files;
  const std::shared_ptr<PatchableFile> self = files.find("/proc/self/exe");
  REQUIRE(self);
  CHECK(files.is_at("/proc/self/exe", *self));
  CHECK_FALSE(files.is_at("/bin/sh", *self));
  CHECK(files.find("/bin/sh"));
  CHECK_FALSE(files.is_at("/bin/sh", *self));
  CHECK_FALSE(files.is_at("/nowhere", *self));
}

TEST_CASE("a list of patches says what to write where, counted from the segment that it lies in") {
  Subject subject;
  const NearSegment* const near = subject.near;
  const std::span<const size_t> two(subject.sites.data(), 2);
  const uint64_t list = subject.list_of(two);
  REQUIRE(list != 0);

  const uint64_t distance = static_cast<uint64_t>(near->stubs.distance);
  const uint64_t start = word_at(*near, list + VEDETTE_PATCHES_START) + distance;
  const uint64_t bytes = word_at(*near, list + VEDETTE_PATCHES_BYTES);
  CHECK(start % 4096 == 0);
  CHECK(bytes % 4096 == 0);
  uint64_t place = list + VEDETTE_PATCHES_FIRST;
  size_t count = 0;
  for (const size_t site : two) {
    for (const Patch& patch : near->stubs.stubs[site].patches) {
      CHECK(word_at(*near, place) + distance == patch.address);
      CHECK(patch.address - start + patch.size <= bytes);
      CHECK(word_at(*near, place + VEDETTE_PATCH_SIZE) == patch.size);
      CHECK(memcmp(near->segment.base() + place + VEDETTE_PATCH_CODE, patch.after.data(), patch.size) == 0);
      place += VEDETTE_PATCH_BYTES;
      ++count;
    }
  }
  CHECK(word_at(*near, list + VEDETTE_PATCHES_COUNT) == count);
}

TEST_CASE("a list that has been given out stays, and one that has no room is none") {
  Subject subject;
  const std::vector<size_t>& sites = subject.sites;
  CHECK(subject.list_of({}) == 0);
  const uint64_t first = subject.list_of(std::span(sites.data(), 1));
  CHECK(subject.list_of(std::span(sites.data(), 1)) == first);
  const std::byte* const there = subject.near->segment.base() + first;
  const std::string before(reinterpret_cast<const char*>(there), VEDETTE_PATCHES_FIRST + VEDETTE_PATCH_BYTES);

  // Each combination is another list, until the room is used up.
  size_t lists = 1;
  for (size_t i = 0; i < sites.size() * sites.size(); ++i) {
    const size_t two[] = {sites[i / sites.size()], sites[i % sites.size()]};
    lists += subject.list_of(two) != 0;
  }
  CHECK(lists > 1);
  CHECK(lists * (VEDETTE_PATCHES_FIRST + VEDETTE_PATCH_BYTES) <= NearSegment::kListsBytes);
  CHECK(memcmp(there, before.data(), before.size()) == 0);
}
