// SPDX-License-Identifier: Apache-2.0
// Which kind of call an event is, in the words of Falco's evt.category, and which kind of failure. A call
// that reads, writes or otherwise handles a descriptor has the category of the descriptor's type. A call for
// which Falco has no event of its own is `other`, as in Falco.

const NAMES: Readonly<Record<string, string>> = {
  process:
    "execve execveat clone clone3 fork vfork procexit ptrace setns unshare chroot setsid setpgid prlimit setrlimit prctl capset pidfd_getfd pidfd_open semget semctl",
  signal: "kill tkill tgkill",
  user: "setuid setgid setresuid setresgid quotactl",
  memory: "mmap mprotect memfd_create",
  file: `open openat openat2 creat open_by_handle_at lseek copy_file_range stat lstat fstat newfstatat access getdents getdents64 chdir fchdir
    rename renameat renameat2 unlink unlinkat rmdir mkdir mkdirat link linkat symlink symlinkat chmod fchmod fchmodat chown lchown
    fchown fchownat mount umount2 userfaultfd`,
  net: "socket bind connect listen accept accept4 shutdown getsockopt setsockopt",
  IPC: "socketpair pipe pipe2 eventfd eventfd2 process_vm_readv process_vm_writev",
  system: "fsconfig",
};
const IO = new Set(
  `read write pread pwrite readv writev preadv pwritev sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg sendfile splice close dup
    dup2 dup3 fcntl ioctl io_uring_setup io_uring_enter io_uring_register`.split(/\s+/),
);
const WORDS = new Map(Object.entries(NAMES).flatMap(([word, names]) => names.split(/\s+/).map((name) => [name, word])));

/** By fd.typechar; what is not here, or not known, is NO_KIND. */
export const KINDS: Readonly<Record<string, string>> = {
  f: "file",
  d: "file",
  4: "net",
  6: "net",
  p: "ipc",
  u: "ipc",
  e: "ipc",
  s: "ipc",
  i: "ipc",
};
/**
 * evt.category of a call on a descriptor whose type is not in KINDS, or on no descriptor (Falco says the
 * same).
 */
export const NO_KIND = "unknown";

/** The word, null where the descriptor decides. */
export function categoryOf(event: string): string | null {
  return IO.has(event) ? null : (WORDS.get(event) ?? "other");
}

/** Kinds of failures: by fd.typechar, and where there is no descriptor by the event. */
export interface Failure {
  readonly isOf: (char: string) => boolean;
  readonly without: (event: string) => boolean;
}

const OPENS = new Set("open openat openat2 creat open_by_handle_at".split(" "));
const CONNECTS = new Set(["connect", "accept", "accept4"]);
const FILES = "fd";
const SOCKETS = "46u";

/** evt.count.error.*: which failures each counts. That of memory goes by the category alone. */
export const FAILURES: Readonly<Record<"file" | "net" | "other", Failure>> = {
  file: { isOf: (char) => char !== "" && FILES.includes(char), without: (event) => OPENS.has(event) },
  net: { isOf: (char) => char !== "" && SOCKETS.includes(char), without: (event) => CONNECTS.has(event) },
  other: {
    isOf: (char) => char === "" || !`${FILES}${SOCKETS}`.includes(char),
    without: (event) => !OPENS.has(event) && !CONNECTS.has(event) && !isOfMemory(event),
  },
};
/** Every fd.typechar that FAILURES tells apart. A descriptor of any other type counts as `other`. */
export const FAILURE_CHARS: readonly string[] = [...FILES, ...SOCKETS];

/** Whether evt.count.error.memory counts a failure of this event: mmap, mprotect and memfd_create. */
export function isOfMemory(event: string): boolean {
  return WORDS.get(event) === "memory";
}
