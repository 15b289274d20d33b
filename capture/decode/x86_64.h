// SPDX-License-Identifier: Apache-2.0
// The numbers of the captured calls on x86-64, ascending (arch/x86/entry/syscalls/syscall_64.tbl).
#pragma once

#include "capture/decode/numbers.h"

namespace vedette::x86_64 {

inline constexpr Number kNumbers[] = {
    {0, "read"}, {1, "write"}, {2, "open"}, {3, "close"}, {4, "stat"}, {5, "fstat"}, {6, "lstat"}, {8, "lseek"}, {9, "mmap"},
    {10, "mprotect"}, {17, "pread64"}, {18, "pwrite64"}, {19, "readv"}, {20, "writev"}, {21, "access"}, {22, "pipe"},
    {32, "dup"}, {33, "dup2"}, {40, "sendfile"}, {41, "socket"}, {42, "connect"}, {43, "accept"}, {44, "sendto"},
    {45, "recvfrom"}, {46, "sendmsg"}, {47, "recvmsg"}, {48, "shutdown"}, {49, "bind"}, {50, "listen"}, {53, "socketpair"},
    {54, "setsockopt"}, {55, "getsockopt"}, {56, "clone"}, {57, "fork"}, {58, "vfork"}, {59, "execve"}, {62, "kill"},
    {72, "fcntl"}, {76, "truncate"}, {77, "ftruncate"}, {80, "chdir"}, {81, "fchdir"}, {82, "rename"}, {83, "mkdir"},
    {84, "rmdir"}, {85, "creat"}, {86, "link"}, {87, "unlink"}, {88, "symlink"}, {89, "readlink"}, {90, "chmod"},
    {91, "fchmod"}, {92, "chown"}, {93, "fchown"}, {94, "lchown"}, {101, "ptrace"}, {103, "syslog"}, {105, "setuid"},
    {106, "setgid"}, {109, "setpgid"}, {112, "setsid"}, {113, "setreuid"}, {114, "setregid"}, {116, "setgroups"},
    {117, "setresuid"}, {119, "setresgid"}, {122, "setfsuid"}, {123, "setfsgid"}, {126, "capset"}, {133, "mknod"},
    {135, "personality"}, {155, "pivot_root"}, {157, "prctl"}, {161, "chroot"}, {165, "mount"}, {166, "umount2"},
    {167, "swapon"}, {169, "reboot"}, {175, "init_module"}, {176, "delete_module"}, {179, "quotactl"}, {188, "setxattr"},
    {189, "lsetxattr"}, {190, "fsetxattr"}, {197, "removexattr"}, {198, "lremovexattr"}, {199, "fremovexattr"},
    {200, "tkill"}, {217, "getdents64"}, {234, "tgkill"}, {248, "add_key"}, {250, "keyctl"}, {254, "inotify_add_watch"},
    {257, "openat"}, {258, "mkdirat"}, {259, "mknodat"}, {260, "fchownat"}, {262, "newfstatat"}, {263, "unlinkat"},
    {264, "renameat"}, {265, "linkat"}, {266, "symlinkat"}, {267, "readlinkat"}, {268, "fchmodat"}, {269, "faccessat"},
    {272, "unshare"}, {275, "splice"}, {276, "tee"}, {278, "vmsplice"}, {280, "utimensat"}, {285, "fallocate"},
    {288, "accept4"}, {290, "eventfd2"}, {292, "dup3"}, {293, "pipe2"}, {295, "preadv"}, {296, "pwritev"},
    {298, "perf_event_open"}, {299, "recvmmsg"}, {301, "fanotify_mark"}, {302, "prlimit64"}, {304, "open_by_handle_at"},
    {307, "sendmmsg"}, {308, "setns"}, {310, "process_vm_readv"}, {311, "process_vm_writev"}, {313, "finit_module"},
    {316, "renameat2"}, {317, "seccomp"}, {319, "memfd_create"}, {321, "bpf"}, {322, "execveat"}, {323, "userfaultfd"},
    {326, "copy_file_range"}, {327, "preadv2"}, {328, "pwritev2"}, {332, "statx"}, {425, "io_uring_setup"},
    {426, "io_uring_enter"}, {427, "io_uring_register"}, {428, "open_tree"}, {429, "move_mount"}, {430, "fsopen"},
    {432, "fsmount"}, {433, "fspick"}, {435, "clone3"}, {436, "close_range"}, {437, "openat2"},
    {438, "pidfd_getfd"}, {439, "faccessat2"}, {440, "process_madvise"}, {442, "mount_setattr"}, {452, "fchmodat2"},
};

}  // namespace vedette::x86_64
