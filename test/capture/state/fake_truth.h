// SPDX-License-Identifier: Apache-2.0
// A kernel made of two maps: "PID/NAME" to a text or a link. It counts what it was asked, so that a test can
// say what must not be asked.
#pragma once

#include <map>
#include <string>

#include "capture/state/truth.h"

namespace vedette {

class FakeTruth : public Truth {
 public:
  std::map<std::string, std::string> links;
  std::map<std::string, std::string> texts;
  std::map<std::string, FileFacts> files;
  std::map<std::string, SocketFacts> sockets;
  std::map<std::string, uint64_t> filesystems;
  std::map<uint32_t, std::pair<uint64_t, std::string>> stacks;  // sp, and what stands there
  std::map<std::string, std::pair<std::string, FileFacts>> paths;  // what a look-up finds
  std::map<std::string, int32_t> ours;  // descriptors that the agent has, too, and under which number
  std::map<std::string, FileFacts> entries;  // what lies at a path that goes by no link
  int looks = 0;
  uint64_t up_ns = 0;
  bool names_changed = false;
  int asked = 0;
  bool asked_in_own_root = false;
  uint32_t asked_for_process = 0;

  bool link(uint32_t pid, const char* name, std::string& into) override { return get(links, pid, name, into); }
  bool text(uint32_t pid, const char* name, std::string& into, size_t max) override {
    if (!get(texts, pid, name, into)) return false;
    into.resize(std::min(into.size(), max));
    return true;
  }
  std::optional<FileFacts> facts(uint32_t pid, const char* name) override {
    ++asked;
    const auto at = files.find(key(pid, name));
    return at == files.end() ? std::nullopt : std::optional(at->second);
  }
  bool has_ours(uint32_t pid, int32_t fd, int32_t number) override {
    const auto at = ours.find(key(pid, std::to_string(fd)));
    return at != ours.end() && at->second == number;
  }
  std::optional<SocketFacts> socket(uint32_t pid, int32_t fd) override {
    ++asked;
    const auto at = sockets.find(key(pid, std::to_string(fd)));
    return at == sockets.end() ? std::nullopt : std::optional(at->second);
  }
  std::optional<FileFacts> look(std::string_view path) override {
    ++looks;
    const auto at = entries.find(std::string(path));
    return at == entries.end() ? std::nullopt : std::optional(at->second);
  }
  std::optional<FileFacts> resolve(uint32_t, uint32_t process, bool from_own_root, std::string_view path, bool, std::string& into) override {
    ++asked;
    asked_in_own_root = from_own_root;
    asked_for_process = process;
    const auto at = paths.find(std::string(path));
    if (at == paths.end()) return std::nullopt;
    into = at->second.first;
    return at->second.second;
  }
  bool names_changed_since(uint32_t, std::string_view, uint64_t) override { return names_changed; }
  bool first_stack(uint32_t pid, uint64_t& sp, std::string& into) override {
    const auto at = stacks.find(pid);
    if (at == stacks.end()) return false;
    sp = at->second.first;
    into = at->second.second;
    return true;
  }
  uint64_t uptime_ns() override { return up_ns; }
  uint64_t filesystem(uint32_t pid, const char* name) override { return filesystems[key(pid, name)]; }

  static std::string key(uint32_t pid, const std::string& name) { return std::to_string(pid) + "/" + name; }

 private:
  bool get(const std::map<std::string, std::string>& from, uint32_t pid, const char* name, std::string& into) {
    ++asked;
    const auto at = from.find(key(pid, name));
    if (at == from.end()) return false;
    into = at->second;
    return true;
  }
};

}  // namespace vedette
