/* Opening: first a look that changes nothing and refuses what is not ours, then a transaction that
 * makes or checks the tables, runs the application's schema function and draws this process's
 * epoch. Only then WAL: so a new file has its tables and its mark in it from its first commit. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rpc/core/memory.h"
#include "rpc/core/mutant.h"
#include "rpc/store/sqlite_store.h"

#define BUSY_TIMEOUT_MS_DEFAULT 1000

/* One line for a person, on why a store can't be opened. */
struct reason {
  char *text;
  size_t len;
};

static enum sure_code say(struct reason reason, const char *path, const char *what,
                          enum sure_code code) {
  if (reason.text != NULL && reason.len > 0) {
    (void)snprintf(reason.text, reason.len, "%s: %s", path, what);
  }
  return code;
}

void sure__sqlite_log(const struct sure__sqlite *store, enum sure_log_level level, const char *what,
                      int code) {
  const struct sure_logger *logger = &store->options.logger;
  if (logger->fn == NULL || level < logger->level_min) {
    return;
  }
  char line[256];
  (void)snprintf(line, sizeof line, "sqlite store: %s (%s, code %d)", what, sqlite3_errstr(code),
                 code);
  logger->fn(logger->user, level, line);
}

static enum sure_code code_of(int sqlite_code) {
  switch (sqlite_code & 0xff) {
  case SQLITE_OK:
    return SURE_OK;
  case SQLITE_NOTADB:
  case SQLITE_CORRUPT:
    return SURE_DATA_LOSS;
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return SURE_UNAVAILABLE;
  case SQLITE_FULL:
  case SQLITE_NOMEM:
    return SURE_RESOURCE_EXHAUSTED;
  case SQLITE_CANTOPEN:
    return SURE_NOT_FOUND;
  case SQLITE_READONLY:
  case SQLITE_PERM:
  case SQLITE_AUTH:
    return SURE_PERMISSION_DENIED;
  default:
    return SURE_INTERNAL;
  }
}

static enum sure_code say_sqlite(struct reason reason, const char *path, sqlite3 *database,
                                 int sqlite_code) {
  return say(reason, path,
             database != NULL ? sqlite3_errmsg(database) : sqlite3_errstr(sqlite_code),
             code_of(sqlite_code));
}

int sure__sqlite_connect(const struct sure__sqlite *store, sqlite3 **out_database) {
  int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  int code = sqlite3_open_v2(store->path, out_database, flags, store->vfs);
  if (code != SQLITE_OK) {
    return code;
  }
  sqlite3_busy_timeout(*out_database, (int)store->options.busy_timeout_ms);
  const char *synchronous =
      SURE__MUTANT(SYNCHRONOUS_OFF) ? "PRAGMA synchronous = OFF" : "PRAGMA synchronous = FULL";
  code = sqlite3_exec(*out_database, synchronous, NULL, NULL, NULL);
  if (code != SQLITE_OK) {
    return code;
  }
  /* Savepoints remember pages in memory: a temporary file may be one too many, or not fit. */
  return sqlite3_exec(*out_database, "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY", NULL,
                      NULL, NULL);
}

int sure__sqlite_connect_writer(struct sure__sqlite *store) {
  int code = sure__sqlite_connect(store, &store->database);
  if (code == SQLITE_OK) {
    code = sure__sqlite_guard_install(store->database, &store->guard);
    sure__sqlite_checkpoint_install(store);
  }
  return code;
}

/* The path as a URI that opens the file without locks and without touching anything. Such a view
 * may be torn, so it may refuse but never approve. NULL when memory is short. */
static char *immutable_uri(const char *path) {
  static const char query[] = "?immutable=1";
  char *uri = sure__alloc(3 * strlen(path) + sizeof "file:" + sizeof query);
  if (uri == NULL) {
    return NULL;
  }
  char *at = uri + sprintf(uri, "file:");
  for (const char *c = path; *c != '\0'; c++) {
    bool special = *c == '%' || *c == '?' || *c == '#';
    at += special ? sprintf(at, "%%%02X", (unsigned char)*c) : sprintf(at, "%c", *c);
  }
  memcpy(at, query, sizeof query);
  return uri;
}

static bool exists(const char *path, const char *suffix) {
  char *name = sqlite3_mprintf("%s%s", path, suffix);
  bool there = name != NULL && access(name, F_OK) == 0;
  sqlite3_free(name);
  return there;
}

/* Refuses a file that is no database, another program's, or newer. A file with a rollback journal
 * is in the middle of something and is left to SQLite's own recovery. */
