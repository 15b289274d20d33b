// SPDX-License-Identifier: Apache-2.0
// A process as records describe it: a thread group, its image and its credentials. Threads are tasks that share one
// (task.h). `parent` is who made it, kept after that process has ended, so that a double fork does not hide the ancestry;
// `ppid` is what getppid would say.
#pragma once

#include <cstdint>

#include "capture/state/ref.h"
#include "capture/state/text.h"

namespace vedette {

struct Credentials {
  uint32_t uid = 0, euid = 0, suid = 0, fsuid = 0;
  uint32_t gid = 0, egid = 0, sgid = 0, fsgid = 0;
  uint64_t inheritable = 0, permitted = 0, effective = 0;
  bool operator==(const Credentials&) const = default;
};

struct Process : Counted {
  uint32_t pid = 0;
  uint32_t ppid = 0;
  uint32_t vpid = 0;        // in its own pid namespace
  uint32_t session = 0;
  uint32_t group = 0;
  uint32_t tty = 0;         // device number, 0: none
  uint32_t loginuid = 0xffffffffu;
  uint64_t start_ns = 0;    // fork
  uint64_t exec_ns = 0;     // last exec, or start
  Credentials credentials;
  Ref<Process> parent;
  Ref<Text> comm;
  Ref<Text> exe;            // argv[0]
  Ref<Text> exe_path;       // the kernel's word for the image
  Ref<Text> args;           // argv[1..], each ended by NUL
  Ref<Text> env;            // each ended by NUL; absent with --snaplen 0
  Ref<Text> cwd;
  Ref<Text> root;           // "/" unless chrooted
  Ref<Text> cgroup;
  Ref<Text> user;
  uint64_t exe_dev = 0, exe_ino = 0, exe_ctime_ns = 0, exe_mtime_ns = 0;
  bool exe_memfd = false;
  bool exe_writable = false;
  bool exe_upper_layer = false;  // in the writable layer of an overlay: not part of the image
  bool ended = false;
  mutable Mark mark;

  void changed() { mark = {}; }
};

}  // namespace vedette
