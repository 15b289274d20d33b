// SPDX-License-Identifier: Apache-2.0
// All streams, and how many there may be. Strangers have places of their own: however many come, the agents
// keep theirs. When the strangers' places are taken, the one that has been silent longest goes, of the peer
// that has the most: an agent says hello at once, so a crowd that says nothing cannot keep it out.
//
// Nothing here waits for a stream's thread: a stream that is dropped is closed, and joined after it has said
// Closed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "capture/addon/hello_gate.h"
#include "capture/addon/outbox.h"
#include "capture/addon/peer.h"
#include "capture/addon/ring.h"
#include "capture/addon/stream.h"

namespace vedette::addon {

class Streams {
 public:
  enum class Admission : uint8_t { Admitted, Full, Gone };

  Streams(RingWriter& ring, Outbox& outbox) : ring_(ring), outbox_(outbox) {}

  // The number of the new stream; 0: there is no place for it, or no thread, and its socket is closed.
  uint32_t add(int socket, Peer peer, Stream::Origin origin);
  Admission admit(uint32_t id);
  // Ends it if need be, and forgets it as soon as its thread is over.
  void drop(uint32_t id);
  // JavaScript has taken this.
  void heard(const News& news);
  // Ends all and waits for their threads, none of which waits for anything else then.
  void close_all();

  template <typename Use>
  bool with(uint32_t id, Use use) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = streams_.find(id);
    if (found == streams_.end()) return false;
    use(*found->second);
    return true;
  }

  struct Census {
    size_t agents = 0, strangers = 0, closing = 0;
  };
  Census census() const;

 private:
  Census count() const;
  Stream* whom_to_evict() const;

  RingWriter& ring_;
  Outbox& outbox_;
  HelloGate gate_;
  mutable std::mutex mutex_;
  std::map<uint32_t, std::unique_ptr<Stream>> streams_;
  uint32_t next_ = 1;
};

}  // namespace vedette::addon
