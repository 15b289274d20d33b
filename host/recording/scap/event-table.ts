// SPDX-License-Identifier: Apache-2.0
// The events of captures by their code: an even code is the call's entry, the next its return. A call has
// several codes where its parameters changed in a way that a longer list could not express. Names are those
// of our contract, parameters those of libs' event table; what a row's file lacks at its end is missing in
// that file.
//
//   code name: entry's parameters > return's parameters
// `call!` is told at its entry: it never returns. Of all others the entry only gives what the return does
// not hold.
const TABLE = `
0 syscall: ID nativeID > ID nativeID
2 open: name flags mode > fd name flags mode dev ino
4 close: fd > res fd
6 read: fd size > res data fd size
8 write: fd size > res data fd size
12 execve: > res exe args tid pid ptid cwd fdlimit
14 clone: > res exe args tid pid ptid cwd fdlimit flags uid gid
16 procexit: >
18 socket: domain type proto > fd domain type proto flags
20 bind: fd > res addr:sockaddr fd
22 connect: fd addr > res tuple fd addr:sockaddr
24 listen: fd backlog > res fd backlog
26 accept: > fd tuple queuepct
30 sendto: fd size tuple > res data fd size tuple
34 recvfrom: fd size > res data tuple fd size
36 shutdown: fd how > res fd how
42 socketpair: domain type proto > res fd1 fd2 source peer domain type proto
44 setsockopt: > res fd level optname val:dynamic optlen
46 getsockopt: > res fd level optname val:dynamic optlen
48 sendmsg: fd size tuple > res data fd size tuple
50 sendmmsg: > res fd size data tuple
52 recvmsg: fd > res size data tuple msgcontrol fd
54 recvmmsg: > res fd size data tuple msgcontrol
56 accept4: flags > fd tuple queuepct
58 creat: name mode > fd name mode dev ino
60 pipe: > res fd1 fd2 ino
62 eventfd: initval flags > res initval flags
66 stat: > res path
68 lstat: > res path
70 fstat: fd > res fd
86 lseek: fd offset whence > res fd offset whence
94 chdir: > res path
96 fchdir: fd > res fd
98 mkdir: path mode > res
100 rmdir: path > res
102 openat: dirfd name flags mode > fd
104 link: oldpath newpath > res
106 linkat: olddir oldpath newdir newpath > res
108 unlink: path > res
110 unlinkat: dirfd name > res
112 pread: fd size pos > res data fd size pos
114 pwrite: fd size pos > res data fd size pos
116 readv: fd > res size data fd
118 writev: fd size > res data fd size
120 preadv: fd pos > res size data fd pos
122 pwritev: fd size pos > res data fd size pos
124 dup: oldfd > res
128 kill: pid sig > res pid sig
130 tkill: tid sig > res tid sig
132 tgkill: pid tid sig > res pid tid sig
142 setrlimit: resource > res cur max resource
144 prlimit: pid resource > res newcur newmax oldcur oldmax pid resource
150 fcntl: fd cmd > res fd cmd
154 execve: > res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap
156 clone: > res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap flags uid gid
160 mmap: addr length prot flags fd offset > res vm_size vm_rss vm_swap addr length prot flags fd offset
166 splice: fd_in fd_out size flags > res fd_in fd_out size:u64 flags
168 ptrace: request pid > res addr:dynamic data:dynamic request:u16 pid
170 ioctl: fd request argument > res fd request argument
172 execve: > res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap env
174 rename: > res oldpath newpath
176 renameat: > res olddirfd oldpath newdirfd newpath
178 symlink: > res target linkpath
180 symlinkat: > res target linkdirfd linkpath
182 fork: > res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap flags uid gid
184 vfork: > res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap flags uid gid
186 procexit!: status ret sig core reaper_tid >
188 sendfile: out_fd in_fd offset size > res offset out_fd in_fd size:u64
192 setresuid: ruid euid suid > res ruid euid suid
194 setresgid: rgid egid sgid > res rgid egid sgid
198 setuid: uid > res uid
200 setgid: gid > res gid
214 execve: > res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm env
216 clone: > res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm flags uid gid
218 fork: > res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm flags uid gid
220 vfork: > res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm flags uid gid
222 clone: > res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups flags uid gid vtid vpid pidns_init_start_ts
224 fork: > res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups flags uid gid vtid vpid pidns_init_start_ts
226 vfork: > res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups flags uid gid vtid vpid pidns_init_start_ts
230 execve: > res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups env
236 getdents: fd > res fd
238 getdents64: fd > res fd
240 setns: fd nstype > res fd nstype
246 accept: > fd tuple queuepct queuelen queuemax
248 accept4: flags > fd tuple queuepct queuelen queuemax
252 semctl: semid semnum cmd val > res semid semnum cmd:u16 val:i32
256 mount: flags > res dev:text dir type:text flags
258 umount2: flags > res name
262 semget: key nsems semflg > res key nsems semflg
264 access: mode > res name mode
266 chroot: > res path
274 setsid: > res
276 mkdir: mode > res path mode
278 rmdir: > res path
282 execve: > res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups env tty
284 unshare: flags > res flags
288 execve: filename > res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups env tty
292 execve: filename > res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups env tty vpgid loginuid flags cap_inheritable cap_permitted cap_effective exe_ino exe_ino_ctime exe_ino_mtime uid trusted_exepath pgid gid filename
294 setpgid: pid pgid > res pid pgid
296 bpf: cmd > fd
298 seccomp: op flags > res op flags:u64
300 unlink: > res path
302 unlinkat: > res dirfd name flags
304 mkdirat: > res dirfd path mode
306 openat: dirfd name flags mode > fd dirfd name flags mode dev ino
308 link: > res oldpath newpath
310 linkat: > res olddir oldpath newdir newpath flags
312 fchmodat: > res dirfd filename mode
314 chmod: > res filename mode
316 fchmod: > res fd mode
318 renameat2: > res olddirfd oldpath newdirfd newpath flags
320 userfaultfd: > res flags
326 openat2: dirfd name flags mode resolve > fd dirfd name flags mode resolve dev ino
328 mprotect: addr length prot > res addr length prot
330 execveat: dirfd pathname at_flags > res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups env tty vpgid loginuid flags cap_inheritable cap_permitted cap_effective exe_ino exe_ino_ctime exe_ino_mtime uid trusted_exepath pgid gid
332 copy_file_range: fdin offin len > res fdout offout fdin offin len
334 clone3: > res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups flags uid gid vtid vpid pidns_init_start_ts
336 open_by_handle_at: > fd mountfd flags path
338 io_uring_setup: > res entries sq_entries cq_entries flags
340 io_uring_enter: > res fd to_submit min_complete flags
342 io_uring_register: > res fd opcode arg:u64 nr_args
352 capset: > res cap_inheritable cap_permitted cap_effective
362 dup2: fd > res oldfd newfd
364 dup3: fd > res oldfd newfd flags
366 dup: fd > res oldfd
368 bpf: cmd > fd cmd:i32
372 fsconfig: > res fd cmd:u32 key:text value_bytebuf value_charbuf aux
378 chown: > res path uid gid
380 lchown: > res path uid gid
382 fchown: > res fd uid gid
384 fchownat: > res dirfd pathname uid gid flags
388 accept4: flags > fd tuple queuepct queuelen queuemax flags:i32
390 umount2: flags > res name flags
392 pipe2: > res fd1 fd2 ino flags
396 eventfd2: initval > res flags:u16 initval
400 prctl: > res option arg2_str arg2_int
404 memfd_create: > fd name flags
406 pidfd_getfd: > fd pid_fd target_fd flags
408 pidfd_open: > fd pid flags
410 init_module: > res img length uargs
412 finit_module: > res fd uargs flags
414 mknod: > res path mode dev
416 mknodat: > res dirfd path mode dev
418 newfstatat: > res dirfd path flags
420 process_vm_readv: > res pid data
422 process_vm_writev: > res pid data
424 delete_module: > res name flags
426 setreuid: > res ruid euid
428 setregid: > res rgid egid
`;

