/* The tables. They are made in one transaction together with the application's own, so that a file
 * is either empty or whole.
 *
 *     sure_meta      name -> value: what is true of the whole store
 *     sure_owners    one row for each opening of the store: its epoch, and its last transaction
 *     sure_sessions  a small integer stands for the 16 byte id in sure_calls
 *     sure_calls     one row for each call that is not acknowledged (S6); method and key are those
 *                    of an intent, by which it can be resolved (S15)
 *     sure_keys      in the order of their making, so that the oldest expire first (S13); those
 *                    with a claim are of calls that commit as they go, and how far they are */
#include "rpc/store/sqlite_store.h"

#include <string.h>
#include <sys/random.h>

static const char tables[] =
    "CREATE TABLE sure_meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;"
    "INSERT INTO sure_meta VALUES ('server_epoch', 0), ('clock_last', 0), ('session_count', 0),"
    " ('claim_last', 0);"
    "CREATE TABLE sure_owners (epoch INTEGER PRIMARY KEY, batch INTEGER NOT NULL);"
    "CREATE TABLE sure_sessions ("
    " handle INTEGER PRIMARY KEY,"
    " id BLOB NOT NULL UNIQUE,"
    " principal BLOB NOT NULL,"
    " fenced INTEGER NOT NULL DEFAULT 0,"
    " stamp_ms INTEGER NOT NULL,"
    " watermark INTEGER NOT NULL DEFAULT 1,"
    " ranges BLOB NOT NULL DEFAULT x'',"
    " row_count INTEGER NOT NULL DEFAULT 0,"
    " intent_count INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX sure_sessions_by_stamp ON sure_sessions (fenced, stamp_ms);"
    "CREATE TABLE sure_calls ("
    " session INTEGER NOT NULL,"
    " sequence INTEGER NOT NULL,"
    " state INTEGER NOT NULL,"
    " owner INTEGER NOT NULL,"
    " fingerprint BLOB NOT NULL,"
    " code INTEGER NOT NULL,"
    " reason INTEGER NOT NULL,"
    " message BLOB NOT NULL,"
    " reply BLOB NOT NULL,"
    " metadata BLOB NOT NULL DEFAULT x'',"
    " method INTEGER NOT NULL DEFAULT 0,"
    " key BLOB NOT NULL DEFAULT x'',"
    " PRIMARY KEY (session, sequence)) WITHOUT ROWID;"
    "CREATE INDEX sure_calls_owned ON sure_calls (owner) WHERE state = 1;"
    "CREATE TABLE sure_keys ("
    " number INTEGER PRIMARY KEY,"
    " principal BLOB NOT NULL,"
    " method INTEGER NOT NULL,"
    " key BLOB NOT NULL,"
    " state INTEGER NOT NULL,"
    " owner INTEGER NOT NULL,"
    " fingerprint BLOB NOT NULL,"
    " code INTEGER NOT NULL,"
    " reason INTEGER NOT NULL,"
    " message BLOB NOT NULL,"
    " reply BLOB NOT NULL,"
    " metadata BLOB NOT NULL DEFAULT x'',"
    " stamp_ms INTEGER NOT NULL,"
    " claim INTEGER NOT NULL DEFAULT 0,"
    " position INTEGER NOT NULL DEFAULT 0,"
    " UNIQUE (principal, method, key));";

int64_t sure__sqlite_ask(sqlite3 *database, const char *sql, int64_t otherwise) {
  sqlite3_stmt *statement;
  if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK) {
    return otherwise;
  }
  int64_t answer =
      sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : otherwise;
  sqlite3_finalize(statement);
  return answer;
}

bool sure__sqlite_read_store_id(sqlite3 *database, struct sure_store_id *out_id) {
  sqlite3_stmt *statement;
  if (sqlite3_prepare_v2(database, "SELECT value FROM sure_meta WHERE name = 'store_id'", -1,
                         &statement, NULL) != SQLITE_OK) {
    return false;
  }
  bool found = sqlite3_step(statement) == SQLITE_ROW &&
               sqlite3_column_bytes(statement, 0) == (int)sizeof out_id->bytes;
  if (found) {
    memcpy(out_id->bytes, sqlite3_column_blob(statement, 0), sizeof out_id->bytes);
  }
  sqlite3_finalize(statement);
  return found;
}

