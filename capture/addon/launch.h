// SPDX-License-Identifier: Apache-2.0
// Starts the agent as the shell would have started the workload. Node has changed what a child would inherit: it raised the
// soft limit of open files and ignores SIGPIPE; its own spawn would also clear O_NONBLOCK of our standard streams, which
// are the workload's. Here all of that is as it was. The agent gets one more descriptor than we had: number 3, its stream.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace vedette::addon {

struct Launched {
  pid_t pid = -1;
  int socket = -1;  // our end of the stream
  int error = 0;    // errno when pid is -1
};

inline constexpr int kStreamFd = 3;

Launched launch(const std::string& file, const std::vector<std::string>& arguments, const std::vector<std::string>& environment);

}  // namespace vedette::addon
