// SPDX-License-Identifier: Apache-2.0
// Of which connection a TLS library tells (--tls-plaintext, wire/plaintext.h). In this order:
//
//   its word     OpenSSL knows the socket's number where it reads and writes it itself
//   nested       the thread moved bytes of one socket, and of no other, between the function's begin and its end
//   known        what was found of this object before, if that number still is that socket
//   order        the program moves the socket's bytes itself (memory BIOs: node, asyncio): the thread has read a
//                socket, what came began as a record of TLS, and no object was asked since. So a read finds its
//                connection, and the first write of a client, behind the read that ended its handshake
//
// None of them: the event has no descriptor. Unknown is better than another's. All of it is the program's
// word, and can only lead to a socket of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <unordered_map>

#include "capture/state/sighting.h"

namespace vedette {

struct Thread;

class Plaintext {
 public:
  // `ns_of`: the time of a TSC value, as calls have it.
  explicit Plaintext(std::function<uint64_t(uint64_t)> ns_of) : ns_of_(std::move(ns_of)) {}

  // A call is over: which socket the thread read or wrote last.
  void note(const Thread& thread, const Sighting& s);
  // What a library tells, at its entry: gives it its connection, and the time of its function's call.
  void tell(Thread& thread, Sighting& s);
  // A thread is gone, or executes another program.
  void forget(uint32_t tid);

 private:
  struct Moved {
    int32_t fd = -1;
    uint64_t enter_ns = 0, last_ns = 0;
    uint64_t others_ns = 0;   // when another socket was moved last
    bool is_record = false;   // what came began as a record of TLS
  };
  struct Talk {
    Moved in, out;
    uint64_t told_ns = 0;     // when a library told last,
    uint64_t told_size = 0;   // and of how many bytes
  };
  struct Socket {
    int32_t fd;
    uint64_t ino;
  };
  // A process's objects are its own; so many of one thread's process are remembered.
  static constexpr size_t kObjectsMax = 4096;
  static constexpr size_t kProcessesMax = 4096;

  uint64_t begin_of(const Call& call) const;
  Ref<Descriptor> socket_at(const Thread& thread, int32_t fd, uint64_t ino) const;
  int32_t find(const Thread& thread, const Call& call, bool is_read, uint64_t begin, Talk& talk) const;

  std::function<uint64_t(uint64_t)> ns_of_;
  std::unordered_map<uint32_t, Talk> threads_;
  std::unordered_map<uint32_t, std::unordered_map<uint64_t, Socket>> objects_;  // by process
};

}  // namespace vedette
