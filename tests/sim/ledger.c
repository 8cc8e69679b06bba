#include "tests/sim/ledger.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <sure/sqlite.h>
#include <unistd.h>

#include "tests/sim/model.h"
#include "tests/sim/sim.h"

static char path[64];

static void remove_files(void) {
  static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
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
}

void ledger_end(void) {
  remove_files();
}

static enum sure_code make_table(void *user, sqlite3 *database, bool is_new,
                                 const char **out_message) {
  (void)user;
  (void)out_message;
  static const char table[] = "CREATE TABLE effects (deed INTEGER NOT NULL)";
  bool is_made = !is_new || sqlite3_exec(database, table, NULL, NULL, NULL) == SQLITE_OK;
  return is_made ? SURE_OK : SURE_INTERNAL;
}

struct sure_store *ledger_open_store(void) {
  char text[256] = "";
  struct sure_store *store = NULL;
  struct sure_sqlite_store_options options = {
      .path = path,
      .schema = make_table,
      .session_records_max = sim.plan.session_records_max,
  };
  if (sure_sqlite_store_open(&options, &store, text, sizeof text) != SURE_OK) {
    (void)fprintf(stderr, "%s: %s\n", path, text);
    abort();
  }
  return store;
}

bool ledger_insert(void *transaction, uint64_t deed) {
  char sql[80];
  (void)snprintf(sql, sizeof sql, "INSERT INTO effects VALUES (%llu)", (unsigned long long)deed);
  return sqlite3_exec(transaction, sql, NULL, NULL, NULL) == SQLITE_OK;
}

uint64_t ledger_count(void *transaction) {
  sqlite3_stmt *statement = NULL;
  uint64_t count = 0;
  if (sqlite3_prepare_v2(transaction, "SELECT count(*) FROM effects", -1, &statement, NULL) ==
          SQLITE_OK &&
      sqlite3_step(statement) == SQLITE_ROW) {
    count = (uint64_t)sqlite3_column_int64(statement, 0);
  }
  sqlite3_finalize(statement);
  return count;
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
