// SPDX-License-Identifier: Apache-2.0
#include "capture/kernel/capabilities.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace vedette {

bool has_capability(Capability capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capget, &header, data) < 0) return false;
  const unsigned bit = static_cast<unsigned>(capability);
  return (data[bit / 32].effective >> (bit % 32) & 1u) != 0;
}

}  // namespace vedette
