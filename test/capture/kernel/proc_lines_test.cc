// SPDX-License-Identifier: Apache-2.0
#include "capture/kernel/proc_lines.h"

#include <doctest/doctest.h>

using namespace vedette;

TEST_CASE("a line of maps is read whole, with a name that holds blanks") {
  const auto map = read_map_line("7f00-7f01 r-xp 00001000 08:01 4711                       /opt/a b (deleted)");
  REQUIRE(map);
  CHECK(map->start == 0x7f00);
  CHECK(map->end == 0x7f01);
  CHECK(map->rights == "r-xp");
  CHECK(map->is_executable());
  CHECK_FALSE(map->is_writable());
  CHECK(map->offset == 0x1000);
  CHECK(map->inode == 4711);
  CHECK(map->name == "/opt/a b (deleted)");
}

TEST_CASE("a mapping without a name has none, and what is cut short is as far as it goes") {
  const auto map = read_map_line("10000-11000 rw-p 00000000 00:00 0 ");
  REQUIRE(map);
  CHECK(map->name.empty());
  CHECK(map->is_writable());
  const auto cut = read_map_line("10000-11000 r--s 0000");
  REQUIRE(cut);
  CHECK(cut->start == 0x10000);
  for (const char* const none : {"", "10000", "10000-", "10000-11000", "10000-11000 r-x", "zz-yy r-xp 0 0:0 0", "10000 r-xp 0 0:0 0 /a-b"}) {
    CAPTURE(none);
    CHECK_FALSE(read_map_line(none));
  }
}

TEST_CASE("a mount's number, device, place and type") {
  const auto mount = read_mount_line("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw");
  REQUIRE(mount);
  CHECK(mount->id == 36);
  CHECK(mount->device == "98:0");
  CHECK(mount->point == "/mnt2");
  CHECK(mount->type == "ext3");
  CHECK(read_mount_line("36 35 98:0 / / rw")->type == "");
  CHECK_FALSE(read_mount_line("x 35 98:0"));
}

TEST_CASE("a status file's numbers, masks, and what is missing") {
  const char* const status = "Name:\tcat\nTgid:\t12\nTgidX:\t9\nCapEff:\t00000000a80425fb\nEmpty:\n";
  CHECK(status_number(status, "Tgid") == 12);
  CHECK(status_tid(status, "Tgid") == Tid(12));
  CHECK(status_mask(status, "CapEff") == 0xa80425fb);
  CHECK(status_number(status, "PPid") == 0);
  CHECK(status_number(status, "Seccomp_filters", 7) == 7);
  CHECK(status_number(status, "Empty", 7) == 7);
  CHECK(status_field(status, "Name") == "cat");
}

TEST_CASE("lines are taken one by one, the last with or without its end") {
  std::string_view text = "a\n\nb";
  CHECK(take_line(text) == "a");
  CHECK(take_line(text) == "");
  CHECK(take_line(text) == "b");
  CHECK(text.empty());
}
