// SPDX-License-Identifier: Apache-2.0
// What a file descriptor refers to: the kernel's "open file description", shared by dup and fork, so a connect on one
// number is seen through the others. Numbers and close-on-exec belong to the table (descriptor_table.h).
#pragma once

#include <cstdint>
#include <cstring>

#include "capture/state/ref.h"
#include "capture/state/text.h"

namespace vedette {

// Values of the enum table `fd_type` in flags.yaml.
enum class FdType : uint8_t {
  Unknown, File, Directory, Ipv4, Ipv6, Unix, Netlink, Packet, OtherSocket, Pipe, Memfd, Event, Signal, Epoll, Inotify,
  Fanotify, Timer, Bpf, UserFault, IoUring, Pidfd, PerfEvent, Other
};

// Who spoke first: Falco's client and server. A socket that connected is the client; one that was accepted, or that
// received a datagram before it sent one, is the server.
enum class SocketRole : uint8_t { Unknown, Client, Server };

// An endpoint: 4 or 16 bytes of address, or nothing.
struct Endpoint {
  uint8_t address[16] = {};
  uint8_t size = 0;  // 0: unknown, 4, 16
  uint16_t port = 0;

  bool known() const { return size != 0; }
  bool operator==(const Endpoint& other) const {
    return size == other.size && port == other.port && std::memcmp(address, other.address, size) == 0;
  }
};

struct Descriptor : Counted {
  FdType type = FdType::Unknown;
  SocketRole role = SocketRole::Unknown;
  bool listening = false;
  bool guessed = false;     // asked of the kernel after the fact, or joined from state that may be stale
  int32_t open_flags = 0;   // O_*, as given
  Ref<Text> name;           // joined with the directory and normalised; a Unix socket's path
  Ref<Text> raw;            // as passed
  Ref<Text> real;           // what the kernel says
  uint64_t dev = 0;
  uint64_t ino = 0;
  int32_t domain = 0;       // of a socket: AF_*, SOCK_*, IPPROTO_*
  int32_t socket_type = 0;
  int32_t protocol = 0;
  Endpoint local;
  Endpoint remote;
  mutable Mark mark;

  bool is_socket() const { return type >= FdType::Ipv4 && type <= FdType::OtherSocket; }
  // To be called after every change, so that the next record gets a new entry.
  void changed() { mark = {}; }
};

}  // namespace vedette
