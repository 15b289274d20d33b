// SPDX-License-Identifier: Apache-2.0
// Sockets: addresses come from the calls; the local one, which no call tells, from the kernel, once a socket.
// The client is who connected, or who sent first where nobody connects; see socket.h.
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "capture/state/description.h"
#include "capture/state/effects.h"
#include "capture/state/net_text.h"
#include "capture/state/proc_text.h"
#include "capture/state/socket.h"

namespace vedette::effects {

namespace {

SocketName peer_of(const Sighting& s) { return parse_socket_name(s.event.text(s.event.peer)); }

// The kernel chooses a protocol where the program asks for none.
int32_t protocol_of(int64_t family, int64_t type, int64_t protocol) {
  if (protocol != 0 || (family != AF_INET && family != AF_INET6)) return static_cast<int32_t>(protocol);
  switch (type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) {
    case SOCK_STREAM:
      return IPPROTO_TCP;
    case SOCK_DGRAM:
      return IPPROTO_UDP;
    default:
      return 0;
  }
}

Ref<Descriptor> make_socket(int64_t family, int64_t type, int64_t protocol) {
  Ref<Descriptor> socket = make_ref<Descriptor>();
  socket->is_socket = true;
  socket->type = socket_type_of(static_cast<int32_t>(family));
  socket->family = static_cast<int32_t>(family);
  socket->socket_type = static_cast<int32_t>(type);
  socket->protocol = protocol_of(family, type, protocol);
  socket->open_flags = O_RDWR;
  return socket;
}

// By what was asked right behind the call, else of the kernel now, unless the number may be another socket's.
void number(State::Books& books, Thread& thread, int32_t fd, const Sighting& s, const std::optional<FileFacts>& facts, Descriptor& socket) {
  if (facts) {
    socket.ino = facts->ino;
    return;
  }
  if (!s.stands_still) return;
  if (books.truth.link(thread.tid, FdLink(fd).name(), books.scratch)) socket.ino = number_in_brackets(books.scratch);
}

void take_local(State::Books& books, const std::optional<SocketFacts>& facts, Descriptor& socket) {
  socket.asked_local = true;
  if (!facts) return;
  set_local(socket, facts->local, books.names);
  if (!socket.remote.known()) set_remote(socket, facts->remote, books.names);
}

// The number may be another socket's by now.
std::optional<SocketFacts> ask_of(State::Books& books, Thread& thread, int32_t fd, uint64_t ino) {
  std::optional<SocketFacts> facts = books.truth.socket(thread.files_owner(), fd);
  const bool is_another = facts && facts->ino != 0 && ino != 0 && facts->ino != ino;
  if ((!facts || is_another) && ino != 0) facts = find_socket(books.truth, thread.tid, ino, books.scratch);
  return facts;
}

void ask_local(State::Books& books, Thread& thread, int32_t fd, Descriptor& socket) {
  if (socket.asked_local || !socket.is_inet()) return;
  take_local(books, ask_of(books, thread, fd, socket.ino), socket);
}

// By what was asked right behind the call, else of the kernel now.
void learn_local(State::Books& books, Thread& thread, const Sighting& s, Descriptor& socket) {
  if (!s.local) return ask_local(books, thread, s.event.fd, socket);
  socket.asked_local = true;
  set_local(socket, *s.local, books.names);
}

// Nobody at all is this machine (ip(7)): the kernel says which address of its own it took.
bool is_same(const SocketName& asked, const SocketName& has) {
  return asked.family == has.family && (asked.endpoint == has.endpoint || (asked.endpoint.is_any() && asked.endpoint.port == has.endpoint.port));
}

// Of these the kernel knows whom they are connected to, whenever a connect has worked.
bool knows_peer(const Sighting& s) {
  const int32_t protocol = s.descriptor->protocol;
  return s.event.call.result == 0 && peer_of(s).endpoint.port != 0 && (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP);
}

// Another thread may have written over the address before the kernel read it, or put another socket in the
// number's place. What the socket is connected to, the kernel knows.
std::optional<SocketFacts> ask_peer(State::Books& books, Thread& thread, Sighting& s) {
  const uint64_t ino = s.descriptor->ino;
  std::optional<SocketFacts> facts = ask_of(books, thread, s.event.fd, ino);
  if (!facts) return facts;
  const SocketName has = facts->peer.empty() ? facts->remote : parse_socket_name(facts->peer);
  const bool is_unknown = !has.endpoint.known();
  if (facts->has_ended && facts->ino == ino) return facts;  // it was this one, and is over: as one that was closed
  if (is_unknown ? !knows_peer(s) : is_same(peer_of(s), has)) return facts;
  if (is_unknown || facts->peer.empty()) {
    s.doubt = Doubt::Untrue;
  } else {
    s.event.set_text(slot::connect_::addr, facts->peer);
    s.event.peer = s.event.span(slot::connect_::addr);
  }
  if (!is_unknown) set_remote(*s.descriptor, has, books.names);
  return facts;
}

bool is_socket(const Sighting& s) { return s.descriptor && s.descriptor->is_socket; }

}  // namespace

void socket(State::Books& books, Thread& thread, Sighting& s) {
  using namespace slot::socket_;
  s.descriptor = make_socket(s.event.integer(domain), s.event.integer(type), s.event.integer(proto));
  if (s.event.fd < 0) return;
  number(books, thread, s.event.fd, s, s.opened, *s.descriptor);
  thread.files->overtake(s.event.fd, s.event.call.exit_ns);
  thread.files->set(s.event.fd, s.descriptor, (s.event.integer(flags) & SOCK_CLOEXEC) != 0);
}

void socketpair(State::Books& books, Thread& thread, Sighting& s) {
  using namespace slot::socketpair_;
  if (s.event.failed() || !s.event.has(fd1)) return;
  const bool close_on_exec = (s.event.call.args[1] & SOCK_CLOEXEC) != 0;
  for (const int end : {fd1, fd2}) {
    const int32_t fd = static_cast<int32_t>(s.event.integer(static_cast<unsigned>(end)));
    Ref<Descriptor> socket = make_socket(s.event.integer(domain), s.event.integer(type), s.event.integer(proto));
    const std::optional<FileFacts>& facts = end == fd1 ? s.opened : s.opened_second;
    thread.files->overtake(fd, s.event.call.exit_ns);
    if (is_another(s, facts, S_IFSOCK)) {
      thread.files->remove(fd);
      continue;
    }
    number(books, thread, fd, s, facts, *socket);
    socket->flags |= kConnected;
    set_local(*socket, SocketName{.family = AF_UNIX, .endpoint = {}, .path = {}}, books.names);
    thread.files->set(fd, std::move(socket), close_on_exec);
  }
}

void bind(State::Books& books, Thread& thread, Sighting& s) {
  if (s.event.failed() || !is_socket(s)) return;
  const SocketName name = peer_of(s);
  set_local(*s.descriptor, name, books.names);
  // Who asks for a certain port waits for others, as Falco takes it.
  if (name.endpoint.known() && name.endpoint.port != 0) settle_role(*s.descriptor, true, books.names);
  if (name.endpoint.known() && name.endpoint.port == 0) ask_local(books, thread, s.event.fd, *s.descriptor);
}

void connect(State::Books& books, Thread& thread, Sighting& s) {
  if (!s.event.call.returned || !is_socket(s)) return;
  Descriptor& socket = *s.descriptor;
  set_remote(socket, peer_of(s), books.names);
  become_client(socket, books.names);
  if (s.event.call.result != 0 && s.event.call.result != -EINPROGRESS) return;
  if (peer_of(s).family == AF_UNSPEC) {
    socket.flags &= static_cast<uint8_t>(~kConnected);  // connect to nobody dissolves a datagram socket's connection
    return socket.changed();
  }
  socket.flags |= kConnected;
  socket.changed();
  if (!socket.is_inet()) return;
  const std::optional<SocketFacts> facts = ask_peer(books, thread, s);
  // What it was bound to may have been "any": the connection has chosen.
  take_local(books, facts, socket);
}

void listen(State::Books& books, Thread& thread, Sighting& s) {
  if (s.event.failed() || !is_socket(s)) return;
  s.descriptor->flags |= kListening;
  settle_role(*s.descriptor, true, books.names);
  s.descriptor->changed();
  if (s.descriptor->local.is_any()) ask_local(books, thread, s.event.fd, *s.descriptor);
}

static_assert(static_cast<int>(slot::accept_::listenfd) == static_cast<int>(slot::accept4_::listenfd));
void accept_enter(State::Books& books, Thread& thread, Sighting& s) {
  s.descriptor = books.resolve(thread, static_cast<int32_t>(s.event.integer(slot::accept_::listenfd)));
}

void accept(State::Books& books, Thread& thread, Sighting& s) {
  if (s.event.failed()) return;
  const Ref<Descriptor> listener = std::move(s.descriptor);
  const bool is_known = listener && listener->is_socket;
  s.descriptor = is_known ? make_socket(listener->family, listener->socket_type, listener->protocol) : make_socket(0, 0, 0);
  Descriptor& socket = *s.descriptor;
  number(books, thread, s.event.fd, s, s.opened, socket);
  socket.flags |= kConnected;
  settle_role(socket, true, books.names);
  if (is_known) socket.local = listener->local;
  if (is_known && listener->family == AF_UNIX) {
    set_local(socket, SocketName{.family = AF_UNIX, .endpoint = {}, .path = std::string(view(listener->raw))}, books.names);
  }
  set_remote(socket, s.remote ? *s.remote : peer_of(s), books.names);
  if (socket.local.is_any() || !socket.remote.known()) learn_local(books, thread, s, socket);
  const bool close_on_exec = s.event.id == EventId::accept4 && (s.event.integer(slot::accept4_::flags) & SOCK_CLOEXEC) != 0;
  thread.files->overtake(s.event.fd, s.event.call.exit_ns);
  thread.files->set(s.event.fd, s.descriptor, close_on_exec);
}

void send(State::Books& books, Thread& thread, Sighting& s) {
  const bool begins = s.event.call.result == -EINPROGRESS;  // a connection, with MSG_FASTOPEN: the bytes go later
  if ((s.event.failed() && !begins) || !is_socket(s) || s.event.peer.offset == kNull) return;
  set_remote(*s.descriptor, peer_of(s), books.names);
  settle_role(*s.descriptor, false, books.names);
  if (s.descriptor->local.is_any() && !s.descriptor->asked_local) learn_local(books, thread, s, *s.descriptor);
}

void receive(State::Books& books, Thread& thread, Sighting& s) {
  if (s.event.failed()) return;
  if (is_socket(s) && s.event.peer.offset != kNull && !(s.descriptor->flags & kConnected)) {
    settle_role(*s.descriptor, true, books.names);
    set_remote(*s.descriptor, peer_of(s), books.names);
  }
  const std::string_view rights = s.event.text(s.event.rights);
  for (size_t at = 0; at + sizeof(int32_t) <= rights.size(); at += sizeof(int32_t)) {
    int32_t fd;
    std::memcpy(&fd, rights.data() + at, sizeof fd);
    thread.files->overtake(fd, s.event.call.exit_ns);
    thread.files->remove(fd);
    books.learn(thread, fd, 0);
  }
}

}  // namespace vedette::effects
