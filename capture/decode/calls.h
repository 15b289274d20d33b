// SPDX-License-Identifier: Apache-2.0
// The capture set: a line a call, by the kernel's name, whatever the architecture; numbers stand apart (x86_64.h, i386.h,
// aarch64.h). A line says which event the call makes and what role each argument plays: path(1, openat_::name) is "argument
// 1 is a path and goes into slot `name`". Roles are explained in roles.h, slots come from events.yaml. subject(N): argument
// N is the descriptor the event is about (fd.num); new_fd(): the result is.
#pragma once

#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "capture/decode/roles.h"

namespace vedette {

struct CallShape {
  const char* name;
  EventId id;
  List<Step, 8> steps;
  List<Condition, 2> conditions = {};
  uint8_t traits = 0;
};

namespace calls {

using namespace slot;
using E = EventId;
using R = Role;

constexpr Step step(Role role, int arg, int slot, int extra = 0) {
  return {role, static_cast<uint8_t>(arg), static_cast<uint8_t>(slot), static_cast<uint8_t>(extra)};
}
constexpr Step subject(int arg) { return step(R::Subject, arg, 0); }
constexpr Step new_fd() { return step(R::NewFd, 0, 0); }
constexpr Step i32(int arg, int slot) { return step(R::Int32, arg, slot); }
constexpr Step u32(int arg, int slot) { return step(R::Uint32, arg, slot); }
constexpr Step open_bits(int arg, int slot) { return step(R::OpenFlags, arg, slot); }
constexpr Step word(int arg, int slot) { return step(R::Word, arg, slot); }
constexpr Step path(int arg, int slot) { return step(R::Path, arg, slot); }
constexpr Step text(int arg, int slot) { return step(R::String, arg, slot); }
constexpr Step list(int arg, int slot) { return step(R::StringList, arg, slot); }
// A path and the slot of the directory descriptor it starts from.
constexpr Step path_at(int arg, int slot, int dirfd_slot) { return step(R::RelativePath, arg, slot, dirfd_slot); }
constexpr Step creation_mode(int arg, int slot, int flags_arg) { return step(R::CreationMode, arg, slot, flags_arg); }

constexpr Condition kExecutable{2, PROT_EXEC, PROT_EXEC};

inline constexpr CallShape kCalls[] = {
    // processes
    {"execve", E::execve, {path(0, execve_::filename), list(1, execve_::argv)}, {}, kNoReturn},
    {"execveat", E::execveat, {i32(0, execveat_::dirfd), path_at(1, execveat_::pathname, execveat_::dirfd), list(2,
        execveat_::argv), u32(4, execveat_::at_flags)}, {}, kNoReturn},
    {"clone", E::clone, {word(0, clone_::flags)}},
    {"clone3", E::clone3, {step(R::Word64In, 0, clone3_::flags)}},
    {"fork", E::fork, {}},
    {"vfork", E::vfork, {}},
    {"kill", E::kill, {i32(0, kill_::pid), i32(1, kill_::sig)}},
    {"tkill", E::tkill, {i32(0, tkill_::tid), i32(1, tkill_::sig)}},
    {"tgkill", E::tgkill, {i32(0, tgkill_::pid), i32(1, tgkill_::tid), i32(2, tgkill_::sig)}},
    {"ptrace", E::ptrace, {word(0, ptrace_::request), i32(1, ptrace_::pid), word(2, ptrace_::addr), word(3, ptrace_::data)}},
    {"process_vm_readv", E::process_vm_readv, {i32(0, process_vm_readv_::pid), step(R::ReadVector, 1, process_vm_readv_::data,
        2), step(R::VectorBase, 3, process_vm_readv_::address, 4), step(R::VectorSize, 3, process_vm_readv_::size, 4)}},
    {"process_vm_writev", E::process_vm_writev, {i32(0, process_vm_writev_::pid), step(R::WriteVector, 1,
        process_vm_writev_::data, 2), step(R::VectorBase, 3, process_vm_writev_::address, 4), step(R::VectorSize, 3,
        process_vm_writev_::size, 4)}},
    {"setuid", E::setuid, {u32(0, setuid_::uid)}},
    {"setgid", E::setgid, {u32(0, setgid_::gid)}},
    {"setfsuid", E::setfsuid, {u32(0, setfsuid_::uid)}},
    {"setfsgid", E::setfsgid, {u32(0, setfsgid_::gid)}},
    {"setreuid", E::setreuid, {u32(0, setreuid_::ruid), u32(1, setreuid_::euid)}},
    {"setregid", E::setregid, {u32(0, setregid_::rgid), u32(1, setregid_::egid)}},
    {"setresuid", E::setresuid, {u32(0, setresuid_::ruid), u32(1, setresuid_::euid), u32(2, setresuid_::suid)}},
    {"setresgid", E::setresgid, {u32(0, setresgid_::rgid), u32(1, setresgid_::egid), u32(2, setresgid_::sgid)}},
    {"setgroups", E::setgroups, {u32(0, setgroups_::size), step(R::IdList, 1, setgroups_::groups, 0)}},
    {"setgroups16", E::setgroups, {u32(0, setgroups_::size)}},
    {"capset", E::capset, {step(R::Capability, 1, capset_::cap_effective, 0), step(R::Capability, 1, capset_::cap_permitted,
        1), step(R::Capability, 1, capset_::cap_inheritable, 2)}},
    {"prctl", E::prctl, {i32(0, prctl_::option), step(R::PrctlName, 1, prctl_::arg2_str), step(R::PrctlNumber, 1,
        prctl_::arg2_int), word(2, prctl_::arg3), word(3, prctl_::arg4), word(4, prctl_::arg5)}},
    {"setns", E::setns, {subject(0), u32(1, setns_::nstype)}},
    {"unshare", E::unshare, {u32(0, unshare_::flags)}},
    {"chroot", E::chroot, {path(0, chroot_::path)}},
    {"pivot_root", E::pivot_root, {path(0, pivot_root_::new_root), path(1, pivot_root_::put_old)}},
    {"setsid", E::setsid, {}},
    {"setpgid", E::setpgid, {i32(0, setpgid_::pid), i32(1, setpgid_::pgid)}},
    {"chdir", E::chdir, {path(0, chdir_::path)}},
    {"fchdir", E::fchdir, {subject(0)}},
    {"mmap", E::mmap, {word(0, mmap_::addr), word(1, mmap_::length), u32(2, mmap_::prot), u32(3, mmap_::flags), subject(4),
        word(5, mmap_::offset)}, {kExecutable}},
    {"mprotect", E::mprotect, {word(0, mprotect_::addr), word(1, mprotect_::length), u32(2, mprotect_::prot)}, {kExecutable}},
    {"memfd_create", E::memfd_create, {new_fd(), text(0, memfd_create_::name), u32(1, memfd_create_::flags)}},
    {"seccomp", E::seccomp, {u32(0, seccomp_::op), u32(1, seccomp_::flags)}},
    {"personality", E::personality, {u32(0, personality_::persona)}},
    {"prlimit64", E::prlimit, {i32(0, prlimit_::pid), u32(1, prlimit_::resource), step(R::Word64In, 2, prlimit_::newcur, 0),
        step(R::Word64In, 2, prlimit_::newmax, 8), step(R::Word64Out, 3, prlimit_::oldcur, 0), step(R::Word64Out, 3,
        prlimit_::oldmax, 8)}, {}, kNotOwnReading},
    // files: opening and closing
    {"open", E::open, {new_fd(), path(0, open_::name), open_bits(1, open_::flags), creation_mode(2, open_::mode, 1)}},
    {"openat", E::openat, {new_fd(), i32(0, openat_::dirfd), path_at(1, openat_::name, openat_::dirfd), open_bits(2,
        openat_::flags), creation_mode(3, openat_::mode, 2)}},
    {"openat2", E::openat2, {new_fd(), i32(0, openat2_::dirfd), path_at(1, openat2_::name, openat2_::dirfd), step(R::OpenFlagsIn,
        2, openat2_::flags, 0), step(R::Word64In, 2, openat2_::mode, 8), step(R::Word64In, 2, openat2_::resolve, 16)}},
    {"creat", E::creat, {new_fd(), path(0, creat_::name), u32(1, creat_::mode)}},
    {"close", E::close, {subject(0)}},
    {"close_range", E::close_range, {u32(0, close_range_::first), u32(1, close_range_::last), u32(2, close_range_::flags)}},
    // files: data
    {"read", E::read, {subject(0), step(R::ReadBuffer, 1, read_::data, 2), word(2, read_::size)}},
    {"write", E::write, {subject(0), step(R::WriteBuffer, 1, write_::data, 2), word(2, write_::size)}},
    {"pread64", E::pread, {subject(0), step(R::ReadBuffer, 1, pread_::data, 2), word(2, pread_::size), word(3, pread_::pos)}},
    {"pwrite64", E::pwrite, {subject(0), step(R::WriteBuffer, 1, pwrite_::data, 2), word(2, pwrite_::size), word(3,
        pwrite_::pos)}},
    {"readv", E::readv, {subject(0), step(R::VectorSize, 1, readv_::size, 2), step(R::ReadVector, 1, readv_::data, 2), word(2,
        readv_::iovcnt)}},
    {"writev", E::writev, {subject(0), step(R::VectorSize, 1, writev_::size, 2), step(R::WriteVector, 1, writev_::data, 2),
        word(2, writev_::iovcnt)}},
    {"preadv", E::preadv, {subject(0), step(R::VectorSize, 1, preadv_::size, 2), step(R::ReadVector, 1, preadv_::data, 2),
        word(2, preadv_::iovcnt), word(3, preadv_::pos)}},
    {"preadv2", E::preadv2, {subject(0), step(R::VectorSize, 1, preadv2_::size, 2), step(R::ReadVector, 1, preadv2_::data, 2),
        word(2, preadv2_::iovcnt), word(3, preadv2_::pos), u32(5, preadv2_::flags)}},
    {"pwritev", E::pwritev, {subject(0), step(R::VectorSize, 1, pwritev_::size, 2), step(R::WriteVector, 1, pwritev_::data,
        2), word(2, pwritev_::iovcnt), word(3, pwritev_::pos)}},
    {"pwritev2", E::pwritev2, {subject(0), step(R::VectorSize, 1, pwritev2_::size, 2), step(R::WriteVector, 1,
        pwritev2_::data, 2), word(2, pwritev2_::iovcnt), word(3, pwritev2_::pos), u32(5, pwritev2_::flags)}},
    {"lseek", E::lseek, {subject(0), word(1, lseek_::offset), u32(2, lseek_::whence)}},
    {"sendfile", E::sendfile, {subject(0), i32(1, sendfile_::in_fd), step(R::Word64In, 2, sendfile_::offset), word(3,
        sendfile_::size)}},
    {"sendfile_32", E::sendfile, {subject(0), i32(1, sendfile_::in_fd), step(R::Uint32In, 2, sendfile_::offset), word(3,
        sendfile_::size)}},
    {"copy_file_range", E::copy_file_range, {i32(0, copy_file_range_::fdin), step(R::Word64In, 1, copy_file_range_::offin),
        subject(2), step(R::Word64In, 3, copy_file_range_::offout), word(4, copy_file_range_::len), u32(5,
        copy_file_range_::flags)}},
    {"splice", E::splice, {i32(0, splice_::fd_in), subject(2), word(4, splice_::size), u32(5, splice_::flags)}},
    {"tee", E::tee, {i32(0, tee_::fd_in), subject(1), word(2, tee_::size), u32(3, tee_::flags)}},
    {"vmsplice", E::vmsplice, {subject(0), step(R::WriteVector, 1, vmsplice_::data, 2), word(2, vmsplice_::iovcnt), u32(3,
        vmsplice_::flags)}},
    // files: metadata
    {"stat", E::stat, {path(0, stat_::path)}},
    {"lstat", E::lstat, {path(0, lstat_::path)}},
    {"fstat", E::fstat, {subject(0)}},
    {"newfstatat", E::newfstatat, {i32(0, newfstatat_::dirfd), path_at(1, newfstatat_::path, newfstatat_::dirfd), u32(3,
        newfstatat_::flags)}},
    {"statx", E::statx, {i32(0, statx_::dirfd), path_at(1, statx_::path, statx_::dirfd), u32(2, statx_::flags), u32(3,
        statx_::mask)}},
    {"access", E::access, {path(0, access_::name), u32(1, access_::mode)}},
    {"faccessat", E::faccessat, {i32(0, faccessat_::dirfd), path_at(1, faccessat_::name, faccessat_::dirfd), u32(2,
        faccessat_::mode)}},
    {"faccessat2", E::faccessat2, {i32(0, faccessat2_::dirfd), path_at(1, faccessat2_::name, faccessat2_::dirfd), u32(2,
        faccessat2_::mode), u32(3, faccessat2_::flags)}},
    {"readlink", E::readlink, {path(0, readlink_::path), step(R::LinkTarget, 1, readlink_::target, 2), i32(2,
        readlink_::size)}},
    {"readlinkat", E::readlinkat, {i32(0, readlinkat_::dirfd), path_at(1, readlinkat_::path, readlinkat_::dirfd),
        step(R::LinkTarget, 2, readlinkat_::target, 3), i32(3, readlinkat_::size)}},
    {"getdents64", E::getdents64, {subject(0), u32(2, getdents64_::size)}},
    {"rename", E::rename, {path(0, rename_::oldpath), path(1, rename_::newpath)}},
    {"renameat", E::renameat, {i32(0, renameat_::olddirfd), path_at(1, renameat_::oldpath, renameat_::olddirfd), i32(2,
        renameat_::newdirfd), path_at(3, renameat_::newpath, renameat_::newdirfd)}},
    {"renameat2", E::renameat2, {i32(0, renameat2_::olddirfd), path_at(1, renameat2_::oldpath, renameat2_::olddirfd), i32(2,
        renameat2_::newdirfd), path_at(3, renameat2_::newpath, renameat2_::newdirfd), u32(4, renameat2_::flags)}},
    {"unlink", E::unlink, {path(0, unlink_::path)}},
    {"unlinkat", E::unlinkat, {i32(0, unlinkat_::dirfd), path_at(1, unlinkat_::name, unlinkat_::dirfd), u32(2,
        unlinkat_::flags)}},
    {"rmdir", E::rmdir, {path(0, rmdir_::path)}},
    {"mkdir", E::mkdir, {path(0, mkdir_::path), u32(1, mkdir_::mode)}},
    {"mkdirat", E::mkdirat, {i32(0, mkdirat_::dirfd), path_at(1, mkdirat_::path, mkdirat_::dirfd), u32(2, mkdirat_::mode)}},
    {"mknod", E::mknod, {path(0, mknod_::path), u32(1, mknod_::mode), u32(2, mknod_::dev)}},
    {"mknodat", E::mknodat, {i32(0, mknodat_::dirfd), path_at(1, mknodat_::path, mknodat_::dirfd), u32(2, mknodat_::mode),
        u32(3, mknodat_::dev)}},
    {"link", E::link, {path(0, link_::oldpath), path(1, link_::newpath)}},
    {"linkat", E::linkat, {i32(0, linkat_::olddir), path_at(1, linkat_::oldpath, linkat_::olddir), i32(2, linkat_::newdir),
        path_at(3, linkat_::newpath, linkat_::newdir), u32(4, linkat_::flags)}},
    {"symlink", E::symlink, {text(0, symlink_::target), path(1, symlink_::linkpath)}},
    {"symlinkat", E::symlinkat, {text(0, symlinkat_::target), i32(1, symlinkat_::linkdirfd), path_at(2, symlinkat_::linkpath,
        symlinkat_::linkdirfd)}},
    {"chmod", E::chmod, {path(0, chmod_::filename), u32(1, chmod_::mode)}},
    {"fchmod", E::fchmod, {subject(0), u32(1, fchmod_::mode)}},
    {"fchmodat", E::fchmodat, {i32(0, fchmodat_::dirfd), path_at(1, fchmodat_::filename, fchmodat_::dirfd), u32(2,
        fchmodat_::mode)}},
    {"fchmodat2", E::fchmodat2, {i32(0, fchmodat2_::dirfd), path_at(1, fchmodat2_::filename, fchmodat2_::dirfd), u32(2,
        fchmodat2_::mode), u32(3, fchmodat2_::flags)}},
    {"chown", E::chown, {path(0, chown_::path), u32(1, chown_::uid), u32(2, chown_::gid)}},
    {"lchown", E::lchown, {path(0, lchown_::path), u32(1, lchown_::uid), u32(2, lchown_::gid)}},
    {"fchown", E::fchown, {subject(0), u32(1, fchown_::uid), u32(2, fchown_::gid)}},
    {"fchownat", E::fchownat, {i32(0, fchownat_::dirfd), path_at(1, fchownat_::pathname, fchownat_::dirfd), u32(2,
        fchownat_::uid), u32(3, fchownat_::gid), u32(4, fchownat_::flags)}},
    {"truncate", E::truncate, {path(0, truncate_::path), word(1, truncate_::length)}},
    {"ftruncate", E::ftruncate, {subject(0), word(1, ftruncate_::length)}},
    {"fallocate", E::fallocate, {subject(0), u32(1, fallocate_::mode), word(2, fallocate_::offset), word(3, fallocate_::len)}},
    {"utimensat", E::utimensat, {i32(0, utimensat_::dirfd), path_at(1, utimensat_::path, utimensat_::dirfd), step(R::TimeIn,
        2, utimensat_::atime, 0), step(R::TimeIn, 2, utimensat_::mtime, 1), u32(3, utimensat_::flags)}},
    {"utimensat_32", E::utimensat, {i32(0, utimensat_::dirfd), path_at(1, utimensat_::path, utimensat_::dirfd),
        step(R::Time32In, 2, utimensat_::atime, 0), step(R::Time32In, 2, utimensat_::mtime, 1), u32(3, utimensat_::flags)}},
    {"setxattr", E::setxattr, {path(0, setxattr_::path), text(1, setxattr_::name), step(R::ConstBuffer, 2, setxattr_::value,
        3), word(3, setxattr_::size), u32(4, setxattr_::flags)}},
    {"lsetxattr", E::lsetxattr, {path(0, lsetxattr_::path), text(1, lsetxattr_::name), step(R::ConstBuffer, 2,
        lsetxattr_::value, 3), word(3, lsetxattr_::size), u32(4, lsetxattr_::flags)}},
    {"fsetxattr", E::fsetxattr, {subject(0), text(1, fsetxattr_::name), step(R::ConstBuffer, 2, fsetxattr_::value, 3), word(3,
        fsetxattr_::size), u32(4, fsetxattr_::flags)}},
    {"removexattr", E::removexattr, {path(0, removexattr_::path), text(1, removexattr_::name)}},
    {"lremovexattr", E::lremovexattr, {path(0, lremovexattr_::path), text(1, lremovexattr_::name)}},
    {"fremovexattr", E::fremovexattr, {subject(0), text(1, fremovexattr_::name)}},
    {"mount", E::mount, {text(0, mount_::dev), path(1, mount_::dir), text(2, mount_::type), u32(3, mount_::flags)}},
    {"umount2", E::umount2, {path(0, umount2_::name), u32(1, umount2_::flags)}},
    {"open_tree", E::open_tree, {new_fd(), i32(0, open_tree_::dirfd), path_at(1, open_tree_::path, open_tree_::dirfd), u32(2,
        open_tree_::flags)}},
    {"move_mount", E::move_mount, {i32(0, move_mount_::from_dirfd), path_at(1, move_mount_::from_path,
        move_mount_::from_dirfd), i32(2, move_mount_::to_dirfd), path_at(3, move_mount_::to_path, move_mount_::to_dirfd),
        u32(4, move_mount_::flags)}},
    {"fsopen", E::fsopen, {new_fd(), text(0, fsopen_::fsname), u32(1, fsopen_::flags)}},
    {"fsmount", E::fsmount, {new_fd(), i32(0, fsmount_::fs_fd), u32(1, fsmount_::flags), u32(2, fsmount_::attr_flags)}},
    {"fspick", E::fspick, {new_fd(), i32(0, fspick_::dirfd), path_at(1, fspick_::path, fspick_::dirfd), u32(2,
        fspick_::flags)}},
    {"mount_setattr", E::mount_setattr, {i32(0, mount_setattr_::dirfd), path_at(1, mount_setattr_::path,
        mount_setattr_::dirfd), u32(2, mount_setattr_::flags)}},
    // descriptors
    {"dup", E::dup, {new_fd(), i32(0, dup_::oldfd)}},
    {"dup2", E::dup2, {new_fd(), i32(0, dup2_::oldfd), i32(1, dup2_::newfd)}},
    {"dup3", E::dup3, {new_fd(), i32(0, dup3_::oldfd), i32(1, dup3_::newfd), u32(2, dup3_::flags)}},
    {"fcntl", E::fcntl, {subject(0), u32(1, fcntl_::cmd), word(2, fcntl_::arg)}},
    {"pipe", E::pipe, {step(R::Int32Out, 0, pipe_::fd1, 0), step(R::Int32Out, 0, pipe_::fd2, 4)}},
    {"pipe2", E::pipe2, {step(R::Int32Out, 0, pipe2_::fd1, 0), step(R::Int32Out, 0, pipe2_::fd2, 4), open_bits(1, pipe2_::flags)}},
    {"eventfd2", E::eventfd2, {new_fd(), u32(0, eventfd2_::initval), u32(1, eventfd2_::flags)}},
    {"inotify_add_watch", E::inotify_add_watch, {subject(0), path(1, inotify_add_watch_::path), u32(2,
        inotify_add_watch_::mask)}},
    {"fanotify_mark", E::fanotify_mark, {subject(0), u32(1, fanotify_mark_::flags), word(2, fanotify_mark_::mask), i32(3,
        fanotify_mark_::dirfd), path_at(4, fanotify_mark_::pathname, fanotify_mark_::dirfd)}},
    // network
    {"socket", E::socket, {new_fd(), i32(0, socket_::domain), step(R::SocketType, 1, socket_::type), step(R::SocketFlags, 1,
        socket_::flags), i32(2, socket_::proto)}},
    {"socketpair", E::socketpair, {step(R::Int32Out, 3, socketpair_::fd1, 0), step(R::Int32Out, 3, socketpair_::fd2, 4),
        i32(0, socketpair_::domain), step(R::SocketType, 1, socketpair_::type), i32(2, socketpair_::proto)}},
    {"bind", E::bind, {subject(0), step(R::AddressIn, 1, bind_::addr, 2)}},
    {"connect", E::connect, {subject(0), step(R::AddressIn, 1, connect_::addr, 2)}},
    {"listen", E::listen, {subject(0), i32(1, listen_::backlog)}},
    {"accept", E::accept, {new_fd(), i32(0, accept_::listenfd), step(R::AddressOut, 1, accept_::addr, 2)}},
    {"accept4", E::accept4, {new_fd(), i32(0, accept4_::listenfd), step(R::AddressOut, 1, accept4_::addr, 2), u32(3,
        accept4_::flags)}},
    {"sendto", E::sendto, {subject(0), step(R::WriteBuffer, 1, sendto_::data, 2), word(2, sendto_::size), u32(3,
        sendto_::flags), step(R::AddressIn, 4, sendto_::addr, 5)}},
    {"sendmsg", E::sendmsg, {subject(0), step(R::MessageWrite, 1, sendmsg_::data), step(R::MessageSize, 1, sendmsg_::size),
        step(R::MessageAddressIn, 1, sendmsg_::addr), step(R::MessageControlIn, 1, sendmsg_::msgcontrol), u32(2,
        sendmsg_::flags)}},
    {"sendmmsg", E::sendmmsg, {subject(0), step(R::BatchWrite, 1, sendmmsg_::data), step(R::BatchSize, 1, sendmmsg_::size),
        step(R::MessageAddressIn, 1, sendmmsg_::addr), u32(2, sendmmsg_::vlen), u32(3, sendmmsg_::flags)}},
    {"recvfrom", E::recvfrom, {subject(0), step(R::ReadBuffer, 1, recvfrom_::data, 2), word(2, recvfrom_::size), u32(3,
        recvfrom_::flags), step(R::AddressOut, 4, recvfrom_::addr, 5)}},
    {"recvmsg", E::recvmsg, {subject(0), step(R::MessageSize, 1, recvmsg_::size), step(R::MessageRead, 1, recvmsg_::data),
        step(R::MessageAddressOut, 1, recvmsg_::addr), step(R::MessageControlOut, 1, recvmsg_::msgcontrol), u32(2,
        recvmsg_::flags)}},
    {"recvmmsg", E::recvmmsg, {subject(0), step(R::BatchSize, 1, recvmmsg_::size), step(R::BatchRead, 1, recvmmsg_::data),
        step(R::MessageAddressOut, 1, recvmmsg_::addr), step(R::BatchControlOut, 1, recvmmsg_::msgcontrol), u32(2,
        recvmmsg_::vlen), u32(3, recvmmsg_::flags)}},
    {"shutdown", E::shutdown, {subject(0), u32(1, shutdown_::how)}},
    {"getsockopt", E::getsockopt, {subject(0), i32(1, getsockopt_::level), i32(2, getsockopt_::optname), step(R::Int32Out, 3,
        getsockopt_::val), step(R::Uint32Out, 4, getsockopt_::optlen)}, {{1, UINT32_MAX, SOL_SOCKET}, {2, UINT32_MAX,
        SO_ERROR}}},
    {"setsockopt", E::setsockopt, {subject(0), i32(1, setsockopt_::level), i32(2, setsockopt_::optname), step(R::ConstBuffer,
        3, setsockopt_::val, 4), u32(4, setsockopt_::optlen)}},
    // kernel surface
    {"init_module", E::init_module, {step(R::ConstBuffer, 0, init_module_::img, 1), word(1, init_module_::length), text(2,
        init_module_::uargs)}},
    {"finit_module", E::finit_module, {subject(0), text(1, finit_module_::uargs), u32(2, finit_module_::flags)}},
    {"delete_module", E::delete_module, {text(0, delete_module_::name), u32(1, delete_module_::flags)}},
    {"bpf", E::bpf, {u32(0, bpf_::cmd)}},
    {"perf_event_open", E::perf_event_open, {new_fd(), step(R::Uint32In, 0, perf_event_open_::type, 0), step(R::Word64In, 0,
        perf_event_open_::config, 8), i32(1, perf_event_open_::pid), i32(2, perf_event_open_::cpu), i32(3,
        perf_event_open_::group_fd), u32(4, perf_event_open_::flags)}},
    {"userfaultfd", E::userfaultfd, {new_fd(), u32(0, userfaultfd_::flags)}},
    {"keyctl", E::keyctl, {u32(0, keyctl_::op), word(1, keyctl_::arg2), word(2, keyctl_::arg3), word(3, keyctl_::arg4),
        word(4, keyctl_::arg5)}},
    {"add_key", E::add_key, {text(0, add_key_::type), text(1, add_key_::description), word(3, add_key_::size), i32(4,
        add_key_::keyring)}},
    {"io_uring_setup", E::io_uring_setup, {new_fd(), u32(0, io_uring_setup_::entries), step(R::Uint32In, 1,
        io_uring_setup_::flags, 8)}, {}, kIoUring},
    {"io_uring_enter", E::io_uring_enter, {subject(0), u32(1, io_uring_enter_::to_submit), u32(2,
        io_uring_enter_::min_complete), u32(3, io_uring_enter_::flags)}, {}, kIoUring},
    {"io_uring_register", E::io_uring_register, {subject(0), u32(1, io_uring_register_::opcode), word(2,
        io_uring_register_::arg), u32(3, io_uring_register_::nr_args)}, {}, kIoUring},
    {"open_by_handle_at", E::open_by_handle_at, {new_fd(), i32(0, open_by_handle_at_::mountfd), open_bits(2,
        open_by_handle_at_::flags)}},
    {"process_madvise", E::process_madvise, {subject(0), word(2, process_madvise_::vlen), i32(3, process_madvise_::advice),
        u32(4, process_madvise_::flags)}},
    {"pidfd_getfd", E::pidfd_getfd, {new_fd(), i32(0, pidfd_getfd_::pid_fd), i32(1, pidfd_getfd_::target_fd), u32(2,
        pidfd_getfd_::flags)}},
    {"quotactl", E::quotactl, {u32(0, quotactl_::cmd), text(1, quotactl_::special), i32(2, quotactl_::id)}},
    {"reboot", E::reboot, {u32(0, reboot_::magic), u32(1, reboot_::magic2), u32(2, reboot_::cmd)}},
    {"swapon", E::swapon, {path(0, swapon_::path), u32(1, swapon_::flags)}},
    {"syslog", E::syslog, {i32(0, syslog_::type), i32(2, syslog_::size)}},
};

}  // namespace calls

}  // namespace vedette
