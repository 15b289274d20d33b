// SPDX-License-Identifier: Apache-2.0
//
//   hidden_arguments AIM    makes calls whose arguments the agent has no simple way to know
//     secret   they lie in memory that the kernel shows to this program alone (memfd_secret)
//     plain    the honest control: the same calls, in memory like any other
//     deep     paths that begin in a folder whose own path is longer than the kernel's 4,096 bytes, and lead out of it
//     near     the honest control: the same calls from the folder below
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MEMFD_SECRET = 447, PAGE = 4096, NAME = 200, FOLDERS = 30 };

static void told(const char* name, long result) { printf("%s: %ld\n", name, result == -1 ? -errno : result); }

static char* memory_of(int is_secret) {
  const int descriptor = is_secret ? (int)syscall(MEMFD_SECRET, 0) : memfd_create("plain", 0);
  if (descriptor < 0 || ftruncate(descriptor, PAGE) != 0) {
    told("memory", -1);
    exit(0);
  }
  return mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
}

static void use(char* memory) {
  strcpy(memory, "made-unseen");
  told("mkdir", mkdir(memory, 0700));
  told("rmdir", rmdir(memory));
  struct sockaddr_in* const to = (struct sockaddr_in*)memory;
  *to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  told("connect", connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr*)to, sizeof *to));
}

static void lead_out(int folders) {
  char name[NAME + 1], out[3 * FOLDERS + 16] = "";
  memset(name, 'd', NAME);
  name[NAME] = 0;
  for (int i = 0; i < folders; i++) {
    if (mkdir(name, 0700) != 0 || chdir(name) != 0) return told("folder", -1);
    strcat(out, "../");
  }
  char* const end = out + strlen(out);
  const int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  strcpy(end, "first");
  told("unlink", unlink(out));
  strcpy(end, "second");
  told("unlinkat", unlinkat(here, out, 0));
  strcpy(end, "third");
  told("chmod", chmod(out, 0640));
  close(here);
  for (int i = 0; i < folders; i++) (void)!(chdir("..") || rmdir(name));
}

int main(int argc, char** argv) {
  const char* const aim = argc == 2 ? argv[1] : "";
  if (strcmp(aim, "secret") == 0) use(memory_of(1));
  if (strcmp(aim, "plain") == 0) use(memory_of(0));
  if (strcmp(aim, "deep") == 0) lead_out(FOLDERS);
  if (strcmp(aim, "near") == 0) lead_out(1);
}
