// SPDX-License-Identifier: Apache-2.0
// What the reader of the rings pays for an event, one thread, without its waking up: a ring is filled as the
// stub fills it, and drained through decode, the books and the encoder, batches sealed when they are full.
// One mix a busy program's loop. Prints one JSON object, ns an event by mix; `drain-bench MIX ROUNDS` runs
// one alone, for a profiler.
#include <fcntl.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "capture/agent/recorder.h"
#include "capture/inline/drain.h"
#include "capture/tracer/context.h"

using namespace vedette;

namespace {

class SomeKernel : public Truth {
 public:
  bool link(uint32_t, const char*, std::string& into) override {
    into = "/srv/file";
    return true;
  }
  bool text(uint32_t, const char*, std::string&, size_t) override { return false; }
  std::optional<FileFacts> facts(uint32_t, const char*) override { return FileFacts{.dev = 8, .ino = 42, .mode = 0100644}; }
  std::optional<FileFacts> resolve(uint32_t, uint32_t, bool, std::string_view path, bool, std::string& real) override {
    real = path;
    return FileFacts{.dev = 8, .ino = 42, .mode = 0100644};
  }
};

// The producer's side of a ring: what the stub does, seen from the outside.
class Producer {
 public:
  explicit Producer(int segment) : base_(static_cast<std::byte*>(::shmat(segment, nullptr, 0))) {}
  ~Producer() { (void)::shmdt(base_); }

  // False: no room.
  bool record(uint32_t nr, std::initializer_list<uint64_t> args, int64_t result, uint64_t address, const void* bytes, uint32_t size) {
    RingContext& context = *reinterpret_cast<RingContext*>(base_);
    if (context.head > context.tail + context.room) return false;
    std::byte* const at = base_ + VEDETTE_RING_DATA + (context.head & context.mask);
    RingRecord record = {.size = VEDETTE_REC_CHUNKS, .nr = nr, .enter_tsc = Clock::read_tsc(), .exit_tsc = Clock::read_tsc(), .result = result, .args = {}};
    std::copy(args.begin(), args.end(), record.args);
    const auto add = [&](uint64_t where, const void* what, uint32_t bytes_of) {
      const RingChunk chunk{where, bytes_of, 0};
      memcpy(at + record.size, &chunk, sizeof chunk);
      memcpy(at + record.size + sizeof chunk, what, bytes_of);
      record.size += static_cast<uint32_t>(sizeof chunk + ((bytes_of + 7) & ~7u));
    };
    if (size != 0) add(address, bytes, size);
    static constexpr uint64_t kFacts[VEDETTE_FACTS_BYTES / 8] = {8, 42, 1, 0100644};
    if (nr == SYS_openat) add(VEDETTE_FACTS_AT, kFacts, VEDETTE_FACTS_BYTES);
    memcpy(at, &record, sizeof record);
    context.head += record.size;
    return true;
  }

 private:
  std::byte* base_;
};

constexpr uint64_t kBuffer = 0x7f0000001000;
char payload[80];

bool pread(Producer& ring, unsigned i) {
  memcpy(payload, &i, sizeof i);
  return ring.record(SYS_pread64, {3, kBuffer, 4096, 0}, 4096, kBuffer, payload, sizeof payload);
}
bool lseek(Producer& ring, unsigned) { return ring.record(SYS_lseek, {3, 0, 0}, 0, 0, nullptr, 0); }
bool server(Producer& ring, unsigned i) {
  if (i % 2 == 0) return ring.record(SYS_read, {7, kBuffer, 16384}, 40, kBuffer, payload, 40);
  return ring.record(SYS_write, {7, kBuffer, 5}, 5, kBuffer, payload, 5);
}
bool files(Producer& ring, unsigned i) {
  static constexpr char kPath[] = "/etc/hostname";
  switch (i % 4) {
    case 0: return ring.record(SYS_openat, {static_cast<uint64_t>(AT_FDCWD), kBuffer, O_RDONLY}, 3, kBuffer, kPath, sizeof kPath);
    case 1: return ring.record(SYS_fstat, {3, kBuffer}, 0, 0, nullptr, 0);
    case 2: return ring.record(SYS_read, {3, kBuffer, 100}, 20, kBuffer, payload, 20);
    default: return ring.record(SYS_close, {3}, 0, 0, nullptr, 0);
  }
}

const struct Mix {
  const char* name;
  bool (*record)(Producer&, unsigned);
} kMixes[] = {{"pread", pread}, {"lseek", lseek}, {"server", server}, {"files", files}};

// Nobody has the ring next.
class NoHome final : public RingHome {
 public:
  void take_back(RingSlot&) override {}
};

double measure(const Mix& mix, unsigned rounds) {
  SomeKernel kernel;
  Limits limits;
  State state(kernel, limits);
  Hooks hooks;
  Clock clock;
  Spool spool(64u << 20, 0);
  LostCounters lost;
  Recorder recorder({}, clock, spool, lost);
  Context context(clock, limits, state, hooks, recorder);
  const uint32_t tid = static_cast<uint32_t>(::getpid());
  state.on_launch(tid, 1);
  InlineDrain drain;
  drain.bind(context, Integrity::Normal);
  NoHome home;
  RingSlot slot(home, Ring::create(Ring::kSmall));
  slot.attach(Tid(static_cast<pid_t>(tid)), Tid(static_cast<pid_t>(tid)));
  drain.add(slot);
  Producer producer(slot.ring().id());
  unsigned made = 0;
  std::vector<double> taken;  // ns an event, by round: a round is short, so most are not disturbed
  for (unsigned round = 0; round < rounds; ++round) {
    while (mix.record(producer, made)) ++made;
    const auto start = std::chrono::steady_clock::now();
    const size_t events = drain.all();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    taken.push_back(seconds * 1e9 / static_cast<double>(events));
    Frame frame;
    while (spool.bytes() != 0) {
      (void)spool.take(frame);
      spool.recycle(std::move(frame.bytes));
    }
  }
  std::nth_element(taken.begin(), taken.begin() + static_cast<long>(taken.size() / 2), taken.end());
  return taken[taken.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3) {
    for (const Mix& mix : kMixes) {
      if (strcmp(mix.name, argv[1]) == 0) std::printf("%.1f\n", measure(mix, static_cast<unsigned>(std::atoi(argv[2]))));
    }
    return 0;
  }
  constexpr unsigned kRounds = 3000;
  const char* before = "{";
  for (const Mix& mix : kMixes) {
    std::printf("%s\"%s_ns_per_event\": %.1f", before, mix.name, measure(mix, kRounds));
    before = ", ";
  }
  std::printf("}\n");
}
