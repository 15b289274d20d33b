// SPDX-License-Identifier: Apache-2.0
// One agent's stream: a thread that reads frames from the socket, checks each before believing it, and puts batches into the
// ring. A frame that does not hold ends the stream. The first frame is hello; batches carry their own numbers, so a gap in
// them is counted here, where nothing can be lost any more.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "capture/addon/envelope.h"
#include "capture/addon/outbox.h"
#include "capture/addon/ring.h"

namespace vedette::addon {

// What came through a stream, and what did not.
struct StreamCounts {
  std::atomic<uint64_t> batches{0}, records{0}, bytes{0};
  std::atomic<uint64_t> missing_batches{0};  // gaps of seq
  std::atomic<uint64_t> missing_records{0};  // gaps of evt.num
};

class Stream {
 public:
  // Takes the socket. `peer` is how a refusal names the other side.
  Stream(uint32_t id, int socket, std::string peer, RingWriter& ring, Outbox& outbox);
  ~Stream();  // stops and joins
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Sends one frame to the agent; false when it is gone. Frames to the agent are few and small: they never wait.
  bool send(Bytes frame);
  // Ends the stream from our side; the thread says Closed.
  void close();

  const StreamCounts& counts() const { return counts_; }
  uint32_t id() const { return id_; }

 private:
  void run();
  bool read_frame();  // into frame_; false at the end of the stream or after a refusal
  bool read_exactly(uint8_t* into, size_t size);
  bool take_frame();
  bool take_batch();
  bool refuse(const Refusal& refusal);
  void count(const Envelope& envelope);

  const uint32_t id_;
  const int socket_;
  const std::string peer_;
  RingWriter& ring_;
  Outbox& outbox_;
  StreamCounts counts_;
  std::atomic<bool> stop_{false};

  // the thread's own
  std::unique_ptr<uint8_t[]> buffer_;
  size_t capacity_ = 0;
  Bytes frame_;
  bool greeted_ = false;
  uint64_t next_seq_ = 0;
  uint64_t next_number_ = 0;
  News closing_{News::Kind::Closed};

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace vedette::addon
