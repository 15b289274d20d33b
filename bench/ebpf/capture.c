// SPDX-License-Identifier: Apache-2.0
// Loads capture.bpf.o, runs a command under it and reads the ring to its end: `capture OBJECT COMMAND...`.
// What it read and what was lost goes to the file that VEDETTE_EBPF_COUNTS names: `RECORDS LOST BYTES`, then
// `NUMBER COUNT` for each call. Status 77: this machine does not let us load BPF.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "record.h"

enum { kNotLoaded = 77, kNone = 1, kIn, kOut, kPath0, kPath1 };

// The calls that the inline tier records, with the same payload.
static const struct {
  int nr, shape;
} kCalls[] = {
    {SYS_read, kIn}, {SYS_pread64, kIn}, {SYS_recvfrom, kIn}, {SYS_write, kOut}, {SYS_pwrite64, kOut}, {SYS_sendto, kOut},
    {SYS_open, kPath0}, {SYS_stat, kPath0}, {SYS_lstat, kPath0}, {SYS_access, kPath0}, {SYS_readlink, kPath0},
    {SYS_openat, kPath1}, {SYS_newfstatat, kPath1}, {SYS_statx, kPath1}, {SYS_execve, kPath0}, {SYS_unlink, kPath0},
    {SYS_close, kNone}, {SYS_fstat, kNone}, {SYS_lseek, kNone}, {SYS_dup, kNone}, {SYS_dup2, kNone}, {SYS_dup3, kNone},
    {SYS_fcntl, kNone}, {SYS_readv, kNone}, {SYS_writev, kNone}, {SYS_preadv, kNone}, {SYS_pwritev, kNone}, {SYS_accept, kNone},
    {SYS_accept4, kNone}, {SYS_sendmsg, kNone}, {SYS_recvmsg, kNone}, {SYS_getdents64, kNone}, {SYS_clone, kNone},
    {SYS_connect, kNone}, {SYS_socket, kNone}, {SYS_bind, kNone}, {SYS_listen, kNone}, {SYS_mmap, kNone}, {SYS_mprotect, kNone},
};

enum { kNumbers = 512 };
static unsigned long long records, bytes, by_number[kNumbers];

static int on_record(void* context, void* data, size_t size) {
  (void)context, (void)size;
  const struct record* record = data;
  records++;
  by_number[record->nr % kNumbers]++;
  bytes += record->size;
  return 0;
}

static int quiet(enum libbpf_print_level level, const char* format, va_list arguments) {
  (void)level, (void)format, (void)arguments;
  return 0;
}

// The one global variable of the eBPF side.
static unsigned long long lost_of(struct bpf_object* object) {
  unsigned long long lost = 0;
  const unsigned key = 0;
  struct bpf_map* map;
  bpf_object__for_each_map(map, object) {
    if (strstr(bpf_map__name(map), ".bss") && bpf_map__value_size(map) == sizeof lost) bpf_map_lookup_elem(bpf_map__fd(map), &key, &lost);
  }
  return lost;
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  libbpf_set_print(quiet);
  struct bpf_object* object = bpf_object__open_file(argv[1], NULL);
  if (!object || bpf_object__load(object) != 0) return kNotLoaded;
  const int shapes = bpf_object__find_map_fd_by_name(object, "shapes");
  const int watched = bpf_object__find_map_fd_by_name(object, "watched");
  for (size_t i = 0; i < sizeof kCalls / sizeof *kCalls; i++) {
    const unsigned nr = (unsigned)kCalls[i].nr;
    const unsigned char shape = (unsigned char)kCalls[i].shape;
    bpf_map_update_elem(shapes, &nr, &shape, BPF_ANY);
  }
  struct bpf_program* program;
  bpf_object__for_each_program(program, object) {
    if (!bpf_program__attach(program)) return kNotLoaded;
  }
  struct ring_buffer* ring = ring_buffer__new(bpf_object__find_map_fd_by_name(object, "ring"), on_record, NULL, NULL);
  if (!ring) return kNotLoaded;

  const pid_t child = fork();
  if (child == 0) {
    raise(SIGSTOP);  // until it is watched; no call of those that are counted
    execvp(argv[2], argv + 2);
    _exit(127);
  }
  int status = 0;
  if (waitpid(child, &status, WUNTRACED) != child || !WIFSTOPPED(status)) return 1;
  struct {
    unsigned long long enter_ns, args[6];
    unsigned int nr, shape;
  } call = {0};
  const int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
  if (bpf_map_update_elem(watched, &pidfd, &call, BPF_ANY) != 0) return kNotLoaded;
  kill(child, SIGCONT);
  while (waitpid(child, &status, WNOHANG) == 0) {
    ring_buffer__consume(ring);
    usleep(500);
  }
  ring_buffer__consume(ring);
  const unsigned long long lost = lost_of(object);
  const char* const path = getenv("VEDETTE_EBPF_COUNTS");
  FILE* const file = path ? fopen(path, "w") : NULL;
  if (file) {
    fprintf(file, "%llu %llu %llu\n", records, lost, bytes);
    for (unsigned nr = 0; nr < kNumbers; nr++) {
      if (by_number[nr]) fprintf(file, "%u %llu\n", nr, by_number[nr]);
    }
    fclose(file);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
