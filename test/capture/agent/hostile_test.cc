// SPDX-License-Identifier: Apache-2.0
// The whole way from registers to a batch with values that mean no good: every batch that comes out can be
// read.
#include "capture/agent/encode.h"

#include <linux/sched.h>

#include "test/capture/agent/batch_reader.h"
#include "test/capture/decode/hostile.h"
#include "test/capture/state/world.h"

using namespace vedette;

TEST_CASE("whatever a program does, the batches can be read") {
  World w;
  Hostile hostile(w.memory);
  Encoder encoder({});
  std::vector<uint8_t> bytes;
  uint64_t events = 0, read = 0;
  const auto seal = [&] {
    encoder.seal(0, {}, bytes);
    const BatchReader batch(bytes);
    read += batch.records();
    for (size_t i = 0; i < batch.records(); ++i) {
      const RecordHeader header = batch.header(i);
      if (header.process >= batch.processes()) FAIL("a process that is not there");
      if (header.descriptor != kNull && header.descriptor >= batch.descriptors()) FAIL("a descriptor that is not there");
      const EventInfo& info = kEvents[header.type];
      for (int slot = 0; slot < info.slots; ++slot) {
        if (info.kinds[slot] == SlotKind::Span) batch.text_slot(i, slot);
      }
    }
  };
  w.fork(100, 101);
  w.fork(100, 102, CLONE_FILES);
  for (int round = 0; round < 200; ++round) {
    for (const Row& row : rows_of(kNativeAbi)) {
      Sighting sighting;
      Call call{.tid = 100u + static_cast<uint32_t>(round % 3), .nr = row.nr, .enter_ns = ++w.now};
      for (uint64_t& arg : call.args) arg = hostile.value();
      if (!decode_enter(call, w.memory, w.limits, sighting.event)) continue;
      w.state.before_call(sighting);
      call.exit_ns = ++w.now;
      call.result = hostile.result();
      call.returned = round % 17 != 0;
      decode_exit(call, w.memory, w.limits, sighting.event);
      w.state.after_call(sighting);
      if (!encoder.append(sighting)) {
        seal();
        REQUIRE(encoder.append(sighting));
      }
      ++events;
    }
  }
  seal();
  CHECK(events > 20000);
  CHECK(read == events);
}
