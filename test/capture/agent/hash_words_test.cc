// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/hash_words.h"

#include <doctest/doctest.h>

#include "capture/agent/pack.h"
#include "capture/agent/unpack.h"

using namespace vedette;

namespace {

std::vector<uint8_t> frame_with(uint64_t id, uint64_t pid, std::string_view ctime, std::string_view path) {
  std::vector<uint8_t> bytes;
  Pack pack(bytes);
  pack.array(8);
  pack.text("hash");
  pack.integer(id);
  pack.integer(pid);
  for (const std::string_view number : {std::string_view("1700000000000000005"), std::string_view("2049"), std::string_view("18446744073709551615"), ctime}) pack.text(number);
  pack.text(path);
  return bytes;
}

}  // namespace

TEST_CASE("a question is read as the host wrote it") {
  const auto request = read_hash_request(frame_with(7, 4242, "99", "/bin/x")).request;
  REQUIRE(request);
  CHECK(request->id == 7);
  CHECK(request->process == Tid(4242));
  CHECK(request->start_ns == 1'700'000'000'000'000'005);
  CHECK(request->dev == 2049);
  CHECK(request->ino == 18446744073709551615u);
  CHECK(request->ctime_ns == 99);
  CHECK(request->path == "/bin/x");
}

TEST_CASE("a question that holds what is not known, or is cut anywhere, is none") {
  const std::vector<uint8_t> whole = frame_with(7, 4242, "99", "/bin/x");
  for (size_t size = 0; size < whole.size(); ++size) CHECK(!read_hash_request(std::span(whole).first(size)).request);
  CHECK(!read_hash_request(frame_with(0, 4242, "99", "/bin/x")).request);  // no number
  CHECK(!read_hash_request(frame_with(7, 0, "99", "/bin/x")).request);
  CHECK(!read_hash_request(frame_with(7, 0xffffffffull, "99", "/bin/x")).request);
  for (const char* const number : {"", "-1", "9x", " 9", "18446744073709551616"}) CHECK(!read_hash_request(frame_with(7, 4242, number, "/bin/x")).request);
  for (const std::string_view path : {std::string_view(""), std::string_view("bin/x"), std::string_view("/a\0b", 4)}) CHECK(!read_hash_request(frame_with(7, 4242, "99", path)).request);
}

TEST_CASE("a question that does not read can be answered, as long as its number does") {
  CHECK(read_hash_request(frame_with(7, 0, "99", "/bin/x")).id == 7);
  CHECK(read_hash_request(frame_with(7, 4242, "", "bin/x")).id == 7);
  CHECK(read_hash_request(frame_with(0, 4242, "99", "/bin/x")).id == 0);
  const std::vector<uint8_t> whole = frame_with(7, 4242, "99", "/bin/x");
  CHECK(read_hash_request(std::span(whole).first(6)).id == 0);
}

TEST_CASE("an answer has 32 bytes, or none and why") {
  Sha256::Digest digest;
  digest.fill(0xab);
  const std::vector<uint8_t> told = hashed_frame({.id = 300, .digest = digest});
  CHECK(told.size() == 1 + 7 + 9 + 5 + 32 + 1);
  CHECK(told[1 + 7 + 9 + 4] == 32);
  const std::vector<uint8_t> none = hashed_frame({.id = 1, .digest = std::nullopt, .why = "gone"});
  CHECK(none.size() == 1 + 7 + 1 + 5 + 5);
}
