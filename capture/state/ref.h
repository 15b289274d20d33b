// SPDX-License-Identifier: Apache-2.0
// A counted pointer for the objects of state/, which are shared between fork copies and live in one thread: a
// plain count inside the object, no atomics, no control block. An object starts at zero and dies with its
// last Ref.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace vedette {

struct Counted {
  Counted() = default;
  Counted(const Counted&) {}  // a copy is another object, nobody's yet
  Counted& operator=(const Counted&) { return *this; }
  uint32_t refs = 0;
};

template <typename T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  explicit Ref(T* object) : object_(object) { hold(); }
  Ref(const Ref& other) : object_(other.object_) { hold(); }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ && --object_->refs == 0) delete object_;
  }

  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }
  bool operator==(std::nullptr_t) const { return object_ == nullptr; }
  bool operator==(const Ref& other) const { return object_ == other.object_; }
  bool shared() const { return object_ && object_->refs > 1; }
  void reset() { *this = Ref(); }

 private:
  void hold() {
    if (object_) ++object_->refs;
  }
  T* object_ = nullptr;
};

template <typename T, typename... Args>
Ref<T> make_ref(Args&&... args) {
  return Ref<T>(new T(std::forward<Args>(args)...));
}

}  // namespace vedette
