// SPDX-License-Identifier: Apache-2.0
// What the witness costs the agent, in CPU time. Busy: an event that is read out of memory, understood and
// counted, with the witness and without, in pairs that follow one another; of ten events four reads, four
// writes, an openat and a close. A process: the kernel's counts are read when it executes a program, after
// that and when it ends, beside a bare `true`. Quiet: a second of watching the opens of ten files. Code: the
// kernel's list of what a process may execute is read, of one with the maps of a small program and of one
// with 500 maps more, 100 of them executable, mapping by mapping and by the text of /proc/PID/maps. Prints
// one JSON object; medians.
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "capture/decode/decoder.h"
#include "capture/decode/syscalls.h"
#include "capture/kernel/executable_maps.h"
#include "capture/state/state.h"
#include "capture/witness/io_witness.h"
#include "capture/witness/open_witness.h"

using namespace vedette;

namespace {

constexpr int kPairs = 41, kEvents = 20'000, kProcesses = 100, kFiles = 10, kQuietSeconds = 10;

class OwnMemory final : public Memory {
 public:
  size_t read(uint64_t address, void* into, size_t size) override {
    std::copy_n(reinterpret_cast<const char*>(address), size, static_cast<char*>(into));
    return size;
  }
};

// A kernel that knows a name for everything.
class SomeKernel final : public Truth {
 public:
  bool link(uint32_t, const char* name, std::string& into) override {
    into = std::string("/srv/") + name;
    return true;
  }
  bool text(uint32_t, const char*, std::string&, size_t) override { return false; }
  std::optional<FileFacts> facts(uint32_t, const char*) override { return FileFacts{.dev = 8, .ino = 42, .mode = 0100644}; }
};

// Counts whatever was recorded.
class NoKernelIo final : public KernelIo {
 public:
  std::optional<IoCounts> counts(uint32_t, IoScope) override { return std::nullopt; }
};

uint32_t number_of(const char* name) {
  for (const Row& row : rows_of(kNativeAbi)) {
    if (std::string(row.name) == name) return row.nr;
  }
  return 0;
}

double seconds_of(clockid_t clock) {
  timespec time;
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Busy {
  SomeKernel kernel;
  Limits limits;
  State state{kernel, limits};
  OwnMemory memory;
  NoKernelIo io;
  IoWitness witness{io, false};
  InotifyOpenWatch watch;
  OpenWitness opens{watch};
  Sighting sighting;
  std::string payload = std::string(4096, 'x'), path = "/usr/share/some/where/file.txt" + std::string(4096, '\0');
  const uint32_t numbers[4] = {number_of("openat"), number_of("read"), number_of("write"), number_of("close")};

  Busy() {
    state.on_launch(1000, 1);
    witness.on_birth(1000, 1000, 1);
  }

  // ns an event.
  double round(bool with_witness) {
    const double start = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < kEvents; ++i) {
      const int what = i % 10 == 0 ? 0 : i % 10 == 9 ? 3 : 1 + i % 2;
      Call call{.tid = 1000, .nr = numbers[what], .enter_ns = 1000, .exit_ns = 1500, .result = what == 0 ? 3 : 80, .returned = true};
      call.args[0] = what == 0 ? static_cast<uint64_t>(AT_FDCWD) : 3;
      call.args[1] = reinterpret_cast<uint64_t>(what == 0 ? path.data() : payload.data());
      call.args[2] = what == 0 ? O_RDWR : 80;
      decode_enter(call, memory, limits, sighting.event);
      state.before_call(sighting);
      decode_exit(call, memory, limits, sighting.event);
      state.after_call(sighting);
      if (with_witness) {
        witness.count(sighting.event);
        opens.count(sighting);
      }
      sighting.reset();
    }
    return (seconds_of(CLOCK_THREAD_CPUTIME_ID) - start) * 1e9 / kEvents;
  }
};

double children_seconds() {
  rusage usage;
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Seconds that a `true` takes, its making included.
double bare_process() {
  const double start = seconds_of(CLOCK_THREAD_CPUTIME_ID) + children_seconds();
  char name[] = "true";
  char* const argv[] = {name, nullptr};
  pid_t child = 0;
  if (::posix_spawn(&child, "/bin/true", nullptr, nullptr, argv, nullptr) != 0) std::exit(1);
  ::waitpid(child, nullptr, 0);
  return seconds_of(CLOCK_THREAD_CPUTIME_ID) + children_seconds() - start;
}

// Seconds for what the witness asks the kernel of one process.
double three_looks() {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  ProcKernelIo kernel;
  const double start = seconds_of(CLOCK_THREAD_CPUTIME_ID);
  for (int look = 0; look < 3; ++look) {
    if (!kernel.counts(static_cast<uint32_t>(child), IoScope::Process)) std::exit(1);
  }
  const double seconds = seconds_of(CLOCK_THREAD_CPUTIME_ID) - start;
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return seconds;
}

// Every second map beside one with other rights, so that the kernel joins none.
void map_much() {
  constexpr size_t kPage = 4096, kMaps = 500;
  for (size_t i = 0; i < kMaps; ++i) {
    const int code = i % 5 == 0 ? PROT_EXEC : 0;
    ::mmap(nullptr, kPage, PROT_READ | (i % 2 == 0 ? PROT_WRITE : code), MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }
}

// Microseconds for one look at what a process may execute, by the median of some.
double code_look(bool has_much, MapsBy by) {
  constexpr size_t kMapsMax = 4096;
  int ready[2];
  if (::pipe(ready) != 0) std::exit(1);
  const pid_t child = ::fork();
  if (child == 0) {
    if (has_much) map_much();
    ::close(ready[1]);
    ::pause();
    ::_exit(0);
  }
  ::close(ready[1]);
  char none;
  (void)!::read(ready[0], &none, 1);
  std::vector<double> looks;
  for (int i = 0; i < kProcesses; ++i) {
    const double start = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    if (!executable_maps(Tid(child), kMapsMax, by)) std::exit(1);
    looks.push_back((seconds_of(CLOCK_THREAD_CPUTIME_ID) - start) * 1e6);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  return median(looks);
}

// Microseconds a second that the watch's thread takes where nobody opens anything.
double quiet_watch() {
  char folder[] = "/tmp/vedette-bench-XXXXXX";
  if (::mkdtemp(folder) == nullptr) std::exit(1);
  std::vector<std::string> files;
  for (int i = 0; i < kFiles; ++i) {
    files.push_back(std::string(folder) + "/" + std::to_string(i));
    (void)Fd(::open(files.back().c_str(), O_CREAT | O_WRONLY, 0600));
  }
  auto& watch = *new InotifyOpenWatch;  // its thread never ends
  watch.watch(files);
  const double start = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  watch.start(SIGRTMAX - 1);
  ::sleep(kQuietSeconds);
  const double seconds = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - start;
  for (const std::string& file : files) ::unlink(file.c_str());
  ::rmdir(folder);
  return seconds * 1e6 / kQuietSeconds;
}

}  // namespace

int main() {
  Busy busy;
  std::vector<double> without, ratios, bare, looks, shares;
  for (int pair = 0; pair < kPairs; ++pair) {
    const double plain = busy.round(false), witnessed = busy.round(true);
    without.push_back(plain);
    ratios.push_back(witnessed / plain);
  }
  for (int i = 0; i < kProcesses; ++i) {
    bare.push_back(bare_process());
    looks.push_back(three_looks());
    shares.push_back(looks.back() / bare.back());
  }
  std::printf("{\"event_ns\": %.0f, \"event_ratio\": %.3f, \"process_us\": %.0f, \"looks_us\": %.1f, \"process_share\": %.4f, \"quiet_us_per_second\": %.1f, "
              "\"code_us\": %.1f, \"code_text_us\": %.1f, \"much_code_us\": %.1f, \"much_code_text_us\": %.1f}\n",
              median(without), median(ratios), median(bare) * 1e6, median(looks) * 1e6, median(shares), quiet_watch(), code_look(false, maps_by()),
              code_look(false, MapsBy::Text), code_look(true, maps_by()), code_look(true, MapsBy::Text));
  return 0;
}
