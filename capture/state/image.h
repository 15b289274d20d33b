// SPDX-License-Identifier: Apache-2.0
// What an image is made of, by the kernel's word: name, arguments, environment, executable, credentials,
// cgroup. Read when a process is first seen and after each exec; between, calls tell of every change.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "capture/decode/limits.h"
#include "capture/state/accounts.h"
#include "capture/state/container.h"
#include "capture/state/proc_text.h"
#include "capture/state/process.h"
#include "capture/state/truth.h"

namespace vedette {

class Images {
 public:
  Images(Truth& truth, const Limits& limits, Accounts& accounts) : truth_(truth), limits_(limits), accounts_(accounts) {}

  // Everything, of a process that is new to us.
  void load(Process& process, uint64_t now_ns);
  // After an exec, before the image's first instruction: by its first stack, and of /proc only what may have
  // changed.
  void reload(Process& process, uint64_t now_ns);
  // Ids and capabilities, by the status of `tid`; then their names.
  void load_credentials(Process& process, uint32_t tid);
  // Process group, session, terminal.
  StatText load_session(Process& process);
  // When the first process of its pid namespace began.
  void load_pid_namespace(Process& process, uint64_t now_ns);
  // A library in one of these folders, or below, counts as of the image, whenever it was written (--believe).
  // Kernel's names: absolute, without links.
  void believe(std::vector<std::string> folders);
  // Whether what the link `name` below /proc/PID leads to is a file of the image.
  bool is_of_image(uint32_t pid, const char* name);
  // Whether the absolute path leads a process to the file of the image that has it.
  bool is_at_path(uint32_t pid, const std::string& path);
  // Somebody has opened what sets another's cgroup or login uid: from now on both are asked for at every
  // exec.
  void doubt_outside() { outside_doubted_ = true; }

  Ref<Text> share(std::string_view text) { return texts_.share(text); }

 private:
  void load_comm(Process& process);
  void load_arguments(Process& process);
  void take_arguments(Process& process, std::string_view list);
  void take_environment(Process& process, std::string_view list);
  std::optional<FileFacts> load_executable(Process& process);
  void judge_executable(Process& process, const std::optional<FileFacts>& file);
  void load_login(Process& process);
  void load_cgroup(Process& process);
  void load_outside(Process& process, uint64_t now_ns);
  void refresh_outside(Process& process, uint64_t now_ns);
  void load_names(Process& process);
  bool is_overlay(uint32_t pid, uint64_t dev);
  bool is_new(const FileFacts& file) const { return file.ctime_ns >= first_ns_; }
  bool is_believed(uint32_t pid, const char* name, const FileFacts& file);
  bool is_where_it_says(std::string_view path, const FileFacts& file);
  const Container& own();
  uint64_t began(const StatText& stat, uint64_t now_ns);

  Truth& truth_;
  const Limits& limits_;
  Accounts& accounts_;
  TextPool texts_;
  bool outside_doubted_ = false;
  std::vector<std::string> believed_;
  uint64_t first_ns_ = 0;  // when the first image was loaded: the container's start, near enough
  std::unordered_map<uint64_t, bool> overlays_;  // by device
  std::set<std::pair<uint64_t, uint64_t>> of_image_;  // by device and inode
  std::optional<Container> own_;  // the agent's
  std::optional<uint64_t> init_ns_;  // when process 1 of our pid namespace began; 0: unknown
  std::string scratch_;
  std::string stack_;
  std::string list_;
};

}  // namespace vedette
