// SPDX-License-Identifier: Apache-2.0
// node:dgram knows no sockets at paths, where syslog listens. What child_process makes for a child is no pipe
// but a socket, which nobody can open as /dev/stdin (ENXIO).
#include "capture/addon/descriptors.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace vedette::addon {

int connect_datagrams(const std::string& path) {
  sockaddr_un address = {};
  if (path.size() >= sizeof address.sun_path) return -ENAMETOOLONG;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  const int error = errno;
  close(fd);
  return -error;
}

PipeEnds make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {-errno, -errno};
  return {ends[0], ends[1]};
}

}  // namespace vedette::addon
