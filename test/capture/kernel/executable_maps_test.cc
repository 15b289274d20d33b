// SPDX-License-Identifier: Apache-2.0
#include "capture/kernel/executable_maps.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

using namespace vedette;

namespace {

constexpr size_t kMany = 4096, kPage = 4096;

const ExecutableMap* at(const std::vector<ExecutableMap>& maps, const void* address) {
  const uint64_t wanted = reinterpret_cast<uint64_t>(address);
  const auto found = std::find_if(maps.begin(), maps.end(), [wanted](const ExecutableMap& map) { return wanted - map.start < map.end - map.start; });
  return found == maps.end() ? nullptr : &*found;
}

void expect_own(MapsBy by) {
  void* const code = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  void* const data = ::mmap(nullptr, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const auto maps = executable_maps(Tid(::getpid()), kMany, by);
  REQUIRE(maps);
  const ExecutableMap* const own = at(*maps, reinterpret_cast<const void*>(&expect_own));
  REQUIRE(own != nullptr);
  CHECK(own->name.ends_with("/capture-test"));
  CHECK(own->inode != 0);
  CHECK_FALSE(own->writable);
  const ExecutableMap* const made = at(*maps, code);
  REQUIRE(made != nullptr);
  CHECK(made->writable);
  CHECK(made->inode == 0);
  CHECK(at(*maps, data) == nullptr);
  CHECK(std::any_of(maps->begin(), maps->end(), [](const ExecutableMap& map) { return map.name == "[vdso]"; }));
  CHECK(executable_maps(Tid(::getpid()), 1, by)->size() == 1);
  const auto has_code = [by](const void* place) {
    const uint64_t start = reinterpret_cast<uint64_t>(place);
    return is_executable_within(Tid(::getpid()), start, start + kPage, by);
  };
  CHECK(has_code(code) == true);
  CHECK(has_code(data) == false);
  CHECK(has_code(reinterpret_cast<const void*>(&expect_own)) == true);
  ::munmap(code, kPage);
  ::munmap(data, kPage);
  CHECK(is_executable_within(Tid(0x7ffffff0), 0, kPage, by) == false);
}

}  // namespace

TEST_CASE("what is executable is read from the text of /proc/PID/maps") { expect_own(MapsBy::Text); }

TEST_CASE("a kernel that can be asked for one mapping at a time says the same") {
  if (maps_by() == MapsBy::Query) expect_own(MapsBy::Query);
}

TEST_CASE("a process that is gone has no answer") { CHECK_FALSE(executable_maps(Tid(0x7ffffff0), kMany, MapsBy::Text)); }
