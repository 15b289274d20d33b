// SPDX-License-Identifier: Apache-2.0
// The values of evt.type that rules may name: every system call of Linux, as the kernel or Falco spells it, and Falco's own
// events. Those of the capture set come from the event contract; the others are accepted and never seen.
//
// Which types a condition can match is found by deciding it with only the type known: what is false then is false for every
// event of that type. That is Falco's rule (`and` intersects, `or` unites, `not` by De Morgan, other checks say nothing).
import { EVENTS, type EventType } from "../../build/generated/events.js";
import type { Expr, Operand } from "./condition.js";

export const EVENTS_BY_NAME: ReadonlyMap<string, EventType> = new Map(EVENTS.map((event) => [event.name, event]));

export function isEventType(name: string): boolean {
  return NAMES.has(name) || EVENTS_BY_NAME.has(name);
}

// Names that the capture set spells otherwise: a rule with the kernel's name of a call means Falco's event.
const SPELLING = new Map<string, string>();
for (const event of EVENTS)
  for (const call of event.calls) if (!EVENTS_BY_NAME.has(call)) SPELLING.set(call, event.name);

// The types of the capture set that `expr` can match.
export function capturedTypes(expr: Expr): EventType[] {
  const { canBeTrue } = new Decision().of(expr);
  return EVENTS.filter((event) => canBeTrue & bitOf(event.name));
}

// How many of Falco's event codes `expr` can match: an enter and an exit event a name, but one pair for all the calls whose
// arguments Falco does not decode.
export function countEventCodes(expr: Expr): number {
  const { canBeTrue } = new Decision().of(expr);
  let count = 0;
  let isGeneric = false;
  ALL_NAMES.forEach((name, i) => {
    if (((canBeTrue >> BigInt(i)) & 1n) === 0n) return;
    if (EVENTS_BY_NAME.has(name)) count += 2;
    else isGeneric = true;
  });
  return count + (isGeneric ? 2 : 0);
}

// The sets of types for which an expression can be true, and can be false; bit i is the type ALL_NAMES[i].
interface Types {
  canBeTrue: bigint;
  canBeFalse: bigint;
}

class Decision {
  private readonly known = new Map<Expr, Types>();

  of(expr: Expr): Types {
    let types = this.known.get(expr);
    if (!types) {
      types = this.decide(expr);
      this.known.set(expr, types);
    }
    return types;
  }

  private decide(expr: Expr): Types {
    switch (expr.kind) {
      case "and":
      case "or": {
        const kids = expr.children.map((child) => this.of(child));
        const all = (of: (t: Types) => bigint) => kids.reduce((set, kid) => set & of(kid), EVERY);
        const any = (of: (t: Types) => bigint) => kids.reduce((set, kid) => set | of(kid), 0n);
        const [whole, part] = expr.kind === "and" ? [all, any] : [any, all];
        return { canBeTrue: whole((t) => t.canBeTrue), canBeFalse: part((t) => t.canBeFalse) };
      }
      case "not": {
        const { canBeTrue, canBeFalse } = this.of(expr.child);
        return { canBeTrue: canBeFalse, canBeFalse: canBeTrue };
      }
      case "exists":
        return isType(expr.left) ? { canBeTrue: EVERY, canBeFalse: 0n } : UNDECIDED;
      case "check":
        return checkTypes(expr);
      default:
        return UNDECIDED;
    }
  }
}

function checkTypes({ left, op, modifier, right }: Extract<Expr, { kind: "check" }>): Types {
  if (!isType(left) || modifier || (right.kind !== "text" && right.kind !== "list")) return UNDECIDED;
  const values = right.kind === "text" ? [right.value] : right.values;
  const named = values.reduce((set, value) => set | bitOf(value), 0n);
  if (["=", "==", "in", "intersects"].includes(op)) return { canBeTrue: named, canBeFalse: EVERY & ~named };
  return op === "!=" ? { canBeTrue: EVERY & ~named, canBeFalse: named } : UNDECIDED;
}

export function isType(operand: Operand): boolean {
  return operand.kind === "field" && operand.name === "evt.type" && operand.arg === null;
}

