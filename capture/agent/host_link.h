// SPDX-License-Identifier: Apache-2.0
// The stream to the host. Sends whole frames, in the uplink's thread only; a host that reads slowly keeps it waiting, one
// that is gone or refuses us ends it. No SIGPIPE: it is blocked in all our threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "capture/agent/host_address.h"

namespace vedette {

class HostLink {
 public:
  HostLink(HostAddress address, std::vector<uint8_t> hello) : address_(std::move(address)), hello_(std::move(hello)) {}

  // Connects and says hello.
  Result<void> open();
  bool is_open() const { return socket_.is_open(); }
  // Waiting will not help: an inherited stream that broke, or a host that refuses us.
  bool is_over() const { return !is_open() && (refused_ || !address_.can_reconnect()); }
  bool discards() const { return address_.kind == HostAddress::Kind::Discard; }

  // False: the stream is closed now, the frame was not taken whole.
  bool send(std::span<const uint8_t> frame);
  // Waits for a slow host end at this time (monotonic), from any thread; 0: never.
  void give_up_at(uint64_t deadline_ns) { deadline_ns_ = deadline_ns; }

 private:
  bool send_bytes(const uint8_t* bytes, size_t size);
  bool wait_writable();
  bool hear();

  HostAddress address_;
  std::vector<uint8_t> hello_;
  Fd socket_;
  bool is_socket_ = false;
  bool refused_ = false;
  std::atomic<uint64_t> deadline_ns_{0};
};

}  // namespace vedette
