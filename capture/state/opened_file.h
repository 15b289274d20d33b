// SPDX-License-Identifier: Apache-2.0
// Which file an open led to. What memory says of its path, another thread may have changed before or after
// the kernel read it, so the inode decides: a path is believed when it leads to the file that the kernel
// opened.
//
// Where the thread stands still behind its open, the descriptor says which file that is. An open that was
// recorded inline is heard of when the descriptor may be closed: its record holds what fstat said of it,
// right behind the open. A path that leads elsewhere gives way to the descriptor, if it still is that file;
// where that is gone, too, the event says so (Sighting::doubt): its name is what the program wrote, and no
// more.
#pragma once

#include "capture/state/books.h"

namespace vedette {

// Fills in type, inode and the kernel's path; corrects a name that is not the file's. `open_flags` as the
// event has them.
void name_opened_file(State::Books& books, Thread& thread, Sighting& s, int64_t open_flags, Descriptor& descriptor);

}  // namespace vedette
