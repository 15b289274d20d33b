// SPDX-License-Identifier: Apache-2.0
//
//   own_context AIM    has its calls recorded where nobody reads: GS base points to a copy of the thread's ring
//     own     100 lseeks of 9100 that way, then a call that stops, then 100 lseeks of 9200
//     folder  goes to /etc that way, then makes a call that stops, then opens passwd
//     shell   puts a socket over descriptors 0 to 2 that way, and executes a shell
//     calm    the honest control: the same calls with the ring that the thread has
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kPage = 0x10000, kRing = 36 << 10, kRecords = 40 };  // the context begins 64 KiB above GS base (capture/wire/ring.h)

static void seek(int descriptor, int times) {
  for (int i = 0; i < times; i++) (void)!lseek(descriptor, i, SEEK_SET);
}

static void take_own_context(void) {
  uint64_t base;
  __asm__ volatile("rdgsbase %0" : "=r"(base));
  char* const own = mmap(NULL, kRing, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == 0 || own == MAP_FAILED) {
    printf("context: none\n");
    return;
  }
  memcpy(own, (const char*)(base + kPage), kRing);
  uint64_t records;
  memcpy(&records, own + kRecords, sizeof records);
  records += (uint64_t)(uintptr_t)own - (base + kPage);
  memcpy(own + kRecords, &records, sizeof records);
  printf("context: taken\n");
  fflush(stdout);
  __asm__ volatile("wrgsbase %0" ::"r"((uint64_t)(uintptr_t)own - kPage));
}

// To this program itself, by loopback.
static int connection(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  const int listener = socket(AF_INET, SOCK_STREAM, 0), line = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr*)&address, size) != 0 || listen(listener, 1) != 0) return -1;
  if (getsockname(listener, (struct sockaddr*)&address, &size) != 0) return -1;
  return connect(line, (struct sockaddr*)&address, size) == 0 ? line : -1;
}

int main(int argc, char** argv) {
  const char* const aim = argc > 1 ? argv[1] : "";
  const int line = connection();
  if (line < 0) return 1;
  seek(9000, 8);
  for (int i = 0; i < 8; i++) (void)dup2(line, 9);
  for (int i = 0; i < 8; i++) (void)!chdir("/");
  if (strcmp(aim, "calm") != 0) take_own_context();
  if (strcmp(aim, "folder") == 0) {
    (void)!chdir("/etc");
    close(socket(AF_UNIX, SOCK_STREAM, 0));
    close(open("passwd", O_RDONLY));
    return 0;
  }
  if (strcmp(aim, "shell") == 0) {
    for (int i = 0; i < 3; i++) (void)dup2(line, i);
    execl("/bin/sh", "sh", "-c", ":", (char*)NULL);
    return 1;
  }
  seek(9100, 100);
  close(socket(AF_UNIX, SOCK_STREAM, 0));  // stops
  seek(9200, 100);
  printf("end: reached\n");
  return 0;
}
