// SPDX-License-Identifier: Apache-2.0
// The agent's command line. Meant for `vedette run` and for container entry points, not for typing; everything has a
// default, and what follows `--` is the workload's and is never looked at.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "capture/agent/failure.h"
#include "capture/agent/host_address.h"
#include "capture/decode/limits.h"
#include "capture/tracer/context.h"

namespace vedette {

struct Options {
  HostAddress host;
  Limits limits;
  IoUring io_uring = IoUring::Refuse;
  bool inline_tier = true;       // --tiers all; trace switches it off
  bool strict = false;           // --integrity strict: the open family is always kernel-mediated
  size_t spool_bytes = 16u << 20;
  std::string lost_report;       // where to say at the end what could not be delivered; empty: stderr, if anything
  bool doctor = false;
  bool help = false;
  bool version = false;
  std::vector<char*> command;
};

std::variant<Options, Failure> parse_options(int argc, char** argv);

extern const char kUsage[];

}  // namespace vedette