/**
 * How a parameter stands in a file. Integers have a sign (i) or none (u), and so many bits. `text` ends with
 * NUL, `list` is texts that each do, `dynamic` begins with a byte that says how the rest is to be read.
 */
export type ParamKind =
  | "i32"
  | "i64"
  | "u8"
  | "u16"
  | "u32"
  | "u64"
  | "text"
  | "list"
  | "bytes"
  | "sockaddr"
  | "tuple"
  | "dynamic";

const KINDS: readonly (readonly [ParamKind, string])[] = [
  [
    "i64",
    `res fd dirfd fd1 fd2 fdin fdout fd_in fd_out in_fd out_fd oldfd newfd olddirfd newdirfd olddir newdir linkdirfd
     mountfd pid_fd target_fd tid pid ptid vtid vpid vpgid pgid status ret reaper_tid newcur newmax oldcur oldmax cur
     max fdlimit arg2_int`,
  ],
  ["i32", "backlog semid semnum key nsems aux"],
  [
    "u64",
    `addr length offset pos ino exe_ino exe_ino_ctime exe_ino_mtime cap_inheritable cap_permitted cap_effective
     pidns_init_start_ts pgft_maj pgft_min initval source peer len offin offout op request argument`,
  ],
  [
    "u32",
    `size flags mode dev domain type proto uid gid ruid euid suid rgid egid sgid loginuid tty vm_size vm_rss vm_swap
     nstype prot optlen queuelen queuemax entries sq_entries cq_entries to_submit min_complete nr_args resolve at_flags
     option semflg arg`,
  ],
  ["u16", "opcode ID nativeID"],
  ["u8", "sig core how whence level optname resource queuepct cmd"],
  [
    "text",
    `name path exe cwd comm oldpath newpath target linkpath filename dir trusted_exepath pathname key arg2_str uargs
     value_charbuf`,
  ],
  ["list", "args env cgroups"],
  ["bytes", "data img msgcontrol value_bytebuf val"],
  ["tuple", "tuple"],
];
const KIND_OF: ReadonlyMap<string, ParamKind> = new Map(
  KINDS.flatMap(([kind, names]) => wordsOf(names).map((name) => [name, kind] as const)),
);

