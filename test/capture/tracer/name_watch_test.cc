// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/name_watch.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

using namespace vedette;

namespace {

struct Folder {
  std::string path;
  Folder() {
    char name[] = "/tmp/vedette-names-XXXXXX";
    path = ::mkdtemp(name);
    ::mkdir(at("in").c_str(), 0700);
    for (const char* file : {"in/file", "in/other"}) make(file);
  }
  ~Folder() { (void)!std::system(("rm -rf " + path).c_str()); }
  std::string at(const char* name) const { return path + "/" + name; }
  void make(const char* name) const { (void)Fd(::open(at(name).c_str(), O_CREAT | O_WRONLY, 0600)); }
  void move(const char* from, const char* to) const { CHECK(std::rename(at(from).c_str(), at(to).c_str()) == 0); }
};

bool tells(InotifyNameWatch& watch, const std::string& path) {
  const NameWatch::News news = watch.take();
  CHECK_FALSE(news.has_lost);
  return std::find(news.changed.begin(), news.changed.end(), path) != news.changed.end();
}

}  // namespace

TEST_CASE("a name of a path that is moved, replaced or removed is told; one beside it is not") {
  Folder folder;
  InotifyNameWatch watch;
  const std::string file = folder.at("in/file");
  REQUIRE(watch.watch(file));
  CHECK_FALSE(tells(watch, file));
  folder.make("in/new");
  folder.move("in/new", "in/other");
  ::unlink(folder.at("in/other").c_str());
  CHECK_FALSE(tells(watch, file));
  folder.move("in/file", "in/aside");
  CHECK(tells(watch, file));
  folder.move("in/aside", "in/file");
  CHECK(tells(watch, file));
  folder.move("in", "away");
  CHECK(tells(watch, file));
  folder.move("away", "in");
  CHECK(tells(watch, file));
  ::unlink(file.c_str());
  CHECK(tells(watch, file));
}

TEST_CASE("a path is told of as long as one of those that share its folders is watched") {
  Folder folder;
  InotifyNameWatch watch;
  const std::string file = folder.at("in/file"), other = folder.at("in/other");
  REQUIRE(watch.watch(file));
  REQUIRE(watch.watch(other));
  watch.leave(other);
  folder.move("in/file", "in/aside");
  CHECK(tells(watch, file));
  watch.leave(file);
  folder.move("in/aside", "in/file");
  CHECK_FALSE(tells(watch, file));
}

TEST_CASE("paths on file systems that others change are not watched") {
  InotifyNameWatch watch;
  CHECK_FALSE(watch.watch("/proc/self/stat"));
  CHECK_FALSE(watch.watch("/sys/kernel/mm"));
  CHECK_FALSE(watch.watch("/no/such"));
  CHECK_FALSE(watch.watch("relative"));
}

TEST_CASE("where very much is moved beside, the watch is given up for a while") {
  Folder folder;
  InotifyNameWatch watch;
  REQUIRE(watch.watch(folder.at("in/file")));
  bool has_lost = false;
  for (int i = 0; i < 2000 && !has_lost; ++i) {
    folder.move("in/other", "in/another");
    folder.move("in/another", "in/other");
    has_lost = watch.take().has_lost;
  }
  CHECK(has_lost);
  CHECK_FALSE(watch.watch(folder.at("in/file")));
}
