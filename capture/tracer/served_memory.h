// SPDX-License-Identifier: Apache-2.0
// Memory whose missing pages the program brings itself (userfaultfd(2), or USERFAULTFD_IOC_NEW of
// /dev/userfaultfd). The agent has one thread, and a read that waits for such a page waits for the program,
// which may wait for us. So the agent never waits:
//
//   whose    a userfaultfd serves the memory of the process that made it, and that of a child forked from it; so from just before the call
//            that makes one until the exec, AddressSpace::served is set. All other processes pay nothing. Of a process that came
//            from elsewhere nobody knows, so it is set, too.
//   reading  by the two ways that the kernel does not let wait (remote_memory.h): a page that is missing is no argument (kFault)
//   again    when the call returns: the kernel has read the argument by then, so its page is there. Paths of such calls are the kernel's
//            word as much as any others
//
// What cannot be read even then is told by an UNCERTAIN notice, once an image. So is what lies in memory
// that the kernel shows to its own program alone (memfd_secret, a device's): no way of reading leads
// there, but the kernel reads a call's arguments there all the same. A call that got EFAULT passed what
// the kernel could not read either.
#pragma once

#include "capture/tracer/context.h"

namespace vedette {

// Before the call is made: from here on the memory may be served.
void expect_served_memory(Context& context, const Task& task, const Event& event);

// When the call has returned, before its results are decoded.
void read_again(Context& context, Task& task, PendingCall& call);

}  // namespace vedette
