// SPDX-License-Identifier: Apache-2.0
// Starts the agent as the shell would have started the workload. Node has changed what a child would inherit:
// it raised the soft limit of open files and ignores SIGPIPE; its own spawn would also clear O_NONBLOCK of
// our standard streams, which are the workload's; and it marked what we inherited close-on-exec. Here all of
// that is as it was. The agent gets one more descriptor than we had: its stream. All others are closed.
#pragma once

#include <sys/types.h>

#include <array>
#include <string>
#include <vector>

namespace vedette::addon {

struct Launched {
  pid_t pid = -1;
  int socket = -1;  // our end of the stream
  int error = 0;    // errno when pid is -1
};

struct LaunchOptions {
  std::string file;
  std::vector<std::string> arguments;  // the first is the program's name
  std::vector<std::string> environment;
  std::array<int, 3> stdio;    // what the agent, and so the workload, has as its standard streams
  std::vector<int> inherited;  // descriptors beside the standard streams that go to the agent, at their numbers
  int stream = 3;              // the number that the agent's end of the stream gets; none of `inherited`
};

Launched launch(const LaunchOptions& options);

}  // namespace vedette::addon
