// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/ring.h"

#include <doctest/doctest.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include <cstring>
#include <string>

using namespace vedette;

namespace {

struct TextOf {
  uint64_t address;
  std::string text;  // its 0 comes behind
};

// A ring, and its program's view of it.
class Written {
 public:
  Written() : ring_(Ring::create(Ring::kSmall)), at_(static_cast<std::byte*>(::shmat(ring_->id(), nullptr, 0))) {}
  ~Written() { ::shmdt(at_); }

  void record(uint32_t nr, std::initializer_list<TextOf> texts) {
    RingRecord record{.size = VEDETTE_REC_CHUNKS, .nr = nr, .enter_tsc = 1, .exit_tsc = 2, .result = 0, .args = {}};
    std::byte* const data = at_ + VEDETTE_RING_DATA;
    for (const TextOf& one : texts) {
      const RingChunk chunk{.address = one.address, .size = static_cast<uint32_t>(one.text.size() + 1), .reserved = 0};
      memcpy(data + record.size, &chunk, sizeof chunk);
      memcpy(data + record.size + sizeof chunk, one.text.c_str(), chunk.size);
      record.size += static_cast<uint32_t>(sizeof chunk) + ((chunk.size + 7) & ~7u);
    }
    memcpy(data, &record, sizeof record);
    reinterpret_cast<RingContext*>(at_)->head = record.size;
    REQUIRE(ring_->next(copy) == Ring::Next::Record);
  }
  std::string text_at(uint64_t address) {
    char text[16] = {};
    return {text, copy.read(address, text, sizeof text)};
  }

  RecordCopy copy;

 private:
  std::unique_ptr<Ring> ring_;
  std::byte* at_;
};

std::string with_end(const char* text) { return {text, strlen(text) + 1}; }

}  // namespace

TEST_CASE("texts of one call that overlap and agree are served: a compiler keeps the end of another text once") {
  Written ring;
  ring.record(SYS_rename, {{0x1000, "a/b"}, {0x1002, "b"}});
  CHECK(ring.text_at(0x1000) == with_end("a/b"));
  CHECK(ring.text_at(0x1002) == with_end("b"));
  CHECK_FALSE(ring.copy.is_contradictory());
}

TEST_CASE("two texts of one address that differ are served as nothing") {
  Written ring;
  ring.record(SYS_rename, {{0x1000, "good"}, {0x1000, "evil"}});
  CHECK(ring.text_at(0x1000).empty());
  CHECK(ring.copy.is_contradictory());
}

TEST_CASE("what begins at an address is meant, whatever lies over it; in the midst of two that differ is nothing") {
  Written ring;
  ring.record(SYS_rename, {{0x1000, "a/bcd"}, {0x1002, "xyz"}});
  CHECK(ring.text_at(0x1000) == with_end("a/bcd"));
  CHECK(ring.text_at(0x1002) == with_end("xyz"));
  CHECK_FALSE(ring.copy.is_contradictory());
  CHECK(ring.text_at(0x1003).empty());
  CHECK(ring.copy.is_contradictory());
}
