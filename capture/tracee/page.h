// SPDX-License-Identifier: Apache-2.0
// The agent's page as the tracer uses it: the bytes of page.S, and the tables the assembler wrote beside
// them. Addresses are those in the watched process. The order of Shape is the order in page.S.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "capture/wire/ring.h"

namespace vedette {

// What a recorder takes from memory besides the registers.
enum class Shape : uint8_t {
  Plain,       // nothing
  BytesOut,    // arg 2 bytes at arg 1
  BytesIn,     // result bytes at arg 1
  Path0,       // a path at arg 0
  Path1,       // a path at arg 1
  Open0,       // the same, and which file an open led to
  Open1,
  PlainMode,   // nothing; arg 1 is a mode
  Name0,       // a text at arg 0, of which the kernel gets the record's copy, as of an open
  Name0Mode,   // the same; arg 1 is a mode
  Name1,       // a text at arg 1
  Name1Mode,   // the same; arg 2 is a mode
  Names01,     // texts at args 0 and 1
  Names13,     // texts at args 1 and 3
  Times1,      // a text at arg 1, two times at arg 2
  Change0,     // as Name0 and its kin; the call may change what a name means
  Change1,
  Changes01,
  Changes13,
  Changes02,
  Folder0,     // as Name0; the call sets the working directory, of which the record gets the path
  FolderFd,    // the same, by a descriptor
  VectorIn,    // arg 2 iovecs at arg 1, result bytes behind them
  VectorOut,   // the same, all of them
  Link,        // a path at arg 0, result bytes at arg 1
  Accept,      // an address at arg 1, its length at *arg 2; and what the new socket is
  Receive,     // BytesIn, and an address at arg 4, its length at *arg 5
  Send,        // BytesOut, and an address at arg 4 of arg 5 bytes
  MessageIn,   // a msghdr at arg 1 with all it points to
  MessageOut,
  Offset2,     // where arg 2 says to begin, before the kernel moves it on
  Offsets13,   // the same of args 1 and 3
  OptionIn,    // arg 4 bytes at arg 3
  OptionOut,   // an int at arg 3, its length at arg 4; of a socket's error alone
  Made,        // nothing; and what the new descriptor is
  Socket,      // the same, of the everyday kinds of sockets alone
  Pair0,       // two descriptors at arg 0, and what each is
  Pair3,       // the same at arg 3
  FileClone,   // nothing; arg 1 is the request FICLONE alone
  Count
};

// How far a thread in the page has got, and so what the tracer does to take it out (inline/rescue.h).
enum class StubPhase : uint32_t {
  SiteInLink,      // nothing happened; rcx = behind the site's syscall
  SyscallInLink,   // nothing happened; rcx = the site's syscall
  ArgumentsKept,  // nothing happened; the context knows the site
  ArgumentsSaved, // as before, but rax and rdx must be taken from the record
  TakingInput,    // as before, but every register of the call must, and reading what the program points to: a fault is none of ours
  InputTaken,     // the same, and at the gate: the kernel gets the record's copy of a path
  Gate,           // at the gate's syscall, everything as the site had it
  Returned,       // the call is done, rax its result, nothing recorded yet
  Opened,         // the same, with the record's path: arguments must be taken from the record
  Recording,      // result and arguments stand in the record
  Published,      // recorded; only the way back is missing
  Boot,           // taking in segments
  Peeking,        // SiteInLink, and reading what the program points to: a fault is none of ours
};

struct ShapeAddresses {
  uint64_t entry;
  uint64_t gate;
};

class AgentPage {
 public:
  static std::span<const std::byte> code();
  // `into` is a copy of it; payloads are cut after that many bytes.
  static void set_snaplen(std::span<std::byte> into, uint32_t snaplen);
  static ShapeAddresses addresses(Shape shape);
  // Nothing when ip is not in the page's code.
  static bool contains(uint64_t ip) { return ip >= VEDETTE_AGENT_CODE && ip < VEDETTE_AGENT_CODE + code().size(); }
  static StubPhase phase_at(uint64_t ip);
  // Whether an rdtsc stands there.
  static bool reads_clock(uint64_t ip);
  static uint64_t dispatch();       // entry for any number
  static uint64_t take_the_site();  // table entry of numbers that are not recorded inline
  static uint64_t boot();
  // What a new image runs first, wherever there is room: attaches the page, by registers as at shmat with rax
  // 0, as execve leaves it, and goes on at boot. One word, because each that is written to a stopped process
  // costs a call.
  static constexpr size_t kFirstStepsBytes = 8;
  static std::array<uint8_t, kFirstStepsBytes> first_steps();
  // Behind the recorder's own fstat of what was opened.
  static uint64_t after_facts();
  static uint64_t after_new_facts();  // the same, of what a call made that no path leads to
  // Behind its own readlink of the same.
  static uint64_t after_link();
  // Instructions behind the boot's system calls, which the filter lets pass only from there.
  static uint64_t boot_after_shmat();
  static uint64_t boot_after_madvise();
  static uint64_t boot_after_near();
  static uint64_t boot_after_mprotect();
  // Behind the one that stops for the tracer.
  static uint64_t boot_report();
};

}  // namespace vedette
