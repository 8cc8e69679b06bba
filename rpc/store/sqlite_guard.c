/* What handlers may not do on the writer's connection, and what they left there (S21).
 *
 * The authorizer is asked when a statement is prepared. It is installed once and reads a level,
 * because installing one makes SQLite prepare every statement again. */
#include "rpc/store/sqlite_store.h"

static bool is_ours(const char *name) {
  return name != NULL && sqlite3_strnicmp(name, "sure_", 5) == 0;
}

static bool changes_ours(int action, const char *first, const char *second) {
  switch (action) {
  case SQLITE_READ:
  case SQLITE_SELECT:
  case SQLITE_FUNCTION:
  case SQLITE_RECURSIVE:
    return false;
  case SQLITE_INSERT:
  case SQLITE_DELETE:
  case SQLITE_UPDATE: /* `second` is a column */
    return is_ours(first);
  default: /* of SQLite's other actions, one names the thing and the other its table */
    return is_ours(first) || is_ours(second);
  }
}

static bool ends_transaction(int action) {
  return action == SQLITE_TRANSACTION || action == SQLITE_SAVEPOINT || action == SQLITE_ATTACH ||
         action == SQLITE_DETACH;
}

static int authorize(void *user, int action, const char *first, const char *second,
                     const char *schema, const char *trigger) {
  (void)schema;
  (void)trigger;
  enum sure__sqlite_guard guard = *(const enum sure__sqlite_guard *)user;
  bool denied = guard != SURE__GUARD_OFF &&
                (ends_transaction(action) || changes_ours(action, first, second) ||
                 (guard == SURE__GUARD_HANDLER && action == SQLITE_PRAGMA));
  return denied ? SQLITE_DENY : SQLITE_OK;
}

/* A handler whose transaction is gone and that writes on would commit each statement by itself. Not
 * zero makes that a rollback. */
static int refuse_commit(void *user) {
  return *(const enum sure__sqlite_guard *)user != SURE__GUARD_OFF;
}

int sure__sqlite_guard_install(sqlite3 *database, enum sure__sqlite_guard *guard) {
  (void)sqlite3_commit_hook(database, refuse_commit, guard);
  return sqlite3_set_authorizer(database, authorize, guard);
}

static bool reset_busy(sqlite3 *database, const struct sure__sqlite_own *own) {
  bool any = false;
  sqlite3_stmt *statement = NULL;
  while ((statement = sqlite3_next_stmt(database, statement)) != NULL) {
    if (own != NULL && statement == own->first) {
      statement = own->last;
    } else if (sqlite3_stmt_busy(statement)) {
      sqlite3_reset(statement);
      any = true;
    }
  }
  return any;
}

static bool has_deferred(sqlite3 *database) {
  int pending = 0;
  int unused = 0;
  int code = sqlite3_db_status(database, SQLITE_DBSTATUS_DEFERRED_FKS, &pending, &unused, 0);
  return code != SQLITE_OK || pending != 0;
}

enum sure__sqlite_state sure__sqlite_inspect(sqlite3 *database,
                                             const struct sure__sqlite_own *own) {
  bool was_busy = reset_busy(database, own);
  if (sqlite3_get_autocommit(database)) {
    return SURE__SQLITE_LEFT;
  }
  return was_busy || has_deferred(database) ? SURE__SQLITE_SPOILT : SURE__SQLITE_INTACT;
}
