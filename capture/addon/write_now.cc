// SPDX-License-Identifier: Apache-2.0
// A socket is asked with MSG_DONTWAIT. Anything else is asked with poll(2) first: a pipe that is ready has
// room for PIPE_BUF bytes (pipe(7)), unless another writer comes in between. host/output/stream.ts comes here
// only where it cannot open the pipe once more, so that it has flags of its own.
#include "capture/addon/write_now.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace vedette::addon {

namespace {
ssize_t outcome(ssize_t written) {
  if (written >= 0) return written;
  return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}
}  // namespace

ssize_t write_now(int fd, const void* bytes, size_t size) {
  const size_t most = std::min<size_t>(size, PIPE_BUF);
  const ssize_t sent = send(fd, bytes, most, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0 || errno != ENOTSOCK) return outcome(sent);
  pollfd one{fd, POLLOUT, 0};
  const int ready = poll(&one, 1, 0);
  if (ready <= 0) return outcome(ready);
  return outcome(write(fd, bytes, most));  // one that is closed says so
}

}  // namespace vedette::addon
