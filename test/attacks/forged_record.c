// SPDX-License-Identifier: Apache-2.0
//
//   forged_record AIM    writes into its own ring that it has made a call which the kernel never saw
//     execve | connect | setuid | ioctl    publishes such a record, and goes on
//     unfinished    leaves an execve in the ring whose recorder faults, so that the agent has to finish it
//     calm          the honest control: a record that is true, by the stub
//
// Makes a call that stops after it, then ten of its own, lseek(9100, ...).
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

// capture/wire/ring.h
enum { kContext = 0x10000, kTable = 0x11000, kHead = 0, kResume = 16, kInFlight = 24, kMask = 32, kRecords = 40, kChunks = 80 };

struct record {
  uint32_t size, nr;
  uint64_t enter, exit;
  int64_t result;
  uint64_t args[6];
  uint64_t address;  // a chunk
  uint32_t bytes, reserved;
  char data[64];
};

static uint64_t base;

static uint64_t* field(int at) { return (uint64_t*)(base + kContext + at); }
static struct record* current(void) {
  return (struct record*)(*field(kRecords) - kChunks + (*field(kHead) & *field(kMask)));
}

static void write_record(uint32_t nr, const uint64_t* args, const void* data, uint32_t size) {
  struct record record = {.size = sizeof record, .nr = nr, .bytes = sizeof record.data, .address = (uint64_t)(uintptr_t)data};
  memcpy(record.args, args, sizeof record.args);
  memcpy(record.data, data, size);
  *current() = record;
}

static void publish(void) { *(volatile uint64_t*)field(kHead) += sizeof(struct record); }

// Into the recorder of a plain call, right behind its gate, with a GS base that leads nowhere: the first
// thing that it does is a fault.
static void fault_in_recorder(void) {
  const unsigned char* gate = (const unsigned char*)*(uint64_t*)(kTable + 8 * SYS_lseek);
  while (gate[0] != 0x0f || gate[1] != 0x05) gate++;
  *field(kInFlight) = *field(kHead) | 1;
  __asm__ volatile(
      "lea 1f(%%rip), %%rcx\n"
      "mov %%rcx, %0\n"
      "wrgsbase %1\n"
      "xor %%eax, %%eax\n"
      "jmp *%2\n"
      "1:\n"
      : "=m"(*field(kResume))
      : "r"(0x500000000000ull), "r"(gate + 2), "D"(current()->args[0]), "S"(0), "d"(0)
      : "rax", "rcx", "r11", "memory");
}

static void seek(int descriptor) {
  for (int i = 0; i < 10; i++) (void)!lseek(descriptor, i, SEEK_SET);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const char* const aim = argv[1];
  static const char program[64] = "/usr/bin/forged";
  static const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = 0x5c11, .sin_addr.s_addr = 0x06060606};
  seek(9000);
  __asm__ volatile("rdgsbase %0" : "=r"(base));
  if (base == 0) return printf("ring: none\n") < 0;
  printf("ring: own\n");
  fflush(stdout);
  const uint64_t path[6] = {(uint64_t)(uintptr_t)program}, peer[6] = {0, (uint64_t)(uintptr_t)&address, sizeof address}, root[6] = {0},
                 typing[6] = {0, TIOCSTI, (uint64_t)(uintptr_t)program};
  if (strcmp(aim, "execve") == 0) write_record(SYS_execve, path, program, sizeof program), publish();
  if (strcmp(aim, "connect") == 0) write_record(SYS_connect, peer, &address, sizeof address), publish();
  if (strcmp(aim, "setuid") == 0) write_record(SYS_setuid, root, program, 0), publish();
  if (strcmp(aim, "ioctl") == 0) write_record(SYS_ioctl, typing, program, 0), publish();
  if (strcmp(aim, "unfinished") == 0) write_record(SYS_execve, path, program, sizeof program), fault_in_recorder();
  close(socket(AF_NETLINK, SOCK_RAW, 0));  // stops
  seek(9100);
  printf("end: reached\n");
  return 0;
}
