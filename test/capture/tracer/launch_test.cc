// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/launch.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace vedette;

namespace {

// A folder with a program and a file that is none, as the only folder of PATH.
struct Folder {
  char path[32] = "/tmp/vedette-launch-XXXXXX";
  std::string former = ::getenv("PATH");
  Folder() {
    REQUIRE(::mkdtemp(path) != nullptr);
    make("program", 0755);
    make("plain", 0644);
    ::setenv("PATH", (std::string("/nowhere:") + path).c_str(), 1);
  }
  ~Folder() {
    ::setenv("PATH", former.c_str(), 1);
    for (const char* name : {"program", "plain"}) ::unlink(in(name).c_str());
    ::rmdir(path);
  }
  std::string in(const char* name) const { return std::string(path) + "/" + name; }
  void make(const char* name, mode_t mode) const { ::close(::open(in(name).c_str(), O_CREAT | O_WRONLY, mode)); }
};

}  // namespace

TEST_CASE("a program is found where execvp would find it") {
  const Folder folder;
  const Result<std::string> found = find_program("program");
  REQUIRE(found);
  CHECK(*found == folder.in("program"));
  CHECK(*find_program(folder.in("program").c_str()) == folder.in("program"));
}

TEST_CASE("what cannot be run is told apart from what is not there") {
  const Folder folder;
  CHECK(find_program("plain").error() == Errno(EACCES));
  CHECK(find_program("missing").error() == Errno(ENOENT));
  CHECK(find_program("").error() == Errno(ENOENT));
  CHECK(find_program(folder.path).error() == Errno(EACCES));
  CHECK(find_program((folder.in("program") + "/x").c_str()).error() == Errno(ENOTDIR));
}
