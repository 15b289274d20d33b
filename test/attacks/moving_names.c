// SPDX-License-Identifier: Apache-2.0
//
//   moving_names AIM ROUNDS   opens /etc/shadow by names that are gone, or mean another file, right afterwards
//     gone    by a symbolic link that is removed at once
//     parent  by a link in a folder that is renamed at once
//     cwd     relative to the working directory, which another thread sets to /etc and to a folder with a
//             `shadow` of its own all the time
//     buffer  by a path that another thread writes over all the time: it names the one file or the other
//     honest  the control: opens the one and the other, and moves names of its own
//
// So many names change that the calls that change them do not stop. Each descriptor is closed at once. It
// prints, for each open that counts, a letter for the file that it reached: s(hadow) or d(ecoy). Where two
// threads race, it goes on until it has reached both, for a while.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char* const kNames[2] = {"/etc/shadow", "here/shadow"};
enum { kMore = 30000 };
static char path[16] = "/etc/shadow", here[300];
static ino_t shadow;
static atomic_int begun, over;
static int reached[2];  // decoy, shadow

static void* write_over(void* unused) {
  atomic_store(&begun, 1);
  for (int i = 0; !atomic_load(&over); i++) memcpy(path, kNames[i & 1], 12);
  return unused;
}

static void* go_about(void* unused) {
  atomic_store(&begun, 1);
  for (int i = 0; !atomic_load(&over); i++) (void)!chdir(i & 1 ? "/etc" : here);
  return unused;
}

// Names change all the time, under this one name.
static void move_names(void) {
  for (int i = 0; i < 4; i++) syscall(SYS_rename, "no_such", "no_other");
}

static void open_once(const char* name) {
  struct stat facts;
  const int file = open(name, O_RDONLY);
  const int is_open = file >= 0 && fstat(file, &facts) == 0;
  close(file);
  if (!is_open) return;
  reached[facts.st_ino == shadow]++;
  putchar(facts.st_ino == shadow ? 's' : 'd');
}

static void open_gone(void) {
  (void)!symlink("/etc/shadow", "link");
  open_once("link");
  unlink("link");
}

static void open_below(int round) {
  static const char* const folders[2] = {"one", "other"};
  open_once(round & 1 ? "other/link" : "one/link");
  rename(folders[round & 1], folders[!(round & 1)]);
}

int main(int argc, char** argv) {
  if (argc != 3 || getcwd(here, sizeof here - 5) == NULL) return 2;
  const char* const aim = argv[1];
  const int rounds = atoi(argv[2]);
  struct stat facts;
  if (stat("/etc/shadow", &facts) != 0) return 2;
  shadow = facts.st_ino;
  strcat(here, "/here");
  mkdir("here", 0700), mkdir("one", 0700);
  close(open("here/shadow", O_CREAT | O_WRONLY, 0600));
  (void)!symlink("/etc/shadow", "one/link");
  for (int i = 0; i < 20; i++) move_names();
  pthread_t other;
  const int writes = strcmp(aim, "buffer") == 0, goes = strcmp(aim, "cwd") == 0;
  if (writes || goes) {
    pthread_create(&other, NULL, writes ? write_over : go_about, NULL);
    while (!atomic_load(&begun)) continue;
  }
  for (int i = 0; i < rounds || ((writes || goes) && i < rounds + kMore && !(reached[0] && reached[1])); i++) {
    if (strcmp(aim, "gone") == 0) open_gone();
    else if (strcmp(aim, "parent") == 0) open_below(i);
    else if (goes) open_once("shadow");
    else if (writes) open_once(path);
    else open_once(kNames[i & 1]);
    if (i % 10 == 0) move_names(), sched_yield();
  }
  atomic_store(&over, 1);
  if (writes || goes) pthread_join(other, NULL);
  putchar('\n');
  return 0;
}
