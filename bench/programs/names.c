// SPDX-License-Identifier: Apache-2.0
//
// names COUNT: makes so many files in the current folder, writes each, gives each another name, and removes
// it, as a mail queue or a cache does.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char** argv) {
  const int count = argc > 1 ? atoi(argv[1]) : 1000;
  char from[32], to[32];
  for (int i = 0; i < count; i++) {
    snprintf(from, sizeof from, "new.%d", i);
    snprintf(to, sizeof to, "cur.%d", i);
    const int file = open(from, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (file < 0 || write(file, from, sizeof from) != sizeof from || close(file) != 0 || rename(from, to) != 0) return 1;
    if (i >= 16) snprintf(to, sizeof to, "cur.%d", i - 16), unlink(to);
  }
  for (int i = count < 16 ? 0 : count - 16; i < count; i++) snprintf(to, sizeof to, "cur.%d", i), unlink(to);
  return 0;
}
