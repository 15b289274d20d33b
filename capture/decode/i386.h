// SPDX-License-Identifier: Apache-2.0
// The numbers of the captured calls by int 0x80, ascending (arch/x86/entry/syscalls/syscall_32.tbl), with the
// way each passes its arguments where that differs (compat.h); and the calls that socketcall(2) and ipc(2)
// multiplex (linux/net.h, linux/ipc.h).
#pragma once

#include "capture/decode/numbers.h"

namespace vedette::i386 {

inline constexpr Number kNumbers[] = {
    {2, "fork"}, {3, "read"}, {4, "write"}, {5, "open"}, {6, "close"}, {8, "creat"}, {9, "link"}, {10, "unlink"},
    {11, "execve"}, {12, "chdir"}, {14, "mknod"}, {15, "chmod"}, {16, "lchown", Fold::Ids16}, {18, "stat"},
    {19, "lseek", Fold::Signed1}, {21, "mount"}, {22, "umount"}, {23, "setuid", Fold::Ids16}, {25, "stime"}, {26, "ptrace"},
    {28, "fstat"}, {30, "utime"}, {33, "access"}, {37, "kill"}, {38, "rename"}, {39, "mkdir"}, {40, "rmdir"}, {41, "dup"},
    {42, "pipe"}, {46, "setgid", Fold::Ids16}, {51, "acct"}, {52, "umount2"}, {54, "ioctl"}, {55, "fcntl"}, {57, "setpgid"},
    {61, "chroot"}, {63, "dup2"}, {66, "setsid"}, {70, "setreuid", Fold::Ids16}, {71, "setregid", Fold::Ids16},
    {74, "sethostname"}, {75, "setrlimit"}, {79, "settimeofday"}, {81, "setgroups16"}, {83, "symlink"}, {84, "lstat"},
    {85, "readlink"}, {87, "swapon"}, {88, "reboot"}, {89, "readdir"}, {90, "mmap", Fold::Packed},
    {92, "truncate", Fold::Signed1}, {93, "ftruncate", Fold::Signed1}, {94, "fchmod"}, {95, "fchown", Fold::Ids16},
    {97, "setpriority"}, {101, "ioperm"}, {102, "socketcall", Fold::Multiplex}, {103, "syslog"}, {106, "stat"},
    {107, "lstat"}, {108, "fstat"}, {110, "iopl"}, {111, "vhangup"}, {115, "swapoff"}, {117, "ipc", Fold::Ipc},
    {120, "clone"}, {121, "setdomainname"}, {124, "adjtimex"}, {125, "mprotect"}, {128, "init_module"},
    {129, "delete_module"}, {131, "quotactl"}, {133, "fchdir"}, {136, "personality"}, {138, "setfsuid", Fold::Ids16},
    {139, "setfsgid", Fold::Ids16}, {140, "lseek", Fold::Llseek}, {141, "getdents"}, {145, "readv"}, {146, "writev"},
    {154, "sched_setparam"}, {156, "sched_setscheduler"}, {164, "setresuid", Fold::Ids16}, {170, "setresgid", Fold::Ids16},
    {172, "prctl"}, {178, "rt_sigqueueinfo"}, {180, "pread64", Fold::Join3}, {181, "pwrite64", Fold::Join3},
    {182, "chown", Fold::Ids16}, {185, "capset"}, {187, "sendfile_32"}, {190, "vfork"}, {192, "mmap", Fold::Pages},
    {193, "truncate", Fold::Join1}, {194, "ftruncate", Fold::Join1}, {195, "stat"}, {196, "lstat"}, {197, "fstat"},
    {198, "lchown"}, {203, "setreuid"}, {204, "setregid"}, {206, "setgroups"}, {207, "fchown"}, {208, "setresuid"},
    {210, "setresgid"}, {212, "chown"}, {213, "setuid"}, {214, "setgid"}, {215, "setfsuid"}, {216, "setfsgid"},
    {217, "pivot_root"}, {220, "getdents64"}, {221, "fcntl"}, {226, "setxattr"}, {227, "lsetxattr"}, {228, "fsetxattr"},
    {235, "removexattr"}, {236, "lremovexattr"}, {237, "fremovexattr"}, {238, "tkill"}, {239, "sendfile"},
    {241, "sched_setaffinity"}, {245, "io_setup"}, {248, "io_submit"}, {264, "clock_settime_32"}, {270, "tgkill"},
    {271, "utimes"}, {277, "mq_open"}, {278, "mq_unlink"}, {279, "mq_timedsend"}, {280, "mq_timedreceive"},
    {283, "kexec_load"}, {286, "add_key"}, {287, "request_key"}, {288, "keyctl"}, {289, "ioprio_set"},
    {292, "inotify_add_watch"}, {294, "migrate_pages"}, {295, "openat"}, {296, "mkdirat"}, {297, "mknodat"},
    {298, "fchownat"}, {299, "futimesat"}, {300, "newfstatat"}, {301, "unlinkat"}, {302, "renameat"}, {303, "linkat"},
    {304, "symlinkat"}, {305, "readlinkat"}, {306, "fchmodat"}, {307, "faccessat"}, {310, "unshare"}, {313, "splice"},
    {315, "tee"}, {316, "vmsplice"}, {317, "move_pages"}, {320, "utimensat_32"}, {323, "eventfd"},
    {324, "fallocate", Fold::Join2Join4}, {328, "eventfd2"}, {330, "dup3"}, {331, "pipe2"}, {333, "preadv", Fold::Join3},
    {334, "pwritev", Fold::Join3}, {335, "rt_tgsigqueueinfo"}, {336, "perf_event_open"}, {337, "recvmmsg"},
    {339, "fanotify_mark", Fold::Join2}, {340, "prlimit64"}, {341, "name_to_handle_at"}, {342, "open_by_handle_at"},
    {343, "clock_adjtime"}, {345, "sendmmsg"}, {346, "setns"}, {347, "process_vm_readv"}, {348, "process_vm_writev"},
    {350, "finit_module"}, {351, "sched_setattr"}, {353, "renameat2"}, {354, "seccomp"}, {356, "memfd_create"}, {357, "bpf"},
    {358, "execveat"}, {359, "socket"}, {360, "socketpair"}, {361, "bind"}, {362, "connect"}, {363, "listen"},
    {364, "accept4"}, {365, "getsockopt"}, {366, "setsockopt"}, {369, "sendto"}, {370, "sendmsg"}, {371, "recvfrom"},
    {372, "recvmsg"}, {373, "shutdown"}, {374, "userfaultfd"}, {377, "copy_file_range"}, {378, "preadv2", Fold::Join3},
    {379, "pwritev2", Fold::Join3}, {380, "pkey_mprotect"}, {383, "statx"}, {393, "semget"}, {394, "semctl", Fold::Command2},
    {395, "shmget"}, {396, "shmctl", Fold::Command1}, {397, "shmat"}, {399, "msgget"}, {400, "msgsnd"}, {401, "msgrcv"},
    {402, "msgctl", Fold::Command1}, {404, "clock_settime"}, {405, "clock_adjtime"}, {412, "utimensat"}, {417, "recvmmsg"},
    {418, "mq_timedsend"}, {419, "mq_timedreceive"}, {424, "pidfd_send_signal"}, {425, "io_uring_setup"},
    {426, "io_uring_enter"}, {427, "io_uring_register"}, {428, "open_tree"}, {429, "move_mount"}, {430, "fsopen"},
    {431, "fsconfig"}, {432, "fsmount"}, {433, "fspick"}, {434, "pidfd_open"}, {435, "clone3"}, {436, "close_range"},
    {437, "openat2"}, {438, "pidfd_getfd"}, {439, "faccessat2"}, {440, "process_madvise"}, {442, "mount_setattr"},
    {443, "quotactl_fd"}, {444, "landlock_create_ruleset"}, {445, "landlock_add_rule"}, {446, "landlock_restrict_self"},
    {447, "memfd_secret"}, {448, "process_mrelease"}, {451, "cachestat"}, {452, "fchmodat2"}, {453, "map_shadow_stack"},
    {457, "statmount"}, {458, "listmount"}, {460, "lsm_set_self_attr"}, {462, "mseal"}, {463, "setxattrat"},
    {466, "removexattrat"}, {467, "open_tree_attr"}, {469, "file_setattr"},
};

// SYS_SEND and SYS_RECV (9, 10) are sendto and recvfrom without an address.
inline constexpr SocketNumber kSocketNumbers[] = {
    {1, "socket", 3}, {2, "bind", 3}, {3, "connect", 3}, {4, "listen", 2}, {5, "accept", 3}, {8, "socketpair", 4},
    {9, "sendto", 4}, {10, "recvfrom", 4}, {11, "sendto", 6}, {12, "recvfrom", 6}, {13, "shutdown", 2}, {14, "setsockopt", 5},
    {15, "getsockopt", 5}, {16, "sendmsg", 3}, {17, "recvmsg", 3}, {18, "accept4", 4}, {19, "recvmmsg", 5},
    {20, "sendmmsg", 4},
};

// ipc(2) has the arguments in registers, each call's in an order of its own (compat.cc).
inline constexpr Number kIpcNumbers[] = {
    {2, "semget"}, {3, "semctl"}, {11, "msgsnd"}, {12, "msgrcv"}, {13, "msgget"}, {14, "msgctl"}, {21, "shmat"}, {23, "shmget"},
    {24, "shmctl"},
};

}  // namespace vedette::i386
