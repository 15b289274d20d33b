// SPDX-License-Identifier: Apache-2.0
#include "capture/state/path.h"

#include <doctest/doctest.h>

using namespace vedette;

namespace {

std::string join(std::string_view directory, std::string_view path) {
  std::string into = "left over";
  join_path(directory, path, into);
  return into;
}

}  // namespace

TEST_CASE("a relative path is joined with its directory, an absolute one ignores it") {
  CHECK(join("/home/user", "file") == "/home/user/file");
  CHECK(join("/home/user/", "a/b") == "/home/user/a/b");
  CHECK(join("/home/user", "/etc/passwd") == "/etc/passwd");
  CHECK(join("/", "etc") == "/etc");
  CHECK(join("/home", "") == "/home");
}

TEST_CASE("dots and doubled slashes vanish, and nothing is above the root") {
  CHECK(join("/a", "../etc/shadow") == "/etc/shadow");
  CHECK(join("/a", "../../../etc") == "/etc");
  CHECK(join("", "/etc/../etc/./../etc//shadow/") == "/etc/shadow");
  CHECK(join("/a/b", "..") == "/a");
  CHECK(join("/a", "..") == "/");
  CHECK(join("", "/..") == "/");
  CHECK(join("/a", "...") == "/a/...");
  CHECK(join("/a", "..b/.c") == "/a/..b/.c");
}

TEST_CASE("what has to be taken out is found wherever it stands") {
  CHECK(join("/home", "/.hidden/..b") == "/.hidden/..b");
  CHECK(join("/home", "/a/.") == "/a");
  CHECK(join("/home", "/a/") == "/a");
  CHECK(join("/home", "/a//") == "/a");
  CHECK(join("/home", "/a/..") == "/");
  CHECK(join("/home", "//") == "/");
  CHECK(join("/home", "/") == "/");
}

TEST_CASE("without a known directory a relative path stays as it is") {
  CHECK(join("", "../x") == "../x");
  CHECK(join("(unreachable)/a", "x") == "x");
}
