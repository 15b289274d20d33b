// SPDX-License-Identifier: Apache-2.0
//
//   changed_names AIM ROUNDS   changes what a call names, after the kernel has read it; says what the calls really reached
//     path     opens a path that another thread writes over all the time: it names `hidden` or `decoy`
//     wait     opens a pipe, `hidden/file`, and waits in it; another thread writes `decoy` over the path, then lets it come through
//     paths    the honest control: it opens the one and the other
//     swap     opens /proc/self/fd/9/file while 9 is the folder `hidden`, then puts the folder `decoy` there
//     stay     the honest control: 9 stays
//     ended    the honest control: it reads of processes that end right afterwards, as ps and top do
//     anew     the honest control: it opens a file without a name once more, by way of its descriptor
//     modes    changes the mode of a path that another thread writes over all the time
//     mode     the honest control: of the one and of the other
//     address  connects to an address that another thread writes over all the time: port 7001 or 7002
//     addresses  the honest control: it connects to the one and the other
//
// Each descriptor is closed at once, so that nobody can ask what it was.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[16] = "hidden/file";
static struct sockaddr_in address = {.sin_family = AF_INET};
static const char* const names[2] = {"hidden/file", "decoy//file"};
static const unsigned short ports[2] = {7001, 7002};
static atomic_int begun, over;

static void name(int which) {
  memcpy(path, names[which], 12);
  address.sin_port = htons(ports[which]);
}

static void* change(void* unused) {
  atomic_store(&begun, 1);
  for (int i = 0; !atomic_load(&over); i++) name(i & 1);
  return unused;
}

static int sleeps(void) {
  char name[64], text[256] = "";
  snprintf(name, sizeof name, "/proc/self/task/%d/stat", getpid());
  const int file = open(name, O_RDONLY);
  if (file >= 0) (void)!read(file, text, sizeof text - 1);
  close(file);
  const char* const state = strrchr(text, ')');
  return state != NULL && state[2] == 'S';
}

static void* let_through(void* unused) {
  while (!atomic_load(&over)) {
    if (!sleeps()) continue;
    name(1);
    // Who sleeps for another reason has no pipe open: then there is nobody to let through.
    const int end = open("hidden/file", O_WRONLY | O_NONBLOCK);
    if (end >= 0) close(end);
  }
  return unused;
}

static void make(const char* folder, const char* file) {
  mkdir(folder, 0700);
  close(open(file, O_CREAT | O_WRONLY, 0600));
}

static int is_hidden(int descriptor, ino_t hidden) {
  struct stat facts;
  return fstat(descriptor, &facts) == 0 && facts.st_ino == hidden;
}

static int read_of_child(void) {
  const pid_t child = fork();
  if (child == 0) pause();
  char name[32];
  snprintf(name, sizeof name, "/proc/%d/stat", child);
  const int file = open(name, O_RDONLY);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  return file;
}

static int open_anew(void) {
  const int nameless = memfd_create("nameless", 0);
  char name[32];
  snprintf(name, sizeof name, "/proc/self/fd/%d", nameless);
  const int file = open(name, O_RDONLY);
  close(nameless);
  return file;
}

static int open_one(const char* aim) {
  if (strcmp(aim, "anew") == 0) return open_anew();
  if (strcmp(aim, "ended") == 0) return read_of_child();
  if (strcmp(aim, "swap") != 0 && strcmp(aim, "stay") != 0) return open(path, O_RDONLY);
  const int hidden = open("hidden", O_RDONLY | O_DIRECTORY), decoy = open("decoy", O_RDONLY | O_DIRECTORY);
  dup2(hidden, 9);
  const int file = open("/proc/self/fd/9/file", O_RDONLY);
  if (strcmp(aim, "swap") == 0) dup2(decoy, 9);
  close(hidden);
  close(decoy);
  return file;
}

static mode_t mode_of(const char* file) {
  struct stat facts;
  return stat(file, &facts) == 0 ? facts.st_mode & 0777 : 0;
}

// Whose mode is the new one afterwards, which neither had before, is the file that the call reached.
static int changes_first(void) {
  static unsigned next;
  mode_t mode;
  do {
    mode = 0400 | (next++ % 63 + 1);
  } while (mode == mode_of(names[0]) || mode == mode_of(names[1]) || chmod(path, mode) != 0);  // half a path leads nowhere
  return mode_of(names[0]) == mode;
}

static int reaches_first(const char* aim, ino_t hidden) {
  if (strncmp(aim, "mode", 4) == 0) return changes_first();
  if (strncmp(aim, "address", 7) != 0) {
    const int file = open_one(aim), found = is_hidden(file, hidden);
    close(file);
    return found;
  }
  const int line = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in peer;
  socklen_t size = sizeof peer;
  connect(line, (struct sockaddr*)&address, sizeof address);
  getpeername(line, (struct sockaddr*)&peer, &size);
  close(line);
  return peer.sin_port == htons(ports[0]);
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const char* const aim = argv[1];
  const int rounds = atoi(argv[2]), races = strcmp(aim, "path") == 0 || strcmp(aim, "modes") == 0 || strcmp(aim, "address") == 0;
  struct stat facts;
  int reached[2] = {0, 0};
  const int waits = strcmp(aim, "wait") == 0;
  if (waits) mkdir("hidden", 0700), mkfifo("hidden/file", 0600);
  make("hidden", waits ? "other" : "hidden/file");
  make("decoy", "decoy/file");
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  stat("hidden/file", &facts);
  pthread_t other;
  for (int i = 0; i < 8; i++) close(open("decoy", O_RDONLY)), chmod("decoy", 0700);  // recorded inline from here on
  if (races) pthread_create(&other, NULL, change, NULL);
  if (waits) pthread_create(&other, NULL, let_through, NULL);
  while (races && !atomic_load(&begun)) sched_yield();
  for (int i = 0; i < rounds; i++) {
    if (!races) name(waits ? 0 : i & 1);
    reached[reaches_first(aim, facts.st_ino) ? 0 : 1]++;
  }
  atomic_store(&over, 1);
  if (races || waits) pthread_join(other, NULL);
  printf("first: %d\nsecond: %d\n", reached[0], reached[1]);
  return 0;
}
