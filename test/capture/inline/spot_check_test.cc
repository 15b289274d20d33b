// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/spot_check.h"

#include <doctest/doctest.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

using namespace vedette;

namespace {

class NoHome final : public RingHome {
 public:
  void take_back(RingSlot&) override {}
};

// A record's bytes are there.
void publish(const Ring& ring) {
  void* const at = ::shmat(ring.id(), nullptr, 0);
  REQUIRE(at != reinterpret_cast<void*>(-1));
  *static_cast<uint64_t*>(at) = 8;
  ::shmdt(at);
}

// A process that has the ring once, as a copy of this one, and once more when it is asked to.
class Attacher {
 public:
  explicit Attacher(const Ring& ring) {
    REQUIRE(::pipe(asked_) == 0);
    REQUIRE(::pipe(done_) == 0);
    pid_ = ::fork();
    if (pid_ == 0) run(ring);
  }
  ~Attacher() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    for (const int end : {asked_[0], asked_[1], done_[0], done_[1]}) ::close(end);
  }
  void attach() {
    char byte = 0;
    REQUIRE(::write(asked_[1], &byte, 1) == 1);
    REQUIRE(::read(done_[0], &byte, 1) == 1);
  }
  Tid tid() const { return Tid(pid_); }

 private:
  [[noreturn]] void run(const Ring& ring) {
    char byte;
    const bool is_asked = ::read(asked_[0], &byte, 1) == 1;
    if (is_asked && ::shmat(ring.id(), nullptr, 0) != reinterpret_cast<void*>(-1)) (void)!::write(done_[1], &byte, 1);
    ::pause();
    ::_exit(0);
  }

  int asked_[2], done_[2];
  pid_t pid_;
};

}  // namespace

TEST_CASE("a ring is its process's alone: nobody else attaches it, nor that process a second time") {
  NoHome home;
  RingSlot slot(home, Ring::create(Ring::kSmall));
  Attacher its(slot.ring());
  slot.attach(its.tid(), its.tid());
  publish(slot.ring());
  CHECK_FALSE(trespasser_of(slot));
  SUBCASE("by another process") {
    Attacher others(slot.ring());
    others.attach();
    CHECK(trespasser_of(slot) == others.tid());
  }
  SUBCASE("by itself") {
    its.attach();
    CHECK(trespasser_of(slot) == its.tid());
  }
}
