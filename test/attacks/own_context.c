// SPDX-License-Identifier: Apache-2.0
//
//   own_context AIM    has its calls recorded where nobody reads: GS base points to a copy of the thread's ring
//     own     100 lseeks of 9100 that way, then a call that stops, then 100 lseeks of 9200
//     folder  goes to /etc that way, then makes a call that stops, then opens passwd
//     moved   goes to /etc that way, takes its own ring again, and executes a shell
//     shut    the same, but as one that has not gone anywhere before; and jumps to each gate that is shut, in a child each
//     shell   puts a socket over descriptors 0 to 2 that way, and executes a shell
//     calm    the honest control: the same calls with the ring that the thread has
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kPage = 0x10000, kRing = 36 << 10, kRecords = 40 };  // the context begins 64 KiB above GS base (capture/wire/ring.h)

static void seek(int descriptor, int times) {
  for (int i = 0; i < times; i++) (void)!lseek(descriptor, i, SEEK_SET);
}

static uint64_t base;  // of GS, as the agent has set it

static void take_own_context(void) {
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

// In a child, at `at`. Whether it died of it.
static int dies_at(const unsigned char* at) {
  const pid_t child = fork();
  if (child == 0) {
    __asm__ volatile("jmp *%0" ::"r"(at), "a"(SYS_chdir), "D"("/etc") : "rcx", "r11", "memory");
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGILL;
}

static void jump_to_shut_gates(void) {
  int shut = 0, died = 0;
  for (const unsigned char* at = (const unsigned char*)0x12000; at < (const unsigned char*)0x16000 - 1; at++) {
    if (at[-1] == 0x05 || at[0] != 0x0f || at[1] != 0x0b || at[2] != 0x65) continue;  // what follows finds the record, by GS
    shut++;
    died += dies_at(at);
  }
  printf("shut: %d\ndied: %d\n", shut, died);
  fflush(stdout);
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
  if (strcmp(aim, "shut") == 0) jump_to_shut_gates();
  else for (int i = 0; i < 8; i++) (void)!chdir("/");
  if (strcmp(aim, "calm") != 0) take_own_context();
  if (strcmp(aim, "folder") == 0) {
    (void)!chdir("/etc");
    close(socket(AF_UNIX, SOCK_STREAM, 0));
    close(open("passwd", O_RDONLY));
    return 0;
  }
  if (strcmp(aim, "moved") == 0 || strcmp(aim, "shut") == 0) {
    (void)!chdir("/etc");
    __asm__ volatile("wrgsbase %0" ::"r"(base));
    execl("/bin/sh", "sh", "-c", ":", (char*)NULL);
    return 1;
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
