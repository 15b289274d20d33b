// SPDX-License-Identifier: Apache-2.0
// A write that does not wait for whoever reads. The descriptor may be the workload's too, so its flags stay
// as they are.
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace vedette::addon {

// Writes at most PIPE_BUF bytes. Gives how many were taken, 0 when none can be now, or an errno below zero.
ssize_t write_now(int fd, const void* bytes, size_t size);

}  // namespace vedette::addon
