// SPDX-License-Identifier: Apache-2.0
// The gate by which a boot attaches stubs (capture/tracee/page.S), for programs that attach a segment of
// their own by it.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

// mov %r13d, %edi; mov %r14, %rsi; mov $(SHM_RDONLY | SHM_EXEC), %edx; mov $30, %eax; syscall
static const uint8_t kAttachStubs[] = {0x44, 0x89, 0xef, 0x4c, 0x89, 0xf6, 0xba, 0, 0x90, 0, 0, 0xb8, 30, 0, 0, 0, 0x0f, 0x05};

static const void* boot_gate(void) {
  FILE* const maps = fopen("/proc/self/maps", "r");
  unsigned long start = 0, end = 0;
  char rights[5];
  while (fscanf(maps, "%lx-%lx %4s%*[^\n]", &start, &end, rights) == 3) {
    if (start != 0x10000 || rights[2] != 'x') continue;
    fclose(maps);
    return memmem((const void*)start, end - start, kAttachStubs, sizeof kAttachStubs);
  }
  fclose(maps);
  return NULL;
}

// The boot goes on at r15 with every register 0.
static void attach_by_gate(const void* way, int id, void* address) {
  __asm__ volatile(
      "lea -128(%%rsp), %%rsp\n push %%rbp\n push %%rbx\n"
      "mov %%edi, %%r13d\n mov %%rsi, %%r14\n xor %%r9d, %%r9d\n lea 1f(%%rip), %%r15\n jmp *%%rax\n"
      "1: pop %%rbx\n pop %%rbp\n lea 128(%%rsp), %%rsp"
      : "+a"(way), "+D"(id), "+S"(address)
      :
      : "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
}
