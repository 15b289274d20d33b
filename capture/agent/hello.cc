// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/hello.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "capture/agent/pack.h"
#include "capture/kernel/clock.h"
#include "capture/kernel/fd.h"
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

namespace {

constexpr size_t kSecretMax = 256;

// Without the line end that an editor puts there.
std::string read_secret(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char bytes[kSecretMax];
  const ssize_t size = file.is_open() ? ::read(file.get(), bytes, sizeof bytes) : 0;
  std::string secret(bytes, size > 0 ? static_cast<size_t>(size) : 0);
  while (!secret.empty() && secret.back() == '\n') secret.pop_back();
  return secret;
}

std::string_view name_of(Integrity integrity) {
  switch (integrity) {
    case Integrity::Normal: return "normal";
    case Integrity::Adaptive: return "adaptive";
    case Integrity::Strict: return "strict";
  }
  return "";
}

void pack_optional(Pack& pack, std::string_view text) { text.empty() ? pack.nil() : pack.text(text); }

// ECS names the container in the last part of its metadata address, http://169.254.170.2/v4/ID.
void pack_container(Pack& pack, std::string_view name) {
  const char* const metadata = std::getenv("ECS_CONTAINER_METADATA_URI_V4");
  const std::string_view address = metadata == nullptr ? "" : metadata;
  if (name.empty() && address.empty()) return pack.nil();
  pack.map(3);
  pack.text("name"), pack_optional(pack, name);
  pack.text("id"), pack_optional(pack, address.substr(address.rfind('/') + 1));
  pack.text("metadata"), pack_optional(pack, address);
}

}  // namespace

std::vector<uint8_t> hello_frame(const Encoder::Source& source, const Options& options, bool inlined) {
  utsname machine{};
  ::uname(&machine);
  const std::string secret = options.secret_file.empty() ? options.secret : read_secret(options.secret_file);
  std::vector<uint8_t> bytes;
  Pack pack(bytes);
  pack.array(5);
  pack.text("hello");
  pack.integer(kBatchVersion);
  pack.integer(kSchema);
  pack.binary(source.data(), static_cast<uint32_t>(source.size()));
  pack.map(11);
  pack.text("pid"), pack.integer(static_cast<uint64_t>(::getpid()));
  pack.text("hostname"), pack.text(machine.nodename);
  pack.text("command"), pack.array(static_cast<uint32_t>(options.command.size()));
  for (const char* const word : options.command) pack.text(word);
  pack.text("agent"), pack.text(VEDETTE_VERSION);
  pack.text("kernel"), pack.text(machine.release);
  pack.text("arch"), pack.text(machine.machine);
  pack.text("tiers"), pack.array(inlined ? 2 : 1), pack.text("trace");
  if (inlined) pack.text("inline");
  pack.text("integrity"), pack.text(name_of(options.integrity));
  pack.text("snaplen"), pack.integer(options.limits.snaplen);
  pack.text("container"), pack_container(pack, options.container);
  pack.text("secret"), pack_optional(pack, secret);
  return bytes;
}

}  // namespace vedette
