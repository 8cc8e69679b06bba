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
/* Nobody waits for an answer yet while a store is opened, so it may wait so many times as long. */
#define OPEN_PATIENCE 10

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

/* SQLite's own handler looks more and more rarely, up to every 100 ms, and so never finds the file
 * free between the commits of another process that is busy. */
static int wait_for_lock(void *user, int count) {
  const struct sure__sqlite *store = user;
  uint32_t patience_ms = store->options.busy_timeout_ms;
  if (store->is_opening) {
    patience_ms *= OPEN_PATIENCE;
  }
  if ((uint32_t)count >= patience_ms) {
    return 0;
  }
  sqlite3_sleep(1);
  return 1;
}

int sure__sqlite_connect(const void *user, sqlite3 **out_database) {
  const struct sure__sqlite *store = user;
  int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  int code = sqlite3_open_v2(store->path, out_database, flags, store->vfs);
  if (code != SQLITE_OK) {
    return code;
  }
  sqlite3_busy_handler(*out_database, wait_for_lock, (void *)(uintptr_t)store);
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

static bool exists(const char *path, const char *suffix) {
  char *name = sqlite3_mprintf("%s%s", path, suffix);
  bool there = name != NULL && access(name, F_OK) == 0;
  sqlite3_free(name);
  return there;
}

/* Refuses a file that is no database, another program's, or newer. A view without locks may be
 * torn: it may refuse, and never approves. A file with a rollback journal
 * is in the middle of something and is left to SQLite's own recovery. */
static enum sure_code look(const struct sure__sqlite *store, struct sure__sqlite_reason reason) {
  if (!exists(store->path, "") || exists(store->path, "-journal")) {
    return SURE_OK;
  }
  char *uri = sure__sqlite_immutable_uri(store->path);
  if (uri == NULL) {
    return sure__sqlite_say(reason, store->path, "memory is short", SURE_RESOURCE_EXHAUSTED);
  }
  enum sure_code code = SURE_OK;
  const char *message;
  sqlite3 *database = NULL;
  int opened = sqlite3_open_v2(uri, &database, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, store->vfs);
  if (opened != SQLITE_OK) {
    code = sure__sqlite_say_error(reason, store->path, database, opened);
  } else if (sqlite3_exec(database, "PRAGMA application_id", NULL, NULL, NULL) == SQLITE_NOTADB) {
    code = sure__sqlite_say(reason, store->path, "it is not a database", SURE_DATA_LOSS);
  } else if (sure__sqlite_schema_refuses(database, &message)) {
    code = sure__sqlite_say(reason, store->path, message, SURE_FAILED_PRECONDITION);
  }
  sqlite3_close(database);
  sure__free(uri);
  return code;
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

static enum sure_code apply_schema(struct sure__sqlite *store, bool is_new,
                                   struct sure__sqlite_reason reason) {
  const struct sure_sqlite_store_options *options = &store->options;
  if (options->schema == NULL) {
    return SURE_OK;
  }
  const char *message = "the application's schema function failed";
  store->guard = SURE__GUARD_SCHEMA;
  enum sure_code code = options->schema(options->schema_user, store->database, is_new, &message);
  store->guard = SURE__GUARD_OFF;
  if (code == SURE_OK &&
      sure__sqlite_inspect(store->database, &store->own) != SURE__SQLITE_INTACT) {
    message = "the application's schema function left or spoilt its transaction";
    code = SURE_FAILED_PRECONDITION;
  }
  return code == SURE_OK ? SURE_OK : sure__sqlite_say(reason, store->path, message, code);
}

/* What happens in the transaction of the opening. */
static enum sure_code set_up(struct sure__sqlite *store, struct sure__sqlite_reason reason) {
  bool is_new = false;
  const char *message = NULL;
  enum sure_code code = sure__sqlite_schema_ensure(store->database, &is_new, &message);
  if (code != SURE_OK) {
    return sure__sqlite_say(reason, store->path, message, code);
  }
  if (!sure__sqlite_read_store_id(store->database, &store->base.id)) {
    return sure__sqlite_say(reason, store->path, "its tables are damaged", SURE_DATA_LOSS);
  }
  int drawn = draw_epoch(store);
  if (drawn != SQLITE_OK) {
    return sure__sqlite_say_error(reason, store->path, store->database, drawn);
  }
  code = sure__sqlite_owner_open(store, reason);
  return code != SURE_OK ? code : apply_schema(store, is_new, reason);
}

static enum sure_code in_transaction(struct sure__sqlite *store,
                                     struct sure__sqlite_reason reason) {
  int sqlite_code = sqlite3_exec(store->database, "BEGIN IMMEDIATE", NULL, NULL, NULL);
  if (sqlite_code != SQLITE_OK) {
    return sure__sqlite_say_error(reason, store->path, store->database, sqlite_code);
  }
  enum sure_code code = set_up(store, reason);
  if (code == SURE_OK) {
    sqlite_code = sqlite3_exec(store->database, "COMMIT", NULL, NULL, NULL);
    if (sqlite_code == SQLITE_OK) {
      return SURE_OK;
    }
    code = sure__sqlite_say_error(reason, store->path, store->database, sqlite_code);
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

static enum sure_code open_database(struct sure__sqlite *store, struct sure__sqlite_reason reason) {
  enum sure_code code = look(store, reason);
  if (code != SURE_OK) {
    return code;
  }
  bool had_log = exists(store->path, "-wal");
  store->is_opening = true;
  int sqlite_code = sure__sqlite_connect_writer(store);
  if (sqlite_code != SQLITE_OK) {
    return sure__sqlite_say_error(reason, store->path, store->database, sqlite_code);
  }
  code = in_transaction(store, reason);
  store->is_opening = false;
  if (code != SURE_OK) {
    /* Another process's log is not ours to fold into the file when the open is refused. */
    sqlite3_db_config(store->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, (int)had_log, NULL);
    return code;
  }
  sqlite_code = switch_to_wal(store);
  if (sqlite_code == SQLITE_OK && !keeps_log(store->database)) {
    return sure__sqlite_say(reason, store->path, "it can't have a write-ahead log there",
                            SURE_FAILED_PRECONDITION);
  }
  if (sqlite_code == SQLITE_OK) {
    sqlite_code = sure__sqlite_prepare(store);
  }
  return sqlite_code == SQLITE_OK
             ? SURE_OK
             : sure__sqlite_say_error(reason, store->path, store->database, sqlite_code);
}

static enum sure_code read_store(struct sure_store *base, sure_store_read_fn *fn, void *user) {
  return sure__sqlite_readers_run(&((struct sure__sqlite *)base)->readers, fn, user);
}

uint64_t sure__sqlite_read_clock(const struct sure_store *base, void *transaction) {
  (void)base;
  return (uint64_t)sure__sqlite_ask(transaction,
                                    "SELECT value FROM sure_meta WHERE name = 'clock_last'", 0);
}

static void free_store(struct sure_store *base) {
  struct sure__sqlite *store = (struct sure__sqlite *)base;
  sure__sqlite_readers_fini(&store->readers);
  sure__sqlite_finalize(store);
  sure__sqlite_disconnect(store->database);
  sure__sqlite_owner_close(store);
  sure__free(store->path);
  sure__free(store->vfs);
  sure__free(store);
}

const struct sure_store_ops sure__sqlite_ops = {.version = SURE_STORE_VERSION,
                                                .name = "sqlite",
                                                .submit = sure__sqlite_submit,
                                                .read = read_store,
                                                .clock = sure__sqlite_read_clock,
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
  store->owners_fd = -1;
  sure__sqlite_sessions_init(store);
  sure__sqlite_readers_init(&store->readers, sure__sqlite_connect, store);
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
  struct sure__sqlite_reason reason = {.text = error_text, .len = error_len};
  if (options == NULL || options->path == NULL) {
    return sure__sqlite_say(reason, "sqlite store", "no path is given", SURE_INVALID_ARGUMENT);
  }
  struct sure__sqlite *store = sure__alloc(sizeof *store);
  if (store == NULL) {
    return sure__sqlite_say(reason, options->path, "memory is short", SURE_RESOURCE_EXHAUSTED);
  }
  enum sure_code code =
      init(store, options)
          ? open_database(store, reason)
          : sure__sqlite_say(reason, options->path, "memory is short", SURE_RESOURCE_EXHAUSTED);
  if (code != SURE_OK) {
    free_store(&store->base);
    return code;
  }
  *out_store = &store->base;
  return SURE_OK;
}
