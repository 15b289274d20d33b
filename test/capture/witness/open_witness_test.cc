// SPDX-License-Identifier: Apache-2.0
#include "capture/witness/open_witness.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <string>

#include "capture/kernel/clock.h"

using namespace vedette;

namespace {

constexpr FileId kShadow = {1, 10}, kKey = {1, 11}, kOther = {2, 10};
constexpr uint64_t kSecond = 1'000'000'000;

class FakeWatch final : public OpenWatch {
 public:
  News take() override { return std::exchange(news, {}); }
  uint32_t version() const override { return 1; }
  std::vector<FileId> files() const override { return {kShadow, kKey}; }
  bool is_due() const override { return !news.opens.empty() || wakes; }
  void keep_waking(bool does) override { wakes = does; }
  News news;
  bool wakes = false;
};

struct Scene {
  FakeWatch watch;
  OpenWitness witness{watch};
  uint64_t now = monotonic_ns();

  void see(FileId file, const char* path) { watch.news.opens.push_back({file, path, now}); }
  void record(FileId file, EventId id = EventId::openat) {
    Sighting sighting;
    sighting.event.reset(id);
    sighting.descriptor = make_ref<Descriptor>();
    sighting.descriptor->dev = file.dev;
    sighting.descriptor->ino = file.ino;
    witness.count(sighting);
  }
  std::vector<std::string> later(uint64_t ns) { return witness.look(now += ns).unrecorded; }
};

using Paths = std::vector<std::string>;

}  // namespace

TEST_CASE("an open that is recorded before or after it is seen is nothing to tell of") {
  Scene scene;
  SUBCASE("before") {
    scene.record(kShadow);
    scene.see(kShadow, "/etc/shadow");
    CHECK(scene.later(0) == Paths{});
  }
  SUBCASE("after") {
    scene.see(kShadow, "/etc/shadow");
    CHECK(scene.later(kSecond) == Paths{});
    CHECK(scene.watch.wakes);
    scene.record(kShadow);
    CHECK(scene.later(0) == Paths{});
  }
  CHECK_FALSE(scene.watch.wakes);
  CHECK(scene.later(100 * kSecond) == Paths{});
}

TEST_CASE("one that no record tells of is told once, whatever else was opened or done to the file") {
  Scene scene;
  scene.see(kShadow, "/etc/shadow");
  scene.record(kKey);
  scene.record(kOther);
  scene.record(kShadow, EventId::fchmod);
  CHECK(scene.later(OpenWitness::kPatienceNs - 1) == Paths{});
  CHECK(scene.later(1) == Paths{"/etc/shadow"});
  scene.see(kShadow, "/etc/shadow");
  scene.see(kKey, "/key");
  CHECK(scene.later(OpenWitness::kPatienceNs) == Paths{});  // the key's open was recorded
  scene.now += OpenWitness::kQuietNs;
  scene.see(kShadow, "/etc/shadow");
  CHECK(scene.later(OpenWitness::kPatienceNs) == Paths{"/etc/shadow"});
}

TEST_CASE("what is read only while it is looked for is told at the end, too") {
  Scene scene;
  scene.watch.news.opens.push_back({kShadow, "/etc/shadow", scene.now + 1000});
  CHECK(scene.witness.look(scene.now, 0).unrecorded == Paths{"/etc/shadow"});
}

TEST_CASE("a record of long ago excuses nothing") {
  Scene scene;
  scene.record(kShadow);
  scene.now = monotonic_ns() + OpenWitness::kSlackNs + kSecond;
  scene.see(kShadow, "/etc/shadow");
  CHECK(scene.later(OpenWitness::kPatienceNs) == Paths{"/etc/shadow"});
}

TEST_CASE("opens that were too many to keep are told of, once a while") {
  Scene scene;
  scene.watch.news.has_lost = true;
  CHECK(scene.witness.look(scene.now).has_lost);
  scene.watch.news.has_lost = true;
  CHECK_FALSE(scene.witness.look(scene.now + kSecond).has_lost);
  scene.now += OpenWitness::kQuietNs;
  for (size_t i = 0; i <= OpenWitness::kWaitingMax; ++i) scene.see(kShadow, "/etc/shadow");
  CHECK(scene.witness.look(scene.now).has_lost);
}

TEST_CASE("the kernel tells of opens of named files, of those below a folder, and of those that take their place") {
  char folder[] = "/tmp/vedette-watch-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  const std::string top = folder, below = top + "/below", key = below + "/key", beside = top + "/beside";
  REQUIRE(::mkdir(below.c_str(), 0700) == 0);
  const auto make = [](const std::string& path) { REQUIRE(Fd(::open(path.c_str(), O_CREAT | O_RDWR, 0600)).is_open()); };
  const auto numbers = [](const std::string& path) {
    struct stat facts;
    REQUIRE(::stat(path.c_str(), &facts) == 0);
    return FileId{facts.st_dev, facts.st_ino};
  };
  make(key), make(beside);
  auto& watch = *new InotifyOpenWatch;  // its thread never ends
  REQUIRE(std::signal(SIGRTMAX - 1, [](int) {}) != SIG_ERR);
  watch.start(SIGRTMAX - 1);
  const auto wait_for = [&](FileId file) {
    while (watch.files() != std::vector<FileId>{file}) {
      const timespec pause{0, 1'000'000};
      ::nanosleep(&pause, nullptr);
    }
  };
  const auto seen = [&](const std::string& path) {
    for (;;) {
      make(path);
      for (const SeenOpen& open : watch.take().opens) {
        CHECK(open.path == key);
        return open.file;
      }
    }
  };
  watch.watch({top + "/bel*", "/nowhere"});
  wait_for(numbers(key));
  make(beside);
  CHECK(seen(key) == numbers(key));
  const FileId former = numbers(key);
  make(top + "/new");
  REQUIRE(::rename((top + "/new").c_str(), key.c_str()) == 0);
  CHECK(numbers(key) != former);
  wait_for(numbers(key));
  while (seen(key) != numbers(key)) {
  }
  watch.watch({});
  for (const std::string& path : {key, beside}) ::unlink(path.c_str());
  ::rmdir(below.c_str()), ::rmdir(folder);
}
