// SPDX-License-Identifier: Apache-2.0
// What the host asks to be done to a process after an alert (docs/response.md), and what came of it. A
// process is named by its number and its start as our own events told them: another process that has the
// number by now is not meant. The order of the lists is the wire's (docs/wire.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "capture/kernel/tid.h"
#include "capture/prevent/table.h"

namespace vedette {

enum class ResponseAction : uint8_t {
  Kill,      // the process
  KillTree,  // and all that descends from it, also what is just being born
  Freeze,    // the same tree: held in a stop, for a time
  Tighten,   // the same tree: each of its calls stops from now on
  Deny,      // the same tree: tightened, and denied what `rows` say, for a time or until it ends
};

struct ResponseRequest {
  uint64_t id = 0;
  uint64_t asker = 0;         // the connection that it came by: an answer goes there, or nowhere (response_desk.h)
  ResponseAction action{};
  bool dry_run = false;       // only say what would be done
  bool names_first = false;   // the workload's first process may be meant, too
  Tid process;
  uint64_t start_ns = 0;
  uint64_t for_ns = 0;        // of Freeze and Deny; of Deny, 0: until the tree ends
  std::vector<std::string> programs = {};  // globs: executables that are left alone
  std::vector<PreventRow> rows = {};       // of Deny
};

enum class ResponseStatus : uint8_t {
  Done,
  Partial,  // some of them; `why` says which not
  Gone,     // it has ended already
  Refused,  // it is one that is not to be touched
  Failed,
};

enum class ResponseStep : uint8_t {
  Acted,
  Ended,  // what was frozen goes on; what was denied is not any more
};

struct ResponseAnswer {
  uint64_t id = 0;
  uint64_t asker = 0;
  ResponseStep step = ResponseStep::Acted;
  ResponseStatus status = ResponseStatus::Done;
  uint64_t processes = 0;
  std::string why = {};
};

}  // namespace vedette