static enum sure_code look(const struct sure__sqlite *store, struct reason reason) {
  if (!exists(store->path, "") || exists(store->path, "-journal")) {
    return SURE_OK;
  }
  char *uri = immutable_uri(store->path);
  if (uri == NULL) {
    return say(reason, store->path, "memory is short", SURE_RESOURCE_EXHAUSTED);
  }
  enum sure_code code = SURE_OK;
  const char *message;
  sqlite3 *database = NULL;
  int opened = sqlite3_open_v2(uri, &database, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, store->vfs);
  if (opened != SQLITE_OK) {
    code = say_sqlite(reason, store->path, database, opened);
  } else if (sqlite3_exec(database, "PRAGMA application_id", NULL, NULL, NULL) == SQLITE_NOTADB) {
    code = say(reason, store->path, "it is not a database", SURE_DATA_LOSS);
  } else if (sure__sqlite_schema_refuses(database, &message)) {
    code = say(reason, store->path, message, SURE_FAILED_PRECONDITION);
  }
  sqlite3_close(database);
  sure__free(uri);
  return code;
}

static bool read_store_id(struct sure__sqlite *store) {
  sqlite3_stmt *statement;
  if (sqlite3_prepare_v2(store->database, "SELECT value FROM sure_meta WHERE name = 'store_id'", -1,
                         &statement, NULL) != SQLITE_OK) {
    return false;
  }
  bool found = sqlite3_step(statement) == SQLITE_ROW &&
               sqlite3_column_bytes(statement, 0) == (int)sizeof store->base.id.bytes;
  if (found) {
    memcpy(store->base.id.bytes, sqlite3_column_blob(statement, 0), sizeof store->base.id.bytes);
  }
  sqlite3_finalize(statement);
  return found;
}

static int draw_epoch(struct sure__sqlite *store) {
  int code = sqlite3_exec(store->database,
                          "UPDATE sure_meta SET value = value + 1 WHERE name = 'server_epoch';"
                          "INSERT INTO sure_owners SELECT value, 0 FROM sure_meta"
                          " WHERE name = 'server_epoch'",
                          NULL, NULL, NULL);
  if (code == SQLITE_OK) {
    store->epoch = sure__sqlite_ask(store->database,
                                    "SELECT value FROM sure_meta WHERE name = 'server_epoch'", 0);
  }
  return code;
}

static enum sure_code apply_schema(struct sure__sqlite *store, bool is_new, struct reason reason) {
  const struct sure_sqlite_store_options *options = &store->options;
  if (options->schema == NULL) {
    return SURE_OK;
  }
  const char *message = "the application's schema function failed";
  store->guard = SURE__GUARD_SCHEMA;
  enum sure_code code = options->schema(options->schema_user, store->database, is_new, &message);
  store->guard = SURE__GUARD_OFF;
  if (code == SURE_OK && sure__sqlite_inspect(store->database) != SURE__SQLITE_INTACT) {
    message = "the application's schema function left or spoilt its transaction";
    code = SURE_FAILED_PRECONDITION;
  }
  return code == SURE_OK ? SURE_OK : say(reason, store->path, message, code);
}

/* What happens in the transaction of the opening. */
static enum sure_code set_up(struct sure__sqlite *store, struct reason reason) {
  bool is_new = false;
  const char *message = NULL;
  enum sure_code code = sure__sqlite_schema_ensure(store->database, &is_new, &message);
  if (code != SURE_OK) {
    return say(reason, store->path, message, code);
  }
  if (!read_store_id(store)) {
    return say(reason, store->path, "its tables are damaged", SURE_DATA_LOSS);
  }
  int drawn = draw_epoch(store);
  if (drawn != SQLITE_OK) {
    return say_sqlite(reason, store->path, store->database, drawn);
  }
  return apply_schema(store, is_new, reason);
}

static enum sure_code in_transaction(struct sure__sqlite *store, struct reason reason) {
  int sqlite_code = sqlite3_exec(store->database, "BEGIN IMMEDIATE", NULL, NULL, NULL);
  if (sqlite_code != SQLITE_OK) {
    return say_sqlite(reason, store->path, store->database, sqlite_code);
  }
  enum sure_code code = set_up(store, reason);
  if (code == SURE_OK) {
    sqlite_code = sqlite3_exec(store->database, "COMMIT", NULL, NULL, NULL);
    if (sqlite_code == SQLITE_OK) {
      return SURE_OK;
    }
    code = say_sqlite(reason, store->path, store->database, sqlite_code);
  }
  if (!sqlite3_get_autocommit(store->database)) {
    (void)sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
  }
  return code;
}

