/* Who owns an intent, and whether he is alive (S15).
 *
 * Each opening of a store has an epoch, and for as long as its process lives it holds a lock on
 * the byte of that number in a file beside the database. The system gives the lock up when the
 * process ends, in whatever way; so a free byte means that nobody is at the intents of its epoch,
 * and that nobody ever will be. The file stays empty and is never removed: somebody who made
 * another one would take the living for dead. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "rpc/core/mutant.h"
#include "rpc/store/sqlite_store.h"

static struct flock byte_of(int64_t epoch) {
  return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = epoch, .l_len = 1};
}

enum sure_code sure__sqlite_owner_open(struct sure__sqlite *store,
                                       struct sure__sqlite_reason reason) {
  char *path = sqlite3_mprintf("%s-owners", store->path);
  if (path == NULL) {
    return sure__sqlite_say(reason, store->path, "memory is short", SURE_RESOURCE_EXHAUSTED);
  }
  enum sure_code code = SURE_OK;
  struct flock own = byte_of(store->epoch);
  store->owners_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (store->owners_fd < 0 || fcntl(store->owners_fd, F_OFD_SETLK, &own) != 0) {
    code = sure__sqlite_say(reason, path, strerror(errno), SURE_UNAVAILABLE);
  }
  sqlite3_free(path);
  return code;
}

void sure__sqlite_owner_close(struct sure__sqlite *store) {
  if (store->owners_fd >= 0) {
    close(store->owners_fd);
  }
}

bool sure__sqlite_owner_lives(const struct sure__sqlite *store, int64_t epoch) {
  struct flock other = byte_of(epoch);
  if (epoch == store->epoch) {
    return true;
  }
  if (epoch == SURE__SQLITE_NOBODY || SURE__MUTANT(OWNER_TAKEN_FOR_DEAD)) {
    return false;
  }
  return fcntl(store->owners_fd, F_OFD_GETLK, &other) != 0 || other.l_type != F_UNLCK;
}
