// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/hello.h"

#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "capture/agent/pack.h"
#include "capture/kernel/clock.h"
#include "capture/wire/batch.h"

namespace vedette {

// Where the kernel has no random bytes yet (early boot), time and pid keep sources apart.
Encoder::Source random_source() {
  Encoder::Source source{};
  if (::getrandom(source.data(), source.size(), GRND_NONBLOCK) == static_cast<ssize_t>(source.size())) return source;
  const uint64_t seed[2] = {monotonic_ns() * 0x9e3779b97f4a7c15u, static_cast<uint64_t>(::getpid())};
  static_assert(sizeof seed == sizeof source);
  std::memcpy(source.data(), seed, sizeof seed);
  return source;
}

std::vector<uint8_t> hello_frame(const Encoder::Source& source, const Options& options) {
  utsname machine{};
  ::uname(&machine);
  const char* const secret = std::getenv("VEDETTE_SECRET");
  std::vector<uint8_t> bytes;
  Pack pack(bytes);
  pack.array(5);
  pack.text("hello");
  pack.integer(kBatchVersion);
  pack.integer(kSchema);
  pack.binary(source.data(), static_cast<uint32_t>(source.size()));
  pack.map(10);
  pack.text("pid"), pack.integer(static_cast<uint64_t>(::getpid()));
  pack.text("hostname"), pack.text(machine.nodename);
  pack.text("command"), pack.array(static_cast<uint32_t>(options.command.size()));
  for (const char* const word : options.command) pack.text(word);
  pack.text("agent"), pack.text(VEDETTE_VERSION);
  pack.text("kernel"), pack.text(machine.release);
  pack.text("arch"), pack.text(machine.machine);
  pack.text("tiers"), pack.array(1), pack.text("trace");
  pack.text("snaplen"), pack.integer(options.limits.snaplen);
  pack.text("container"), pack.nil();
  pack.text("secret");
  secret != nullptr ? pack.text(secret) : pack.nil();
  return bytes;
}

}  // namespace vedette
