// SPDX-License-Identifier: Apache-2.0
#include "capture/kernel/features.h"

#include <doctest/doctest.h>

using namespace vedette;

TEST_CASE("a kernel's version is read from what uname says") {
  CHECK(parse_kernel_version("5.10") == KernelVersion{5, 10});
  CHECK(parse_kernel_version("6.1.0-56-cloud-amd64") == KernelVersion{6, 1});
  CHECK(parse_kernel_version("5.10.262") == KernelVersion{5, 10});
  CHECK(parse_kernel_version("nonsense") == KernelVersion{});
  CHECK(parse_kernel_version("6") == KernelVersion{});
  CHECK(KernelVersion{5, 9} < KernelVersion{5, 10});
}
