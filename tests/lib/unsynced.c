#include "tests/lib/unsynced.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct change {
  struct change *previous; /* an older one, of whatever file */
  char *path;
  off_t file_size;
  off_t offset;
  size_t len;
  char bytes[];
};

static struct change *newest;

static void must(bool ok) {
  if (!ok) {
    abort();
  }
}

void unsynced_note(const char *path, sqlite3_file *file, sqlite3_int64 offset, sqlite3_int64 len) {
  sqlite3_int64 size = 0;
  must(file->pMethods->xFileSize(file, &size) == SQLITE_OK);
  sqlite3_int64 kept = offset >= size ? 0 : offset + len > size ? size - offset : len;
  struct change *change = malloc(sizeof *change + (size_t)kept);
  must(change != NULL);
  *change = (struct change){.previous = newest,
                            .path = strdup(path),
                            .file_size = size,
                            .offset = offset,
                            .len = (size_t)kept};
  must(change->path != NULL);
  must(kept == 0 || file->pMethods->xRead(file, change->bytes, (int)kept, offset) == SQLITE_OK);
  newest = change;
}

static void remove_change(struct change **at) {
  struct change *change = *at;
  *at = change->previous;
  free(change->path);
  free(change);
}

void unsynced_forget(const char *path) {
  for (struct change **at = &newest; *at != NULL;) {
    if (strcmp((*at)->path, path) == 0) {
      remove_change(at);
    } else {
      at = &(*at)->previous;
    }
  }
}

void unsynced_forget_all(void) {
  while (newest != NULL) {
    remove_change(&newest);
  }
}

static void undo(const struct change *change) {
  int fd = open(change->path, O_RDWR);
  must(fd >= 0);
  must(pwrite(fd, change->bytes, change->len, change->offset) == (ssize_t)change->len);
  must(ftruncate(fd, change->file_size) == 0);
  (void)close(fd);
}

static uint64_t count(const char *path) {
  uint64_t found = 0;
  for (const struct change *change = newest; change != NULL; change = change->previous) {
    found += strcmp(change->path, path) == 0;
  }
  return found;
}

/* The newest `lost` changes of the file, and then it has none left. */
static void lose_of(const char *path, uint64_t lost) {
  for (const struct change *change = newest; lost > 0; change = change->previous) {
    if (strcmp(change->path, path) == 0) {
      undo(change);
      lost--;
    }
  }
  unsynced_forget(path);
}

void unsynced_lose(uint64_t (*below)(uint64_t limit)) {
  while (newest != NULL) {
    char *path = strdup(newest->path);
    must(path != NULL);
    uint64_t changes = count(path);
    lose_of(path, changes - (below == NULL ? 0 : below(changes + 1)));
    free(path);
  }
}
