// SPDX-License-Identifier: Apache-2.0
// A process as records describe it: a thread group, its image and its credentials. `parent` is who made it,
// kept after that process has ended, so that a double fork does not hide the ancestry; `ppid` is what getppid
// would say.
#pragma once

#include <cstdint>

#include "capture/state/container.h"
#include "capture/state/descriptor_table.h"
#include "capture/state/folders.h"
#include "capture/state/ref.h"
#include "capture/state/text.h"
#include "events.h"

namespace vedette {

// Counts every change of anything that a process's entry in a batch is made of: its own fields, its
// ancestors', its standard descriptors. The encoder checks an entry against its parts only when this has
// moved, which is at forks, execs and the like, never at reads and writes. State lives in one thread, so does
// this.
inline uint64_t state_changes = 1;
inline void note_change() { ++state_changes; }

struct Credentials {
  uint32_t ruid = 0, euid = 0, fsuid = 0;
  uint32_t rgid = 0, egid = 0, fsgid = 0;
  uint64_t inheritable = 0, permitted = 0, effective = 0;
  bool operator==(const Credentials&) const = default;
};

// Working directory and root: shared by the threads of a process, and by CLONE_FS.
struct Place : Counted {
  Ref<Folder> folder;  // empty: unknown
  Ref<Text> root;      // empty: "/"
  bool is_guess = false;  // the kernel did not say where it is

  Ref<Text> cwd() const { return folder ? folder->name : Ref<Text>(); }
};

// Bits of `exe_flags` (flags.yaml, exe).
enum ExeFlags : uint8_t { kExeWritable = 1, kExeUpperLayer = 2, kExeFromMemfd = 4, kExeLowerLayer = 8 };

// When the kernel was last asked for what a process cannot change by a call that we see: its cgroup and login
// uid. Shared by a process and its descendants, as long as they agree.
struct Outside : Counted {
  uint64_t asked_ns = 0;
};

struct Process : Counted {
  uint32_t pid = 0;
  uint32_t ppid = 0;
  uint32_t vpid = 0;  // in its own pid namespace
  uint32_t session = 0;
  uint32_t group = 0;
  uint32_t tty = 0;   // device number, 0: none
  uint32_t loginuid = 0xffffffffu;
  uint32_t threads = 0;
  uint32_t doubts = 0;  // opens whose file is not known, since doubted_ns
  uint64_t doubted_ns = 0;
  uint32_t entry = 0;  // first process of the session by which it came in from outside; 0: it descends from the workload
  uint64_t fd_limit = 0;
  uint64_t start_ns = 0;
  uint64_t pidns_start_ns = 0;  // of the first process of its pid namespace; 0: unknown
  bool clone_seen = false;
  bool ended = false;
  bool nested_pids = false;  // its pid namespace is not ours: vpid must be asked for
  bool subreaper = false;
  bool credentials_are_old = false;  // to be asked for before the next call
  bool settled = false;          // its last exec gave no privileges and no call has changed any since: nor will another such exec
  bool odd_credentials = false;  // its securebits were set: what an exec does to its capabilities is not foretold
  bool of_neighbour = false;     // it came in from outside, with another container's mounts, or descends from such a one
  Credentials credentials;
  Ref<Outside> outside;
  Ref<Process> parent;
  Ref<DescriptorTable> files;  // the leader's
  Ref<Place> place;            // the leader's
  Ref<Text> comm;
  Ref<Text> exe;               // argv[0]
  Ref<Text> exe_path;          // the kernel's word for the image
  Ref<Text> args;              // argv[1..], each ended by NUL
  Ref<Text> env;               // each ended by NUL; absent with snaplen 0
  Ref<Text> cgroup;
  Ref<Text> container_id, container_full_id;
  Ref<Text> user_name, user_home, user_shell, group_name, login_name;
  uint64_t exe_dev = 0, exe_ino = 0, exe_ctime_ns = 0, exe_mtime_ns = 0;
  uint8_t exe_flags = 0;
  bool exe_of_image = false;  // nothing has changed the file since we began, and its path leads to it from our own root
  IntegrityReason stops_for = IntegrityReason::NONE;  // why each of its calls stops, so that no word of its own is believed
  Privilege privilege = Privilege::Unknown;  // of its container

  // Where the encoder put it, and what that entry was made of besides the fields above.
  struct Parts {
    uint32_t parent;
    uint32_t standard[3];
    Ref<Text> cwd, root;
    bool operator==(const Parts&) const = default;
  };
  mutable Mark mark;
  mutable uint64_t checked = 0;  // state_changes when the entry was last found true
  mutable Parts parts{};

  // To be called after every change, so that the next record gets a new entry.
  void changed() {
    mark = {};
    note_change();
  }
};

}  // namespace vedette
