// SPDX-License-Identifier: Apache-2.0
// arm64 has no requests of ptrace that other processors lack, but for those of its 32-bit programs.
#include <cerrno>

#include "capture/tracer/nested.h"

namespace vedette {

int64_t NestedTracing::processor_request(Task&, Task&, long, uint64_t, uint64_t) { return -EIO; }

}  // namespace vedette
