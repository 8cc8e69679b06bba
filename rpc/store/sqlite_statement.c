#include "rpc/store/sqlite_store.h"

static const char *const texts[] = {
#define SURE__STATEMENT_ENUM(name, sql) sql,
#include "rpc/store/sqlite_statements.h"
#undef SURE__STATEMENT_ENUM
};

/* SQLite lists a connection's statements, and puts a new one in front. It does not promise that, so
 * this looks: where it is not so, no statement is passed over. */
static struct sure__sqlite_own find_own(struct sure__sqlite *store) {
  struct sure__sqlite_own own = {.first = store->statements[SURE__SQL_COUNT - 1],
                                 .last = store->statements[0]};
  for (int i = SURE__SQL_COUNT - 1; i > 0; i--) {
    if (sqlite3_next_stmt(store->database, store->statements[i]) != store->statements[i - 1]) {
      return (struct sure__sqlite_own){0};
    }
  }
  return own;
}

int sure__sqlite_prepare(struct sure__sqlite *store) {
  for (int i = 0; i < SURE__SQL_COUNT; i++) {
    int code = sqlite3_prepare_v3(store->database, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                  &store->statements[i], NULL);
    if (code != SQLITE_OK) {
      return code;
    }
  }
  store->own = find_own(store);
  return SQLITE_OK;
}

void sure__sqlite_finalize(struct sure__sqlite *store) {
  store->own = (struct sure__sqlite_own){0};
  for (int i = 0; i < SURE__SQL_COUNT; i++) {
    sqlite3_finalize(store->statements[i]);
    store->statements[i] = NULL;
  }
}

void sure__sqlite_disconnect(sqlite3 *database) {
  if (database == NULL) {
    return;
  }
  for (sqlite3_stmt *each; (each = sqlite3_next_stmt(database, NULL)) != NULL;) {
    sqlite3_finalize(each);
  }
  sqlite3_close(database);
}

sqlite3_stmt *sure__sqlite_use(struct sure__sqlite *store, enum sure__sqlite_statement which) {
  return store->statements[which];
}

/* A value that was not bound must not be written as NULL: the error stops the next step. */
static void note(struct sure__sqlite *store, int code) {
  if (code != SQLITE_OK && store->error == SQLITE_OK) {
    store->error = code;
  }
}

void sure__sqlite_bind_int(struct sure__sqlite *store, sqlite3_stmt *statement, int index,
                           int64_t value) {
  note(store, sqlite3_bind_int64(statement, index, value));
}

void sure__sqlite_bind_bytes(struct sure__sqlite *store, sqlite3_stmt *statement, int index,
                             struct sure_bytes bytes) {
  const void *data = bytes.len > 0 ? (const void *)bytes.data : "";
  note(store, sqlite3_bind_blob64(statement, index, data, bytes.len, SQLITE_STATIC));
}

bool sure__sqlite_step(struct sure__sqlite *store, sqlite3_stmt *statement, bool *out_row) {
  if (store->error != SQLITE_OK) {
    return false;
  }
  int code = sqlite3_step(statement);
  if (code == SQLITE_ROW) {
    *out_row = true;
    return true;
  }
  sqlite3_reset(statement);
  if (code != SQLITE_DONE) {
    note(store, code);
    return false;
  }
  *out_row = false;
  return true;
}

bool sure__sqlite_run(struct sure__sqlite *store, sqlite3_stmt *statement) {
  bool row;
  return sure__sqlite_step(store, statement, &row);
}

bool sure__sqlite_run_plain(struct sure__sqlite *store, enum sure__sqlite_statement which) {
  return sure__sqlite_run(store, sure__sqlite_use(store, which));
}

struct sure_bytes sure__sqlite_column_bytes(sqlite3_stmt *statement, int column) {
  const void *data = sqlite3_column_blob(statement, column); /* before the length is asked for */
  return (struct sure_bytes){.data = data, .len = (size_t)sqlite3_column_bytes(statement, column)};
}
