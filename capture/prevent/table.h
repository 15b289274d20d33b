// SPDX-License-Identifier: Apache-2.0
// What is prevented: the rows that the host has merged of all policies that may speak for this container. A
// row says which calls, of whom, to what, and what then. Everything here is a fact and a comparison; where
// the facts come from, and why no thread can change them between the answer and the call, is
// tracer/prevention.h.
//
//   exec        a program that is not from the image, or was written since the container started; not `files`
//   memfd-exec  a program in memory only
//   connect     an address in `networks`, at one of `ports` if there are any; not by `programs`
//   ptrace      ptrace(2), process_vm_readv(2), process_vm_writev(2)
//   mount       mount(2), its like and its successors
//   network     every use of a socket that makes a connection or sends (socket_calls.h), but with peers in `networks`. Only a
//               response asks for it: it rests on each call of its tree stopping
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "capture/decode/event.h"
#include "capture/prevent/network.h"
#include "capture/state/process.h"

namespace vedette {

enum class Deny : uint8_t { Exec, MemfdExec, Connect, Ptrace, Mount, Network };
enum class Action : uint8_t { Eperm, Kill };
enum class Mode : uint8_t { Enforce, Monitor };

struct PreventRow {
  std::string policy = {};
  std::string rule = {};
  Deny deny{};
  Action action{};
  Mode mode{};
  std::vector<Network> networks = {};
  std::vector<uint16_t> ports = {};            // empty: all
  std::vector<std::string> files = {};         // globs: programs that may be executed all the same
  std::vector<std::string> programs = {};      // globs: who may connect all the same
  std::vector<uint32_t> uids = {};             // of the tenant's scope; empty: all
  std::vector<std::string> executables = {};   // likewise, globs

  // Whether the row's tenant may speak for this process. Another container's, which we may be told to watch
  // (outsiders/strangers.h), is nobody's: rows were merged for ours.
  bool concerns(const Process& process) const;
};

struct PreventTable {
  uint64_t version = 0;
  std::vector<PreventRow> rows;

  bool has(Deny deny) const;
  bool enforces(Deny deny) const;
};

// A file as the kernel names it: what an image, or a part of one, was made of.
struct ProgramFile {
  std::string path = {};
  uint64_t dev = 0;
  uint64_t ino = 0;
  uint64_t ctime_ns = 0;
  bool has_name = true;      // false: unlinked, or never had one
  bool is_memfd = false;
  bool is_regular = true;
  bool is_executable = true;  // somebody may execute it
  bool in_root_mount = true;  // in the file system that the container's root is
};

// Not from the image, or changed since `start_ns`. No program can set a ctime back (docs/prevention.md).
bool is_foreign(const ProgramFile& file, uint64_t start_ns);

// Whether the row speaks of that.
bool denies_program(const PreventRow& row, const ProgramFile& file, uint64_t start_ns);
bool denies_address(const PreventRow& row, const Endpoint& endpoint);
// Whether this process is on the row's list. A program that was written since `start_ns` is on none.
bool is_excepted(const PreventRow& row, const Process& process, uint64_t start_ns);

// The kind of rows that an event is about by its call alone; false: none.
bool deny_of(EventId id, Deny& into);

const char* name_of(Action action);
const char* name_of(Mode mode);

}  // namespace vedette
