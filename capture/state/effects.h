// SPDX-License-Identifier: Apache-2.0
// What each call does to the books: a line an event in effects.cc, two functions each, one for the entry of
// the call and one for its return. The functions stand by topic in effects_files.cc, effects_sockets.cc and
// effects_process.cc. Those for the return are called whether the call succeeded or not; each looks at the
// result itself.
#pragma once

#include "capture/state/books.h"

namespace vedette {

using EffectFunction = void (*)(State::Books&, Thread&, Sighting&);
struct Effect {
  EventId id;
  EffectFunction enter;
  EffectFunction exit;
};

// nullptr: the call changes nothing that is in the books.
const Effect* effect_of(EventId id);

namespace effects {

// What was asked right behind a call of the descriptor that it made: it is of another type, or nothing. So
// the number that is recorded is not what the call gave: somebody wrote over it, or has closed it since. The
// kernel is asked when it is used.
bool is_another(const Sighting&, const std::optional<FileFacts>& facts, mode_t type);

// what TLS libraries tell
void plaintext(State::Books&, Thread&, Sighting&);

// files
void open(State::Books&, Thread&, Sighting&);
void open_at(State::Books&, Thread&, Sighting&);
void create(State::Books&, Thread&, Sighting&);
void open_handle(State::Books&, Thread&, Sighting&);
void close_enter(State::Books&, Thread&, Sighting&);
void close(State::Books&, Thread&, Sighting&);
void close_range(State::Books&, Thread&, Sighting&);
void dup_enter(State::Books&, Thread&, Sighting&);
void dup(State::Books&, Thread&, Sighting&);
void dup3(State::Books&, Thread&, Sighting&);
void control(State::Books&, Thread&, Sighting&);
void pipe(State::Books&, Thread&, Sighting&);
void pipe2(State::Books&, Thread&, Sighting&);
void memfd(State::Books&, Thread&, Sighting&);
void new_event(State::Books&, Thread&, Sighting&);
void new_descriptor(State::Books&, Thread&, Sighting&);

// folders
void rename_enter(State::Books&, Thread&, Sighting&);
void rename(State::Books&, Thread&, Sighting&);
void remove_enter(State::Books&, Thread&, Sighting&);
void remove(State::Books&, Thread&, Sighting&);

// sockets
void socket(State::Books&, Thread&, Sighting&);
void socketpair(State::Books&, Thread&, Sighting&);
void bind(State::Books&, Thread&, Sighting&);
void connect(State::Books&, Thread&, Sighting&);
void listen(State::Books&, Thread&, Sighting&);
void accept_enter(State::Books&, Thread&, Sighting&);
void accept(State::Books&, Thread&, Sighting&);
void send(State::Books&, Thread&, Sighting&);
void receive(State::Books&, Thread&, Sighting&);

// processes
void exec(State::Books&, Thread&, Sighting&);
void credentials(State::Books&, Thread&, Sighting&);
void prctl(State::Books&, Thread&, Sighting&);
void namespaces(State::Books&, Thread&, Sighting&);
void unshare(State::Books&, Thread&, Sighting&);
void session(State::Books&, Thread&, Sighting&);
void group(State::Books&, Thread&, Sighting&);
void directory(State::Books&, Thread&, Sighting&);
void root(State::Books&, Thread&, Sighting&);
void limit(State::Books&, Thread&, Sighting&);
void own_limit(State::Books&, Thread&, Sighting&);
void aim(State::Books&, Thread&, Sighting&);

}  // namespace effects

}  // namespace vedette
