// SPDX-License-Identifier: Apache-2.0
//
// Wants the agent to die of a file, or to have no descriptor left: `exhaust_agent MODE [COUNT]`.
//
//   shorten    maps a large file as code, and shortens it while the agent looks at it; COUNT times
//   keep       the honest control: maps such files, and leaves them as they are
//   files      maps COUNT small programs as code, different ones, and then lets a child execute one more
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kLarge = 256 << 20, kSmall = 8192 };

// A program whose code is all that follows its first page: nothing but zeros, and a `syscall` at the very
// end.
static int make_program(const char* name, size_t size) {
  const int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0700);
  Elf64_Ehdr header = {.e_type = ET_DYN, .e_machine = EM_X86_64, .e_version = EV_CURRENT, .e_phoff = sizeof header,
                       .e_ehsize = sizeof header, .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1};
  memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64, header.e_ident[EI_DATA] = ELFDATA2LSB, header.e_ident[EI_VERSION] = EV_CURRENT;
  const Elf64_Phdr code = {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = 4096, .p_vaddr = 4096, .p_filesz = size - 4096,
                           .p_memsz = size - 4096, .p_align = 4096};
  const uint8_t call[] = {0x0f, 0x05};
  if (fd < 0 || ftruncate(fd, (off_t)size) != 0 || pwrite(fd, &header, sizeof header, 0) < 0 ||
      pwrite(fd, &code, sizeof code, sizeof header) < 0 || pwrite(fd, call, sizeof call, (off_t)size - 2) < 0) {
    perror(name);
    exit(1);
  }
  return fd;
}

static void* map_as_code(int fd, size_t size) { return mmap(NULL, size - 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 4096); }

static volatile int shortening;
static void* shorten(void* unused) {
  (void)unused;
  long round = 0;
  for (int i = 0; i < 16; i++) close(open("other", O_WRONLY | O_TRUNC | O_CREAT, 0600));
  for (;;) {
    if (!shortening) continue;
    struct timespec pause = {0, 4000000 * ++round};  // in one of the rounds the agent is at it
    nanosleep(&pause, NULL);
    close(open("large", O_WRONLY | O_TRUNC));  // recorded inline: a call that stops would wait until the agent is done
    shortening = 0;
  }
  return NULL;
}

static void large_files(int rounds, int honest) {
  pthread_t thread;
  if (!honest) pthread_create(&thread, NULL, shorten, NULL);
  for (int i = 0; i < rounds; i++) {
    const int fd = make_program("large", kLarge);
    if (!honest) shortening = 1;
    void* const at = map_as_code(fd, kLarge);
    while (shortening != 0) sched_yield();
    munmap(at, kLarge - 4096);
    close(fd);
    unlink("large");
  }
}

static void many_files(int count) {
  for (int i = 0; i < count; i++) {
    char name[32];
    snprintf(name, sizeof name, "program%d", i);
    const int fd = make_program(name, kSmall);
    map_as_code(fd, kSmall);
    close(fd);
  }
  if (fork() == 0) {
    (void)!setgid(1000), (void)!setuid(1000);
    execl("/bin/true", "true", "as-1000", NULL);
  }
  wait(NULL);
}

int main(int argc, char** argv) {
  const int count = argc > 2 ? atoi(argv[2]) : 1;
  if (strcmp(argv[1], "shorten") == 0) large_files(count, 0);
  if (strcmp(argv[1], "keep") == 0) large_files(count, 1);
  if (strcmp(argv[1], "files") == 0) many_files(count);
  puts("end: ok");
  return 0;
}
