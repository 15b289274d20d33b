// SPDX-License-Identifier: Apache-2.0
//
// unknown_call NUMBER: makes the call of that number, twice, and prints what the kernel answered.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char** argv) {
  const long number = argc > 1 ? atol(argv[1]) : 0;
  for (int i = 0; i < 2; i++) {
    const long result = syscall(number, -1, 0, 0, 0, 0, 0);
    if (i == 1) printf("answer: %ld\n", result == -1 ? -errno : result);
  }
  return 0;
}
