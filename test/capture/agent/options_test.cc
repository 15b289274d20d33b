// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/options.h"

#include <doctest/doctest.h>

using namespace vedette;

namespace {

std::variant<Options, Failure> parse(std::initializer_list<const char*> words) {
  std::vector<char*> argv = {const_cast<char*>("vedette-capture")};
  for (const char* word : words) argv.push_back(const_cast<char*>(word));
  return parse_options(static_cast<int>(argv.size()), argv.data());
}

ErrorCode code_of(std::initializer_list<const char*> words) {
  const std::variant<Options, Failure> parsed = parse(words);
  const Failure* const failure = std::get_if<Failure>(&parsed);
  REQUIRE(failure != nullptr);
  return failure->code;
}

}  // namespace

TEST_CASE("options stand before --, the command behind it is not looked at") {
  const auto parsed = parse({"--host", "fd:7", "--snaplen=0", "--io-uring", "allow", "--tiers", "trace", "--strangers=task", "--", "ls", "--host", "x"});
  const Options& options = std::get<Options>(parsed);
  CHECK(options.host.kind == HostAddress::Kind::Inherited);
  CHECK(options.host.number == 7);
  CHECK(options.limits.snaplen == 0);
  CHECK(options.io_uring == IoUring::Allow);
  CHECK(options.strangers == StrangerScope::Task);
  CHECK_FALSE(options.inline_tier);
  REQUIRE(options.command.size() == 3);
  CHECK(std::string(options.command[1]) == "--host");
}

TEST_CASE("each folder that is believed is a path from the root, by the name that the kernel has for it") {
  const auto parsed = parse({"--believe", "/proc/../tmp/", "--believe=/not/there", "--", "ls"});
  CHECK(std::get<Options>(parsed).believed == std::vector<std::string>{"/tmp", "/not/there"});
  CHECK(code_of({"--believe", "tmp", "--", "ls"}) == ErrorCode::VEDETTE_USAGE);
}

TEST_CASE("a process is attached in the place of a command, and its code, memory and calls are left as they are") {
  const auto parsed = parse({"--respond", "--io-uring", "refuse", "--attach", "4711"});
  const Options& options = std::get<Options>(parsed);
  CHECK(options.attach == Tid(4711));
  CHECK_FALSE(options.inline_tier);
  CHECK_FALSE(options.respond);
  CHECK(options.io_uring == IoUring::Allow);
  CHECK(options.strangers == StrangerScope::None);
  CHECK(code_of({"--attach", "0"}) == ErrorCode::VEDETTE_USAGE);
  CHECK(code_of({"--attach", "x"}) == ErrorCode::VEDETTE_USAGE);
  CHECK(code_of({"--attach", "4711", "--", "ls"}) == ErrorCode::VEDETTE_USAGE);
  CHECK(code_of({"--attach", "4711", "--tls-plaintext"}) == ErrorCode::VEDETTE_USAGE);
}

TEST_CASE("what is missing or wrong is a code of the catalogue and one sentence") {
  CHECK(code_of({}) == ErrorCode::VEDETTE_NO_COMMAND);
  CHECK(code_of({"--"}) == ErrorCode::VEDETTE_NO_COMMAND);
  CHECK(code_of({"--colour", "--", "ls"}) == ErrorCode::VEDETTE_USAGE);
  CHECK(code_of({"--snaplen", "5000", "--", "ls"}) == ErrorCode::VEDETTE_USAGE);
  CHECK(code_of({"--snaplen", "-1", "--", "ls"}) == ErrorCode::VEDETTE_USAGE);
  CHECK(code_of({"--snaplen", "8x", "--", "ls"}) == ErrorCode::VEDETTE_USAGE);
  CHECK(code_of({"--host"}) == ErrorCode::VEDETTE_USAGE);
  const auto parsed = parse({"--tiers", "some", "--", "ls"});
  CHECK(std::get<Failure>(parsed).text ==
        "--tiers needs all or trace, not \"some\". [VEDETTE_USAGE]\n  See `vedette run --help`.");
}

TEST_CASE("a host is an inherited descriptor, a socket or loopback, never a name on a network") {
  CHECK(parse_host_address("unix:/run/v.sock")->path == "/run/v.sock");
  CHECK(parse_host_address("abstract:v")->kind == HostAddress::Kind::Abstract);
  CHECK(parse_host_address("tcp:127.0.0.1:9000")->number == 9000);
  CHECK_FALSE(parse_host_address("tcp:10.0.0.1:9000").has_value());
  CHECK_FALSE(parse_host_address("tcp:127.0.0.1:0").has_value());
  CHECK_FALSE(parse_host_address("fd:1").has_value());
  CHECK_FALSE(parse_host_address("unix:").has_value());
  CHECK_FALSE(parse_host_address(std::string("unix:") + std::string(200, 'x')).has_value());
}
