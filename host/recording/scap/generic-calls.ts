// SPDX-License-Identifier: Apache-2.0
// Calls that have no type of event in a capture. There they are generic events: which call it was, and
// nothing else of it.
//
//   NAME in events.yaml, libs' number of the call (ppm_sc_code; 0: it has none), x86-64's number
const TABLE = `
rt_sigqueueinfo 111 129, rt_tgsigqueueinfo 233 297, pidfd_send_signal 348 424, process_mrelease 377 448,
sched_setaffinity 155 203, sched_setscheduler 97 144, sched_setparam 95 142, sched_setattr 362 314,
setpriority 61 141, ioprio_set 192 251, migrate_pages 357 256, move_pages 358 279, setfsuid 135 122,
setfsgid 136 123, setgroups 126 116, pivot_root 137 155, personality 82 135, pkey_mprotect 350 329,
memfd_secret 343 447, map_shadow_stack 0 453, mseal 0 462, close_range 392 436, preadv2 359 327,
pwritev2 360 328, tee 215 276, vmsplice 216 278, io_setup 159 206, io_submit 162 209, cachestat 0 451,
statx 367 332, faccessat 208 269, faccessat2 384 439, readlink 51 89, readlinkat 206 267,
fchmodat2 0 452, truncate 57 76, ftruncate 58 77, fallocate 299 285, utimensat 219 280, utime 22 132,
utimes 180 235, futimesat 201 261, setxattr 141 188, lsetxattr 142 189, fsetxattr 143 190,
removexattr 150 197, lremovexattr 151 198, fremovexattr 152 199, setxattrat 0 463, removexattrat 0 466,
file_setattr 0 469, name_to_handle_at 376 303, inotify_add_watch 195 254, fanotify_mark 393 301,
msgget 264 68, msgctl 265 71, msgsnd 262 69, msgrcv 263 70, shmget 267 29, shmat 297 30, shmctl 268 31,
mq_open 181 240, mq_unlink 182 241, mq_timedsend 183 242, mq_timedreceive 184 243,
perf_event_open 234 298, keyctl 191 250, add_key 189 248, process_madvise 389 440, quotactl 78 179,
reboot 54 169, swapon 53 167, syslog 64 103, settimeofday 48 164, clock_settime 175 227,
clock_adjtime 237 305, adjtimex 74 159, acct 33 163, swapoff 70 168, quotactl_fd 353 443,
sethostname 44 170, setdomainname 73 171, vhangup 68 153, kexec_load 187 246, kexec_file_load 345 320,
iopl 391 172, ioperm 344 173, request_key 190 249, landlock_create_ruleset 352 444,
landlock_add_rule 355 445, landlock_restrict_self 354 446, lsm_set_self_attr 0 460, open_tree 339 428,
move_mount 340 429, fsopen 338 430, fsmount 337 432, fspick 336 433, mount_setattr 341 442,
open_tree_attr 0 467, statmount 0 457, listmount 0 458
`;

/** A call by its two numbers. */
export interface GenericCall {
  readonly name: string;
  readonly id: number;
  readonly native: number;
}

const CALLS: readonly GenericCall[] = TABLE.trim()
  .split(/,\s+/)
  .map((row) => {
    const [name, id, native] = row.split(" ") as [string, string, string];
    return { name, id: Number(id), native: Number(native) };
  });

/** By the event's name. */
export const GENERIC_OF_NAME: ReadonlyMap<string, GenericCall> = new Map(CALLS.map((call) => [call.name, call]));
/** By the kernel's number. */
export const GENERIC_OF_NATIVE: ReadonlyMap<number, GenericCall> = new Map(CALLS.map((call) => [call.native, call]));
