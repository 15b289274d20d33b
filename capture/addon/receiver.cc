// SPDX-License-Identifier: Apache-2.0
#include "capture/addon/receiver.h"

#include <malloc.h>

#include <utility>
#include <vector>

#include "capture/addon/launch.h"
#include "capture/addon/signals.h"

namespace vedette::addon {

namespace {

// Each agent's stream is a thread. glibc gives up to 8 threads a processor a heap of their own each, which
// keeps what was freed in it. Two heaps do for all: a host that 256 strangers have left gives back some
// 35 MiB more (`npm run fuzz`).
void share_heaps() { (void)::mallopt(M_ARENA_MAX, 2); }

std::vector<std::string> texts(const Napi::Value& value) {
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<std::string> found;
  for (uint32_t i = 0; i < array.Length(); i++) found.push_back(array.Get(i).As<Napi::String>().Utf8Value());
  return found;
}

template <typename T>
std::vector<T> numbers(const Napi::Value& value) {
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<T> found;
  for (uint32_t i = 0; i < array.Length(); i++) found.push_back(static_cast<T>(array.Get(i).As<Napi::Number>().Int64Value()));
  return found;
}

Bytes bytes_of(const Napi::Value& value) {
  const Napi::Uint8Array array = value.As<Napi::Uint8Array>();
  return {array.Data(), array.ByteLength()};
}

Napi::Object failed(Napi::Env env, int error) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("error", error);
  return object;
}

Napi::Object describe(Napi::Env env, const News& news) {
  static constexpr const char* kNames[] = {"hello", "end", "closed", "exit", "refused", "prevented", "responded", "hashed", "usage"};
  Napi::Object object = Napi::Object::New(env);
  object.Set("kind", kNames[static_cast<size_t>(news.kind)]);
  object.Set("stream", news.stream);
  if (!news.frame.empty()) object.Set("frame", Napi::Buffer<uint8_t>::Copy(env, news.frame.data(), news.frame.size()));
  if (!news.peer.empty()) object.Set("peer", news.peer);
  if (news.kind == News::Kind::Closed) {
    object.Set("code", news.code);
    object.Set("detail", news.detail);
    object.Set("offset", static_cast<double>(news.offset));
  }
  if (news.kind == News::Kind::End) object.Set("next", static_cast<double>(news.next));
  if (news.kind == News::Kind::Exit) object.Set("status", news.status);
  if (news.kind == News::Kind::Refused) object.Set("more", static_cast<double>(news.more));
  return object;
}
}  // namespace

Napi::Function Receiver::define(Napi::Env env) {
  return DefineClass(env, "Receiver",
                     {InstanceMethod<&Receiver::start>("start"), InstanceMethod<&Receiver::listen>("listen"), InstanceMethod<&Receiver::send>("send"),
                      InstanceMethod<&Receiver::admit>("admit"), InstanceMethod<&Receiver::drop>("drop"), InstanceMethod<&Receiver::signal>("signal"), InstanceMethod<&Receiver::counts>("counts"),
                      InstanceMethod<&Receiver::state>("state"), InstanceMethod<&Receiver::collect>("collect"), InstanceMethod<&Receiver::close>("close")});
}

