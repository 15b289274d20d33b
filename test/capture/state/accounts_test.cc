// SPDX-License-Identifier: Apache-2.0
#include "capture/state/accounts.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "test/capture/state/fake_truth.h"

using namespace vedette;

TEST_CASE("names come from the workload's own files, read again when they change") {
  FakeTruth kernel;
  Accounts accounts(kernel);
  CHECK_FALSE(accounts.user(9, 0).name);
  kernel.files["9/root/etc/passwd"] = {.ino = 1, .mode = S_IFREG | 0644, .size = 10, .mtime_ns = 1};
  kernel.texts["9/root/etc/passwd"] = "root:x:0:0:root:/root:/bin/sh\nbroken\n:x:7:\nwww-data:x:33:33::/var/www:\n";
  kernel.files["9/root/etc/group"] = {.ino = 2, .mode = S_IFREG | 0644, .size = 10, .mtime_ns = 1};
  kernel.texts["9/root/etc/group"] = "staff:x:50:\n";
  CHECK(view(accounts.user(9, 0).name) == "root");
  CHECK(view(accounts.user(9, 0).home) == "/root");
  CHECK(view(accounts.user(9, 0).shell) == "/bin/sh");
  CHECK(view(accounts.user(9, 33).name) == "www-data");
  CHECK(view(accounts.user(9, 33).home) == "/var/www");
  CHECK_FALSE(accounts.user(9, 33).shell);
  CHECK(view(accounts.group(9, 50)) == "staff");
  CHECK_FALSE(accounts.user(9, 7).name);
  CHECK_FALSE(accounts.user(9, 34).name);
  CHECK_FALSE(accounts.user(9, UINT32_MAX).name);
  kernel.texts["9/root/etc/passwd"] = "admin:x:0:0::/:\n";
  CHECK(view(accounts.user(9, 0).name) == "root");  // by its facts the same file
  kernel.files["9/root/etc/passwd"].mtime_ns = 2;
  CHECK(view(accounts.user(9, 0).name) == "admin");
}

TEST_CASE("a passwd that is no regular file is not read: it might block") {
  FakeTruth kernel;
  Accounts accounts(kernel);
  kernel.files["9/root/etc/passwd"] = {.mode = S_IFIFO | 0644};
  kernel.texts["9/root/etc/passwd"] = "root:x:0:0:::\n";
  CHECK_FALSE(accounts.user(9, 0).name);
}
