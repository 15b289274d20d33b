// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <sys/uio.h>

#include "test/capture/decode/decoding.h"

using namespace vedette;

namespace {

uint64_t put_vector(ArrayMemory& memory, const std::vector<std::string>& parts) {
  std::vector<uint64_t> words;
  for (const std::string& part : parts) {
    words.push_back(memory.put(part));
    words.push_back(part.size());
  }
  return memory.put_array(words);
}

}  // namespace

TEST_CASE("a read's payload is what the result says, not what the buffer holds") {
  using namespace slot::read_;
  OneCall c;
  REQUIRE(c.enter("read", {3, c.memory.put("hello, world"), 12}));
  CHECK(c.event.fd == 3);
  CHECK(c.event.integer(size) == 12);
  CHECK_FALSE(c.event.has(data));
  c.exit(5);
  CHECK(c.event.text(data) == "hello");
  CHECK_FALSE(c.has_flag(kTruncated));
}

TEST_CASE("a read at the end of the file has an empty payload, a failed one none") {
  OneCall c;
  REQUIRE(c.enter("read", {3, c.memory.put("x"), 1}));
  c.exit(0);
  CHECK(c.event.has(slot::read_::data));
  CHECK(c.event.text(slot::read_::data) == "");
  REQUIRE(c.enter("read", {3, c.memory.put("x"), 1}));
  c.exit(-EAGAIN);
  CHECK_FALSE(c.event.has(slot::read_::data));
}

TEST_CASE("payload is cut at snaplen and marked") {
  OneCall c;
  const uint64_t buffer = c.memory.put(std::string(4096, 'z'));
  REQUIRE(c.enter("read", {3, buffer, 4096}));
  c.exit(4096);
  CHECK(c.event.text(slot::read_::data) == std::string(80, 'z'));
  CHECK(c.has_flag(kTruncated));
  REQUIRE(c.enter("read", {3, buffer, 4096}));
  c.exit(80);
  CHECK_FALSE(c.has_flag(kTruncated));
}

TEST_CASE("a write's payload is taken at entry and cut to what the kernel took") {
  using namespace slot::write_;
  OneCall c;
  const uint64_t buffer = c.memory.put("0123456789");
  REQUIRE(c.enter("write", {1, buffer, 10}));
  CHECK(c.event.text(data) == "0123456789");
  c.memory.store(buffer, 'X');  // another thread, meanwhile
  c.exit(4);
  CHECK(c.event.text(data) == "0123");
  CHECK_FALSE(c.has_flag(kTruncated));
}

TEST_CASE("a failed write keeps what was to be written") {
  OneCall c;
  REQUIRE(c.enter("write", {1, c.memory.put("secret"), 6}));
  c.exit(-EPIPE);
  CHECK(c.event.text(slot::write_::data) == "secret");
}

TEST_CASE("with snaplen 0 no payload is kept anywhere") {
  OneCall c;
  c.limits.snaplen = 0;
  const uint64_t buffer = c.memory.put("secret");
  const uint64_t vector = put_vector(c.memory, {"secret"});
  const uint64_t text = c.memory.put_text("user.x");
  const auto has_no_secret = [&] {
    return std::string_view(c.event.bytes.data(), c.event.bytes.size()).find("secret") == std::string_view::npos;
  };
  REQUIRE(c.enter("write", {1, buffer, 6}));
  c.exit(6);
  CHECK(has_no_secret());
  REQUIRE(c.enter("read", {1, buffer, 6}));
  c.exit(6);
  CHECK(has_no_secret());
  CHECK_FALSE(c.event.has(slot::read_::data));
  REQUIRE(c.enter("writev", {1, vector, 1}));
  c.exit(6);
  CHECK(has_no_secret());
  REQUIRE(c.enter("readv", {1, vector, 1}));
  c.exit(6);
  CHECK(has_no_secret());
  REQUIRE(c.enter("setsockopt", {1, 1, 1, buffer, 6}));
  c.exit(0);
  CHECK(has_no_secret());
  REQUIRE(c.enter("setxattr", {text, text, buffer, 6, 0}));
  c.exit(0);
  CHECK(has_no_secret());
  REQUIRE(c.enter("init_module", {buffer, 6, text}));
  c.exit(0);
  CHECK(has_no_secret());
  REQUIRE(c.enter("process_vm_readv", {9, vector, 1, vector, 1, 0}));
  c.exit(6);
  CHECK(has_no_secret());
}

