// SPDX-License-Identifier: Apache-2.0
#include "capture/kernel/proc.h"

#include <doctest/doctest.h>
#include <unistd.h>

using namespace vedette;

TEST_CASE("a status field is found by its whole name") {
  const std::string_view status = "Name:\tsh\nPPid:\t7\nPid:\t42\nNSpid:\t42\t1\nSigQ:\n";
  CHECK(status_field(status, "Pid") == "42");
  CHECK(status_field(status, "NSpid") == "42\t1");
  CHECK(status_field(status, "SigQ") == "");
  CHECK(status_field(status, "Tgid") == "");
}

TEST_CASE("a stat field is counted from behind the name, which may hold anything") {
  const std::string_view stat = "42 (a) b (c) S 7 42 42 34816 -1";
  CHECK(stat_field(stat, 4) == 7);
  CHECK(stat_field(stat, 7) == 34816);
  CHECK(stat_field(stat, 8) == -1);
  CHECK_FALSE(stat_field(stat, 9).has_value());
  CHECK_FALSE(stat_field(stat, 2).has_value());
}

TEST_CASE("a path below /proc is whole, or says that it does not fit") {
  CHECK(std::string_view(ProcPath(Tid(42), "task/43/io").name()) == "/proc/42/task/43/io");
  CHECK(ProcPath(Tid(42), "exe").fits());
  CHECK(ProcPath(Tid(2147483647), std::string(4096, 'x')).fits());
  CHECK_FALSE(ProcPath(Tid(42), std::string(5000, 'x')).fits());
}

TEST_CASE("reading /proc stops at the bound, and a task that is gone is an answer") {
  std::string text;
  REQUIRE(read_file(ProcPath(Tid(::getpid()), "status"), text, 10));
  CHECK(text.size() == 10);
  CHECK(text.starts_with("Name:"));
  const Result<void> gone = read_file(ProcPath(Tid(0x7ffffff0), "status"), text, 10);
  CHECK(gone.error() == Errno(ENOENT));
}
