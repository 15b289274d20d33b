// SPDX-License-Identifier: Apache-2.0
// The numbers of the captured calls by int 0x80, ascending (arch/x86/entry/syscalls/syscall_32.tbl), with the way each
// passes its arguments where that differs (compat.h); and the calls that socketcall(2) multiplexes (linux/net.h).
#pragma once

#include "capture/decode/numbers.h"

namespace vedette::i386 {

inline constexpr Number kNumbers[] = {
    {2, "fork"}, {3, "read"}, {4, "write"}, {5, "open"}, {6, "close"}, {8, "creat"}, {9, "link"}, {10, "unlink"},
    {11, "execve"}, {12, "chdir"}, {14, "mknod"}, {15, "chmod"}, {16, "lchown", Fold::Ids16}, {19, "lseek", Fold::Signed1},
    {21, "mount"}, {23, "setuid", Fold::Ids16}, {26, "ptrace"}, {33, "access"}, {37, "kill"}, {38, "rename"}, {39, "mkdir"},
    {40, "rmdir"}, {41, "dup"}, {42, "pipe"}, {46, "setgid", Fold::Ids16}, {52, "umount2"}, {55, "fcntl"}, {57, "setpgid"},
    {61, "chroot"}, {63, "dup2"}, {66, "setsid"}, {70, "setreuid", Fold::Ids16}, {71, "setregid", Fold::Ids16},
    {81, "setgroups16"}, {83, "symlink"}, {85, "readlink"}, {87, "swapon"}, {88, "reboot"}, {90, "mmap", Fold::Packed},
    {92, "truncate", Fold::Signed1}, {93, "ftruncate", Fold::Signed1}, {94, "fchmod"}, {95, "fchown", Fold::Ids16},
    {102, "socketcall", Fold::Multiplex}, {103, "syslog"}, {106, "stat"}, {107, "lstat"}, {108, "fstat"}, {120, "clone"},
    {125, "mprotect"}, {128, "init_module"}, {129, "delete_module"}, {131, "quotactl"}, {133, "fchdir"}, {136, "personality"},
    {138, "setfsuid", Fold::Ids16}, {139, "setfsgid", Fold::Ids16}, {140, "lseek", Fold::Llseek}, {145, "readv"},
    {146, "writev"}, {164, "setresuid", Fold::Ids16}, {170, "setresgid", Fold::Ids16}, {172, "prctl"},
    {180, "pread64", Fold::Join3}, {181, "pwrite64", Fold::Join3}, {182, "chown", Fold::Ids16}, {185, "capset"},
    {187, "sendfile_32"}, {190, "vfork"}, {192, "mmap", Fold::Pages}, {193, "truncate", Fold::Join1},
    {194, "ftruncate", Fold::Join1}, {195, "stat"}, {196, "lstat"}, {197, "fstat"}, {198, "lchown"}, {203, "setreuid"},
    {204, "setregid"}, {206, "setgroups"}, {207, "fchown"}, {208, "setresuid"}, {210, "setresgid"}, {212, "chown"},
    {213, "setuid"}, {214, "setgid"}, {215, "setfsuid"}, {216, "setfsgid"}, {217, "pivot_root"}, {220, "getdents64"},
    {221, "fcntl"}, {226, "setxattr"}, {227, "lsetxattr"}, {228, "fsetxattr"}, {235, "removexattr"}, {236, "lremovexattr"},
    {237, "fremovexattr"}, {238, "tkill"}, {239, "sendfile"}, {270, "tgkill"}, {286, "add_key"}, {288, "keyctl"},
    {292, "inotify_add_watch"}, {295, "openat"}, {296, "mkdirat"}, {297, "mknodat"}, {298, "fchownat"}, {300, "newfstatat"},
    {301, "unlinkat"}, {302, "renameat"}, {303, "linkat"}, {304, "symlinkat"}, {305, "readlinkat"}, {306, "fchmodat"},
    {307, "faccessat"}, {310, "unshare"}, {313, "splice"}, {315, "tee"}, {316, "vmsplice"}, {320, "utimensat_32"},
    {324, "fallocate", Fold::Join2Join4}, {328, "eventfd2"}, {330, "dup3"}, {331, "pipe2"}, {333, "preadv", Fold::Join3},
    {334, "pwritev", Fold::Join3}, {336, "perf_event_open"}, {337, "recvmmsg"}, {339, "fanotify_mark", Fold::Join2},
    {340, "prlimit64"}, {342, "open_by_handle_at"}, {345, "sendmmsg"}, {346, "setns"}, {347, "process_vm_readv"},
    {348, "process_vm_writev"}, {350, "finit_module"}, {353, "renameat2"}, {354, "seccomp"}, {356, "memfd_create"},
    {357, "bpf"}, {358, "execveat"}, {359, "socket"}, {360, "socketpair"}, {361, "bind"}, {362, "connect"}, {363, "listen"},
    {364, "accept4"}, {365, "getsockopt"}, {366, "setsockopt"}, {369, "sendto"}, {370, "sendmsg"}, {371, "recvfrom"},
    {372, "recvmsg"}, {373, "shutdown"}, {374, "userfaultfd"}, {377, "copy_file_range"}, {378, "preadv2", Fold::Join3},
    {379, "pwritev2", Fold::Join3}, {383, "statx"}, {412, "utimensat"}, {417, "recvmmsg"}, {425, "io_uring_setup"},
    {426, "io_uring_enter"}, {427, "io_uring_register"}, {428, "open_tree"}, {429, "move_mount"}, {430, "fsopen"},
    {432, "fsmount"}, {433, "fspick"}, {435, "clone3"}, {436, "close_range"}, {437, "openat2"},
    {438, "pidfd_getfd"}, {439, "faccessat2"}, {440, "process_madvise"}, {442, "mount_setattr"}, {452, "fchmodat2"},
};

// SYS_SEND and SYS_RECV (9, 10) are sendto and recvfrom without an address.
inline constexpr SocketNumber kSocketNumbers[] = {
    {1, "socket", 3}, {2, "bind", 3}, {3, "connect", 3}, {4, "listen", 2}, {5, "accept", 3}, {8, "socketpair", 4},
    {9, "sendto", 4}, {10, "recvfrom", 4}, {11, "sendto", 6}, {12, "recvfrom", 6}, {13, "shutdown", 2}, {14, "setsockopt", 5},
    {15, "getsockopt", 5}, {16, "sendmsg", 3}, {17, "recvmsg", 3}, {18, "accept4", 4}, {19, "recvmmsg", 5},
    {20, "sendmmsg", 4},
};

}  // namespace vedette::i386
