// SPDX-License-Identifier: Apache-2.0
//
// segment_over below ALLOWED DENIED: attaches a segment that is full of DENIED's address from below the
// memory in which prevention seals what it judged, over that memory; then connects to ALLOWED and says whom
// it reached. segment_over own: attaches the same segment over memory of its own, as an honest program may.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <unistd.h>

enum { kBytes = 0x80000, kSlot = 128 };
static char* const kBelow = (char*)0x10000;

static struct sockaddr_in address_of(const char* text) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(9)};
  inet_pton(AF_INET, text, &name.sin_addr);
  return name;
}

static void connect_to(const char* what, const char* text) {
  struct sockaddr_in name = address_of(text), peer = {0};
  socklen_t size = sizeof peer;
  char reached[64] = "nobody";
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (connect(fd, (void*)&name, sizeof name) == 0 && getpeername(fd, (void*)&peer, &size) == 0) {
    inet_ntop(AF_INET, &peer.sin_addr, reached, sizeof reached);
  }
  printf("%s: %s\n", what, reached);
  close(fd);
}

int main(int argc, char** argv) {
  setvbuf(stdout, NULL, _IONBF, 0);
  const int id = shmget(IPC_PRIVATE, kBytes, IPC_CREAT | 0600);
  if (argc > 3) {
    connect_to("before", argv[2]);
    const struct sockaddr_in denied = address_of(argv[3]);
    char* const all = shmat(id, NULL, 0);
    for (size_t at = 0; at < kBytes; at += kSlot) memcpy(all + at, &denied, sizeof denied);
    void* const over = shmat(id, kBelow, SHM_REMAP);
    printf("shmat: %s\n", over == (void*)-1 ? strerrorname_np(errno) : "ok");
    connect_to("after", argv[2]);
    connect_to("denied", argv[3]);
  } else {
    char* const own = mmap(NULL, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void* const over = shmat(id, own, SHM_REMAP);
    printf("shmat: %s\n", over == own ? "ok" : strerrorname_np(errno));
  }
  shmctl(id, IPC_RMID, NULL);
  return 0;
}
