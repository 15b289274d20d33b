// SPDX-License-Identifier: Apache-2.0
// What the addon calls of libstdc++ and Debian 12's (GCC 12) does not have. From GCC 13 on the headers leave
// the rare half of std::string::replace to the library. This makes our own, so that the addon loads with
// either. What it asks of both libraries is checked in test/e2e/npm-packages.test.ts.
#include <cstddef>
#include <string>

#if _GLIBCXX_RELEASE >= 13
template void std::string::_M_replace_cold(char*, std::size_t, const char*, const std::size_t, const std::size_t);
#endif
