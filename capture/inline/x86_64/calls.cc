// SPDX-License-Identifier: Apache-2.0
// The calls that the inline tier records, by their numbers on x86-64.
#include "capture/inline/calls.h"

#include <sys/syscall.h>

namespace vedette {
namespace {

constexpr InlineCall kCalls[] = {
    {SYS_read, Shape::BytesIn, false},
    {SYS_write, Shape::BytesOut, false},
    {SYS_open, Shape::Open0, true},
    {SYS_close, Shape::Plain, false},
    {SYS_stat, Shape::Path0, false},
    {SYS_fstat, Shape::Plain, false},
    {SYS_lstat, Shape::Path0, false},
    {SYS_lseek, Shape::Plain, false},
    {SYS_pread64, Shape::BytesIn, false},
    {SYS_pwrite64, Shape::BytesOut, false},
    {SYS_readv, Shape::VectorIn, false},
    {SYS_writev, Shape::VectorOut, false},
    {SYS_access, Shape::Path0, false},
    {SYS_dup, Shape::Plain, false},
    {SYS_dup2, Shape::Plain, false},
    {SYS_accept, Shape::Accept, false},
    {SYS_sendto, Shape::Send, false},
    {SYS_recvfrom, Shape::Receive, false},
    {SYS_sendmsg, Shape::MessageOut, false},
    {SYS_recvmsg, Shape::MessageIn, false},
    {SYS_fcntl, Shape::Plain, false},
    {SYS_readlink, Shape::Link, false},
    {SYS_getdents64, Shape::Plain, false},
    {SYS_openat, Shape::Open1, true},
    {SYS_newfstatat, Shape::Path1, false},
    {SYS_accept4, Shape::Accept, false},
    {SYS_dup3, Shape::Plain, false},
    {SYS_preadv, Shape::VectorIn, false},
    {SYS_pwritev, Shape::VectorOut, false},
    {SYS_preadv2, Shape::VectorIn, false},
    {SYS_pwritev2, Shape::VectorOut, false},
    {SYS_statx, Shape::Path1, false},
    {SYS_faccessat, Shape::Path1, false},
    {SYS_faccessat2, Shape::Path1, false},
    {SYS_truncate, Shape::Name0, false},
    {SYS_ftruncate, Shape::Plain, false},
    {SYS_fallocate, Shape::Plain, false},
    {SYS_mkdir, Shape::Name0, false},
    {SYS_mkdirat, Shape::Name1, false},
    {SYS_mknod, Shape::Name0Mode, false},
    {SYS_mknodat, Shape::Name1Mode, false},
    {SYS_link, Shape::Names01, false},
    {SYS_linkat, Shape::Names13, false},
    {SYS_chmod, Shape::Name0Mode, false},
    {SYS_fchmod, Shape::PlainMode, false},
    {SYS_fchmodat, Shape::Name1Mode, false},
    {SYS_chown, Shape::Name0, false},
    {SYS_lchown, Shape::Name0, false},
    {SYS_fchown, Shape::Plain, false},
    {SYS_fchownat, Shape::Name1, false},
    {SYS_utimensat, Shape::Times1, false},
    {SYS_removexattr, Shape::Names01, false},
    {SYS_lremovexattr, Shape::Names01, false},
    {SYS_fremovexattr, Shape::Name1, false},
    {SYS_unlink, Shape::Change0, false},
    {SYS_unlinkat, Shape::Change1, false},
    {SYS_rmdir, Shape::Change0, false},
    {SYS_rename, Shape::Changes01, false},
    {SYS_renameat, Shape::Changes13, false},
    {SYS_renameat2, Shape::Changes13, false},
    {SYS_symlink, Shape::Changes01, false},
    {SYS_symlinkat, Shape::Changes02, false},
    {SYS_chdir, Shape::Folder0, true},
    {SYS_fchdir, Shape::FolderFd, true},
    {SYS_pipe, Shape::Pair0, false},
    {SYS_pipe2, Shape::Pair0, false},
    {SYS_eventfd, Shape::Made, false},
    {SYS_eventfd2, Shape::Made, false},
    {SYS_socket, Shape::Socket, false},
    {SYS_socketpair, Shape::Pair3, false},
    {SYS_shutdown, Shape::Plain, false},
    {SYS_getsockopt, Shape::OptionOut, false},
    {SYS_setsockopt, Shape::OptionIn, false},
    {SYS_sendfile, Shape::Offset2, false},
    {SYS_ioctl, Shape::FileClone, false},
    {SYS_copy_file_range, Shape::Offsets13, false},
    {SYS_splice, Shape::Plain, false},
    {SYS_tee, Shape::Plain, false},
    {SYS_vmsplice, Shape::VectorOut, false},
};

constexpr ModeCall kModeCalls[] = {
    {SYS_chmod, 1, false}, {SYS_fchmod, 1, false}, {SYS_fchmodat, 2, false}, {SYS_mknod, 1, true}, {SYS_mknodat, 2, true},
};

}  // namespace

std::span<const InlineCall> inline_calls() { return kCalls; }
std::span<const ModeCall> mode_calls() { return kModeCalls; }

}  // namespace vedette
