// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/respond_words.h"

#include <doctest/doctest.h>

#include "capture/agent/pack.h"
#include "capture/agent/unpack.h"

using namespace vedette;

namespace {

std::vector<uint8_t> frame_with(uint64_t id, uint64_t action, uint64_t dry, uint64_t pid, uint64_t seconds) {
  std::vector<uint8_t> bytes;
  Pack pack(bytes);
  pack.array(10);
  pack.text("respond");
  for (const uint64_t number : {id, action, dry, uint64_t{1}, pid, uint64_t{1'700'000'000}, uint64_t{5}, seconds}) pack.integer(number);
  pack.array(1);
  pack.text("/usr/bin/ssh*");
  return bytes;
}

}  // namespace

TEST_CASE("a request is read as the host wrote it") {
  const auto request = read_request(frame_with(7, 1, 1, 4242, 0));
  REQUIRE(request);
  CHECK(request->id == 7);
  CHECK(request->action == ResponseAction::KillTree);
  CHECK(request->dry_run);
  CHECK(request->names_first);
  CHECK(request->process == Tid(4242));
  CHECK(request->start_ns == 1'700'000'000'000'000'005);
  CHECK(request->programs == std::vector<std::string>{"/usr/bin/ssh*"});
}

TEST_CASE("a request that holds what is not known, or is cut anywhere, is none") {
  const std::vector<uint8_t> whole = frame_with(7, 2, 0, 4242, 600);
  for (size_t size = 0; size < whole.size(); ++size) CHECK(!read_request(std::span(whole).first(size)));
  CHECK(!read_request(frame_with(7, 5, 0, 4242, 0)));   // no such action
  CHECK(!read_request(frame_with(7, 4, 0, 4242, 0)));   // nothing to deny
  CHECK(!read_request(frame_with(7, 0, 2, 4242, 0)));   // neither yes nor no
  CHECK(!read_request(frame_with(0, 0, 0, 4242, 0)));   // no number
  CHECK(!read_request(frame_with(7, 0, 0, 0, 0)));      // kill(0) is everybody
  CHECK(!read_request(frame_with(7, 0, 0, 0xffffffffull, 0)));  // kill(-1) is, too
  CHECK(!read_request(frame_with(7, 2, 0, 4242, 100'000)));  // longer than a day
}

TEST_CASE("what is to be denied is read as rows of a table are, and only with its action") {
  const auto with_rows = [](uint64_t action, uint64_t deny, size_t count) {
    std::vector<uint8_t> bytes;
    Pack pack(bytes);
    pack.array(11);
    pack.text("respond");
    for (const uint64_t number : {uint64_t{7}, action, uint64_t{0}, uint64_t{0}, uint64_t{4242}, uint64_t{1}, uint64_t{5}, uint64_t{0}}) pack.integer(number);
    pack.array(0);
    pack.array(count);
    for (size_t i = 0; i < count; ++i) {
      pack.array(11);
      pack.text("policy");
      pack.text("A response isolates");
      for (const uint64_t number : {deny, uint64_t{0}, uint64_t{0}}) pack.integer(number);
      pack.array(1);
      pack.text("10.0.0.0/8");
      for (int list = 0; list < 5; ++list) pack.array(0);
    }
    return bytes;
  };
  const std::vector<uint8_t> whole = with_rows(4, 5, 2);
  const auto request = read_request(whole);
  REQUIRE(request);
  CHECK(request->action == ResponseAction::Deny);
  REQUIRE(request->rows.size() == 2);
  CHECK(request->rows[1].deny == Deny::Network);
  CHECK(request->rows[1].rule == "A response isolates");
  CHECK(request->rows[1].networks.size() == 1);
  for (size_t size = 0; size < whole.size(); ++size) CHECK(!read_request(std::span(whole).first(size)));
  CHECK(!read_request(with_rows(4, 6, 1)));   // no such row
  CHECK(!read_request(with_rows(4, 2, 0)));   // none
  CHECK(!read_request(with_rows(4, 2, 65)));  // too many
  CHECK(!read_request(with_rows(3, 2, 1)));   // rows of another action
}

TEST_CASE("an answer is written as the host reads it") {
  const std::vector<uint8_t> frame = answer_frame({.id = 9, .step = ResponseStep::Ended, .status = ResponseStatus::Partial, .processes = 3, .why = "one is left"});
  Unpack from(frame);
  CHECK(from.array() == 6);
  CHECK(from.text() == "responded");
  CHECK(from.number() == 9);
  CHECK(from.number() == 1);
  CHECK(from.number() == 1);
  CHECK(from.number() == 3);
  CHECK(from.text() == "one is left");
  CHECK(!from.failed());
}
