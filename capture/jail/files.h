// SPDX-License-Identifier: Apache-2.0
// Answers the opens and the one execve of a program in the jail (seccomp_unotify(2)). The program's thread
// waits while its path is copied out of its memory and resolved; if the file is one of those that it may
// read, we open it and give the descriptor away. So what another thread writes over the path in between
// changes nothing, and no link leads out.
#pragma once
#include <linux/seccomp.h>
#include <sys/types.h>

#include <string>
#include <vector>

namespace vedette::jail {

class Files {
 public:
  /// `readable`: files, and folders with all below them, beside what a program needs to start.
  Files(pid_t child, const std::vector<std::string>& readable, const std::string& program);

  /// Takes one question from `listener` and answers it.
  void answer(int listener);

 private:
  void answer_execve(int listener, const seccomp_notif& asked);
  void answer_open(int listener, const seccomp_notif& asked);
  std::string real_path(const std::string& asked) const;
  bool may_read(const std::string& real) const;

  pid_t child_;
  std::vector<std::string> readable_;
  bool has_executed_ = false;
  bool holds_the_childs_ = true;
};

}  // namespace vedette::jail
