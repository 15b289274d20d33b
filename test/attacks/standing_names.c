// SPDX-License-Identifier: Apache-2.0
//
//   standing_names AIM ROUNDS   opens a path so often that it stands (capture/state/standing_paths.h), then goes on as AIM says
//     over    another thread writes over the path all the time: it names the one standing file or the other
//     opened  opens it, while somebody outside moves its names, until the file `over` is there
//     seldom  opens it now and then, so that it stands no longer, while somebody outside moves its names
//     alike   opens another path that has the same hash
//     moved   the honest control: moves names beside it, and the file itself once
//
// Each descriptor is closed at once. It prints, for each open that counts, a letter for the file that it
// reached: h(idden) or d(ecoy).
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH_FACTOR 0x9e3779b97f4a7c15u  // capture/wire/ring.h

enum { kOften = 400, kPathMax = 512 };

static char path[kPathMax], hidden[kPathMax], decoy[kPathMax];
static ino_t hidden_inode;
static atomic_int over;

static void* change(void* unused) {
  for (int i = 0; !atomic_load(&over); i++) memcpy(path, i & 1 ? hidden : decoy, strlen(hidden));
  return unused;
}

static void make(const char* file) { close(open(file, O_CREAT | O_WRONLY, 0600)); }

static void open_once(const char* name) {
  const int file = open(name, O_RDONLY);
  struct stat facts;
  if (file < 0 || fstat(file, &facts) != 0) return;
  close(file);
  putchar(facts.st_ino == hidden_inode ? 'h' : 'd');
}

// Until the agent has looked, too.
static void make_stand(const char* name) {
  for (int i = 0; i < 20; i++) {
    for (int j = 0; j < kOften; j++) close(open(name, O_WRONLY));
    usleep(5000);
  }
}

static uint64_t turned(uint64_t word) { return word << 32 | word >> 32; }

static uint64_t hash_of(const char* name, size_t size) {
  uint64_t hash = 0;
  for (size_t at = 0; at <= size; at += 8) {
    uint64_t word = 0;
    memcpy(&word, name + at, size - at < 8 ? size - at : 8);
    hash = turned((hash ^ word) * HASH_FACTOR);
  }
  return hash;
}

// A path in the same folder: filled up to whole words, a word that makes up for it all, and seven letters. A
// step of the hash can be undone, so the word follows from what stands before it and what has to come after
// it. Of some letters that word has a byte that no name has (0 or a slash): then others are taken.
static void find_alike(const char* folder, char* into) {
  uint64_t inverse = HASH_FACTOR;
  for (int i = 0; i < 6; i++) inverse *= 2 - HASH_FACTOR * inverse;
  const uint64_t wanted = turned(hash_of(hidden, strlen(hidden))) * inverse;
  size_t size = (size_t)sprintf(into, "%s/", folder);
  while (size % 8 != 0) into[size++] = 'x';
  uint64_t before = 0;
  for (size_t at = 0; at < size; at += 8) {
    uint64_t word;
    memcpy(&word, into + at, 8);
    before = turned((before ^ word) * HASH_FACTOR);
  }
  for (unsigned number = 0;; number++) {
    char letters[8];
    snprintf(letters, sizeof letters, "%07u", number);
    uint64_t rest;
    memcpy(&rest, letters, 8);
    const uint64_t word = (turned(wanted ^ rest) * inverse) ^ before;
    memcpy(into + size, &word, 8);
    memcpy(into + size + 8, letters, 8);
    if (strlen(into + size) == 15 && strchr(into + size, '/') == NULL) break;
  }
  // A fixture that is wrong about the hash would show nothing.
  if (hash_of(into, strlen(into)) != hash_of(hidden, strlen(hidden))) abort();
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const char* const aim = argv[1];
  const int rounds = atoi(argv[2]);
  char folder[kPathMax / 2], other[kPathMax];
  if (getcwd(folder, sizeof folder) == NULL) return 2;
  snprintf(hidden, sizeof hidden, "%s/hidden", folder);
  snprintf(decoy, sizeof decoy, "%s/decoys", folder);
  make(hidden);
  make(decoy);
  struct stat facts;
  stat(hidden, &facts);
  hidden_inode = facts.st_ino;
  strcpy(path, hidden);
  find_alike(folder, other);
  make(other);
  make_stand(hidden);
  if (strcmp(aim, "over") == 0) {
    make_stand(decoy);
    pthread_t thread;
    pthread_create(&thread, NULL, change, NULL);
    for (int i = 0; i < rounds; i++) open_once(path);
    atomic_store(&over, 1);
    pthread_join(thread, NULL);
  } else if (strcmp(aim, "opened") == 0) {
    make("ready");
    for (int i = 0; i < rounds || access("over", F_OK) != 0; i++) open_once(hidden);
  } else if (strcmp(aim, "seldom") == 0) {
    make("ready");
    for (int i = 0; i < rounds; i++) open_once(hidden), usleep(15000);
  } else if (strcmp(aim, "alike") == 0) {
    for (int i = 0; i < rounds; i++) open_once(other);
  } else {
    for (int i = 0; i < rounds; i++) {
      snprintf(other, sizeof other, "%s/beside.%d", folder, i & 7);
      make(other);
      open_once(hidden);
      rename(other, "beside");
      open_once(hidden);
      unlink("beside");
      if (i != rounds / 2) continue;
      rename("decoys", "hidden");
      for (int j = 0; j < rounds; j++) open_once(hidden);
    }
  }
  putchar('\n');
  return 0;
}
