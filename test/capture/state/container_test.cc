// SPDX-License-Identifier: Apache-2.0
#include "capture/state/container.h"

#include <doctest/doctest.h>

#include <string>

#include "test/capture/state/fake_truth.h"

namespace vedette {
namespace {

constexpr uint32_t kAgent = 7;
const std::string kId(64, 'a');

struct InContainer {
  FakeTruth truth;
  std::string& cgroup = truth.texts["7/cgroup"];
  std::string& status = truth.texts["7/status"];
  std::string& mounts = truth.texts["7/mountinfo"];

  InContainer() {
    cgroup = "4:pids:/docker/" + kId + "\n";
    status = "Name:\tx\nCapBnd:\t000001fffeffffff\nSeccomp:\t0\n";
    mounts = "22 27 0:21 / /proc rw,relatime - proc proc rw\n";
  }
  Container container() { return container_of(truth, kAgent); }
};

TEST_CASE("a container with all the marks is privileged") {
  const Container container = InContainer().container();
  CHECK(container.id == kId.substr(0, 12));
  CHECK(container.privilege == Privilege::Yes);
}

TEST_CASE("each mark that is missing proves that it is not") {
  InContainer in;
  SUBCASE("a capability") { in.status = "CapBnd:\t00000000a80c25fb\nSeccomp:\t0\n"; }
  SUBCASE("a seccomp filter") { in.status = "CapBnd:\t000001ffffffffff\nSeccomp:\t2\n"; }
  SUBCASE("a masked file") { in.mounts += "9 22 0:5 /null /proc/kcore rw - tmpfs tmpfs rw\n"; }
  SUBCASE("a folder that cannot be written") { in.mounts += "9 22 0:5 /sys /proc/sys ro - proc proc rw\n"; }
  CHECK(in.container().privilege == Privilege::No);
}

TEST_CASE("it is not known where the kernel does not say, and no question outside of a container") {
  InContainer in;
  SUBCASE("an old kernel's status") { in.status = "Name:\tx\n"; }
  SUBCASE("no mounts") { in.truth.texts.erase("7/mountinfo"); }
  SUBCASE("a plain host") { in.cgroup = "0::/user.slice\n"; }
  CHECK(in.container().privilege == Privilege::Unknown);
}

}  // namespace
}  // namespace vedette