TEST_CASE("a bad buffer is a fault; one that ends too early keeps what is there") {
  OneCall c;
  REQUIRE(c.enter("write", {1, ArrayMemory::kNowhere, 6}));
  CHECK(c.has_flag(kFault));
  CHECK(c.event.text(slot::write_::data) == "");
  REQUIRE(c.enter("write", {1, c.memory.put_before_fault("abc"), 6}));
  CHECK(c.has_flag(kFault));
  CHECK(c.event.text(slot::write_::data) == "abc");
}

TEST_CASE("a vector's payload runs over its buffers, its size is their sum") {
  using namespace slot::writev_;
  OneCall c;
  REQUIRE(c.enter("writev", {1, put_vector(c.memory, {"one ", "", "two ", "three"}), 4}));
  CHECK(c.event.text(data) == "one two three");
  CHECK(c.event.integer(size) == 13);
  CHECK(c.event.integer(iovcnt) == 4);
  c.exit(6);
  CHECK(c.event.text(data) == "one tw");
}

TEST_CASE("a vector read is cut by the result and by snaplen") {
  using namespace slot::readv_;
  OneCall c;
  REQUIRE(c.enter("readv", {1, put_vector(c.memory, {"aaaa", "bbbb", "cccc"}), 3}));
  c.exit(6);
  CHECK(c.event.text(data) == "aaaabb");
  CHECK(c.event.integer(size) == 12);
  c.limits.snaplen = 5;
  REQUIRE(c.enter("readv", {1, put_vector(c.memory, {"aaaa", "bbbb", "cccc"}), 3}));
  c.exit(12);
  CHECK(c.event.text(data) == "aaaab");
  CHECK(c.has_flag(kTruncated));
}

TEST_CASE("a vector of hundreds of buffers is summed whole, one beyond what the kernel takes is not looked at") {
  OneCall c;
  const uint64_t vector = put_vector(c.memory, std::vector<std::string>(1024, "ab"));
  REQUIRE(c.enter("writev", {1, vector, 1024}));
  CHECK(c.event.integer(slot::writev_::size) == 2048);
  CHECK(c.event.text(slot::writev_::data).size() == 80);
  CHECK(c.has_flag(kTruncated));
  REQUIRE(c.enter("writev", {1, vector, 1025}));
  CHECK(c.event.integer(slot::writev_::size) == 0);
}

TEST_CASE("a bad vector is a fault") {
  OneCall c;
  REQUIRE(c.enter("writev", {1, ArrayMemory::kNowhere, 2}));
  CHECK(c.has_flag(kFault));
  c.exit(-EFAULT);
  CHECK(c.event.failed());
}

TEST_CASE("pread64 is Falco's pread, with its position") {
  OneCall c;
  REQUIRE(c.enter("pread64", {4, c.memory.put("data"), 4, 1024}));
  CHECK(c.event.info().name == std::string_view("pread"));
  CHECK(c.event.integer(slot::pread_::pos) == 1024);
}

TEST_CASE("process_vm_writev tells the target, the first address there, and the bytes") {
  using namespace slot::process_vm_writev_;
  OneCall c;
  const uint64_t remote = c.memory.put_array<uint64_t>({0x1234000, 4, 0x5678000, 8});
  REQUIRE(c.enter("process_vm_writev", {99, put_vector(c.memory, {"shell", "code"}), 2, remote, 2, 0}));
  c.exit(9);
  CHECK(c.event.integer(pid) == 99);
  CHECK(c.event.integer(address) == 0x1234000);
  CHECK(c.event.integer(size) == 12);
  CHECK(c.event.text(data) == "shellcode");
}
