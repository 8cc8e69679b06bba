/* The disk that the simulator's power losses happen to does what is said of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/shim_vfs.h"
#include "tests/lib/unsynced.h"

static char directory[] = "/tmp/sure-power-XXXXXX";
static char path[sizeof directory + 8];

static sqlite3 *open_file(void) {
  sqlite3 *database = NULL;
  assert_int_equal(
      sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, SHIM_VFS_NAME),
      SQLITE_OK);
  return database;
}

static void run(sqlite3 *database, const char *sql) {
  assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
}

static int count(sqlite3 *database) {
  sqlite3_stmt *statement = NULL;
  assert_int_equal(sqlite3_prepare_v2(database, "SELECT count(*) FROM t", -1, &statement, NULL),
                   SQLITE_OK);
  assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
  int rows = sqlite3_column_int(statement, 0);
  sqlite3_finalize(statement);
  return rows;
}

/* One row that was synced, and one that was not; then the process ends. */
static void write_and_die(void) {
  sqlite3 *database = open_file();
  run(database, "PRAGMA journal_mode = WAL; DROP TABLE IF EXISTS t; CREATE TABLE t (n)");
  run(database, "PRAGMA synchronous = FULL; INSERT INTO t VALUES (1)");
  run(database, "PRAGMA synchronous = OFF; INSERT INTO t VALUES (2)");
  shim_stop();
  sqlite3_close(database);
  shim_resume();
}

static void after_death_and(void (*disaster)(void), int rows) {
  write_and_die();
  disaster();
  sqlite3 *database = open_file();
  assert_int_equal(count(database), rows);
  sqlite3_close(database);
}

static void nothing(void) {
}

static void power_loss(void) {
  unsynced_lose(NULL);
}

static void a_death_takes_no_commit(void **state) {
  (void)state;
  after_death_and(nothing, 2);
}

static void a_power_loss_takes_what_was_not_synced(void **state) {
  (void)state;
  after_death_and(power_loss, 1);
}

static void nothing_is_written_after_a_death(void **state) {
  (void)state;
  sqlite3 *database = open_file();
  run(database, "PRAGMA journal_mode = WAL; DROP TABLE IF EXISTS t; CREATE TABLE t (n)");
  shim_stop();
  assert_int_not_equal(sqlite3_exec(database, "INSERT INTO t VALUES (1)", NULL, NULL, NULL),
                       SQLITE_OK);
  sqlite3_close(database);
  shim_resume();
  database = open_file();
  assert_int_equal(count(database), 0);
  sqlite3_close(database);
}

static int set_up(void **state) {
  (void)state;
  shim_register();
  shim_keep_unsynced();
  if (mkdtemp(directory) == NULL) {
    return -1;
  }
  (void)snprintf(path, sizeof path, "%s/file", directory);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  unsynced_forget_all();
  (void)unlink(path);
  return rmdir(directory);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_death_takes_no_commit),
      cmocka_unit_test(a_power_loss_takes_what_was_not_synced),
      cmocka_unit_test(nothing_is_written_after_a_death),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