/** One row: the event's name in events.yaml, and the names of its parameters in the file's order. */
export interface ScapEvent {
  name: string;
  readonly isEntryTold: boolean;
  readonly entry: string[];
  readonly exit: string[];
  readonly entryKinds: readonly ParamKind[];
  readonly exitKinds: readonly ParamKind[];
  readonly entryPlaces: ReadonlyMap<string, number>;
  readonly exitPlaces: ReadonlyMap<string, number>;
}

/** A row of a name and its parameters, each possibly with its kind. */
export function scapEvent(name: string, entry: string[], exit: string[], isEntryTold = false): ScapEvent {
  const [entryNames, exitNames] = [entry.map(nameOf), exit.map(nameOf)];
  const places = (names: string[]) => new Map(names.map((one, i) => [one, i]));
  return {
    name,
    isEntryTold,
    entry: entryNames,
    exit: exitNames,
    entryKinds: entry.map(kindOf),
    exitKinds: exit.map(kindOf),
    entryPlaces: places(entryNames),
    exitPlaces: places(exitNames),
  };
}

const nameOf = (word: string): string => word.split(":")[0]!;

function kindOf(word: string): ParamKind {
  const [name, kind] = word.split(":");
  const found = (kind as ParamKind | undefined) ?? KIND_OF.get(name!);
  if (found === undefined) throw new Error(`event table: ${name} has no kind`);
  return found;
}

function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

/** By the code of the entry. */
export const SCAP_EVENTS: ReadonlyMap<number, ScapEvent> = new Map(
  TABLE.trim()
    .split("\n")
    .map((line) => {
      const found = /^(\d+) ([\w.]+)(!?):(.*)>(.*)$/.exec(line);
      if (!found) throw new Error(`event table: ${line}`);
      const [, code, name, told, entry, exit] = found;
      return [Number(code), scapEvent(name!, wordsOf(entry!), wordsOf(exit!), told === "!")];
    }),
);

/** The code of the entry by which an event is written: the one that libs gave last. */
export const CODES: ReadonlyMap<string, number> = new Map([...SCAP_EVENTS].map(([code, { name }]) => [name, code]));

/** A call that has no type of its own. Its entry is even, too. */
export const GENERIC_CODE = 0;
