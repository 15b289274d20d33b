// SPDX-License-Identifier: Apache-2.0
// How fast the encoder is: events a second, one thread, on what a busy program does: of ten events four
// reads, four writes of 80-byte payload that differ, an openat and a close, of twenty processes in turn;
// batches are sealed when they are full. Decoding and the books are measured apart. Prints one JSON object.
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <time.h>

#include "capture/agent/encode.h"
#include "capture/decode/decoder.h"
#include "capture/decode/syscalls.h"
#include "capture/state/state.h"

using namespace vedette;

namespace {

constexpr int kProcesses = 20;
constexpr int kSightings = 10000;
constexpr int kRounds = 300;

// The program's memory is ours.
class OwnMemory : public Memory {
 public:
  size_t read(uint64_t address, void* into, size_t size) override {
    std::memcpy(into, reinterpret_cast<const void*>(address), size);
    return size;
  }
};

// A kernel that knows a name for everything.
class SomeKernel : public Truth {
 public:
  bool link(uint32_t pid, const char* name, std::string& into) override {
    into = "/srv/" + std::to_string(pid) + "/" + name;
    return true;
  }
  bool text(uint32_t, const char*, std::string&, size_t) override { return false; }
  std::optional<FileFacts> facts(uint32_t, const char*) override { return FileFacts{.dev = 8, .ino = 42, .mode = 0100644}; }
};

uint32_t number_of(const char* name) {
  for (const Row& row : rows_of(kNativeAbi)) {
    if (std::strcmp(row.name, name) == 0) return row.nr;
  }
  return 0;
}

struct Workload {
  SomeKernel kernel;
  Limits limits;
  State state{kernel, limits};
  OwnMemory memory;
  std::vector<std::string> payloads;
  std::vector<std::string> paths;

  Workload() {
    for (int i = 0; i < 4096; ++i) payloads.push_back("payload " + std::to_string(i * 7919) + std::string(80, 'x'));
    for (int i = 0; i < 64; ++i) paths.push_back("/usr/share/some/where/file-" + std::to_string(i) + ".txt");
    // Page-wise reading of a path may look up to a page beyond its end.
    for (std::string& path : paths) path.reserve(512);
    state.on_launch(1000, 1);
    for (uint32_t pid = 1001; pid < 1000 + kProcesses; ++pid) state.on_fork(1000, pid, 0, 1);
  }

  Call call_of(int i) const {
    const uint32_t tid = 1000 + static_cast<uint32_t>(i / 10 % kProcesses);
    const std::string& payload = payloads[static_cast<size_t>(i) % payloads.size()];
    const std::string& path = paths[static_cast<size_t>(i / 10) % paths.size()];
    const uint64_t buffer = reinterpret_cast<uint64_t>(payload.data());
    static const uint32_t kOpen = number_of("openat"), kClose = number_of("close");
    static const uint32_t kRead = number_of("read"), kWrite = number_of("write");
    Call call{.tid = tid, .enter_ns = 1'000'000u + static_cast<uint64_t>(i), .exit_ns = 1'000'500u + static_cast<uint64_t>(i),
              .returned = true};
    const auto set = [&](uint32_t nr, uint64_t a, uint64_t b, uint64_t c, int64_t result) {
      call.nr = nr;
      call.args[0] = a;
      call.args[1] = b;
      call.args[2] = c;
      call.result = result;
    };
    switch (i % 10) {
      case 0:
        set(kOpen, static_cast<uint64_t>(AT_FDCWD), reinterpret_cast<uint64_t>(path.data()), O_RDWR, 3);
        break;
      case 9:
        set(kClose, 3, 0, 0, 0);
        break;
      default:
        set(i % 2 ? kRead : kWrite, 3, buffer, 80, 80);
    }
    return call;
  }

  void see(int i, Sighting& sighting) {
    const Call call = call_of(i);
    decode_enter(call, memory, limits, sighting.event);
    state.before_call(sighting);
    decode_exit(call, memory, limits, sighting.event);
    state.after_call(sighting);
  }
};

// Of the processor: other work on the machine does not count.
double cpu_seconds() {
  timespec time;
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double measure_decoding(Workload& workload) {
  Sighting sighting;
  const double start = cpu_seconds();
  for (int i = 0; i < kSightings * 10; ++i) workload.see(i, sighting);
  return (cpu_seconds() - start) * 1e9 / (kSightings * 10);
}

}  // namespace

int main() {
  Workload workload;
  const double decode_ns = measure_decoding(workload);
  std::vector<Sighting> sightings(kSightings);
  for (int i = 0; i < kSightings; ++i) workload.see(i, sightings[static_cast<size_t>(i)]);

  Encoder encoder({});
  std::vector<uint8_t> frame;
  uint64_t events = 0, batches = 0, bytes = 0;
  const auto seal = [&] {
    encoder.seal(0, {}, frame);
    ++batches;
    bytes += frame.size();
  };
  const double start = cpu_seconds();
  for (int round = 0; round < kRounds; ++round) {
    for (const Sighting& sighting : sightings) {
      if (!encoder.append(sighting)) {
        seal();
        encoder.append(sighting);
      }
      ++events;
    }
  }
  seal();
  const double seconds = (cpu_seconds() - start);
  std::printf(
      "{\"encoder_events_per_second\": %.0f, \"encoder_ns_per_event\": %.1f, \"decode_and_state_ns_per_event\": %.1f, "
      "\"events\": %llu, \"batches\": %llu, \"bytes_per_event\": %.1f}\n",
      static_cast<double>(events) / seconds, seconds * 1e9 / static_cast<double>(events), decode_ns,
      static_cast<unsigned long long>(events), static_cast<unsigned long long>(batches),
      static_cast<double>(bytes) / static_cast<double>(events));
}
