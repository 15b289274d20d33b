// SPDX-License-Identifier: Apache-2.0
// A run of a model makes choices; a list of them is a run. next() goes on to the list that comes after this
// one, as in counting, so that every run that there is comes once; random() draws lists instead, for models
// that are too large for that.
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <vector>

namespace vedette {

class Choices {
 public:
  // One of 0 .. count-1.
  size_t choose(size_t count) {
    if (count < 2) return 0;
    if (at_ == made_.size()) made_.push_back({drawn_ ? generator_() % count : 0, count});
    return made_[at_++].chosen;
  }
  // Back to the beginning, with the next list. False: there is none.
  bool next() {
    at_ = 0;
    while (!made_.empty() && made_.back().chosen + 1 == made_.back().count) made_.pop_back();
    if (made_.empty()) return false;
    ++made_.back().chosen;
    return true;
  }
  void random(unsigned seed) {
    generator_.seed(seed);
    drawn_ = true;
    made_.clear();
    at_ = 0;
  }
  std::string text() const {
    std::string all;
    for (const Made& one : made_) all += std::to_string(one.chosen) + " ";
    return all;
  }

 private:
  struct Made {
    size_t chosen, count;
  };
  std::vector<Made> made_;
  size_t at_ = 0;
  bool drawn_ = false;
  std::mt19937 generator_;
};

}  // namespace vedette
