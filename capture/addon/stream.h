// SPDX-License-Identifier: Apache-2.0
// One agent's stream: a thread that reads frames from the socket, checks each before believing it, and puts
// batches into the ring. A frame that does not hold ends the stream. Batches carry their own numbers, so a
// gap in them is counted here, where nothing can be lost any more.
//
// Whoever connects is a stranger first. A stranger has kHelloMs to say one small hello; nothing that it sends
// after that is read until JavaScript admits it. So a stranger costs a thread, a descriptor and 64 KiB, for a
// few seconds.
//
//   Silent -- hello, whole --> Greeted -- admit() --> Admitted
#pragma once

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "capture/addon/envelope.h"
#include "capture/addon/hello_gate.h"
#include "capture/addon/outbox.h"
#include "capture/addon/peer.h"
#include "capture/addon/ring.h"

namespace vedette::addon {

// What came through a stream, and what did not.
struct StreamCounts {
  std::atomic<uint64_t> batches{0}, records{0}, bytes{0};
  std::atomic<uint64_t> missing_batches{0};  // gaps of seq
  std::atomic<uint64_t> missing_records{0};  // gaps of evt.num
  std::atomic<uint64_t> future_times{0};     // times that lay too far ahead of our clock (future.h)
  // How full the agent's spool and rings are, in bytes, by its own word; 0 of the maxima: it has not said.
  std::atomic<uint64_t> spool{0}, spool_max{0}, rings{0}, rings_max{0};
};

class Stream {
 public:
  enum class Standing : uint8_t { Silent, Greeted, Admitted };
  // Who we started ourselves needs no deadline: its machine may be slow, and nobody else can have its socket.
  enum class Origin : uint8_t { Started, Accepted };

  // Takes the socket. `peer` is how a refusal names the other side.
  Stream(uint32_t id, int socket, Peer peer, Origin origin, RingWriter& ring, Outbox& outbox, HelloGate& gate);
  ~Stream();  // stops and joins
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // False: there is no thread to be had. Then nothing else may be called.
  bool start();
  // From here on its frames are read.
  void admit();
  // JavaScript has taken one of its news.
  void heard();
  // Sends one frame to the agent; false when it is gone. Frames to the agent are few and small: they never
  // wait.
  bool send(Bytes frame);
  // Ends the stream from our side; the thread says Closed. Never waits.
  void close();
  // The thread has said Closed: joining it does not wait.
  bool has_ended() const { return ended_; }

  // How long nothing has come, where we waited for it all the time.
  uint64_t silent_ms() const;
  Standing standing() const { return standing_; }
  Origin origin() const { return origin_; }
  bool is_closing() const { return stop_; }
  const Peer& peer() const { return peer_; }
  const StreamCounts& counts() const { return counts_; }
  uint32_t id() const { return id_; }

 private:
  static void* thread_main(void* self);
  void run();
  bool read_frame();  // into frame_; false at the end of the stream or after a refusal
  bool read_exactly(uint8_t* into, size_t size);
  bool wait_readable();
  bool take_frame();
  bool take_hello();
  bool take_batch();
  bool take_fill();
  bool tell(News::Kind kind);
  bool wait_until(uint64_t time_ns);
  bool refuse(const Refusal& refusal);
  void count(const Envelope& envelope);

  const uint32_t id_;
  const int socket_;
  const Peer peer_;
  const Origin origin_;
  RingWriter& ring_;
  Outbox& outbox_;
  HelloGate& gate_;
  StreamCounts counts_;
  std::atomic<bool> stop_{false}, ended_{false}, reading_{false};
  std::atomic<uint64_t> heard_ns_;
  std::atomic<Standing> standing_{Standing::Silent};

  std::mutex waiting_;
  std::condition_variable changed_;  // admitted, heard or stopped
  size_t unheard_ = 0;

  // the thread's own
  const uint64_t deadline_ns_;  // to say hello
  std::unique_ptr<uint8_t[]> buffer_;
  size_t capacity_ = 0;
  Bytes frame_;
  std::string source_;  // hello's: that of every batch
  uint64_t next_seq_ = 0;
  uint64_t next_number_ = 0;
  News closing_{News::Kind::Closed};

  pthread_t thread_{};
  bool is_started_ = false;
};

}  // namespace vedette::addon
