// SPDX-License-Identifier: Apache-2.0
// The cache of searched files, on this machine's own dynamic linker or C library, and on what became of a
// cached file.
#include "capture/inline/cache.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "capture/inline/keyed_digest.h"

using namespace vedette;

namespace {

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size())); }

// A program that makes system calls itself: the agent's test is one, static and with symbols.
struct Subject {
  std::string bytes;
  ElfImage image;
  std::string folder;

  Subject() {
    for (const char* path : {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1", "/proc/self/exe"}) {
      if (bytes.empty()) bytes = content(path);
    }
    image = parse_elf(view(), false).value_or(ElfImage());
    char name[] = "/tmp/vedette-sites-XXXXXX";
    folder = ::mkdtemp(name);
    expected = SiteCache().find(view(), image, Author::Root);
  }
  ~Subject() { std::filesystem::remove_all(folder); }
  FileView view() const { return FileView(std::as_bytes(std::span(bytes))); }
  std::string file() const {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) return entry.path();
    return {};
  }
  // Searches or loads, and says which; `complaint` holds what was said.
  bool searches(std::string& complaint) {
    SiteCache cache(folder);
    const auto found = cache.find(view(), image, Author::Root);
    complaint.clear();
    for (const std::string& one : cache.take_complaints()) complaint += one;
    CHECK(found->sites.size() == expected->sites.size());
    return cache.searches() != 0;
  }
  std::shared_ptr<const SiteAnalysis> expected;
};

bool equal(const Site& a, const Site& b) {
  bool same = a.syscall == b.syscall && a.start == b.start && a.nr == b.nr && a.refusal == b.refusal && a.vouched == b.vouched &&
              a.moved_count == b.moved_count && a.callers == b.callers;
  for (unsigned i = 0; same && i < a.moved_count; ++i) {
    same = a.moved[i].size == b.moved[i].size && a.moved[i].displacement_at == b.moved[i].displacement_at;
  }
  return same;
}

}  // namespace

TEST_CASE("I9: what is found in a file that others could have written is not kept, and does not pass for root's") {
  const Subject subject;
  SiteCache cache(subject.folder);
  const auto theirs = cache.find(subject.view(), subject.image, Author::Anybody);
  CHECK(cache.searches() == 1);
  CHECK(cache.find(subject.view(), subject.image, Author::Anybody) == theirs);
  const auto roots = cache.find(subject.view(), subject.image, Author::Root);
  CHECK(cache.searches() == 2);
  CHECK(roots != theirs);
  SiteCache next(subject.folder);
  (void)next.find(subject.view(), subject.image, Author::Root);
  CHECK(next.searches() == 0);
  (void)next.find(subject.view(), subject.image, Author::Anybody);
  CHECK(next.searches() == 1);
}

TEST_CASE("I9: the digest is the published one, and its key another for each run") {
  // SipHash-1-3 of the bytes 0 to 14 under the key 0 to 15.
  std::array<uint8_t, 15> bytes;
  for (uint8_t i = 0; i < bytes.size(); ++i) bytes[i] = i;
  KeyedDigest digest({0x0706050403020100, 0x0f0e0d0c0b0a0908});
  digest.add(bytes.data(), bytes.size());
  CHECK(digest.finish() == 0xd320d86d2a519956);
  KeyedDigest own, same, parts;
  own.add("abc", 3);
  same.add("abc", 3);
  parts.add("ab", 2);
  parts.add("c", 1);
  const uint64_t of_own = own.finish();
  CHECK(of_own == same.finish());
  CHECK(of_own != parts.finish());
}

TEST_CASE("a search is kept, and the next agent need not search") {
  Subject subject;
  REQUIRE(subject.expected->sites.size() > 10);
  std::string complaint;
  CHECK(subject.searches(complaint));
  CHECK_FALSE(subject.searches(complaint));
  CHECK(complaint.empty());
  SiteCache warm(subject.folder);
  const auto loaded = warm.find(subject.view(), subject.image, Author::Root);
  for (size_t i = 0; i < loaded->sites.size(); ++i) CHECK(equal(loaded->sites[i], subject.expected->sites[i]));
  CHECK(warm.find(subject.view(), subject.image, Author::Root) == loaded);  // in memory
}

TEST_CASE("which sites were needed is kept too, and written only when it is news") {
  Subject subject;
  SiteCache first(subject.folder);
  const auto found = first.find(subject.view(), subject.image, Author::Root);
  std::vector<uint8_t> needed(found->sites.size());
  needed[3] = 1;
  first.keep(subject.image, Author::Root, *found, needed);
  SiteCache second(subject.folder);
  const auto again = second.find(subject.view(), subject.image, Author::Root);
  CHECK(second.searches() == 0);
  CHECK(again->needed == needed);
  std::filesystem::remove(subject.file());
  second.keep(subject.image, Author::Root, *again, needed);
  CHECK(subject.file().empty());
}

