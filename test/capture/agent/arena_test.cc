// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/arena.h"

#include <doctest/doctest.h>

#include <string>

using namespace vedette;

namespace {

std::string_view at(const Arena& arena, Span span) {
  return {reinterpret_cast<const char*>(arena.bytes().data()) + span.offset, span.size};
}

}  // namespace

TEST_CASE("an equal string is found again, another is not taken for it") {
  Arena arena;
  const Span first = arena.put("/etc/passwd");
  const Span second = arena.put("/etc/shadow");
  CHECK(arena.put("/etc/passwd").offset == first.offset);
  CHECK(at(arena, second) == "/etc/shadow");
  CHECK(arena.size() == 22);
  const Span empty = arena.put("");
  CHECK(empty.size == 0);
  CHECK(empty.offset != kNull);
}

TEST_CASE("strings that differ in their last byte only are kept apart") {
  Arena arena;
  for (int i = 0; i < 5000; ++i) {
    const std::string text = "/proc/" + std::to_string(i) + "/status";
    CHECK(at(arena, arena.put(text)) == text);
  }
  std::string long_text(3000, 'x');
  CHECK(at(arena, arena.put(long_text)) == long_text);
}

TEST_CASE("what was taken back is not found") {
  Arena arena;
  arena.put("kept");
  const size_t size = arena.size();
  arena.put("taken back");
  arena.shrink(size);
  CHECK(arena.size() == 4);
  CHECK(at(arena, arena.put("something else")) == "something else");
  CHECK(at(arena, arena.put("taken back")) == "taken back");
  arena.clear();
  CHECK(arena.put("kept").offset == 0);
}
