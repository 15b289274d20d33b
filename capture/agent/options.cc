// SPDX-License-Identifier: Apache-2.0
// A row per option; `--name value` and `--name=value` are both taken.
#include "capture/agent/options.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

namespace vedette {

const char kUsage[] =
    "Usage: vedette-capture [options] -- COMMAND [ARGUMENT]...\n"
    "       vedette-capture [options] --attach PID\n"
    "Runs COMMAND and sends every system call of interest to a Vedette host.\n"
    "\n"
    "  --host ADDRESS         fd:N, unix:PATH, abstract:NAME, tcp:127.0.0.1:PORT or discard (default)\n"
    "  --snaplen N            payload bytes kept of a buffer, 0 to 4096 (80)\n"
    "  --io-uring WHAT        refuse (default: ENOSYS, programs fall back) or allow\n"
    "  --strangers WHICH      processes that COMMAND did not start: container (default: those of this container), task (in a\n"
    "                         pid namespace shared by several containers, all of them) or off\n"
    "  --sys-ptrace WHOSE     share (default: COMMAND has the capability if we have it) or withhold (COMMAND starts without it)\n"
    "  --tiers WHICH          all (default) or trace\n"
    "  --integrity LEVEL      adaptive (default), normal or strict\n"
    "  --believe DIR          a library in this folder counts as of the image, whenever it was written; may be given again\n"
    "  --tls-plaintext        also tell what OpenSSL and GnuTLS read and write, in plaintext (docs/monitor.md); not with --tiers trace\n"
    "  --site-cache DIR       keep what is found out about libraries there, for the next start (VEDETTE_SITE_CACHE)\n"
    "  --spool BYTES          what may wait for a slow host (16777216)\n"
    "  --on-overload WHAT     shed (default: events of hot calls are dropped first, and counted) or block\n"
    "  --start WHEN           connected (default: the host must be there), availability (at once: events wait for\n"
    "                         the host) or security (when the host's policies are loaded)\n"
    "  --start-timeout N      seconds to wait under security (30)\n"
    "  --on-start-timeout W   fail (default) or run\n"
    "  --secret-file FILE     a file with the secret that the host asks for\n"
    "  --lost-report FILE     at the end, write there which events could not be delivered\n"
    "  --respond              do what the host asks for after an alert: kill, freeze or tighten processes (docs/response.md)\n"
    "  --attach PID           watch this process, which runs already, in the place of COMMAND; it goes on when the agent ends\n"
    "  --doctor               print what this kernel and container allow, as JSON\n"
    "  --version, --help\n";

namespace {

constexpr size_t kSpoolMin = 2u << 20;   // a batch being filled, one being sent
constexpr size_t kSpoolMax = 1u << 30;

std::optional<uint64_t> number_in(std::string_view text, uint64_t least, uint64_t most) {
  uint64_t value = 0;
  const std::from_chars_result parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  if (value < least || value > most) return std::nullopt;
  return value;
}

// One of two words.
bool choose(std::string_view text, std::string_view no, std::string_view yes, bool& into) {
  if (text != no && text != yes) return false;
  into = text == yes;
  return true;
}

bool set_host(Options& options, std::string_view text) {
  const std::optional<HostAddress> address = parse_host_address(text);
  if (address) options.host = *address;
  return address.has_value();
}

bool set_snaplen(Options& options, std::string_view text) {
  const std::optional<uint64_t> bytes = number_in(text, 0, kSnaplenMax);
  if (bytes) options.limits.snaplen = static_cast<uint32_t>(*bytes);
  return bytes.has_value();
}

bool set_io_uring(Options& options, std::string_view text) {
  bool allow = false;
  if (!choose(text, "refuse", "allow", allow)) return false;
  options.io_uring = allow ? IoUring::Allow : IoUring::Refuse;
  return true;
}

bool set_strangers(Options& options, std::string_view text) {
  if (text == "container") options.strangers = StrangerScope::Container;
  else if (text == "task") options.strangers = StrangerScope::Task;
  else if (text == "off") options.strangers = StrangerScope::None;
  else return false;
  return true;
}

bool set_sys_ptrace(Options& options, std::string_view text) {
  return choose(text, "share", "withhold", options.withhold_sys_ptrace);
}

bool set_tiers(Options& options, std::string_view text) { return choose(text, "trace", "all", options.inline_tier); }

bool set_integrity(Options& options, std::string_view text) {
  if (text == "normal") options.integrity = Integrity::Normal;
  else if (text == "adaptive") options.integrity = Integrity::Adaptive;
  else if (text == "strict") options.integrity = Integrity::Strict;
  else return false;
  return true;
}

// The kernel names no links. What is not there yet is taken as it is given.
bool set_believed(Options& options, std::string_view text) {
  if (!text.starts_with('/')) return false;
  const std::string path(text);
  char* const there = ::realpath(path.c_str(), nullptr);
  options.believed.push_back(there != nullptr ? there : path);
  std::free(there);
  return true;
}

bool set_site_cache(Options& options, std::string_view text) {
  options.site_cache = text;
  return !text.empty();
}

bool set_spool(Options& options, std::string_view text) {
  const std::optional<uint64_t> bytes = number_in(text, kSpoolMin, kSpoolMax);
  if (bytes) options.spool_bytes = static_cast<size_t>(*bytes);
  return bytes.has_value();
}

bool set_overload(Options& options, std::string_view text) {
  bool block = false;
  if (!choose(text, "shed", "block", block)) return false;
  options.overload = block ? Overload::Block : Overload::Shed;
  return true;
}

bool set_start(Options& options, std::string_view text) {
  if (text == "connected") options.start = Start::Connected;
  else if (text == "availability") options.start = Start::Availability;
  else if (text == "security") options.start = Start::Security;
  else return false;
  return true;
}

bool set_start_timeout(Options& options, std::string_view text) {
  constexpr uint64_t kSecondNs = 1'000'000'000;
  constexpr uint64_t kSecondsMax = 3600;
  const std::optional<uint64_t> seconds = number_in(text, 0, kSecondsMax);
  if (seconds) options.start_wait_ns = *seconds * kSecondNs;
  return seconds.has_value();
}

bool set_on_start_timeout(Options& options, std::string_view text) {
  return choose(text, "fail", "run", options.run_without_host);
}

bool set_secret_file(Options& options, std::string_view text) {
  options.secret_file = text;
  return !text.empty();
}

bool set_lost_report(Options& options, std::string_view text) {
  options.lost_report = text;
  return !text.empty();
}

bool set_attach(Options& options, std::string_view text) {
  const std::optional<uint64_t> number = number_in(text, 1, std::numeric_limits<pid_t>::max());
  if (number) options.attach = Tid(static_cast<pid_t>(*number));
  return number.has_value();
}

struct OptionRow {
  std::string_view name;
  bool (*set)(Options&, std::string_view);
  const char* expects;
};
constexpr OptionRow kRows[] = {
    {"--attach", set_attach, "the number of a process"},
    {"--host", set_host, "fd:N, unix:PATH, abstract:NAME, tcp:127.0.0.1:PORT or discard"},
    {"--snaplen", set_snaplen, "a number from 0 to 4096"},
    {"--io-uring", set_io_uring, "refuse or allow"},
    {"--strangers", set_strangers, "container, task or off"},
    {"--sys-ptrace", set_sys_ptrace, "share or withhold"},
    {"--tiers", set_tiers, "all or trace"},
    {"--integrity", set_integrity, "adaptive, normal or strict"},
    {"--believe", set_believed, "the absolute path of a folder"},
    {"--site-cache", set_site_cache, "a folder"},
    {"--spool", set_spool, "a number of bytes from 2097152 to 1073741824"},
    {"--on-overload", set_overload, "shed or block"},
    {"--start", set_start, "connected, availability or security"},
    {"--start-timeout", set_start_timeout, "seconds from 0 to 3600"},
    {"--on-start-timeout", set_on_start_timeout, "fail or run"},
    {"--secret-file", set_secret_file, "a file"},
    {"--lost-report", set_lost_report, "a file"},
};

struct FlagRow {
  std::string_view name;
  bool Options::* flag;
};
constexpr FlagRow kFlags[] = {
    {"--doctor", &Options::doctor},
    {"--help", &Options::help},
    {"--respond", &Options::respond},
    {"--tls-plaintext", &Options::tls_plaintext},
    {"--version", &Options::version},
};

Failure usage(std::string problem) {
  return make_failure(ErrorCode::VEDETTE_USAGE, {{"problem", std::move(problem)}, {"command", "run"}});
}

const OptionRow* find_option(std::string_view name) {
  for (const OptionRow& row : kRows) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

bool set_flag(Options& options, std::string_view name) {
  for (const FlagRow& row : kFlags) {
    if (row.name != name) continue;
    options.*row.flag = true;
    return true;
  }
  return false;
}

// /proc/PID/environ shows the strings that we were started with, whatever becomes of the list of them.
void take_variable(const char* name, std::string& into) {
  if (char* const value = std::getenv(name); value != nullptr) {
    into = value;
    ::explicit_bzero(value, into.size());
  }
  ::unsetenv(name);
}

}  // namespace

void take_environment(Options& options) {
  take_variable("VEDETTE_SECRET", options.secret);
  take_variable("VEDETTE_CONTAINER", options.container);
  std::string site_cache;
  take_variable("VEDETTE_SITE_CACHE", site_cache);
  if (options.site_cache.empty()) options.site_cache = std::move(site_cache);
}

std::variant<Options, Failure> parse_options(int argc, char** argv) {
  Options options;
  int at = 1;
  for (; at < argc && std::string_view(argv[at]) != "--"; ++at) {
    const std::string_view argument = argv[at];
    if (set_flag(options, argument)) continue;
    const size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    const OptionRow* const row = find_option(name);
    if (row == nullptr) return usage("There is no option " + std::string(argument) + ".");
    if (equals == argument.npos && at + 1 == argc) return usage(std::string(name) + " needs " + row->expects + ".");
    const std::string_view value = equals == argument.npos ? argv[++at] : argument.substr(equals + 1);
    if (!row->set(options, value)) {
      return usage(std::string(name) + " needs " + row->expects + ", not \"" + std::string(value) + "\".");
    }
  }
  if (options.tls_plaintext && !options.inline_tier) return usage("--tls-plaintext needs the inline tier: take --tiers all.");
  options.limits.tls_plaintext = options.tls_plaintext;
  for (++at; at < argc; ++at) options.command.push_back(argv[at]);
  if (options.attach) {
    if (!options.command.empty()) return usage("--attach takes the place of a command.");
    if (options.tls_plaintext) return usage("--tls-plaintext changes code of a program, and --attach changes nothing: start the program by Vedette.");
    // Its code and memory stay as they are, and so does what its calls do.
    options.inline_tier = false;
    options.io_uring = IoUring::Allow;
    options.strangers = StrangerScope::None;
    options.respond = false;
    return options;
  }
  if (options.command.empty() && !options.doctor && !options.help && !options.version) {
    return make_failure(ErrorCode::VEDETTE_NO_COMMAND, {{"command", "run"}});
  }
  return options;
}

}  // namespace vedette
