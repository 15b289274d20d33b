// SPDX-License-Identifier: Apache-2.0
//
//   deaf_fuse FOLDER PROGRAM    serves a file system with one file, FOLDER/program, a copy of PROGRAM. It answers everybody but an agent:
//                               who asks under the name vedette-capture waits for ever. Says "mounted: 0", and "asked: NAME of the request"
//                               when an agent waits; ends with its standard input, and takes the file system along.
//
// The protocol: linux/fuse.h, Documentation/filesystems/fuse.rst.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { kFile = 2, kRequestMax = 1 << 17 };

static int device;
static char* content;
static size_t content_size;

static void answer(const struct fuse_in_header* asked, int error, const void* data, size_t size) {
  struct fuse_out_header head = {.len = (uint32_t)(sizeof head + size), .error = -error, .unique = asked->unique};
  const struct iovec parts[] = {{&head, sizeof head}, {(void*)data, size}};
  (void)!writev(device, parts, size == 0 ? 1 : 2);
}

static struct fuse_attr attributes_of(uint64_t node) {
  struct fuse_attr attr = {.ino = node, .nlink = 1, .blksize = 4096};
  attr.mode = node == kFile ? S_IFREG | 0755 : S_IFDIR | 0755;
  attr.size = node == kFile ? content_size : 0;
  return attr;
}

static int is_agent(uint32_t pid) {
  char path[64], name[32] = "";
  snprintf(path, sizeof path, "/proc/%u/comm", pid);
  const int file = open(path, O_RDONLY);
  if (file < 0 || read(file, name, sizeof name - 1) <= 0) name[0] = 0;
  close(file);
  return strcmp(name, "vedette-capture\n") == 0;
}

static void serve(const struct fuse_in_header* asked, const void* body) {
  if (is_agent(asked->pid)) {
    printf("asked: %u\n", asked->opcode);
    return;
  }
  switch (asked->opcode) {
    case FUSE_INIT: {
      const struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_readahead = 1 << 16, .max_write = 1 << 16};
      return answer(asked, 0, &out, sizeof out);
    }
    case FUSE_LOOKUP: {
      if (strcmp(body, "program") != 0) return answer(asked, ENOENT, NULL, 0);
      const struct fuse_entry_out out = {.nodeid = kFile, .generation = 1, .attr = attributes_of(kFile)};
      return answer(asked, 0, &out, sizeof out);
    }
    case FUSE_GETATTR: {
      const struct fuse_attr_out out = {.attr = attributes_of(asked->nodeid)};
      return answer(asked, 0, &out, sizeof out);
    }
    case FUSE_OPEN: {
      const struct fuse_open_out out = {.fh = 1};
      return answer(asked, 0, &out, sizeof out);
    }
    case FUSE_READ: {
      const struct fuse_read_in* const in = body;
      const size_t at = in->offset < content_size ? in->offset : content_size;
      const size_t left = content_size - at;
      return answer(asked, 0, content + at, left < in->size ? left : in->size);
    }
    case FUSE_FLUSH:
    case FUSE_RELEASE: return answer(asked, 0, NULL, 0);
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT: return;
    default: return answer(asked, ENOSYS, NULL, 0);
  }
}

static void load(const char* path) {
  struct stat facts;
  const int file = open(path, O_RDONLY);
  if (file < 0 || fstat(file, &facts) != 0) exit(2);
  content_size = (size_t)facts.st_size;
  content = malloc(content_size);
  if (content == NULL || read(file, content, content_size) != (ssize_t)content_size) exit(2);
  close(file);
}

int main(int argc, char** argv) {
  static char request[kRequestMax] __attribute__((aligned(8)));
  char options[128];
  if (argc != 3) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  load(argv[2]);
  device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%u,group_id=%u,allow_other", device, getuid(), getgid());
  const int error = device < 0 || mount("deaf_fuse", argv[1], "fuse", MS_NODEV, options) != 0 ? errno : 0;
  printf("mounted: %d\n", error);
  if (error != 0) return 1;
  struct pollfd both[] = {{.fd = device, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
  while (poll(both, 2, -1) > 0 && both[1].revents == 0) {
    if ((both[0].revents & POLLIN) == 0) continue;
    if (read(device, request, sizeof request) < (ssize_t)sizeof(struct fuse_in_header)) continue;
    serve((const struct fuse_in_header*)request, request + sizeof(struct fuse_in_header));
  }
  umount2(argv[1], MNT_DETACH);
  return 0;
}
