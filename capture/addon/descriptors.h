// SPDX-License-Identifier: Apache-2.0
// Descriptors that Node cannot make. A program that this process starts gets none of them by itself.
#pragma once

#include <string>

namespace vedette::addon {

// A socket for datagrams that is connected to the one at `path` and never waits; an errno below zero.
int connect_datagrams(const std::string& path);

struct PipeEnds {
  int read;
  int write;
};

// An errno below zero stands in both ends.
PipeEnds make_pipe();

}  // namespace vedette::addon
