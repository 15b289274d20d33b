// SPDX-License-Identifier: Apache-2.0
// What `capture.node` exports: Receiver, checkBatch for those who have bytes and no stream (tests compare it
// with its twin in TypeScript), writeNow, connectDatagrams and makePipe for outputs, and what a host that
// serves asks for: keepArenasFew, dropIdleCode and watchForHang.
#include <napi.h>

#include <algorithm>

#include "capture/addon/check.h"
#include "capture/addon/descriptors.h"
#include "capture/addon/hang_watch.h"
#include "capture/addon/idle_code.h"
#include "capture/addon/receiver.h"
#include "capture/addon/write_now.h"

namespace vedette::addon {

namespace {
// (frame) -> {count, types} | {code, offset, reason}
Napi::Value check(const Napi::CallbackInfo& info) {
  const Napi::Uint8Array array = info[0].As<Napi::Uint8Array>();
  Envelope envelope;
  TypeBitmap types{};
  const Refusal refusal = check_batch({array.Data(), array.ByteLength()}, envelope, types);
  Napi::Object object = Napi::Object::New(info.Env());
  if (refusal.reason.empty()) {
    Napi::Array words = Napi::Array::New(info.Env(), types.size());
    for (uint32_t i = 0; i < types.size(); i++) words.Set(i, types[i]);
    object.Set("count", static_cast<double>(envelope.count));
    object.Set("types", words);
  } else {
    object.Set("code", info_of(refusal.code).code);
    object.Set("offset", static_cast<double>(refusal.offset));
    object.Set("reason", refusal.reason);
  }
  return object;
}

// (fd, bytes) -> how many were taken, or an errno below zero
Napi::Value write(const Napi::CallbackInfo& info) {
  const Napi::Uint8Array array = info[1].As<Napi::Uint8Array>();
  const ssize_t count = write_now(info[0].As<Napi::Number>().Int32Value(), array.Data(), array.ByteLength());
  return Napi::Number::New(info.Env(), static_cast<double>(count));
}

// (path) -> a descriptor, or an errno below zero
Napi::Value connect_to(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), connect_datagrams(info[0].As<Napi::String>()));
}

// () -> [read, write], or an errno below zero in both places
Napi::Value pipe_ends(const Napi::CallbackInfo& info) {
  const PipeEnds ends = make_pipe();
  Napi::Array both = Napi::Array::New(info.Env(), 2);
  both.Set(0u, ends.read);
  both.Set(1u, ends.write);
  return both;
}

// (index, of how many parts) -> bytes
Napi::Value drop_code(const Napi::CallbackInfo& info) {
  const auto number = [&](size_t i) { return info[i].As<Napi::Number>().Uint32Value(); };
  const Part part = {.index = number(0), .of = std::max<size_t>(number(1), 1)};
  return Napi::Number::New(info.Env(), static_cast<double>(drop_idle_code(part)));
}

// (ms between looks, looks, ms of processor time, text, exit status)
Napi::Value watch(const Napi::CallbackInfo& info) {
  const auto number = [&](size_t i) { return info[i].As<Napi::Number>().Uint32Value(); };
  const std::string text = info[3].As<Napi::String>();
  watch_for_hang({.look_ms = number(0), .looks = number(1), .cpu_ms = number(2)}, text, static_cast<int>(number(4)));
  return info.Env().Undefined();
}

Napi::Value keep_few(const Napi::CallbackInfo& info) {
  keep_arenas_few();
  return info.Env().Undefined();
}

Napi::Value answer(const Napi::CallbackInfo& info) {
  answer_watch();
  return info.Env().Undefined();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("Receiver", Receiver::define(env));
  exports.Set("checkBatch", Napi::Function::New(env, check, "checkBatch"));
  exports.Set("writeNow", Napi::Function::New(env, write, "writeNow"));
  exports.Set("connectDatagrams", Napi::Function::New(env, connect_to, "connectDatagrams"));
  exports.Set("makePipe", Napi::Function::New(env, pipe_ends, "makePipe"));
  exports.Set("watchForHang", Napi::Function::New(env, watch, "watchForHang"));
  exports.Set("answerWatch", Napi::Function::New(env, answer, "answerWatch"));
  exports.Set("keepArenasFew", Napi::Function::New(env, keep_few, "keepArenasFew"));
  exports.Set("dropIdleCode", Napi::Function::New(env, drop_code, "dropIdleCode"));
  return exports;
}
}  // namespace

}  // namespace vedette::addon

static Napi::Object init_module(Napi::Env env, Napi::Object exports) {
  return vedette::addon::init(env, exports);
}
NODE_API_MODULE(capture, init_module)
