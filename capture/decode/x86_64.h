// SPDX-License-Identifier: Apache-2.0
// The numbers of the captured calls on x86-64, ascending (arch/x86/entry/syscalls/syscall_64.tbl).
#pragma once

#include "capture/decode/numbers.h"

namespace vedette::x86_64 {

inline constexpr Number kNumbers[] = {
    {0, "read"}, {1, "write"}, {2, "open"}, {3, "close"}, {4, "stat"}, {5, "fstat"}, {6, "lstat"}, {8, "lseek"}, {9, "mmap"},
    {10, "mprotect"}, {16, "ioctl"}, {17, "pread64"}, {18, "pwrite64"}, {19, "readv"}, {20, "writev"}, {21, "access"},
    {22, "pipe"}, {29, "shmget"}, {30, "shmat"}, {31, "shmctl"}, {32, "dup"}, {33, "dup2"}, {40, "sendfile"}, {41, "socket"},
    {42, "connect"}, {43, "accept"}, {44, "sendto"}, {45, "recvfrom"}, {46, "sendmsg"}, {47, "recvmsg"}, {48, "shutdown"},
    {49, "bind"}, {50, "listen"}, {53, "socketpair"}, {54, "setsockopt"}, {55, "getsockopt"}, {56, "clone"}, {57, "fork"},
    {58, "vfork"}, {59, "execve"}, {62, "kill"}, {64, "semget"}, {66, "semctl"}, {68, "msgget"}, {69, "msgsnd"},
    {70, "msgrcv"}, {71, "msgctl"}, {72, "fcntl"}, {76, "truncate"}, {77, "ftruncate"}, {78, "getdents"}, {80, "chdir"},
    {81, "fchdir"}, {82, "rename"}, {83, "mkdir"}, {84, "rmdir"}, {85, "creat"}, {86, "link"}, {87, "unlink"},
    {88, "symlink"}, {89, "readlink"}, {90, "chmod"}, {91, "fchmod"}, {92, "chown"}, {93, "fchown"}, {94, "lchown"},
    {101, "ptrace"}, {103, "syslog"}, {105, "setuid"}, {106, "setgid"}, {109, "setpgid"}, {112, "setsid"}, {113, "setreuid"},
    {114, "setregid"}, {116, "setgroups"}, {117, "setresuid"}, {119, "setresgid"}, {122, "setfsuid"}, {123, "setfsgid"},
    {126, "capset"}, {129, "rt_sigqueueinfo"}, {132, "utime"}, {133, "mknod"}, {135, "personality"}, {141, "setpriority"},
    {142, "sched_setparam"}, {144, "sched_setscheduler"}, {153, "vhangup"}, {155, "pivot_root"}, {157, "prctl"},
    {159, "adjtimex"}, {160, "setrlimit"}, {161, "chroot"}, {163, "acct"}, {164, "settimeofday"}, {165, "mount"},
    {166, "umount2"}, {167, "swapon"}, {168, "swapoff"}, {169, "reboot"}, {170, "sethostname"}, {171, "setdomainname"},
    {172, "iopl"}, {173, "ioperm"}, {175, "init_module"}, {176, "delete_module"}, {179, "quotactl"}, {188, "setxattr"},
    {189, "lsetxattr"}, {190, "fsetxattr"}, {197, "removexattr"}, {198, "lremovexattr"}, {199, "fremovexattr"},
    {200, "tkill"}, {203, "sched_setaffinity"}, {206, "io_setup"}, {209, "io_submit"}, {217, "getdents64"},
    {227, "clock_settime"}, {234, "tgkill"}, {235, "utimes"}, {240, "mq_open"}, {241, "mq_unlink"}, {242, "mq_timedsend"},
    {243, "mq_timedreceive"}, {246, "kexec_load"}, {248, "add_key"}, {249, "request_key"}, {250, "keyctl"},
    {251, "ioprio_set"}, {254, "inotify_add_watch"}, {256, "migrate_pages"}, {257, "openat"}, {258, "mkdirat"},
    {259, "mknodat"}, {260, "fchownat"}, {261, "futimesat"}, {262, "newfstatat"}, {263, "unlinkat"}, {264, "renameat"},
    {265, "linkat"}, {266, "symlinkat"}, {267, "readlinkat"}, {268, "fchmodat"}, {269, "faccessat"}, {272, "unshare"},
    {275, "splice"}, {276, "tee"}, {278, "vmsplice"}, {279, "move_pages"}, {280, "utimensat"}, {284, "eventfd"},
    {285, "fallocate"}, {288, "accept4"}, {290, "eventfd2"}, {292, "dup3"}, {293, "pipe2"}, {295, "preadv"}, {296, "pwritev"},
    {297, "rt_tgsigqueueinfo"}, {298, "perf_event_open"}, {299, "recvmmsg"}, {301, "fanotify_mark"}, {302, "prlimit64"},
    {303, "name_to_handle_at"}, {304, "open_by_handle_at"}, {305, "clock_adjtime"}, {307, "sendmmsg"}, {308, "setns"},
    {310, "process_vm_readv"}, {311, "process_vm_writev"}, {313, "finit_module"}, {314, "sched_setattr"}, {316, "renameat2"},
    {317, "seccomp"}, {319, "memfd_create"}, {320, "kexec_file_load"}, {321, "bpf"}, {322, "execveat"}, {323, "userfaultfd"},
    {326, "copy_file_range"}, {327, "preadv2"}, {328, "pwritev2"}, {329, "pkey_mprotect"}, {332, "statx"},
    {424, "pidfd_send_signal"}, {425, "io_uring_setup"}, {426, "io_uring_enter"}, {427, "io_uring_register"},
    {428, "open_tree"}, {429, "move_mount"}, {430, "fsopen"}, {431, "fsconfig"}, {432, "fsmount"}, {433, "fspick"},
    {434, "pidfd_open"}, {435, "clone3"}, {436, "close_range"}, {437, "openat2"}, {438, "pidfd_getfd"}, {439, "faccessat2"},
    {440, "process_madvise"}, {442, "mount_setattr"}, {443, "quotactl_fd"}, {444, "landlock_create_ruleset"},
    {445, "landlock_add_rule"}, {446, "landlock_restrict_self"}, {447, "memfd_secret"}, {448, "process_mrelease"},
    {451, "cachestat"}, {452, "fchmodat2"}, {453, "map_shadow_stack"}, {457, "statmount"}, {458, "listmount"},
    {460, "lsm_set_self_attr"}, {462, "mseal"}, {463, "setxattrat"}, {466, "removexattrat"}, {467, "open_tree_attr"},
    {469, "file_setattr"},
};

}  // namespace vedette::x86_64
