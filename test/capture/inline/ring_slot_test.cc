// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/ring_slot.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

using namespace vedette;

namespace {

class NoHome final : public RingHome {
 public:
  void take_back(RingSlot&) override {}
};

struct Owned {
  NoHome home;
  RingSlot slot{home, Ring::create(Ring::kSmall), 0x6a0000000000};
  Owned() { slot.attach(Tid(10), Tid(11)); }
};

}  // namespace

TEST_CASE("a ring has one owner at a time: a thread, the vfork child that runs in its place, nobody, another thread") {
  Owned owned;
  RingSlot& slot = owned.slot;
  CHECK(slot.owner() == Tid(11));
  slot.lend(Tid(12));
  CHECK(slot.is_lent());
  CHECK(slot.owner() == Tid(12));
  slot.pass_to(Tid(11));
  slot.give_back(false);
  CHECK_FALSE(slot.is_lent());
  slot.retire();
  CHECK(slot.is_free());
  slot.assign(Tid(13));
  CHECK(slot.owner() == Tid(13));
  CHECK(slot.attacher() == Tid(10));
}

TEST_CASE("a record is put off once: by the next reading it is older than that, whatever its thread says") {
  Owned owned;
  CHECK(owned.slot.put_off());
  CHECK_FALSE(owned.slot.put_off());
  owned.slot.retire();
  owned.slot.assign(Tid(12));
  CHECK(owned.slot.put_off());
}

TEST_CASE("a ring that is too small is exchanged once: a thread that has got no larger one keeps it") {
  Owned owned;
  RingSlot& slot = owned.slot;
  slot.grow();
  CHECK(slot.is_outgrown());
  CHECK(slot.take_growth());
  slot.grow();
  CHECK_FALSE(slot.take_growth());
  slot.retire();
  slot.assign(Tid(12));
  slot.grow();
  CHECK(slot.take_growth());
}

TEST_CASE("two calls that trapped for want of room, and a larger ring is to be tried") {
  Owned owned;
  owned.slot.count_full();
  CHECK_FALSE(owned.slot.is_outgrown());
  owned.slot.count_full();
  CHECK(owned.slot.is_outgrown());
}

TEST_CASE("a ring that is asked answers once") {
  Owned owned;
  CHECK_FALSE(owned.slot.take_answer());
  owned.slot.ask();
  CHECK(owned.slot.take_answer());
  CHECK_FALSE(owned.slot.take_answer());
}

TEST_CASE("times never go back, and never beyond now") {
  Owned owned;
  CHECK(owned.slot.take_time(100, 200) == 100);
  CHECK(owned.slot.take_time(50, 200) == 100);
  CHECK(owned.slot.take_time(900, 200) == 200);
}

TEST_CASE("a second owner is a mistake of ours, and ends us") {
  Owned owned;
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGABRT, SIG_DFL);
    ::close(2);
    owned.slot.assign(Tid(12));
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
}