const NAMES = new Set(
  `
_llseek _newselect _sysctl accept accept4 access acct add_key adjtimex afs_syscall alarm arch_prctl arm_fadvise64_64
asyncevent bdflush bind bpf brk cachestat capget capset chdir chmod chown chroot clock_adjtime clock_getres
clock_gettime clock_gettime64 clock_nanosleep clock_settime clone clone3 close close_range connect container
copy_file_range cpu_hotplug creat create_module delete_module drop dup dup2 dup3 epoll_create epoll_create1 epoll_ctl
epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group
faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_init fanotify_mark fchdir fchmod fchmodat fchmodat2
fchown fchownat fcntl fcntl64 fdatasync fgetxattr finit_module flistxattr flock fork fremovexattr fsconfig fsetxattr
fsmount fsopen fspick fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue
futex_wait futex_waitv futex_wake futimesat get_kernel_syms get_mempolicy get_robust_list get_thread_area getcpu getcwd
getdents getdents64 getegid geteuid getgid getgroups getitimer getpeername getpgid getpgrp getpid getpmsg getppid
getpriority getrandom getresgid getresuid getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid
getxattr infra init_module inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy
io_getevents io_pgetevents io_setup io_submit io_uring_enter io_uring_register io_uring_setup ioctl ioperm iopl
ioprio_get ioprio_set ipc kcmp kexec_file_load kexec_load keyctl kill landlock_add_rule landlock_create_ruleset
landlock_restrict_self lchown lgetxattr link linkat listen listmount listxattr llistxattr lookup_dcookie lremovexattr
lseek lsetxattr lsm_get_self_attr lsm_list_modules lsm_set_self_attr lstat lstat64 madvise map_shadow_stack mbind
membarrier memfd_create memfd_secret migrate_pages mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2
modify_ldt mount mount_setattr move_mount move_pages mprotect mq_getsetattr mq_notify mq_open mq_timedreceive
mq_timedsend mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at
nanosleep newfstatat nfsservctl nice notification oldfstat oldlstat oldolduname oldstat olduname open open_by_handle_at
open_tree openat openat2 page_fault pause perf_event_open personality pidfd_getfd pidfd_open pidfd_send_signal pipe
pipe2 pivot_root pkey_alloc pkey_free pkey_mprotect pluginevent poll ppoll prctl pread pread64 preadv preadv2 prlimit
prlimit64 process_madvise process_mrelease process_vm_readv process_vm_writev procexit pselect6 ptrace putpmsg pwrite
pwrite64 pwritev pwritev2 query_module quotactl quotactl_fd read readahead readdir readlink readlinkat readv reboot recv
recvfrom recvmmsg recvmsg remap_file_pages removexattr rename renameat renameat2 request_key restart_syscall
riscv_flush_icache riscv_hwprobe rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo rtas sched_get_priority_max sched_get_priority_min sched_getaffinity
sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam
sched_setscheduler sched_yield seccomp security select semctl semget semop semtimedop send sendfile sendfile64 sendmmsg
sendmsg sendto set_mempolicy set_mempolicy_home_node set_robust_list set_thread_area set_tid_address setdomainname
setfsgid setfsuid setgid setgid32 setgroups sethostname setitimer setns setpgid setpriority setregid setresgid
setresgid32 setresuid setresuid32 setreuid setrlimit setsid setsockopt settimeofday setuid setuid32 setxattr sgetmask
shmat shmctl shmdt shmget shutdown sigaction sigaltstack signal signaldeliver signalfd signalfd4 sigpending sigprocmask
sigreturn sigsuspend socket socketcall socketpair splice spu_create spu_run ssetmask stat stat64 statfs statfs64
statmount statx stime subpage_prot swapoff swapon switch switch_endian symlink symlinkat sync sync_file_range
sync_file_range2 syncfs syscall sysfs sysinfo syslog tee tgkill time timer_create timer_delete timer_getoverrun
timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times tkill tracer truncate truncate64
tuxcall ugetrlimit umask umount umount2 uname unlink unlinkat unshare uretprobe uselib userfaultfd ustat utime utimensat
utimes vfork vhangup vmsplice vserver wait4 waitid waitpid write writev
`
    .trim()
    .split(/\s+/),
);

const ALL_NAMES = [...new Set([...NAMES, ...EVENTS_BY_NAME.keys()])];
const EVERY = (1n << BigInt(ALL_NAMES.length)) - 1n;
const UNDECIDED: Types = { canBeTrue: EVERY, canBeFalse: EVERY };
const BITS = new Map(ALL_NAMES.map((name, i) => [name, 1n << BigInt(i)]));

function bitOf(name: string): bigint {
  return (BITS.get(name) ?? 0n) | (BITS.get(SPELLING.get(name) ?? "") ?? 0n);
}