bool sure__sqlite_schema_refuses(sqlite3 *database, const char **out_message) {
  int64_t application = sure__sqlite_ask(database, "PRAGMA application_id", 0);
  int64_t tables_there = sure__sqlite_ask(database, "SELECT count(*) FROM sqlite_schema", 0);
  if (application == SURE__SQLITE_COPY_APPLICATION_ID) {
    *out_message =
        "it is a copy for replicas, without the records of calls: no server may write to it";
    return true;
  }
  if (application != SURE__SQLITE_APPLICATION_ID && (application != 0 || tables_there > 0)) {
    *out_message = "it is a database of another program";
    return true;
  }
  int64_t version =
      sure__sqlite_ask(database, "SELECT value FROM sure_meta WHERE name = 'schema_version'", 0);
  if (version > SURE__SQLITE_SCHEMA_VERSION) {
    *out_message = "its tables were made by a newer version of this library";
    return true;
  }
  return false;
}

/* By which sure__sqlite_schema_refuses knows its own. */
static int put_signature(sqlite3 *database) {
  char *sql = sqlite3_mprintf("PRAGMA application_id = %d;"
                              "INSERT INTO sure_meta VALUES ('schema_version', %d)",
                              SURE__SQLITE_APPLICATION_ID, SURE__SQLITE_SCHEMA_VERSION);
  int code = sql == NULL ? SQLITE_NOMEM : sqlite3_exec(database, sql, NULL, NULL, NULL);
  sqlite3_free(sql);
  return code;
}

static int insert_store_id(sqlite3 *database) {
  uint8_t id[sizeof((struct sure_store_id *)NULL)->bytes];
  if (getentropy(id, sizeof id) != 0) {
    return SQLITE_IOERR;
  }
  sqlite3_stmt *statement;
  int code = sqlite3_prepare_v2(database, "INSERT INTO sure_meta VALUES ('store_id', ?1)", -1,
                                &statement, NULL);
  if (code != SQLITE_OK) {
    return code;
  }
  sqlite3_bind_blob(statement, 1, id, sizeof id, SQLITE_STATIC);
  sqlite3_step(statement);
  return sqlite3_finalize(statement);
}

/* What each version added, from the second on. */
static const char *const upgrades[] = {
    /* 2: metadata of replies and refusals */
    "ALTER TABLE sure_calls ADD COLUMN metadata BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE sure_keys ADD COLUMN metadata BLOB NOT NULL DEFAULT x'';"
    "UPDATE sure_meta SET value = 2 WHERE name = 'schema_version';",
    /* 3: the highest stamp of the hybrid logical clock */
    "UPDATE sure_meta SET name = 'clock_last' WHERE name = 'clock_high_ms';"
    "UPDATE sure_meta SET value = 3 WHERE name = 'schema_version';",
    /* 4: what it takes to resolve an intent */
    "ALTER TABLE sure_calls ADD COLUMN method INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sure_calls ADD COLUMN key BLOB NOT NULL DEFAULT x'';"
    "CREATE INDEX sure_calls_owned ON sure_calls (owner) WHERE state = 1;"
    "UPDATE sure_meta SET value = 4 WHERE name = 'schema_version';",
    /* 5: calls that commit as they go */
    "ALTER TABLE sure_keys ADD COLUMN claim INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sure_keys ADD COLUMN position INTEGER NOT NULL DEFAULT 0;"
    "INSERT INTO sure_meta VALUES ('claim_last', 0);"
    "UPDATE sure_meta SET value = 5 WHERE name = 'schema_version';",
};

static enum sure_code upgrade(sqlite3 *database, const char **out_message) {
  int64_t version =
      sure__sqlite_ask(database, "SELECT value FROM sure_meta WHERE name = 'schema_version'", 0);
  for (; version >= 1 && version < SURE__SQLITE_SCHEMA_VERSION; version++) {
    if (sqlite3_exec(database, upgrades[version - 1], NULL, NULL, NULL) != SQLITE_OK) {
      *out_message = "its tables can't be brought up to date";
      return SURE_RESOURCE_EXHAUSTED;
    }
  }
  return SURE_OK;
}

enum sure_code sure__sqlite_schema_ensure(sqlite3 *database, bool *out_is_new,
                                          const char **out_message) {
  if (sure__sqlite_schema_refuses(database, out_message)) {
    return SURE_FAILED_PRECONDITION;
  }
  if (sure__sqlite_ask(database, "PRAGMA application_id", 0) == SURE__SQLITE_APPLICATION_ID) {
    *out_is_new = false;
    return upgrade(database, out_message);
  }
  if (sqlite3_exec(database, tables, NULL, NULL, NULL) != SQLITE_OK ||
      put_signature(database) != SQLITE_OK || insert_store_id(database) != SQLITE_OK) {
    *out_message = "its tables can't be made";
    return SURE_RESOURCE_EXHAUSTED;
  }
  *out_is_new = true;
  return SURE_OK;
}
