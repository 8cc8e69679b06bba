/* A store on a dated copy (sqlite_copy), which can only be read. When another copy is put in its
 * place, the reads that begin from then on see that one. */
#include <string.h>
#include <sys/stat.h>

#include "rpc/core/memory.h"
#include "rpc/store/sqlite_store.h"

struct replica {
  struct sure_store base;
  struct sure_logger logger;
  char *uri;
  char *path;
  struct sure__sqlite_readers readers;
  pthread_mutex_t lock; /* of which file it is */
  dev_t device;
  ino_t inode;
};

static bool is_same_store(sqlite3 *database, const struct sure_store_id *expected) {
  struct sure_store_id id;
  return sure__sqlite_read_store_id(database, &id) && memcmp(&id, expected, sizeof id) == 0;
}

static int open_copy(const struct replica *replica, sqlite3 **out_database) {
  int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  return sqlite3_open_v2(replica->uri, out_database, flags, NULL);
}

/* What took the copy's place must be one of the same store. */
static int connect_reader(const void *user, sqlite3 **out_database) {
  const struct replica *replica = user;
  int code = open_copy(replica, out_database);
  if (code != SQLITE_OK) {
    return code;
  }
  bool is_copy = sure__sqlite_ask(*out_database, "PRAGMA application_id", 0) ==
                 SURE__SQLITE_COPY_APPLICATION_ID;
  return is_copy && is_same_store(*out_database, &replica->base.id) ? SQLITE_OK : SQLITE_MISMATCH;
}

/* Whether it is another file than last time. */
static bool notice_file(struct replica *replica) {
  struct stat now;
  if (stat(replica->path, &now) != 0) {
    return false; /* the one that is open does */
  }
  pthread_mutex_lock(&replica->lock);
  bool is_other = now.st_dev != replica->device || now.st_ino != replica->inode;
  replica->device = now.st_dev;
  replica->inode = now.st_ino;
  pthread_mutex_unlock(&replica->lock);
  return is_other;
}

static enum sure_code read_replica(struct sure_store *base, sure_store_read_fn *fn, void *user) {
  struct replica *replica = (struct replica *)base;
  if (notice_file(replica)) {
    sure__sqlite_readers_renew(&replica->readers);
  }
  return sure__sqlite_readers_run(&replica->readers, fn, user);
}

static int64_t as_of_ms(const struct sure_store *base, void *transaction) {
  (void)base;
  return sure__sqlite_ask(transaction, "SELECT value FROM sure_meta WHERE name = 'as_of_ms'", 0);
}

/* Nothing is decided here. */
static void submit(struct sure_store *base, struct sure_store_op *const *ops, size_t count,
                   sure_store_done_fn *done, void *user) {
  (void)base;
  for (size_t i = 0; i < count; i++) {
    ops[i]->verdict = SURE_STORE_FAILED;
  }
  done(user, ops, count);
}

static void free_replica(struct sure_store *base) {
  struct replica *replica = (struct replica *)base;
  sure__sqlite_readers_fini(&replica->readers);
  pthread_mutex_destroy(&replica->lock);
  sure__free(replica->uri);
  sure__free(replica->path);
  sure__free(replica);
}

/* Handlers find their snapshot with sure_call_sqlite in both stores. */
const struct sure_store_ops sure__sqlite_replica_ops = {.version = SURE_STORE_VERSION,
                                                        .name = "sqlite replica",
                                                        .submit = submit,
                                                        .read = read_replica,
                                                        .as_of_ms = as_of_ms,
                                                        .clock = sure__sqlite_read_clock,
                                                        .free = free_replica};

/* ---- opening ---- */

static enum sure_code check_copy(struct replica *replica, sqlite3 *database,
                                 struct sure__sqlite_reason reason) {
  int code = sqlite3_exec(database, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
  if (code != SQLITE_OK) {
    return sure__sqlite_say_error(reason, replica->path, database, code);
  }
  if (sure__sqlite_ask(database, "PRAGMA application_id", 0) != SURE__SQLITE_COPY_APPLICATION_ID) {
    return sure__sqlite_say(reason, replica->path, "it is no copy made by sure_sqlite_copy",
                            SURE_FAILED_PRECONDITION);
  }
  if (!sure__sqlite_read_store_id(database, &replica->base.id)) {
    return sure__sqlite_say(reason, replica->path, "its tables are damaged", SURE_DATA_LOSS);
  }
  return SURE_OK;
}

static enum sure_code open_and_check(struct replica *replica, struct sure__sqlite_reason reason) {
  sqlite3 *database = NULL;
  int opened = open_copy(replica, &database);
  enum sure_code code = opened == SQLITE_OK
                            ? check_copy(replica, database, reason)
                            : sure__sqlite_say_error(reason, replica->path, database, opened);
  sqlite3_close(database);
  return code;
}

static char *copy_text(const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = sure__alloc(size);
  if (copy != NULL) {
    memcpy(copy, text, size);
  }
  return copy;
}

static struct replica *make(const char *path) {
  struct replica *replica = sure__alloc(sizeof *replica);
  if (replica == NULL) {
    return NULL;
  }
  replica->base = (struct sure_store){.ops = &sure__sqlite_replica_ops,
                                      .durable = true,
                                      .allow_volatile_keys = true,
                                      .replica = true};
  sure__sqlite_readers_init(&replica->readers, connect_reader, replica);
  pthread_mutex_init(&replica->lock, NULL);
  replica->path = copy_text(path);
  replica->uri = sure__sqlite_immutable_uri(path);
  return replica;
}

enum sure_code sure_sqlite_replica_open(const char *path, struct sure_store **out_store,
                                        char *error_text, size_t error_len) {
  struct sure__sqlite_reason reason = {.text = error_text, .len = error_len};
  struct replica *replica = make(path);
  if (replica == NULL || replica->path == NULL || replica->uri == NULL) {
    sure_store_free(replica == NULL ? NULL : &replica->base);
    return sure__sqlite_say(reason, path, "memory is short", SURE_RESOURCE_EXHAUSTED);
  }
  enum sure_code code = open_and_check(replica, reason);
  if (code != SURE_OK) {
    sure_store_free(&replica->base);
    return code;
  }
  *out_store = &replica->base;
  return SURE_OK;
}
