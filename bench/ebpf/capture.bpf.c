// SPDX-License-Identifier: Apache-2.0
// The minimal eBPF capture that the inline tier is measured against: raw_syscalls enter and exit of one
// process tree, into a ring buffer, with the same fields and payload. No rules, no state, no /proc: less than
// any product does.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "record.h"

char LICENSE[] SEC("license") = "GPL";

// Only what is read; CO-RE finds the offsets.
struct pt_regs {
  unsigned long r10, r9, r8, dx, si, di;
} __attribute__((preserve_access_index));

struct task_struct {
  int pid;
} __attribute__((preserve_access_index));

enum { kNone, kIn, kOut, kPath0, kPath1 };  // what the payload is, set by the loader for each number

struct call {
  unsigned long long enter_ns, args[6];
  unsigned int nr, shape;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 512);
  __type(key, unsigned int);
  __type(value, unsigned char);
} shapes SEC(".maps");  // 0: not of interest, else 1 + kind

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct call);
} watched SEC(".maps");  // a task that has one is watched

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 8 << 20);
} ring SEC(".maps");

unsigned long long lost;

SEC("tp_btf/sys_enter")
int BPF_PROG(on_enter, struct pt_regs* registers, long id) {
  struct call* call = bpf_task_storage_get(&watched, bpf_get_current_task_btf(), 0, 0);
  unsigned int nr = id;
  if (!call) return 0;
  unsigned char* shape = bpf_map_lookup_elem(&shapes, &nr);
  call->shape = shape ? *shape : 0;
  if (call->shape == 0) return 0;
  call->enter_ns = bpf_ktime_get_ns();
  call->nr = nr;
  call->args[0] = registers->di, call->args[1] = registers->si, call->args[2] = registers->dx;
  call->args[3] = registers->r10, call->args[4] = registers->r8, call->args[5] = registers->r9;
  return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_exit, struct pt_regs* registers, long result) {
  struct task_struct* task = bpf_get_current_task_btf();
  struct call* call = bpf_task_storage_get(&watched, task, 0, 0);
  if (!call || call->shape == 0) return 0;
  struct record* record = bpf_ringbuf_reserve(&ring, sizeof *record, 0);
  if (!record) {
    __sync_fetch_and_add(&lost, 1);
    return 0;
  }
  record->enter_ns = call->enter_ns;
  record->exit_ns = bpf_ktime_get_ns();
  record->result = result;
  __builtin_memcpy(record->args, call->args, sizeof record->args);
  record->tid = task->pid;
  record->nr = call->nr;
  record->size = 0;
  int kind = call->shape - 1;
  if (kind == kIn || kind == kOut) {
    long long size = kind == kIn ? result : (long long)call->args[2];
    if (size > SNAPLEN) size = SNAPLEN;
    if (size > 0 && bpf_probe_read_user(record->payload, (unsigned)size & 127, (void*)call->args[1]) == 0) record->size = size;
  } else if (kind == kPath0 || kind == kPath1) {
    long size = bpf_probe_read_user_str(record->payload, PATH_SIZE, (void*)call->args[kind == kPath1]);
    if (size > 0) record->size = size;
  }
  call->shape = 0;
  bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);  // the reader polls: a wake-up for each record would cost microseconds
  return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct* parent, struct task_struct* child) {
  if (bpf_task_storage_get(&watched, parent, 0, 0)) bpf_task_storage_get(&watched, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  return 0;
}
