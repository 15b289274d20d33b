// SPDX-License-Identifier: Apache-2.0
//
// Tells of plaintext that never passed a TLS library, by the call that the agent's hooks make
// (capture/wire/plaintext.h): of a descriptor that is no socket, of one that is not open, of a socket of its
// own, with a buffer that is not there and with more bytes than there are.
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const uint64_t kRead = 0x76647472ffffffff;

static void tell(const char* name, const void* bytes, uint64_t size, int fd) {
  register uint64_t object __asm__("r10") = 0x1000;
  register uint64_t when __asm__("r8") = 0;
  register uint64_t who __asm__("r9") = (uint64_t)(uint32_t)fd << 32 | 1;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"((long)SYS_write), "D"(kRead), "S"(bytes), "d"(size), "r"(object), "r"(when), "r"(who)
                   : "rcx", "r11", "memory");
  printf("%s: %s\n", name, result == -EBADF ? "EBADF" : "another");
}

int main(void) {
  static const char kText[] = "GET /forged HTTP/1.1\r\n\r\n";
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 1;
  tell("file", kText, sizeof kText - 1, 0);
  tell("closed", kText, sizeof kText - 1, 99);
  tell("own", kText, sizeof kText - 1, ends[0]);
  tell("nowhere", (void*)8, 64, ends[1]);
  tell("endless", kText, ~0ull >> 1, ends[1]);
  return 0;
}