/* SQLite does not wait for other connections when it changes the journal mode, so we do. */
static int switch_to_wal(struct sure__sqlite *store) {
  int code = SQLITE_BUSY;
  for (uint32_t waited_ms = 0; code == SQLITE_BUSY && waited_ms <= store->options.busy_timeout_ms;
       waited_ms += 10) {
    code = sqlite3_exec(store->database, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    if ((code & 0xff) == SQLITE_BUSY) {
      code = SQLITE_BUSY;
      sqlite3_sleep(10);
    }
  }
  return code;
}

/* A file system or VFS without shared memory has no log, and SQLite then goes on without a word. */
static bool keeps_log(sqlite3 *database) {
  sqlite3_stmt *statement;
  if (sqlite3_prepare_v2(database, "PRAGMA journal_mode", -1, &statement, NULL) != SQLITE_OK) {
    return false;
  }
  bool is_wal = sqlite3_step(statement) == SQLITE_ROW &&
                sqlite3_stricmp((const char *)sqlite3_column_text(statement, 0), "wal") == 0;
  sqlite3_finalize(statement);
  return is_wal;
}

static enum sure_code open_database(struct sure__sqlite *store, struct reason reason) {
  enum sure_code code = look(store, reason);
  if (code != SURE_OK) {
    return code;
  }
  bool had_log = exists(store->path, "-wal");
  int sqlite_code = sure__sqlite_connect_writer(store);
  if (sqlite_code != SQLITE_OK) {
    return say_sqlite(reason, store->path, store->database, sqlite_code);
  }
  code = in_transaction(store, reason);
  if (code != SURE_OK) {
    /* Another process's log is not ours to fold into the file when the open is refused. */
    sqlite3_db_config(store->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, (int)had_log, NULL);
    return code;
  }
  sqlite_code = switch_to_wal(store);
  if (sqlite_code == SQLITE_OK && !keeps_log(store->database)) {
    return say(reason, store->path, "it can't have a write-ahead log there",
               SURE_FAILED_PRECONDITION);
  }
  if (sqlite_code == SQLITE_OK) {
    sqlite_code = sure__sqlite_prepare(store);
  }
  return sqlite_code == SQLITE_OK ? SURE_OK
                                  : say_sqlite(reason, store->path, store->database, sqlite_code);
}

static void free_store(struct sure_store *base) {
  struct sure__sqlite *store = (struct sure__sqlite *)base;
  sure__sqlite_readers_close(store);
  sure__sqlite_finalize(store);
  sure__sqlite_disconnect(store->database);
  pthread_mutex_destroy(&store->readers_lock);
  sure__free(store->path);
  sure__free(store->vfs);
  sure__free(store);
}

const struct sure_store_ops sure__sqlite_ops = {.version = SURE_STORE_VERSION,
                                                .name = "sqlite",
                                                .submit = sure__sqlite_submit,
                                                .read = sure__sqlite_read,
                                                .free = free_store};

static char *copy_text(const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = sure__alloc(size);
  if (copy != NULL) {
    memcpy(copy, text, size);
  }
  return copy;
}

/* Copies the options with their defaults put in. */
static bool init(struct sure__sqlite *store, const struct sure_sqlite_store_options *options) {
  store->base = (struct sure_store){
      .ops = &sure__sqlite_ops, .durable = true, .blocks = true, .allow_volatile_keys = true};
  store->options = *options;
  sure__sqlite_sessions_init(store);
  pthread_mutex_init(&store->readers_lock, NULL);
  if (store->options.busy_timeout_ms == 0) {
    store->options.busy_timeout_ms = BUSY_TIMEOUT_MS_DEFAULT;
  }
  if (store->options.sessions_max == 0) {
    store->options.sessions_max = SURE_SESSIONS_MAX_DEFAULT;
  }
  if (store->options.session_records_max == 0) {
    store->options.session_records_max = SURE_SESSION_RECORDS_MAX_DEFAULT;
  }
  store->options.path = store->options.vfs = NULL; /* the caller's: ours are the copies */
  store->path = copy_text(options->path);
  store->vfs = options->vfs != NULL ? copy_text(options->vfs) : NULL;
  return store->path != NULL && (store->vfs != NULL) == (options->vfs != NULL);
}

enum sure_code sure_sqlite_store_open(const struct sure_sqlite_store_options *options,
                                      struct sure_store **out_store, char *error_text,
                                      size_t error_len) {
  struct reason reason = {.text = error_text, .len = error_len};
  if (options == NULL || options->path == NULL) {
    return say(reason, "sqlite store", "no path is given", SURE_INVALID_ARGUMENT);
  }
  struct sure__sqlite *store = sure__alloc(sizeof *store);
  if (store == NULL) {
    return say(reason, options->path, "memory is short", SURE_RESOURCE_EXHAUSTED);
  }
  enum sure_code code =
      init(store, options) ? open_database(store, reason)
                           : say(reason, options->path, "memory is short", SURE_RESOURCE_EXHAUSTED);
  if (code != SURE_OK) {
    free_store(&store->base);
    return code;
  }
  *out_store = &store->base;
  return SURE_OK;
}
