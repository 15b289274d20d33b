// SPDX-License-Identifier: Apache-2.0
// What the addon's threads have to tell JavaScript, in order. Batches are not in here: they stand in the
// ring, and all that is told of them is that some came. However much happens, at most one wake-up is on its
// way, and what waits here is bounded: a stream waits after a few (stream.h), and of connections that were
// refused only the first is told until it was heard.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace vedette::addon {

struct News {
  enum class Kind : uint8_t { Hello, End, Closed, Exit, Refused, Prevented, Responded, Hashed, Usage };
  Kind kind;
  uint32_t stream = 0;
  std::vector<uint8_t> frame{};  // Hello, End, Prevented, Responded, Hashed, Usage: the msgpack array
  std::string peer{};            // Closed, Refused: who it was, in words
  std::string code{};            // Closed: of the catalogue, empty when the agent closed it
  std::string detail{};          // Closed: the reason
  size_t offset = 0;             // Closed: the byte at which it stopped making sense
  int status = 0;                // Exit: as waitpid gives it
  uint64_t more = 0;             // Refused: so many others since
  uint64_t next = 0;             // End: the number of the batch behind it; 0: none came before it on this connection
};

class Outbox {
 public:
  // `wake` is called from any thread, and again only after collect().
  explicit Outbox(std::function<void()> wake) : wake_(std::move(wake)) {}

  void post(News news) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      news_.push_back(std::move(news));
    }
    wake();
  }

  // Somebody was turned away at the door.
  void post_refusal(std::string peer) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      for (News& news : news_) {
        if (news.kind != News::Kind::Refused) continue;
        news.more++;
        return;
      }
      news_.push_back({.kind = News::Kind::Refused, .peer = std::move(peer)});
    }
    wake();
  }

  void wake() {
    if (!pending_.exchange(true)) wake_();
  }

  std::deque<News> collect() {
    pending_.store(false);  // before looking: what comes from here on wakes again
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(news_, {});
  }

 private:
  std::function<void()> wake_;
  std::mutex mutex_;
  std::deque<News> news_;
  std::atomic<bool> pending_{false};
};

}  // namespace vedette::addon
