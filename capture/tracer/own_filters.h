// SPDX-License-Identifier: Apache-2.0
// The seccomp filters that a task has of its own, as we saw it install them. They decide about the calls,
// too, that the agent makes in a task's place; so it is asked first what they would answer. They were read
// when the kernel had just read them: a program whose other thread changes them in between gets what its true
// filter answers, which may be its death.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "capture/decode/call.h"
#include "capture/decode/event.h"
#include "capture/state/ref.h"
#include "capture/tracer/inject.h"

namespace vedette {

struct Context;
struct Task;

struct OwnFilter : Counted {
  std::vector<sock_filter> program;
  Ref<OwnFilter> below;  // installed before it; the kernel asks them all
  int depth = 1;
};

// Whether it has seccomp filters beside the container's, which we have too, and those that we gave it.
bool has_own_filters(const Task& task);
// Whether none of them stands in the way of this call, made from `ip`. False, too, where one of them is not
// known.
bool own_filters_allow(const Task& task, const InjectedCall& call, Abi abi, uint64_t ip);
// At the return of a seccomp(2) or prctl(2) that has succeeded: notes a filter that it has installed.
void note_own_filter(Context& context, Task& task, const Event& event);

}  // namespace vedette
