// SPDX-License-Identifier: Apache-2.0
//
//   double_mapped shared|private FILE    compiles a function as .NET and libffi do: a file without a name, mapped twice, written at
//                                        one address and executed at another; says what the function gives, and opens FILE ten times
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { kSize = 4096, kOpens = 10 };

int main(int argc, char** argv) {
  static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};  // mov $42,%eax; ret
  if (argc < 3) return 1;
  const int how = strcmp(argv[1], "shared") == 0 ? MAP_SHARED : MAP_PRIVATE;
  const int file = memfd_create("doublemapper", MFD_CLOEXEC);
  if (file < 0 || ftruncate(file, kSize) != 0) return 1;
  void* const written = mmap(NULL, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (written == MAP_FAILED) return 1;
  memcpy(written, code, sizeof code);
  int (*const function)(void) = mmap(NULL, kSize, PROT_READ | PROT_EXEC, how, file, 0);
  if (function == MAP_FAILED) return 1;
  printf("function: %d\n", function());
  int opened = 0;
  for (int i = 0; i < kOpens; i++) {
    const int fd = open(argv[2], O_RDONLY);
    opened += fd >= 0;
    close(fd);
  }
  printf("opened: %d\n", opened);
  return 0;
}
