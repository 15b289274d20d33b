// SPDX-License-Identifier: Apache-2.0
// The numbers of the captured calls on arm64, ascending (include/uapi/asm-generic/unistd.h).
#pragma once

#include "capture/decode/numbers.h"

namespace vedette::aarch64 {

inline constexpr Number kNumbers[] = {
    {5, "setxattr"}, {6, "lsetxattr"}, {7, "fsetxattr"}, {14, "removexattr"}, {15, "lremovexattr"}, {16, "fremovexattr"},
    {19, "eventfd2"}, {23, "dup"}, {24, "dup3"}, {25, "fcntl"}, {27, "inotify_add_watch"}, {33, "mknodat"}, {34, "mkdirat"},
    {35, "unlinkat"}, {36, "symlinkat"}, {37, "linkat"}, {38, "renameat"}, {39, "umount2"}, {40, "mount"}, {41, "pivot_root"},
    {45, "truncate"}, {46, "ftruncate"}, {47, "fallocate"}, {48, "faccessat"}, {49, "chdir"}, {50, "fchdir"}, {51, "chroot"},
    {52, "fchmod"}, {53, "fchmodat"}, {54, "fchownat"}, {55, "fchown"}, {56, "openat"}, {57, "close"}, {59, "pipe2"},
    {60, "quotactl"}, {61, "getdents64"}, {62, "lseek"}, {63, "read"}, {64, "write"}, {65, "readv"}, {66, "writev"},
    {67, "pread64"}, {68, "pwrite64"}, {69, "preadv"}, {70, "pwritev"}, {71, "sendfile"}, {75, "vmsplice"}, {76, "splice"},
    {77, "tee"}, {78, "readlinkat"}, {79, "newfstatat"}, {80, "fstat"}, {88, "utimensat"}, {91, "capset"},
    {92, "personality"}, {97, "unshare"}, {105, "init_module"}, {106, "delete_module"}, {116, "syslog"}, {117, "ptrace"},
    {129, "kill"}, {130, "tkill"}, {131, "tgkill"}, {142, "reboot"}, {143, "setregid"}, {144, "setgid"}, {145, "setreuid"},
    {146, "setuid"}, {147, "setresuid"}, {149, "setresgid"}, {151, "setfsuid"}, {152, "setfsgid"}, {154, "setpgid"},
    {157, "setsid"}, {159, "setgroups"}, {167, "prctl"}, {198, "socket"}, {199, "socketpair"}, {200, "bind"}, {201, "listen"},
    {202, "accept"}, {203, "connect"}, {206, "sendto"}, {207, "recvfrom"}, {208, "setsockopt"}, {209, "getsockopt"},
    {210, "shutdown"}, {211, "sendmsg"}, {212, "recvmsg"}, {217, "add_key"}, {219, "keyctl"}, {220, "clone"}, {221, "execve"},
    {222, "mmap"}, {224, "swapon"}, {226, "mprotect"}, {241, "perf_event_open"}, {242, "accept4"}, {243, "recvmmsg"},
    {261, "prlimit64"}, {263, "fanotify_mark"}, {265, "open_by_handle_at"}, {268, "setns"}, {269, "sendmmsg"},
    {270, "process_vm_readv"}, {271, "process_vm_writev"}, {273, "finit_module"}, {276, "renameat2"}, {277, "seccomp"},
    {279, "memfd_create"}, {280, "bpf"}, {281, "execveat"}, {282, "userfaultfd"}, {285, "copy_file_range"}, {286, "preadv2"},
    {287, "pwritev2"}, {291, "statx"}, {425, "io_uring_setup"}, {426, "io_uring_enter"}, {427, "io_uring_register"},
    {428, "open_tree"}, {429, "move_mount"}, {430, "fsopen"}, {432, "fsmount"}, {433, "fspick"},
    {435, "clone3"}, {436, "close_range"}, {437, "openat2"}, {438, "pidfd_getfd"}, {439, "faccessat2"},
    {440, "process_madvise"}, {442, "mount_setattr"}, {452, "fchmodat2"},
};

}  // namespace vedette::aarch64
