// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/host_words.h"

#include <doctest/doctest.h>

#include <string>

using namespace vedette;

namespace {

std::vector<uint8_t> frame(const std::string& body) {
  std::vector<uint8_t> bytes = {static_cast<uint8_t>(body.size()), static_cast<uint8_t>(body.size() >> 8), 0, 0};
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

}  // namespace

TEST_CASE("ready, acknowledgements of every width and refusals are understood") {
  HostWords words;
  REQUIRE(words.feed(frame("\x91\xa5ready")));
  CHECK(words.next()->kind == HostWord::Kind::Ready);
  const std::pair<std::string, uint64_t> numbers[] = {{std::string("\x07", 1), 7}, {"\xcc\xc8", 200}, {std::string("\xcd\x01\x00", 3), 256},
      {std::string("\xce\x00\x01\x00\x00", 5), 65536}, {std::string("\xcf\x00\x00\x00\x01\x00\x00\x00\x00", 9), 4294967296}};
  for (const auto& [bytes, number] : numbers) {
    REQUIRE(words.feed(frame("\x92\xa3" "ack" + bytes)));
    const std::optional<HostWord> word = words.next();
    CHECK(word->kind == HostWord::Kind::Acknowledge);
    CHECK(word->number == number);
  }
  REQUIRE(words.feed(frame("\x91\xa4" "fill")));
  CHECK(words.next()->kind == HostWord::Kind::Fill);
  REQUIRE(words.feed(frame("\x92\xa3" "age\x14")));
  const std::optional<HostWord> age = words.next();
  CHECK(age->kind == HostWord::Kind::Age);
  CHECK(age->number == 20);
  REQUIRE(words.feed(frame("\x92\xa3" "age\xa3" "old")));  // no number: as if it had said nothing
  CHECK(words.next()->number == 0);
  REQUIRE(words.feed(frame("\x93\xa5" "error\xa4" "CODE\xa1!")));
  CHECK(words.next()->text == "CODE");
  CHECK_FALSE(words.next());
}

TEST_CASE("the files whose opens are to be watched are read one by one, and a list cut short ends") {
  HostWords words;
  REQUIRE(words.feed(frame("\x92\xa5watch\x92\xa2/a\xa2/b")));
  const std::optional<HostWord> word = words.next();
  CHECK(word->kind == HostWord::Kind::Watch);
  CHECK(word->paths == std::vector<std::string>{"/a", "/b"});
  REQUIRE(words.feed(frame("\x92\xa5watch\xdd\x7f\xff\xff\xff\xa2/a")));
  CHECK(words.next()->paths.size() <= 2);
}

TEST_CASE("words that come in pieces, or several at once, are put together") {
  HostWords words;
  std::vector<uint8_t> bytes = frame("\x92\xa3" "ack\x01");
  const std::vector<uint8_t> second = frame("\x92\xa3" "ack\x02");
  bytes.insert(bytes.end(), second.begin(), second.end());
  std::vector<uint64_t> numbers;
  for (const uint8_t byte : bytes) {
    REQUIRE(words.feed({&byte, 1}));
    while (const std::optional<HostWord> word = words.next()) numbers.push_back(word->number);
  }
  CHECK(numbers == std::vector<uint64_t>{1, 2});
}

TEST_CASE("a word cut short, an unknown one and one that is no array do no harm") {
  HostWords words;
  for (const std::string& body : {std::string("\x92\xa3"), std::string("\x92\xbf" "x"), std::string("\xc0"), std::string("\x91\xa4what"), std::string()}) {
    REQUIRE(words.feed(frame(body)));
    CHECK(words.next()->kind == HostWord::Kind::Unknown);
  }
}

TEST_CASE("a frame longer than any word is refused") {
  HostWords words;
  const std::vector<uint8_t> bytes = {0xff, 0xff, 0xff, 0x7f, 0};
  CHECK_FALSE(words.feed(bytes));
}
