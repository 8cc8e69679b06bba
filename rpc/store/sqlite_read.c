/* Snapshots for reading: each on a connection of its own, taken from a small pool. */

#include "rpc/core/memory.h"
#include "rpc/core/mutant.h"
#include "rpc/store/sqlite_store.h"

/* Idle readers that are kept open. */
#define READERS_MAX 8

static struct sure__sqlite_reader *close_reader(struct sure__sqlite_reader *reader) {
  sure__sqlite_disconnect(reader->database);
  sure__free(reader);
  return NULL;
}

static struct sure__sqlite_reader *open_reader(struct sure__sqlite *store) {
  struct sure__sqlite_reader *reader = sure__alloc(sizeof *reader);
  if (reader == NULL) {
    return NULL;
  }
  bool ok =
      sure__sqlite_connect(store, &reader->database) == SQLITE_OK &&
      sqlite3_exec(reader->database, "PRAGMA query_only = ON", NULL, NULL, NULL) == SQLITE_OK &&
      sure__sqlite_guard_install(reader->database, &reader->guard) == SQLITE_OK;
  return ok ? reader : close_reader(reader);
}

static struct sure__sqlite_reader *take_reader(struct sure__sqlite *store) {
  pthread_mutex_lock(&store->readers_lock);
  struct sure__sqlite_reader *reader = store->readers;
  if (reader != NULL) {
    store->readers = reader->next;
    store->reader_count--;
  }
  pthread_mutex_unlock(&store->readers_lock);
  return reader != NULL ? reader : open_reader(store);
}

static void put_reader(struct sure__sqlite *store, struct sure__sqlite_reader *reader) {
  pthread_mutex_lock(&store->readers_lock);
  bool keep = store->reader_count < READERS_MAX;
  if (keep) {
    reader->next = store->readers;
    store->readers = reader;
    store->reader_count++;
  }
  pthread_mutex_unlock(&store->readers_lock);
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
  (void)sure__sqlite_inspect(database); /* resets what was left busy */
  if (SURE__MUTANT(SNAPSHOT_KEPT)) {
    return true;
  }
  return sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK &&
         (!SURE__MUTANT(SNAPSHOT_BEGUN_EARLY) || begin(database));
}

enum sure_code sure__sqlite_read(struct sure_store *base, sure_store_read_fn *fn, void *user) {
  struct sure__sqlite *store = (struct sure__sqlite *)base;
  struct sure__sqlite_reader *reader = take_reader(store);
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
    put_reader(store, reader);
  } else {
    close_reader(reader);
  }
  return SURE_OK;
}

void sure__sqlite_readers_close(struct sure__sqlite *store) {
  while (store->readers != NULL) {
    struct sure__sqlite_reader *reader = store->readers;
    store->readers = reader->next;
    close_reader(reader);
  }
}
