// SPDX-License-Identifier: Apache-2.0
#include <sys/syscall.h>

#include "capture/jail/calls.h"

namespace vedette::jail {
namespace {

constexpr int kOlder[] = {
    SYS_arch_prctl, SYS_epoll_wait, SYS_epoll_create, SYS_poll, SYS_select, SYS_pipe, SYS_dup2, SYS_eventfd, SYS_stat, SYS_lstat,
    SYS_readlink, SYS_access, SYS_time, SYS_getpgrp, SYS_getdents,
};

}  // namespace

std::span<const int> older_calls() { return kOlder; }
std::optional<int> older_open() { return SYS_open; }

}  // namespace vedette::jail
