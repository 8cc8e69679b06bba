/* Snapshots for reading: each on a connection of its own, taken from a small pool. */

#include "rpc/core/memory.h"
#include "rpc/core/mutant.h"
#include "rpc/store/sqlite_store.h"

/* Idle readers that are kept open. */
#define READERS_MAX 8

void sure__sqlite_readers_init(struct sure__sqlite_readers *readers,
                               sure__sqlite_connect_fn *connect, const void *user) {
  *readers = (struct sure__sqlite_readers){.connect = connect, .user = user};
  pthread_mutex_init(&readers->lock, NULL);
}

static struct sure__sqlite_reader *close_reader(struct sure__sqlite_reader *reader) {
  sure__sqlite_disconnect(reader->database);
  sure__free(reader);
  return NULL;
}

static struct sure__sqlite_reader *open_reader(struct sure__sqlite_readers *readers,
                                               uint64_t generation) {
  struct sure__sqlite_reader *reader = sure__alloc(sizeof *reader);
  if (reader == NULL) {
    return NULL;
  }
  reader->generation = generation;
  bool ok =
      readers->connect(readers->user, &reader->database) == SQLITE_OK &&
      sqlite3_exec(reader->database, "PRAGMA query_only = ON", NULL, NULL, NULL) == SQLITE_OK &&
      sure__sqlite_guard_install(reader->database, &reader->guard) == SQLITE_OK;
  return ok ? reader : close_reader(reader);
}

static struct sure__sqlite_reader *take_reader(struct sure__sqlite_readers *readers) {
  pthread_mutex_lock(&readers->lock);
  uint64_t generation = readers->generation;
  struct sure__sqlite_reader *reader = readers->idle;
  if (reader != NULL) {
    readers->idle = reader->next;
    readers->idle_count--;
  }
  pthread_mutex_unlock(&readers->lock);
  return reader != NULL ? reader : open_reader(readers, generation);
}

static void put_reader(struct sure__sqlite_readers *readers, struct sure__sqlite_reader *reader) {
  pthread_mutex_lock(&readers->lock);
  bool keep = reader->generation == readers->generation && readers->idle_count < READERS_MAX;
  if (keep) {
    reader->next = readers->idle;
    readers->idle = reader;
    readers->idle_count++;
  }
  pthread_mutex_unlock(&readers->lock);
  if (!keep) {
    close_reader(reader);
  }
}

/* BEGIN alone takes no snapshot: the first read does. */
static bool begin(sqlite3 *database) {
  if ((SURE__MUTANT(SNAPSHOT_KEPT) || SURE__MUTANT(SNAPSHOT_BEGUN_EARLY)) &&
      !sqlite3_get_autocommit(database)) {
    return true;
  }
  return sqlite3_exec(database, "BEGIN; SELECT value FROM sure_meta LIMIT 1", NULL, NULL, NULL) ==
         SQLITE_OK;
}

static bool end(sqlite3 *database) {
  (void)sure__sqlite_inspect(database, NULL); /* resets what was left busy */
  if (SURE__MUTANT(SNAPSHOT_KEPT)) {
    return true;
  }
  return sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK &&
         (!SURE__MUTANT(SNAPSHOT_BEGUN_EARLY) || begin(database));
}

enum sure_code sure__sqlite_readers_run(struct sure__sqlite_readers *readers,
                                        sure_store_read_fn *fn, void *user) {
  struct sure__sqlite_reader *reader = take_reader(readers);
  if (reader == NULL) {
    return SURE_UNAVAILABLE;
  }
  if (!begin(reader->database)) {
    close_reader(reader);
    return SURE_UNAVAILABLE;
  }
  reader->guard = SURE__GUARD_HANDLER;
  fn(user, reader->database);
  reader->guard = SURE__GUARD_OFF;
  if (end(reader->database)) {
    put_reader(readers, reader);
  } else {
    close_reader(reader);
  }
  return SURE_OK;
}

static void close_all(struct sure__sqlite_reader *reader) {
  while (reader != NULL) {
    struct sure__sqlite_reader *next = reader->next;
    close_reader(reader);
    reader = next;
  }
}

void sure__sqlite_readers_renew(struct sure__sqlite_readers *readers) {
  pthread_mutex_lock(&readers->lock);
  struct sure__sqlite_reader *idle = readers->idle;
  readers->generation++;
  readers->idle = NULL;
  readers->idle_count = 0;
  pthread_mutex_unlock(&readers->lock);
  close_all(idle);
}

void sure__sqlite_readers_fini(struct sure__sqlite_readers *readers) {
  close_all(readers->idle);
  pthread_mutex_destroy(&readers->lock);
}