Receiver::Receiver(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<Receiver>(info),
      memory_(Napi::Persistent(info[0].As<Napi::Uint8Array>())),
      ring_(info[0].As<Napi::Uint8Array>().Data(), info[0].As<Napi::Uint8Array>().ByteLength()),
      on_news_(Napi::ThreadSafeFunction::New(info.Env(), info[1].As<Napi::Function>(), "vedette receiver", 0, 1)),
      outbox_([this] { on_news_.NonBlockingCall(); }),
      streams_(ring_, outbox_) {
  // The plain call: node-addon-api's wrapper of it is freed by the hook itself, and again by its owner.
  napi_add_env_cleanup_hook(info.Env(), close_hook, this);
}

Receiver::~Receiver() {
  napi_remove_env_cleanup_hook(Env(), close_hook, this);
  close_all();
}

void Receiver::close_hook(void* receiver) {
  static_cast<Receiver*>(receiver)->close_all();
}

Napi::Value Receiver::start(const Napi::CallbackInfo& info) {
  const std::vector<int> stdio = numbers<int>(info[5]);
  const Launched launched = launch({
      .file = info[0].As<Napi::String>().Utf8Value(),
      .arguments = texts(info[1]),
      .environment = texts(info[2]),
      .stdio = {stdio.at(0), stdio.at(1), stdio.at(2)},
      .inherited = numbers<int>(info[3]),
      .stream = info[4].As<Napi::Number>().Int32Value(),
  });
  if (launched.pid < 0) return failed(info.Env(), launched.error);
  const uint32_t stream = streams_.add(launched.socket, {.text = "the agent, pid " + std::to_string(launched.pid)}, Stream::Origin::Started);
  child_ = std::make_unique<Child>(launched.pid, stream, outbox_);
  forward_signals_to(launched.pid);
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("pid", launched.pid);
  object.Set("stream", stream);
  return object;
}

Napi::Value Receiver::listen(const Napi::CallbackInfo& info) {
  share_heaps();
  auto listener = std::make_unique<Listener>(info[0].As<Napi::String>().Utf8Value(), numbers<uid_t>(info[1]), *this);
  if (listener->error() != 0) return failed(info.Env(), listener->error());
  listener_ = std::move(listener);
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("port", listener_->port());
  return object;
}

Napi::Value Receiver::send(const Napi::CallbackInfo& info) {
  bool is_sent = false;
  streams_.with(info[0].As<Napi::Number>().Uint32Value(), [&](Stream& stream) { is_sent = stream.send(bytes_of(info[1])); });
  return Napi::Boolean::New(info.Env(), is_sent);
}

Napi::Value Receiver::admit(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), streams_.admit(info[0].As<Napi::Number>().Uint32Value()) != Streams::Admission::Full);
}

Napi::Value Receiver::drop(const Napi::CallbackInfo& info) {
  streams_.drop(info[0].As<Napi::Number>().Uint32Value());
  return info.Env().Undefined();
}

Napi::Value Receiver::signal(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), child_ != nullptr && child_->signal(info[0].As<Napi::Number>().Int32Value()));
}

Napi::Value Receiver::counts(const Napi::CallbackInfo& info) {
  Napi::Object object = Napi::Object::New(info.Env());
  const bool is_there = streams_.with(info[0].As<Napi::Number>().Uint32Value(), [&](const Stream& stream) {
    const StreamCounts& counts = stream.counts();
    object.Set("batches", static_cast<double>(counts.batches));
    object.Set("records", static_cast<double>(counts.records));
    object.Set("bytes", static_cast<double>(counts.bytes));
    object.Set("missingBatches", static_cast<double>(counts.missing_batches));
    object.Set("missingRecords", static_cast<double>(counts.missing_records));
    object.Set("futureTimes", static_cast<double>(counts.future_times));
    object.Set("spool", static_cast<double>(counts.spool));
    object.Set("spoolMax", static_cast<double>(counts.spool_max));
    object.Set("rings", static_cast<double>(counts.rings));
    object.Set("ringsMax", static_cast<double>(counts.rings_max));
    object.Set("silentMs", static_cast<double>(stream.silent_ms()));
  });
  return is_there ? object : info.Env().Undefined();
}

Napi::Value Receiver::state(const Napi::CallbackInfo& info) {
  const Streams::Census census = streams_.census();
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("agents", static_cast<double>(census.agents));
  object.Set("strangers", static_cast<double>(census.strangers));
  object.Set("obstacle", listener_ == nullptr ? 0 : listener_->obstacle());
  return object;
}

Napi::Value Receiver::collect(const Napi::CallbackInfo& info) {
  Napi::Array array = Napi::Array::New(info.Env());
  for (const News& news : outbox_.collect()) {
    if (news.kind == News::Kind::Exit) stop_forwarding();
    streams_.heard(news);
    array.Set(array.Length(), describe(info.Env(), news));
  }
  return array;
}

Napi::Value Receiver::close(const Napi::CallbackInfo& info) {
  close_all();
  return info.Env().Undefined();
}

void Receiver::on_accept(int socket, Peer peer) {
  std::string text = peer.text;
  if (streams_.add(socket, std::move(peer), Stream::Origin::Accepted) == 0) outbox_.post_refusal(std::move(text));
}

void Receiver::on_refuse(Peer peer) {
  outbox_.post_refusal(std::move(peer.text));
}

void Receiver::close_all() {
  if (std::exchange(closed_, true)) return;
  listener_.reset();  // first: it makes streams
  child_.reset();
  stop_forwarding();
  streams_.close_all();
  on_news_.Abort();  // last: the threads are gone, nobody calls it any more
}

}  // namespace vedette::addon
