// SPDX-License-Identifier: Apache-2.0
// What a file descriptor refers to: the kernel's "open file description", shared by dup and fork, so a
// connect on one number is seen through the others. Numbers and close-on-exec belong to the table
// (descriptor_table.h).
#pragma once

#include <cstdint>

#include "capture/state/endpoint.h"
#include "capture/state/folders.h"
#include "capture/state/ref.h"
#include "capture/state/text.h"

namespace vedette {

// Falco's fd.typechar.
enum class FdType : char {
  File = 'f', Directory = 'd', Ipv4 = '4', Ipv6 = '6', Unix = 'u', Netlink = 'n', Other = 'o', Pipe = 'p', Event = 'e',
  Signal = 's', Epoll = 'l', Inotify = 'i', Timer = 't', Memfd = 'm', Bpf = 'b', IoUring = 'r'
};

// Bits of a descriptor entry's `flags` (events.yaml).
enum DescriptorFlags : uint8_t {
  kAskedKernel = 1,   // not in our books when it was used: the kernel told us what it is
  kServer = 2,        // the other side spoke first: Falco's role
  kNameChanged = 4,   // by this call
  kConnected = 8,
  kListening = 16,
  kDeleted = 32,      // its file has no name any more
  kNameGuessed = 64,  // joined from a directory we do not know
  kPlaintextTold = 128,  // by its TLS library
};

struct Descriptor : Counted {
  FdType type = FdType::Other;
  uint8_t flags = 0;
  int32_t open_flags = 0;  // O_*, as given
  Ref<Text> name;          // joined with the directory and normalised; of a socket its addresses
  Ref<Text> raw;           // as passed
  Ref<Text> real;          // what the kernel says
  Ref<Folder> folder;      // of a directory: what the kernel calls it now
  uint64_t dev = 0;
  uint64_t ino = 0;
  int32_t family = 0;      // of a socket: AF_*, SOCK_*, IPPROTO_*
  int32_t socket_type = 0;
  int32_t protocol = 0;
  bool is_socket = false;
  bool role_known = false;   // whether it is settled which side is the client
  bool asked_local = false;  // the kernel was asked for the local address, whatever it said
  int8_t ours = kNotCompared;  // the agent's number for the same open file, if it was started with it
  static constexpr int8_t kNotCompared = -2, kNotOurs = -1;
  Endpoint local;
  Endpoint remote;
  mutable Mark mark;

  bool is_inet() const { return type == FdType::Ipv4 || type == FdType::Ipv6; }
  // To be called after every change, so that the next record gets a new entry.
  void changed();
};

}  // namespace vedette
