#include "statements.h"

#include <stdio.h>
#include <string.h>

sqlite3_stmt *statement_get(sqlite3 *database, const char *sql) {
  sqlite3_stmt *statement = NULL;
  while ((statement = sqlite3_next_stmt(database, statement))) {
    if (strcmp(sqlite3_sql(statement), sql) == 0) {
      return statement;
    }
  }
  if (sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) !=
      SQLITE_OK) {
    return NULL;
  }
  return statement;
}

void statements_close(sqlite3 *database) {
  for (sqlite3_stmt *each; database && (each = sqlite3_next_stmt(database, NULL));) {
    sqlite3_finalize(each);
  }
  sqlite3_close(database);
}

int statement_done(sqlite3_stmt *statement) {
  if (!statement) {
    return SQLITE_OK;
  }
  int result = sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  return result;
}

int statement_bind_text(sqlite3_stmt *statement, int index, const char *text) {
  return sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

void statement_copy_text(sqlite3_stmt *statement, int column, char *copy, size_t size) {
  const char *text = (const char *)sqlite3_column_text(statement, column);
  snprintf(copy, size, "%s", text ? text : "");
}
