// SPDX-License-Identifier: Apache-2.0
// The ring under the stub, without any tracer: full, starved, scribbled on, narrow and wide again.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test/capture/inline/x86_64/attached_agent.h"

using namespace vedette;

TEST_CASE("a full ring and GS base 0 take the intact syscall, and nothing is overwritten") {
  Agent agent;
  unsigned recorded = 0;
  while (recorded < 10000) {
    CHECK(call(SYS_lseek, 1000 + static_cast<long>(recorded), 0, 0) == -EBADF);
    if (agent.ring->pending_bytes() == recorded * VEDETTE_REC_CHUNKS) break;
    ++recorded;
  }
  CHECK(recorded == (Ring::kSmall - VEDETTE_RECORD_MAX) / VEDETTE_REC_CHUNKS + 1);
  for (unsigned i = 0; i < recorded; ++i) CHECK(agent.take().args[0] == 1000 + i);
  CHECK(call(SYS_lseek, 7, 0, 0) == -EBADF);
  CHECK(agent.take().args[0] == 7);
  Agent::set_gs(0);
  CHECK(call(SYS_getpid) == getpid());
  CHECK(call(SYS_lseek, 8, 0, 0) == -EBADF);
  CHECK(agent.empty());
}

TEST_CASE("a starved ring sends the second call at latest to the intact syscall, until it is fed") {
  Agent agent;
  CHECK(call(SYS_lseek, 1001, 0, 0) == -EBADF);
  agent.ring->starve();
  CHECK(call(SYS_lseek, 1002, 0, 0) == -EBADF);
  CHECK(agent.take().args[0] == 1001);
  CHECK(call(SYS_lseek, 1003, 0, 0) == -EBADF);  // a ring that is empty has room for one even so
  CHECK(call(SYS_lseek, 1004, 0, 0) == -EBADF);
  CHECK(agent.take().args[0] == 1003);
  CHECK(agent.empty());
  agent.ring->feed();
  CHECK(call(SYS_lseek, 1005, 0, 0) == -EBADF);
  CHECK(call(SYS_lseek, 1006, 0, 0) == -EBADF);
  CHECK(agent.take().args[0] == 1005);
  CHECK(agent.take().args[0] == 1006);
}

TEST_CASE("a look takes in what was published until then, and no more") {
  Agent agent;
  CHECK(agent.ring->look() == 0);
  call(SYS_lseek, 1001, 0, 0);
  CHECK_FALSE(agent.ring->has_records());
  CHECK(agent.ring->look() == VEDETTE_REC_CHUNKS);
  call(SYS_lseek, 1002, 0, 0);
  CHECK(agent.take().args[0] == 1001);
  CHECK_FALSE(agent.ring->has_records());
  CHECK(agent.take().args[0] == 1002);  // another look
}

TEST_CASE("a scribbled ring is damaged, never followed") {
  Agent agent;
  call(SYS_lseek, 1, 0, 0);
  auto* context = static_cast<RingContext*>(agent.context);
  const uint64_t head = context->head;
  auto* record = reinterpret_cast<RingRecord*>(static_cast<std::byte*>(agent.context) + VEDETTE_RING_DATA);
  for (const uint32_t size : {0u, 8u, 81u, 4096u, 0xffffffffu}) {
    record->size = size;
    context->head = head;
    agent.ring->reset();
    context->head = head;
    CHECK(agent.ring->next(agent.copy) == Ring::Next::Damaged);
    CHECK(agent.empty());
  }
  context->head = ~0ull;
  CHECK(agent.ring->next(agent.copy) == Ring::Next::Damaged);
}

TEST_CASE("a slow thread's ring has a small one's memory, wherever it stands, and loses no record") {
  for (const size_t bytes : {Ring::kMiddle, Ring::kLarge}) {
    Agent agent(bytes);
    const int fd = open("/dev/null", O_WRONLY);
    long mark = 0, taken = 0;
    const auto write_one = [&] {
      call(SYS_write, fd, address("a slow thread's write"), 20 + mark % 60, mark + 1);
      ++mark;
    };
    const auto take_one = [&] { CHECK(agent.take().args[3] == static_cast<uint64_t>(++taken)); };
    for (size_t written = 0; written < 2 * bytes; written += 100) write_one(), take_one();
    CHECK(agent.resident_bytes() > bytes);
    agent.ring->narrow();
    for (int round = 0; round < 400; ++round) {  // some times round
      for (int i = 0; i < 50; ++i) write_one();
      CHECK(agent.ring->give_back_loose());  // with records waiting
      CHECK(agent.resident_bytes() <= 48u << 10);
      for (int i = 0; i < 50; ++i) take_one();
      CHECK(agent.ring->loose_bytes() >= 50 * VEDETTE_REC_CHUNKS);
      CHECK(agent.empty());
    }
    agent.ring->feed();
    for (size_t written = 0; written < bytes / 2; written += 100) write_one();
    while (taken < mark) take_one();
    CHECK(agent.empty());
    close(fd);
  }
}

TEST_CASE("a narrow ring is full where a small one is, and wide again when it is fed") {
  Agent agent(Ring::kMiddle);
  agent.ring->narrow();
  const auto fill = [&] {
    size_t records = 0;
    for (uint64_t before = ~0ull; agent.ring->pending_bytes() != before; ++records) {
      before = agent.ring->pending_bytes();
      call(SYS_lseek, -1, 0, 0);
    }
    return records * VEDETTE_REC_CHUNKS;
  };
  CHECK(fill() < Ring::kSmall);
  agent.ring->feed();
  CHECK(fill() > Ring::kMiddle / 2);
}

TEST_CASE("what a thread may still reach is not given back") {
  Agent agent(Ring::kMiddle);
  for (int i = 0; i < 1000; ++i) call(SYS_lseek, -1, i, 0);
  agent.ring->narrow();
  CHECK_FALSE(agent.ring->give_back_loose());  // 80,000 bytes wait
  for (int i = 0; i < 1000; ++i) CHECK(agent.take().args[1] == static_cast<uint64_t>(i));
  CHECK(agent.ring->give_back_loose());
}
