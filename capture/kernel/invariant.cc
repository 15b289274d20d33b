// SPDX-License-Identifier: Apache-2.0
#include "capture/kernel/invariant.h"

#include <cstdio>
#include <cstdlib>

namespace vedette {

void end_of_invariant(std::string_view sentence, std::initializer_list<int64_t> state, const char* file, int line) {
  std::fprintf(stderr, "vedette-capture: a mistake of ours: \"%.*s\" does not hold (%s:%d):", static_cast<int>(sentence.size()), sentence.data(),
               file, line);
  for (const int64_t value : state) std::fprintf(stderr, " %lld", static_cast<long long>(value));
  std::fputc('\n', stderr);
  std::abort();
}

}  // namespace vedette
