// SPDX-License-Identifier: Apache-2.0
// The agent's command line. Meant for `vedette run` and for container entry points, not for typing;
// everything has a default, and what follows `--` is the workload's and is never looked at.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "capture/agent/failure.h"
#include "capture/agent/host_address.h"
#include "capture/agent/spool.h"
#include "capture/decode/limits.h"
#include "capture/inline/integrity.h"
#include "capture/kernel/tid.h"
#include "capture/outsiders/strangers.h"
#include "capture/tracer/context.h"

namespace vedette {

// When the workload may begin.
enum class Start : uint8_t {
  Connected,     // when the host is there, now
  Availability,  // at once: events wait in the spool for the host
  Security,      // when the host says that its policies are loaded
};

struct Options {
  HostAddress host;
  Limits limits;
  IoUring io_uring = IoUring::Refuse;
  StrangerScope strangers = StrangerScope::Container;
  bool withhold_sys_ptrace = false;  // --sys-ptrace withhold: the container has the capability for our sake
  bool inline_tier = true;       // --tiers all; trace switches it off
  Integrity integrity = Integrity::Adaptive;
  std::vector<std::string> believed;  // --believe: folders whose libraries count as the image's
  size_t spool_bytes = 16u << 20;
  Overload overload = Overload::Shed;
  Start start = Start::Connected;
  uint64_t start_wait_ns = 30'000'000'000;
  bool run_without_host = false;  // --on-start-timeout run
  std::string secret_file;        // what the host made for this task
  std::string secret;             // VEDETTE_SECRET
  std::string container;          // VEDETTE_CONTAINER: what the task definition calls us
  std::string lost_report;       // where to say at the end what could not be delivered; empty: stderr, if anything
  std::string site_cache;        // --site-cache or VEDETTE_SITE_CACHE: where the search for sites is kept; empty: nowhere
  bool tls_plaintext = false;    // --tls-plaintext
  bool respond = false;          // --respond: does what the host asks for after an alert
  bool doctor = false;
  bool help = false;
  bool version = false;
  std::optional<Tid> attach;     // --attach: this process, in the place of a command
  std::vector<char*> command;
};

std::variant<Options, Failure> parse_options(int argc, char** argv);
// Our variables, taken out of the environment: the workload does not get them.
void take_environment(Options& options);

extern const char kUsage[];

}  // namespace vedette
