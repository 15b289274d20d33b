// SPDX-License-Identifier: Apache-2.0
// The numbers of the captured calls on arm64, ascending (include/uapi/asm-generic/unistd.h).
#pragma once

#include "capture/decode/numbers.h"

namespace vedette::aarch64 {

inline constexpr Number kNumbers[] = {
    {0, "io_setup"}, {2, "io_submit"}, {5, "setxattr"}, {6, "lsetxattr"}, {7, "fsetxattr"}, {14, "removexattr"},
    {15, "lremovexattr"}, {16, "fremovexattr"}, {19, "eventfd2"}, {23, "dup"}, {24, "dup3"}, {25, "fcntl"},
    {27, "inotify_add_watch"}, {29, "ioctl"}, {30, "ioprio_set"}, {33, "mknodat"}, {34, "mkdirat"}, {35, "unlinkat"},
    {36, "symlinkat"}, {37, "linkat"}, {38, "renameat"}, {39, "umount2"}, {40, "mount"}, {41, "pivot_root"}, {45, "truncate"},
    {46, "ftruncate"}, {47, "fallocate"}, {48, "faccessat"}, {49, "chdir"}, {50, "fchdir"}, {51, "chroot"}, {52, "fchmod"},
    {53, "fchmodat"}, {54, "fchownat"}, {55, "fchown"}, {56, "openat"}, {57, "close"}, {58, "vhangup"}, {59, "pipe2"},
    {60, "quotactl"}, {61, "getdents64"}, {62, "lseek"}, {63, "read"}, {64, "write"}, {65, "readv"}, {66, "writev"},
    {67, "pread64"}, {68, "pwrite64"}, {69, "preadv"}, {70, "pwritev"}, {71, "sendfile"}, {75, "vmsplice"}, {76, "splice"},
    {77, "tee"}, {78, "readlinkat"}, {79, "newfstatat"}, {80, "fstat"}, {88, "utimensat"}, {89, "acct"}, {91, "capset"},
    {92, "personality"}, {97, "unshare"}, {104, "kexec_load"}, {105, "init_module"}, {106, "delete_module"},
    {112, "clock_settime"}, {116, "syslog"}, {117, "ptrace"}, {118, "sched_setparam"}, {119, "sched_setscheduler"},
    {122, "sched_setaffinity"}, {129, "kill"}, {130, "tkill"}, {131, "tgkill"}, {138, "rt_sigqueueinfo"},
    {140, "setpriority"}, {142, "reboot"}, {143, "setregid"}, {144, "setgid"}, {145, "setreuid"}, {146, "setuid"},
    {147, "setresuid"}, {149, "setresgid"}, {151, "setfsuid"}, {152, "setfsgid"}, {154, "setpgid"}, {157, "setsid"},
    {159, "setgroups"}, {161, "sethostname"}, {162, "setdomainname"}, {164, "setrlimit"}, {167, "prctl"},
    {170, "settimeofday"}, {171, "adjtimex"}, {180, "mq_open"}, {181, "mq_unlink"}, {182, "mq_timedsend"},
    {183, "mq_timedreceive"}, {186, "msgget"}, {187, "msgctl"}, {188, "msgrcv"}, {189, "msgsnd"}, {190, "semget"},
    {191, "semctl"}, {194, "shmget"}, {195, "shmctl"}, {196, "shmat"}, {198, "socket"}, {199, "socketpair"}, {200, "bind"},
    {201, "listen"}, {202, "accept"}, {203, "connect"}, {206, "sendto"}, {207, "recvfrom"}, {208, "setsockopt"},
    {209, "getsockopt"}, {210, "shutdown"}, {211, "sendmsg"}, {212, "recvmsg"}, {217, "add_key"}, {218, "request_key"},
    {219, "keyctl"}, {220, "clone"}, {221, "execve"}, {222, "mmap"}, {224, "swapon"}, {225, "swapoff"}, {226, "mprotect"},
    {238, "migrate_pages"}, {239, "move_pages"}, {240, "rt_tgsigqueueinfo"}, {241, "perf_event_open"}, {242, "accept4"},
    {243, "recvmmsg"}, {261, "prlimit64"}, {263, "fanotify_mark"}, {264, "name_to_handle_at"}, {265, "open_by_handle_at"},
    {266, "clock_adjtime"}, {268, "setns"}, {269, "sendmmsg"}, {270, "process_vm_readv"}, {271, "process_vm_writev"},
    {273, "finit_module"}, {274, "sched_setattr"}, {276, "renameat2"}, {277, "seccomp"}, {279, "memfd_create"}, {280, "bpf"},
    {281, "execveat"}, {282, "userfaultfd"}, {285, "copy_file_range"}, {286, "preadv2"}, {287, "pwritev2"},
    {288, "pkey_mprotect"}, {291, "statx"}, {294, "kexec_file_load"}, {424, "pidfd_send_signal"}, {425, "io_uring_setup"},
    {426, "io_uring_enter"}, {427, "io_uring_register"}, {428, "open_tree"}, {429, "move_mount"}, {430, "fsopen"},
    {431, "fsconfig"}, {432, "fsmount"}, {433, "fspick"}, {434, "pidfd_open"}, {435, "clone3"}, {436, "close_range"},
    {437, "openat2"}, {438, "pidfd_getfd"}, {439, "faccessat2"}, {440, "process_madvise"}, {442, "mount_setattr"},
    {443, "quotactl_fd"}, {444, "landlock_create_ruleset"}, {445, "landlock_add_rule"}, {446, "landlock_restrict_self"},
    {447, "memfd_secret"}, {448, "process_mrelease"}, {451, "cachestat"}, {452, "fchmodat2"}, {453, "map_shadow_stack"},
    {457, "statmount"}, {458, "listmount"}, {460, "lsm_set_self_attr"}, {462, "mseal"}, {463, "setxattrat"},
    {466, "removexattrat"}, {467, "open_tree_attr"}, {469, "file_setattr"},
};

}  // namespace vedette::aarch64