TEST_CASE("a cached search that is cut or changed anywhere is searched anew, told of and replaced") {
  Subject subject;
  std::string complaint;
  REQUIRE(subject.searches(complaint));
  const std::string path = subject.file(), whole = content(path);
  for (size_t size = 0; size < whole.size(); size += 1 + whole.size() / 7) {
    write(path, whole.substr(0, size));
    CHECK(subject.searches(complaint));
    CHECK(complaint.find(path + " is not used: ") == 0);
    CHECK(content(path) == whole);
  }
  for (size_t at = 0; at < whole.size(); at += 1 + whole.size() / 23) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 4);
    write(path, changed);
    CHECK(subject.searches(complaint));
    CHECK_FALSE(complaint.empty());
  }
}

TEST_CASE("a whole file with a lie in it is found out by the code") {
  Subject subject;
  const SiteAnalysis& true_one = *subject.expected;
  const auto refused = [&](auto lie) {
    SiteAnalysis lying = true_one;
    lie(lying.sites);
    const char* wrong = nullptr;
    const bool taken = decode_sites(encode_sites(lying), subject.view(), subject.image, true_one.digest, wrong) != nullptr;
    return !taken && wrong != nullptr;
  };
  size_t window = 0, called = ~size_t{0};
  for (size_t i = 0; i < true_one.sites.size(); ++i) {
    if (true_one.sites[i].patchable() && !true_one.sites[i].by_callers()) window = i;
    if (true_one.sites[i].patchable() && true_one.sites[i].by_callers()) called = i;
  }
  CHECK_FALSE(refused([](auto&) {}));
  CHECK(refused([&](auto& sites) { ++sites[window].syscall; }));
  CHECK(refused([&](auto& sites) { ++sites[window].start; }));
  CHECK(refused([&](auto& sites) { ++sites[window].moved[0].size; }));
  CHECK(refused([&](auto& sites) { sites[window].moved[0].displacement_at ^= 2; }));
  CHECK(refused([&](auto& sites) { sites[window].moved_count = 0; }));
  CHECK(refused([&](auto& sites) { sites[window].callers.push_back(sites[window].syscall); }));
  CHECK(refused([&](auto& sites) { sites[window].syscall = 0xffffffffffff0000; }));
  CHECK(refused([&](auto& sites) { std::swap(sites[0], sites[1]); }));
  CHECK(refused([&](auto& sites) { sites[0].refusal = Refusal::Count; }));
  if (called != ~size_t{0}) {
    CHECK(refused([&](auto& sites) { ++sites[called].callers[0]; }));
    CHECK(refused([&](auto& sites) { sites[called].start -= 16; }));
  }
}

TEST_CASE("a search of another build is not taken") {
  Subject subject;
  std::string complaint;
  REQUIRE(subject.searches(complaint));
  const size_t inside = subject.image.code.front().offset + subject.image.code.front().size / 2;
  subject.bytes[inside] = static_cast<char>(subject.bytes[inside] ^ 1);  // the same build-id, another byte
  SiteCache cache(subject.folder);
  (void)cache.find(subject.view(), subject.image, Author::Root);
  CHECK(cache.searches() == 1);
  REQUIRE(cache.take_complaints().size() == 1);
}

TEST_CASE("what others can write is not believed: file, link, folder") {
  Subject subject;
  std::string complaint;
  REQUIRE(subject.searches(complaint));
  const std::string path = subject.file();
  REQUIRE(::chmod(path.c_str(), 0666) == 0);
  CHECK(subject.searches(complaint));
  CHECK(complaint.find("others can write to it") != std::string::npos);
  CHECK_FALSE(subject.searches(complaint));  // replaced by one of ours

  const std::string elsewhere = path + "-elsewhere";
  std::filesystem::rename(path, elsewhere);
  std::filesystem::create_symlink(elsewhere, path);
  CHECK(subject.searches(complaint));
  std::filesystem::remove(elsewhere);

  if (::geteuid() == 0) {
    REQUIRE(::chown(path.c_str(), 12345, 12345) == 0);
    CHECK(subject.searches(complaint));
    CHECK(complaint.find("others can write to it") != std::string::npos);
  } else {
    MESSAGE("skipped: only root can give a file to somebody else");
  }

  REQUIRE(::chmod(subject.folder.c_str(), 0777) == 0);
  CHECK(subject.searches(complaint));
  CHECK(complaint.find(subject.folder + " is not used: others can write to it") == 0);
}

TEST_CASE("a folder that cannot be made or written costs the search, nothing else") {
  Subject subject;
  SiteCache nowhere("/proc/nowhere/sites");
  CHECK(nowhere.find(subject.view(), subject.image, Author::Root)->sites.size() == subject.expected->sites.size());
  CHECK(nowhere.take_complaints().size() == 1);
}
