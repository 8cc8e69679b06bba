/* SQLite's errors, for programs and for people. */
#include <stdio.h>

#include "rpc/store/sqlite_store.h"

enum sure_code sure__sqlite_say(struct sure__sqlite_reason reason, const char *path,
                                const char *what, enum sure_code code) {
  if (reason.text != NULL && reason.len > 0) {
    (void)snprintf(reason.text, reason.len, "%s: %s", path, what);
  }
  return code;
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

enum sure_code sure__sqlite_say_error(struct sure__sqlite_reason reason, const char *path,
                                      sqlite3 *database, int sqlite_code) {
  return sure__sqlite_say(reason, path,
                          database != NULL ? sqlite3_errmsg(database) : sqlite3_errstr(sqlite_code),
                          code_of(sqlite_code));
}
