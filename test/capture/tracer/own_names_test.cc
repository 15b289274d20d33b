// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/own_names.h"

#include <doctest/doctest.h>

using namespace vedette;

TEST_CASE("a name that means whoever asks is said below the folder of the task") {
  const struct {
    const char *path, *below;
    bool of_thread;
  } rows[] = {{"/proc/self", "", false},         {"/proc/self/exe", "exe", false},  {"/proc/self/", "", false},
              {"/proc/thread-self/fd/3", "fd/3", true}, {"/dev/fd/3", "fd/3", false}, {"/dev/fd", "fd", false},
              {"/dev/stdin", "fd/0", false},     {"/dev/stderr", "fd/2", false}};
  for (const auto& row : rows) {
    CAPTURE(row.path);
    const std::optional<OwnName> own = own_name(row.path);
    REQUIRE(own);
    CHECK(own->below == row.below);
    CHECK(own->of_thread == row.of_thread);
  }
}

TEST_CASE("other names mean the same whoever asks") {
  for (const char* const path : {"", "/", "/proc", "/proc/selfish", "/proc/1/exe", "/dev/fdx", "/dev/null", "proc/self"}) {
    CAPTURE(path);
    CHECK_FALSE(own_name(path));
  }
}
