// SPDX-License-Identifier: Apache-2.0
#include "capture/prevent/table.h"

#include <algorithm>

#include "capture/prevent/glob.h"

namespace vedette {
namespace {

bool any_matches(const std::vector<std::string>& globs, std::string_view text) {
  return std::any_of(globs.begin(), globs.end(), [text](const std::string& glob) { return glob_matches(glob, text); });
}

bool lists_address(const PreventRow& row, const Endpoint& endpoint) {
  if (!endpoint.known()) return false;
  if (!row.ports.empty() && std::find(row.ports.begin(), row.ports.end(), endpoint.port) == row.ports.end()) return false;
  return std::any_of(row.networks.begin(), row.networks.end(),
                     [&](const Network& network) { return network.holds(endpoint); });
}

}  // namespace

bool PreventRow::concerns(const Process& process) const {
  if (process.of_neighbour) return false;
  if (!uids.empty() && std::find(uids.begin(), uids.end(), process.credentials.euid) == uids.end()) return false;
  return executables.empty() || any_matches(executables, view(process.exe_path));
}

bool PreventTable::has(Deny deny) const {
  return std::any_of(rows.begin(), rows.end(), [deny](const PreventRow& row) { return row.deny == deny; });
}

bool PreventTable::enforces(Deny deny) const {
  return std::any_of(rows.begin(), rows.end(),
                     [deny](const PreventRow& row) { return row.deny == deny && row.mode == Mode::Enforce; });
}

bool is_foreign(const ProgramFile& file, uint64_t start_ns) {
  return file.is_memfd || !file.has_name || !file.in_root_mount || file.ctime_ns >= start_ns;
}

bool denies_program(const PreventRow& row, const ProgramFile& file, uint64_t start_ns) {
  switch (row.deny) {
    case Deny::Exec: return is_foreign(file, start_ns) && !any_matches(row.files, file.path);
    case Deny::MemfdExec: return file.is_memfd;
    default: return false;
  }
}

// Of `network` the list is what is not denied.
bool denies_address(const PreventRow& row, const Endpoint& endpoint) {
  const bool is_network = row.deny == Deny::Network;
  if (!is_network && row.deny != Deny::Connect) return false;
  const bool is_listed = lists_address(row, endpoint);
  return is_network ? !is_listed : is_listed;
}

bool is_excepted(const PreventRow& row, const Process& process, uint64_t start_ns) {
  if ((process.exe_flags & kExeFromMemfd) != 0 || process.exe_ctime_ns >= start_ns) return false;
  return any_matches(row.programs, view(process.exe_path));
}

bool deny_of(EventId id, Deny& into) {
  switch (id) {
    case EventId::ptrace:
    case EventId::process_vm_readv:
    case EventId::process_vm_writev: into = Deny::Ptrace; return true;
    case EventId::mount:
    case EventId::umount2:
    case EventId::pivot_root:
    case EventId::open_tree:
    case EventId::move_mount:
    case EventId::fsopen:
    case EventId::fsmount:
    case EventId::fspick:
    case EventId::fsconfig:
    case EventId::open_tree_attr:
    case EventId::mount_setattr: into = Deny::Mount; return true;
    default: return false;
  }
}

const char* name_of(Action action) { return action == Action::Kill ? "kill" : "eperm"; }
const char* name_of(Mode mode) { return mode == Mode::Monitor ? "monitor" : "enforce"; }

}  // namespace vedette
