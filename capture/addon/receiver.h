// SPDX-License-Identifier: Apache-2.0
// The object that JavaScript holds: a ring that streams write into, an agent that was started, a listener
// that takes others in. JavaScript validates what it passes (host/capture/agent.ts is the only caller);
// nothing here throws. Everything belongs to the object: a worker that loads the addon has its own.
#pragma once

#include <napi.h>

#include <memory>

#include "capture/addon/child.h"
#include "capture/addon/listener.h"
#include "capture/addon/outbox.h"
#include "capture/addon/ring.h"
#include "capture/addon/streams.h"

namespace vedette::addon {

class Receiver : public Napi::ObjectWrap<Receiver>, public Listener::Owner {
 public:
  static Napi::Function define(Napi::Env env);
  explicit Receiver(const Napi::CallbackInfo& info);  // (ring: Uint8Array over a SharedArrayBuffer, onNews: () => void)
  ~Receiver() override;

 private:
  Napi::Value start(const Napi::CallbackInfo& info);   // (file, arguments, environment, inherited, streamFd) -> {pid, stream} | {error}
  Napi::Value listen(const Napi::CallbackInfo& info);  // (address, users) -> {port} | {error}
  Napi::Value send(const Napi::CallbackInfo& info);    // (stream, frame) -> boolean
  Napi::Value admit(const Napi::CallbackInfo& info);   // (stream) -> boolean: false: there are too many agents already
  Napi::Value drop(const Napi::CallbackInfo& info);    // (stream): ends it if need be, and forgets it
  Napi::Value signal(const Napi::CallbackInfo& info);  // (number) -> boolean
  Napi::Value counts(const Napi::CallbackInfo& info);  // (stream) -> {...} | undefined
  Napi::Value state(const Napi::CallbackInfo& info);   // () -> {agents, strangers, obstacle}
  Napi::Value collect(const Napi::CallbackInfo& info); // () -> news, oldest first
  Napi::Value close(const Napi::CallbackInfo& info);

  void on_accept(int socket, Peer peer) override;
  void on_refuse(Peer peer) override;
  void close_all();
  static void close_hook(void* receiver);  // the environment ends before the object does

  Napi::Reference<Napi::Uint8Array> memory_;  // keeps the ring alive
  RingWriter ring_;
  Napi::ThreadSafeFunction on_news_;
  Outbox outbox_;
  Streams streams_;
  std::unique_ptr<Child> child_;
  std::unique_ptr<Listener> listener_;
  bool closed_ = false;
};

}  // namespace vedette::addon
