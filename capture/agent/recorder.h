// SPDX-License-Identifier: Apache-2.0
// The tracer's sink: encodes events into the batch being filled, seals it when it is full, and puts it into
// the spool. A batch that stays small is sealed by the uplink when its oldest event is kAgeMaxNs old; one
// that was begun by a burst, by the tracer's own ticks, which spares the uplink's being woken only to wait.
// So a quiet workload's events arrive soon and a busy one's in large batches. A host that pays more for
// waking up than for events may ask for more time (batch_age). It gets that for batches of calls like read
// and stat alone: any other event makes its batch as prompt as ever. The lock is held for one append, one
// burst of them, or one seal.
#pragma once

#include <atomic>
#include <mutex>

#include "capture/agent/encode.h"
#include "capture/agent/spool.h"
#include "capture/kernel/clock.h"
#include "capture/tracer/sink.h"

namespace vedette {

class Recorder final : public Sink {
 public:
  static constexpr uint64_t kAgeMaxNs = 8'000'000;  // with a scheduling delay still within the promised 10 ms
  // What a host may ask for.
  static constexpr uint64_t kAgeLeastNs = 1'000'000;
  static constexpr uint64_t kAgeMostNs = 100'000'000;
  // The tracer was at it: the uplink rests so long before it looks again at a batch that is due.
  static constexpr uint64_t kPauseNs = 1'000'000;
  static constexpr uint64_t kAgainNs = Spool::kSoonNs + kPauseNs;

  Recorder(const Encoder::Source& source, Clock& clock, Spool& spool, LostCounters& lost)
      : encoder_(source), clock_(clock), spool_(spool), lost_(lost) {}

  void on_event(const Sighting& sighting) override;
  void on_burst() override;
  void on_burst_end() override;
  void on_tick() override;
  void on_rest() override;
  void on_root_end(WaitStatus status) override;
  void hurry() override { spool_.hurry(); }

  // How old a batch of calls like read may get, in ms, from any thread: within the bounds above; 0:
  // kAgeMaxNs.
  void batch_age(uint64_t ms);

  // Seals whatever has been recorded.
  void flush();
  // The same for the uplink's thread, which must never wait: room in the spool is made by itself alone, and
  // the tracer may be waiting for room with our lock held.
  void flush_due();
  uint64_t recorded() const { return recorded_; }

 private:
  enum class Room : bool { Awaited, Taken };
  void record(const Sighting& sighting);
  void seal(Room room);
  void seal_if_old();
  void note(bool waits);
  uint64_t span_ns() const;
  uint64_t ticked_span_ns() const;
  void skip_shed();
  void put_empty();
  bool sheds(const Sighting& sighting) const;

  std::mutex mutex_;
  std::atomic<uint64_t> age_ns_{kAgeMaxNs};
  bool prompt_ = false;    // the batch being filled holds an event that may not wait longer
  uint64_t due_ns_ = 0;    // when the uplink is to seal it; 0: it is not
  uint64_t begun_ns_ = 0;  // when the batch being filled was, if ticks will seal it
  uint64_t sealed_ns_ = 0;  // when the last one was
  bool in_burst_ = false;  // the tracer holds the lock; only its thread asks
  Encoder encoder_;
  Clock& clock_;
  Spool& spool_;
  LostCounters& lost_;
  uint64_t recorded_ = 0;
  uint64_t shed_ = 0;     // since the last seal: their numbers are skipped then
  bool guarded_ = false;  // the batch being filled holds a guarded event
};

}  // namespace vedette
