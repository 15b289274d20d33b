// SPDX-License-Identifier: Apache-2.0
//
// Opens /etc/shadow by way of descriptor 9, puts another folder there at once, in which a file of that name
// lies, and closes all.
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(void) {
  const int etc = open("/etc", O_RDONLY | O_DIRECTORY), here = open(".", O_RDONLY | O_DIRECTORY);
  close(open("shadow", O_CREAT | O_WRONLY, 0600));
  for (int i = 0; i < 8; i++) close(open("shadow", O_RDONLY));  // opens are recorded inline from here on
  dup2(etc, 9);
  const int file = open("/proc/self/fd/9/shadow", O_RDONLY);
  dup2(here, 9);
  close(file);
  close(etc);
  return file < 0;
}
