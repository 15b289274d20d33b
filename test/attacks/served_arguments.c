// SPDX-License-Identifier: Apache-2.0
//
//   served_arguments AIM    passes calls what lies in memory that this program serves itself, the kernel's faults too, and serves a page
//                           only when another process has made calls that the agent must let on
//     call     a userfaultfd made by userfaultfd(2)
//     device   the same by /dev/userfaultfd
//     fork     the memory of a child, which has it from its parent (UFFD_FEATURE_EVENT_FORK)
//     gone     write(2) to /dev/null, which returns without having read the page: nobody ever sees it
//     calm     the honest control: the memory is there
//
// Marks by another process, while a page is waited for: lseek(9100, ...).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 4 };

// What the page holds, a page each.
static const char* const texts[PAGES] = {"served-folder", "served-name", "/bin/true", "payload"};
static char* pages;
static int faults = -1, ask[2], answer[2];

// Another process, from before there was any such memory.
static void start_marker(void) {
  if (pipe(ask) != 0 || pipe(answer) != 0 || fork() != 0) return;
  close(ask[1]);
  char byte;
  while (read(ask[0], &byte, 1) == 1) {
    for (int i = 0; i < 10; i++) (void)!lseek(9100, i, SEEK_SET);
    (void)!write(answer[1], &byte, 1);
  }
  _exit(0);
}

static void mark_in_another(void) {
  char byte = 0;
  (void)!write(ask[1], &byte, 1);
  (void)!read(answer[0], &byte, 1);
}

static void serve_page(int from, unsigned long address) {
  static char filled[PAGE] __attribute__((aligned(PAGE)));
  const unsigned long start = address & ~(unsigned long)(PAGE - 1);
  memset(filled, 0, sizeof filled);
  strcpy(filled, texts[(start - (unsigned long)pages) / PAGE]);
  struct uffdio_copy copy = {.dst = start, .src = (unsigned long)filled, .len = PAGE};
  ioctl(from, UFFDIO_COPY, &copy);
}

// Serves `faults`, and, behind a fork, the child's, which comes as a descriptor of its own.
static void* serve(void* unused) {
  struct pollfd slots[2] = {{faults, POLLIN, 0}, {-1, POLLIN, 0}};
  while (poll(slots, 2, -1) > 0) {
    for (int i = 0; i < 2; i++) {
      struct uffd_msg message;
      if ((slots[i].revents & POLLIN) == 0 || read(slots[i].fd, &message, sizeof message) != sizeof message) continue;
      if (message.event == UFFD_EVENT_FORK) slots[1].fd = (int)message.arg.fork.ufd;
      if (message.event != UFFD_EVENT_PAGEFAULT) continue;
      mark_in_another();
      serve_page(slots[i].fd, message.arg.pagefault.address);
    }
    if ((slots[1].revents & POLLHUP) != 0) slots[1].fd = -1;
  }
  return unused;
}

static int take_faults(int by_device, unsigned long features) {
  const int device = by_device ? open("/dev/userfaultfd", O_RDWR | O_CLOEXEC) : -1;
  const int made = by_device ? ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK) : (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
  struct uffdio_api api = {.api = UFFD_API, .features = features};
  struct uffdio_register range = {.range = {(unsigned long)pages, PAGES * PAGE}, .mode = UFFDIO_REGISTER_MODE_MISSING};
  if (made < 0 || ioctl(made, UFFDIO_API, &api) != 0 || ioctl(made, UFFDIO_REGISTER, &range) != 0) return -1;
  return made;
}

static void use_memory(void) {
  printf("mkdir: %d\n", mkdirat(AT_FDCWD, pages, 0700) == 0 ? 0 : -errno);
  printf("unlink: %d\n", unlinkat(AT_FDCWD, pages + PAGE, 0) == 0 ? 0 : -errno);
  fflush(stdout);
  const pid_t child = vfork();
  if (child == 0) {
    execl(pages + 2 * PAGE, "true", NULL);
    _exit(1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  printf("exec: %d\nend: reached\n", status);
}

static void write_nothing(void) {
  const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  printf("write: %zd\n", write(null, pages + 3 * PAGE, strlen(texts[3])));
  printf("end: reached\n");
}

int main(int argc, char** argv) {
  const char* const aim = argc == 2 ? argv[1] : "";
  const int is_fork = strcmp(aim, "fork") == 0, is_calm = strcmp(aim, "calm") == 0;
  pages = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  start_marker();
  if (is_calm) {
    for (int i = 0; i < PAGES; i++) strcpy(pages + i * PAGE, texts[i]);
    mark_in_another();
    use_memory();
    return 0;
  }
  faults = take_faults(strcmp(aim, "device") == 0, is_fork ? UFFD_FEATURE_EVENT_FORK : 0);
  if (faults < 0) return printf("faults: %d\n", -errno) < 0;
  if (strcmp(aim, "gone") == 0) return write_nothing(), 0;
  pthread_t server;
  pthread_create(&server, NULL, serve, NULL);
  const pid_t child = is_fork ? fork() : 0;
  if (child == 0) use_memory();
  else waitpid(child, NULL, 0);
  fflush(stdout);
  _exit(0);
}
