// SPDX-License-Identifier: Apache-2.0
#include "capture/state/proc_text.h"

#include <doctest/doctest.h>
#include <fcntl.h>

using namespace vedette;

TEST_CASE("status: ids, capabilities, and the pid of the innermost namespace") {
  const StatusText status = parse_status(
      "Name:\tcat\nTgid:\t42\nPid:\t42\nPPid:\t7\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nNSpid:\t42\t3\t1\n"
      "CapInh:\t0000000000000001\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000000400\n");
  CHECK(status.tgid == 42);
  CHECK(status.ppid == 7);
  CHECK(status.vpid == 1);
  CHECK(status.nested_pids);
  CHECK(status.credentials == Credentials{1, 2, 4, 5, 6, 8, 1, 0x1ffffffffff, 0x400});
  CHECK_FALSE(parse_status("NSpid:\t42\n").nested_pids);
  CHECK(parse_status("NSpid:\t42\n").vpid == 42);
  CHECK(parse_status("").tgid == 0);
}

TEST_CASE("stat: a name with blanks and parentheses does not shift the fields") {
  const StatText stat = parse_stat("42 (a) b) (c) S 7 40 39 34816 42 4194304");
  CHECK(stat.group == 40);
  CHECK(stat.session == 39);
  CHECK(stat.tty == 34816);
  CHECK_FALSE(stat.start_ticks);
  CHECK(parse_stat("1 (init) S 0 1 1 0 -1 4194560 9 8 7 6 5 4 3 2 20 0 1 0 17 22").start_ticks == 17u);
  CHECK(parse_stat("nonsense").group == 0);
}

TEST_CASE("cgroup: the longest path, and the container's id in it") {
  CHECK(longest_cgroup("12:cpu:/a\n1:name=systemd:/a/longer\n0::/\n") == "/a/longer");
  const std::string id(64, 'a');
  CHECK(container_id_of("/docker/" + id) == id);
  CHECK(container_id_of("/system.slice/docker-" + id + ".scope") == id);
  CHECK(short_id(id) == std::string(12, 'a'));
  const std::string task = std::string(32, 'b') + "-0123456789";
  CHECK(container_id_of("/ecs/" + std::string(32, 'b') + "/" + task) == task);
  CHECK(container_id_of("/user.slice/user-1000.slice") == "");
  CHECK(container_id_of("/") == "");
  CHECK(container_id_of("/" + std::string(65, 'a')) == "");
}

TEST_CASE("limits, fdinfo and numbers in links") {
  CHECK(open_files_limit("Max cpu time  unlimited unlimited seconds\nMax open files   512   1024  files\n") == 512);
  CHECK(open_files_limit("Max open files   unlimited   unlimited  files\n") == UINT64_MAX >> 1);
  CHECK(open_files_limit("") == 0);
  CHECK(fdinfo_flags("pos:\t0\nflags:\t02100002\nmnt_id:\t9\n") == (O_CLOEXEC | 0100002));
  CHECK_FALSE(fdinfo_flags("pos:\t0\n").has_value());
  CHECK(number_in_brackets("socket:[12345]") == 12345);
  CHECK(number_in_brackets("/a/path") == 0);
}
