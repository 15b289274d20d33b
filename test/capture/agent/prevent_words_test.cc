// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/prevent_words.h"

#include <doctest/doctest.h>

#include <string>

using namespace vedette;

namespace {

std::string text(std::string_view value) { return static_cast<char>(0xa0 | value.size()) + std::string(value); }

// ["prevent", 7, [[policy, rule, deny, action, mode, [network], [443], [], ["/bin/*"], [1000], []]]]
std::string table_of(char deny, char action, char mode, std::string_view network) {
  return "\x93" + text("prevent") + "\x07\x91\x9b" + text("p") + text("r") + deny + action + mode + "\x91" + text(network) +
         std::string("\x91\xcd\x01\xbb\x90\x91", 6) + text("/bin/*") + std::string("\x91\xcd\x03\xe8\x90", 5);
}

std::optional<PreventTable> read(const std::string& bytes) {
  return read_table(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

PreventTable with(Deny deny, Mode mode = Mode::Enforce) { return {.version = 1, .rows = {PreventRow{.deny = deny, .mode = mode}}}; }

}  // namespace

TEST_CASE("a table is read as the host wrote it") {
  const std::optional<PreventTable> table = read(table_of(2, 1, 1, "10.0.0.0/8"));
  REQUIRE(table.has_value());
  CHECK(table->version == 7);
  REQUIRE(table->rows.size() == 1);
  const PreventRow& row = table->rows[0];
  CHECK(row.policy == "p");
  CHECK(row.rule == "r");
  CHECK(row.deny == Deny::Connect);
  CHECK(row.action == Action::Kill);
  CHECK(row.mode == Mode::Monitor);
  CHECK(row.networks.size() == 1);
  CHECK(row.ports == std::vector<uint16_t>{443});
  CHECK(row.files.empty());
  CHECK(row.programs == std::vector<std::string>{"/bin/*"});
  CHECK(row.uids == std::vector<uint32_t>{1000});
  CHECK(row.executables.empty());
}

TEST_CASE("a table that holds what is not known, or is cut anywhere, is none") {
  CHECK_FALSE(read(table_of(9, 0, 0, "10.0.0.0/8")));
  CHECK_FALSE(read(table_of(2, 9, 0, "10.0.0.0/8")));
  CHECK_FALSE(read(table_of(2, 0, 9, "10.0.0.0/8")));
  CHECK_FALSE(read(table_of(2, 0, 0, "10.0.0.0/99")));
  const std::string whole = table_of(2, 0, 0, "10.0.0.0/8");
  for (size_t size = 0; size < whole.size(); ++size) CHECK_FALSE(read(whole.substr(0, size)));
}

TEST_CASE("what an agent cannot do for a table is said with its reason") {
  CHECK(obstacle_to(with(Deny::Connect), {}).empty());
  CHECK(obstacle_to(with(Deny::Connect), {.sealed_memory = false}).find("System V") != std::string::npos);
  CHECK(obstacle_to(with(Deny::Connect), {.io_uring = true}).find("io-uring") != std::string::npos);
  CHECK(obstacle_to(with(Deny::Exec), {.sees_all = false}).find("SYS_PTRACE") != std::string::npos);
  CHECK(obstacle_to(with(Deny::Ptrace), {.sealed_memory = false, .sees_all = false, .io_uring = true}).empty());
  CHECK(obstacle_to(with(Deny::Connect, Mode::Monitor), {.sealed_memory = false, .io_uring = true}).empty());
}
