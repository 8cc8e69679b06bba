#include <stdio.h>
#include <string.h>

#include "durable.h"

/* As the tables of the store are. */
static const char tables[] =
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;"
    "INSERT INTO meta VALUES ('clock_last', 0);"
    "CREATE TABLE owners (epoch INTEGER PRIMARY KEY, batch INTEGER NOT NULL);"
    "INSERT INTO owners VALUES (1, 0);"
    "CREATE TABLE sessions (handle INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
    " principal BLOB NOT NULL, watermark INTEGER NOT NULL, ranges BLOB NOT NULL,"
    " row_count INTEGER NOT NULL);"
    "INSERT INTO sessions VALUES (1, x'00112233445566778899aabbccddeeff', x'', 1, x'', 0);"
    "CREATE TABLE calls (session INTEGER NOT NULL, sequence INTEGER NOT NULL,"
    " state INTEGER NOT NULL, owner INTEGER NOT NULL, fingerprint BLOB NOT NULL,"
    " code INTEGER NOT NULL, reason INTEGER NOT NULL, message BLOB NOT NULL, reply BLOB NOT NULL,"
    " metadata BLOB NOT NULL, method INTEGER NOT NULL, key BLOB NOT NULL,"
    " PRIMARY KEY (session, sequence)) WITHOUT ROWID;";

enum statement {
  BEGIN,
  COMMIT,
  CLOCK_READ,
  CLOCK_WRITE,
  SESSION_FIND,
  SESSION_UPDATE,
  MARK,
  CALL_FIND,
  SAVEPOINT,
  CHARGE,
  CALL_INSERT,
  RELEASE,
  ACK,
  STATEMENTS
};

static const char *const sql[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [CLOCK_READ] = "SELECT value FROM meta WHERE name = 'clock_last'",
    [CLOCK_WRITE] = "UPDATE meta SET value = ?1 WHERE name = 'clock_last'",
    [SESSION_FIND] = "SELECT handle, principal, watermark, ranges, row_count FROM sessions"
                     " WHERE id = x'00112233445566778899aabbccddeeff'",
    [SESSION_UPDATE] = "UPDATE sessions SET watermark = ?1, ranges = x'', row_count = ?2"
                       " WHERE handle = 1",
    [MARK] = "UPDATE owners SET batch = ?1 WHERE epoch = 1",
    [CALL_FIND] = "SELECT state, owner, fingerprint, code, reason, message, reply, metadata"
                  " FROM calls WHERE session = 1 AND sequence = ?1",
    [SAVEPOINT] = "SAVEPOINT charge",
    [CALL_INSERT] = "INSERT INTO calls VALUES (1, ?1, 2, 1, x'00112233445566778899aabbccddeeff', 0,"
                    " 0, x'', x'08ffffffffffffffff01', x'', 0, x'')",
    [RELEASE] = "RELEASE charge",
    [ACK] = "DELETE FROM calls WHERE session = 1 AND sequence BETWEEN ?1 AND ?2 AND state <> 1",
};

struct floor {
  sqlite3 *database;
  sqlite3_stmt *statements[STATEMENTS];
  bool has_failed;
};

static void run(struct floor *floor, enum statement which, int64_t first, int64_t second) {
  sqlite3_stmt *statement = floor->statements[which];
  int parameters = sqlite3_bind_parameter_count(statement);
  if (parameters > 0) {
    sqlite3_bind_int64(statement, 1, first);
  }
  if (parameters > 1) {
    sqlite3_bind_int64(statement, 2, second);
  }
  int code = sqlite3_step(statement);
  floor->has_failed = floor->has_failed || (code != SQLITE_DONE && code != SQLITE_ROW);
  sqlite3_reset(statement);
}

/* Charges `first` to `last`; those of the batch before are acknowledged. */
static void run_batch(struct floor *floor, int64_t first, int64_t last) {
  run(floor, BEGIN, 0, 0);
  run(floor, CLOCK_READ, 0, 0);
  run(floor, SESSION_FIND, 0, 0);
  run(floor, ACK, first - (last - first) - 1, first - 1);
  for (int64_t i = first; i <= last; i++) {
    run(floor, CALL_FIND, i, 0);
    run(floor, SAVEPOINT, 0, 0);
    run(floor, CHARGE, i % DURABLE_ACCOUNTS, 1);
    run(floor, CALL_INSERT, i, 0);
    run(floor, RELEASE, 0, 0);
  }
  run(floor, SESSION_UPDATE, first, last - first + 1);
  run(floor, CLOCK_WRITE, last, 0);
  run(floor, MARK, last, 0);
  run(floor, COMMIT, 0, 0);
}

static bool prepare(struct floor *floor, const char *path) {
  bool is_good =
      sqlite3_open(path, &floor->database) == SQLITE_OK &&
      sqlite3_exec(floor->database, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", NULL,
                   NULL, NULL) == SQLITE_OK &&
      durable_make_accounts(floor->database) &&
      sqlite3_exec(floor->database, tables, NULL, NULL, NULL) == SQLITE_OK;
  for (int i = 0; is_good && i < STATEMENTS; i++) {
    const char *text = i == CHARGE ? durable_charge_sql : sql[i];
    is_good = sqlite3_prepare_v3(floor->database, text, -1, SQLITE_PREPARE_PERSISTENT,
                                 &floor->statements[i], NULL) == SQLITE_OK;
  }
  return is_good;
}

double durable_floor(const char *database, unsigned batch_len, double seconds) {
  struct floor floor = {0};
  double rate = 0;
  if (prepare(&floor, database)) {
    double begin = durable_now();
    int64_t done = 0;
    while (!floor.has_failed && durable_now() < begin + seconds) {
      run_batch(&floor, done + 1, done + batch_len);
      done += batch_len;
    }
    rate = floor.has_failed ? 0 : (double)done / (durable_now() - begin);
  }
  for (int i = 0; i < STATEMENTS; i++) {
    sqlite3_finalize(floor.statements[i]);
  }
  sqlite3_close(floor.database);
  return rate;
}
