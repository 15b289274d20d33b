// SPDX-License-Identifier: Apache-2.0
// The stream to the host. Sends whole frames, in the uplink's thread only; a host that reads slowly keeps it
// waiting, one that is gone or refuses us ends it. No SIGPIPE: it is blocked in all our threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "capture/agent/fill.h"
#include "capture/agent/hasher.h"
#include "capture/agent/host_address.h"
#include "capture/agent/host_words.h"
#include "capture/agent/usage.h"
#include "capture/tracer/pulse.h"
#include "capture/tracer/response_desk.h"

namespace vedette {

class HostLink {
 public:
  // `hello` is asked anew at each connection: the host that comes back may have made another secret.
  using Hello = std::function<std::vector<uint8_t>()>;
  // Is given a table of what is prevented; why it cannot be held, or nothing.
  using TakeTable = std::function<std::string(std::span<const uint8_t>)>;
  // Is given the files whose opens are watched: all of them, each time.
  using TakeFiles = std::function<void(std::vector<std::string>)>;
  // How full spool and rings are: told once a second to a host that asks for it.
  using AskFill = std::function<AgentFill()>;
  // What the container uses: told every ten seconds to a host that asks for it.
  using AskUsage = std::function<Usage()>;
  // `desk`: where requests for responses go, and answers come from. `hasher`: who is asked what a process
  // runs. `pulse`: of the thread whose work it is that we live for.
  HostLink(HostAddress address, Hello hello, TakeTable take_table, TakeFiles take_files, AskFill ask_fill, AskUsage ask_usage,
           ResponseDesk& desk, Hasher& hasher, const Pulse& pulse)
      : address_(std::move(address)), hello_(std::move(hello)), take_table_(std::move(take_table)),
        take_files_(std::move(take_files)), ask_fill_(std::move(ask_fill)), ask_usage_(std::move(ask_usage)), desk_(desk), hasher_(hasher), pulse_(pulse) {}

  // Connects, says hello, and where the host acknowledges waits a moment for its first word: what it has
  // already.
  Result<void> open();
  // A host with an address may go away and come back, so it acknowledges what it has judged.
  bool acknowledges() const { return address_.can_reconnect(); }
  // Every frame up to this number has been judged; 0: none.
  uint64_t acknowledged() const { return acknowledged_; }
  // Its policies are loaded.
  bool is_ready() const { return ready_; }
  // How old a batch of calls like read may get, in ms, as the host of this connection says it; 0: it says
  // nothing.
  uint64_t batch_age_ms() const { return batch_age_ms_; }
  // Why the last table could not be held; empty: it could.
  const std::string& table_obstacle() const { return table_obstacle_; }
  // `on_over`: called once it is, from whichever thread found out.
  void when_over(std::function<void()> on_over) { on_over_ = std::move(on_over); }
  // Hears what the host has said, waiting for it at most so long, and says that we live where nothing else
  // has been said for a second and the tracing thread is not stuck: a host that hears nothing for longer
  // takes us for stopped. False: the stream is closed now.
  bool listen(int wait_ms);
  bool is_open() const { return socket_.is_open(); }
  // Waiting will not help: an inherited stream that broke, or a host that refuses us.
  bool is_over() const { return !is_open() && (refused_ || !address_.can_reconnect()); }
  // Why the host refuses us: a code of the catalogue, or whatever it says; empty where it does not.
  const std::string& refusal() const { return refusal_; }
  // The host's process, as our pid namespace numbers it; 0: not known, not in it, or not connected.
  pid_t host_pid() const { return host_pid_; }
  bool discards() const { return address_.kind == HostAddress::Kind::Discard; }

  // False: the stream is closed now, the frame was not taken whole.
  bool send(std::span<const uint8_t> frame);
  // Waits for a slow host end at this time (monotonic), from any thread; 0: never.
  void give_up_at(uint64_t deadline_ns) { deadline_ns_ = deadline_ns; }

 private:
  bool send_bytes(const uint8_t* bytes, size_t size);
  bool wait_writable();
  Result<void> hear_greeting();
  bool hear();
  void heed(const HostWord& word);
  bool send_whole(std::span<const uint8_t> frame);
  bool answer_table();
  bool answer_requests();
  bool tell_fill();
  bool tell_usage();
  bool keep_alive();
  bool is_given_up() const;
  void close();

  HostAddress address_;
  Hello hello_;
  TakeTable take_table_;
  TakeFiles take_files_;
  AskFill ask_fill_;
  AskUsage ask_usage_;
  ResponseDesk& desk_;
  Hasher& hasher_;
  std::function<void()> on_over_;
  PulseWatch pulse_;
  std::string table_obstacle_;
  bool owes_answer_ = false;  // to a table
  Fd socket_;
  bool is_socket_ = false;
  std::atomic<pid_t> host_pid_{0};
  bool refused_ = false;
  std::string refusal_;
  bool ready_ = false;
  bool greeted_ = false;  // this connection's first word has come
  uint64_t acknowledged_ = 0;
  bool wants_fill_ = false;     // the host of this connection
  uint64_t batch_age_ms_ = 0;
  uint64_t told_fill_ns_ = 0;   // when it was last told
  bool wants_usage_ = false;    // the same of what the container uses
  uint64_t told_usage_ns_ = 0;
  uint64_t said_ns_ = 0;  // when the last frame was sent
  HostWords words_;
  std::atomic<uint64_t> deadline_ns_{0};
};

}  // namespace vedette
