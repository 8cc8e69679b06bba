#include "tests/sim/ledger.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <sure/sqlite.h>
#include <unistd.h>

#include "examples/bank/ledger_schema.h"
#include "tests/lib/shim_vfs.h"
#include "tests/sim/bank_app.h"
#include "tests/sim/disk.h"
#include "tests/sim/model.h"
#include "tests/sim/sim.h"

static char path[64];

static void remove_files(void) {
  static const char *const suffixes[] = {"", "-wal", "-shm", "-journal", "-owners"};
  for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
    char name[sizeof path + 16];
    (void)snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
    (void)unlink(name);
  }
}

void ledger_begin(void) {
  const char *directory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  (void)snprintf(path, sizeof path, "%s/sure-sim-%ld.db", directory, (long)getpid());
  remove_files();
  disk_begin();
}

void ledger_end(void) {
  remove_files();
}

static enum sure_code make_tables(void *user, sqlite3 *database, bool is_new,
                                  const char **out_message) {
  static const char table[] = "CREATE TABLE effects (deed INTEGER NOT NULL)";
  if (is_new && sqlite3_exec(database, table, NULL, NULL, NULL) != SQLITE_OK) {
    return SURE_INTERNAL;
  }
  return bank_app_is_wanted() ? ledger_schema(user, database, is_new, out_message) : SURE_OK;
}

struct sure_store *ledger_open_store(void) {
  char text[256] = "";
  struct sure_store *store = NULL;
  struct sure_sqlite_store_options options = {
      .path = path,
      .vfs = SHIM_VFS_NAME,
      .schema = make_tables,
      .session_records_max = sim.plan.session_records_max,
  };
  if (sure_sqlite_store_open(&options, &store, text, sizeof text) != SURE_OK) {
    (void)fprintf(stderr, "%s: %s\n", path, text);
    abort();
  }
  return store;
}

static uint64_t ask(sqlite3 *database, const char *sql) {
  sqlite3_stmt *statement = NULL;
  uint64_t value = 0;
  if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) == SQLITE_OK &&
      sqlite3_step(statement) == SQLITE_ROW) {
    value = (uint64_t)sqlite3_column_int64(statement, 0);
  }
  sqlite3_finalize(statement);
  return value;
}

/* A transaction that writes comes first: what a dead server has left in the log either counts by
 * then or is overwritten. */
static sqlite3 *open_to_judge(void) {
  sqlite3 *database = NULL;
  if (sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, SHIM_VFS_NAME) != SQLITE_OK ||
      sqlite3_exec(database,
                   "CREATE TABLE IF NOT EXISTS judged (n INTEGER); INSERT INTO judged VALUES (1)",
                   NULL, NULL, NULL) != SQLITE_OK) {
    sim_fail("the ledger can't be judged: %s", sqlite3_errmsg(database));
  }
  sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  return database;
}

static uint64_t count_deed(void *database, uint64_t deed) {
  char sql[80];
  (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM effects WHERE deed = %llu",
                 (unsigned long long)deed);
  return ask(database, sql);
}

void ledger_judge(void) {
  sqlite3 *database = open_to_judge();
  model_judge(count_deed, database);
  sqlite3_close(database);
}

/* An INSERT that fails and takes the transaction with it, as its conflict clause says. */
void ledger_leave(void *transaction) {
  (void)sqlite3_exec(transaction, "INSERT OR ROLLBACK INTO effects VALUES (NULL)", NULL, NULL,
                     NULL);
}

bool ledger_insert(void *transaction, uint64_t deed) {
  char sql[80];
  (void)snprintf(sql, sizeof sql, "INSERT INTO effects VALUES (%llu)", (unsigned long long)deed);
  return sqlite3_exec(transaction, sql, NULL, NULL, NULL) == SQLITE_OK;
}

uint64_t ledger_count_effects(void *transaction) {
  return ask(transaction, "SELECT count(*) FROM effects");
}

static void compare(void *user, void *transaction) {
  static const char sql[] = "SELECT deed, count(*) FROM effects GROUP BY deed";
  sqlite3_stmt *statement = NULL;
  uint64_t total = 0;
  (void)user;
  if (sqlite3_prepare_v2(transaction, sql, -1, &statement, NULL) != SQLITE_OK) {
    sim_fail("the ledger can't be read");
    return;
  }
  while (sqlite3_step(statement) == SQLITE_ROW) {
    uint64_t number = (uint64_t)sqlite3_column_int64(statement, 0);
    uint64_t count = (uint64_t)sqlite3_column_int64(statement, 1);
    const struct deed *deed = model_deed(number);
    if (deed == NULL || deed->effect_count != count) {
      sim_fail("deed %llu is in the ledger %llu times", (unsigned long long)number,
               (unsigned long long)count);
    }
    total += count;
  }
  sqlite3_finalize(statement);
  if (total != model_effect_count()) {
    sim_fail("lost: the ledger has %llu effects of %llu", (unsigned long long)total,
             (unsigned long long)model_effect_count());
  }
}

void ledger_check(struct sure_store *store) {
  if (store->ops->read(store, compare, NULL) != SURE_OK) {
    sim_fail("the ledger can't be read");
  }
}
