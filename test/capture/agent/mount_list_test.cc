// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/mount_list.h"

#include <doctest/doctest.h>

using namespace vedette;

namespace {

// As containerd mounts them for a task on Fargate: no layer's path leads anywhere inside the container.
constexpr std::string_view kMounts =
    "600 550 0:150 / / rw,relatime master:200 - overlay overlay rw,lowerdir=/var/lib/containerd/snapshots/7/fs,upperdir=/var/lib/containerd/snapshots/9/fs\n"
    "601 600 0:152 / /proc rw,nosuid - proc proc rw\n"
    "602 600 259:1 /volumes/a /data rw,noatime shared:7 - ext4 /dev/nvme1n1 rw\n"
    "603 600 0:160 / /dev/shm rw,nosuid - tmpfs shm rw,size=65536k\n"
    "604 600 0:161 / /efs rw,relatime - nfs4 127.0.0.1:/ rw,vers=4.1\n"
    "605 600 0:162 / /mnt/x rw,relatime - fuse.sshfs somebody rw\n"
    "606 600 0:163 / /mnt/over rw,relatime - overlay overlay rw,lowerdir=/mnt/x,upperdir=/data/u\n";

Storage storage(uint64_t number) { return mount_numbered(kMounts, number).value_or(Mount{}).storage; }

}  // namespace

TEST_CASE("a mount is sure by the type of its file system, and one that is not listed is none") {
  CHECK(storage(602) == Storage::Disk);
  CHECK(storage(603) == Storage::Memory);
  CHECK(storage(600) == Storage::Overlay);
  for (const uint64_t number : {601, 604, 605}) CHECK(storage(number) == Storage::Unsure);
  CHECK(mount_numbered(kMounts, 600)->device == "0:150");
  CHECK(mount_numbered(kMounts, 600)->is_root);
  CHECK(!mount_numbered(kMounts, 606)->is_root);
  CHECK(!mount_numbered(kMounts, 60));
  CHECK(mount_numbered("7 1 8:1 / / rw", 7)->storage == Storage::Unsure);  // cut
}

TEST_CASE("a way is sure where all that is mounted on it is, and one overlay is known") {
  for (const std::string_view path : {"/usr/bin/curl", "/data/program", "/dev/shm/x", "/mnt/xy"}) CHECK(is_way_sure(kMounts, path, "0:150"));
  for (const std::string_view path : {"/mnt/x", "/mnt/x/deep/program", "/efs/program", "/mnt/over/program", "/proc/self/fd/3"}) CHECK(!is_way_sure(kMounts, path, "0:150"));
  CHECK(!is_way_sure(kMounts, "/usr/bin/curl", ""));
  CHECK(!is_way_sure("36 22 0:45 / /mnt/a\\040b rw - fuse x rw\n", "/bin/program", ""));
  CHECK(!is_way_sure("36 22 0:45 / / rw - fuse x rw", "/bin/program", ""));
  CHECK(!is_way_sure("what is this", "/bin/program", ""));
}
