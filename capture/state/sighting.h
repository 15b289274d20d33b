// SPDX-License-Identifier: Apache-2.0
// An event together with who did it and to what: the unit that travels from the tracer through state to the
// encoder. It holds the process and the descriptor as they were when the call meant them, even if another
// thread closes the descriptor while the call is blocked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "capture/decode/event.h"
#include "capture/state/descriptor.h"
#include "capture/state/process.h"
#include "capture/state/ref.h"
#include "capture/state/truth.h"

namespace vedette {

// Whether the names in a sighting are what the kernel acted on.
enum class Doubt : uint8_t {
  None,
  NamesChanged,     // they may be: what they mean has changed since, as it does at times
  ChangedTooOften,  // the same once more: from now on the program's calls are to be seen at their stops
  Untrue,           // they are not, and nothing honest explains it
};

struct Sighting {
  Event event;
  Ref<Process> process;
  Ref<Descriptor> descriptor;  // what fd.num refers to; empty where there is none
  std::string path;            // the first path argument, joined; kept from entry to return
  std::string folder, new_folder;  // by the kernel's names: what a call renames or removes and what it makes of it, if our books know folders there
  bool is_folder_asked = false;  // the kernel said where a link leads: it may lead elsewhere by now
  Span raw_path{kNull, 0};     // the same as passed, in event.bytes
  bool stands_still = true;    // the thread has not gone on since the call: /proc tells of it
  std::optional<FileFacts> opened;  // else, of an open or accept: device, inode and mode of the new descriptor, asked right behind it
  std::optional<FileFacts> opened_second;  // the same of the other one, where a call makes two
  std::optional<SocketName> local, remote;  // and both ends of a socket
  std::string link;                 // and its path by the kernel, where that was asked, too; of a chdir the new directory's
  bool is_unasked = false;  // or nobody asked, because the path stood (standing_paths.h)
  uint64_t heard_ns = 0;    // when the reading of its record began
  Doubt doubt = Doubt::None;
  bool is_untold = false;   // it was for our books alone

  void reset() {
    process.reset();
    descriptor.reset();
    path.clear();
    folder.clear();
    new_folder.clear();
    is_folder_asked = false;
    raw_path = {kNull, 0};
    stands_still = true;
    opened.reset();
    opened_second.reset();
    local.reset();
    remote.reset();
    link.clear();
    is_unasked = false;
    heard_ns = 0;
    doubt = Doubt::None;
    is_untold = false;
  }
};

}  // namespace vedette
