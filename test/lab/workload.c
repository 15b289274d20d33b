// SPDX-License-Identifier: Apache-2.0
// What the lab's containers run: a service in small. It reads a file, writes where it may, forks a child that
// fails, asks the credentials address as malware would, and ends with status 3. Its output does not depend on
// being watched.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void read_file(const char* path) {
  char bytes[64];
  int fd = open(path, O_RDONLY);
  ssize_t size = fd < 0 ? -errno : read(fd, bytes, sizeof bytes);
  printf("read %s: %zd\n", path, size);
  if (fd >= 0) close(fd);
}

static void write_file(const char* path) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  printf("write %s: %s\n", path, fd < 0 ? strerror(errno) : "ok");
  if (fd >= 0) close(fd);
}

static void ask_for_credentials(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80)};
  char answer[512];
  ssize_t size = 0, got;
  inet_pton(AF_INET, "169.254.170.2", &address.sin_addr);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr*)&address, sizeof address) != 0) {
    printf("connect: %s\n", strerror(errno));
    return;
  }
  const char request[] = "GET /v2/credentials/task HTTP/1.0\r\n\r\n";
  (void)!write(fd, request, sizeof request - 1);
  while ((got = read(fd, answer, sizeof answer)) > 0) size += got;
  printf("credentials: %s\n", size > 0 ? "yes" : "no");
  close(fd);
}

int main(int argc, char** argv) {
  int status = 0;
  setvbuf(stdout, NULL, _IONBF, 0);
  printf("uid %d pid-is-parent %d argc %d %s\n", getuid(), getppid() >= 0, argc, argc > 1 ? argv[1] : "");
  read_file("/etc/passwd");
  write_file("/dev/shm/scratch");
  write_file("/root-file");
  if (fork() == 0) _exit(execl("/no/such/program", "x", (char*)0) == 0 ? 0 : 42);
  wait(&status);
  printf("child %d\n", WEXITSTATUS(status));
  ask_for_credentials();
  return 3;
}
