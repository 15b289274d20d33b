// SPDX-License-Identifier: Apache-2.0
// Alone in its file, since the headers of the two ABIs define the same names.
#if defined(__x86_64__)
#include <asm/unistd_32.h>
#include <doctest/doctest.h>

#include <string_view>

#include "capture/decode/syscalls.h"

using namespace vedette;

TEST_CASE("i386 numbers are the kernel's") {
  struct {
    uint32_t nr;
    std::string_view name;
  } const kernel[] = {
      {__NR_read, "read"}, {__NR_execve, "execve"}, {__NR_socketcall, "socketcall"}, {__NR_pread64, "pread64"},
      {__NR_stat64, "stat"}, {__NR_fstatat64, "newfstatat"}, {__NR_setuid32, "setuid"}, {__NR_sendmmsg, "sendmmsg"},
      {__NR_openat2, "openat2"}, {__NR_clone3, "clone3"}, {__NR_recvmmsg_time64, "recvmmsg"}, {__NR_mmap2, "mmap"},
      {__NR_fcntl64, "fcntl"}, {__NR_statx, "statx"}, {__NR_execveat, "execveat"}, {__NR_utimensat, "utimensat_32"},
  };
  for (const auto& [nr, name] : kernel) {
    CAPTURE(name);
    const Row* row = find_row(Abi::I386, nr);
    REQUIRE(row != nullptr);
    CHECK(row->name == name);
  }
}
#endif
