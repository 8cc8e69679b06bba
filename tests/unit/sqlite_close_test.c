/* What handlers leave prepared does not keep the store's file open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <sure/sqlite.h>

static void keep_a_statement(void *user, void *transaction) {
  bool *ran = user;
  sqlite3_stmt *statement;
  assert_int_equal(
      sqlite3_prepare_v2(transaction, "SELECT count(*) FROM sqlite_schema", -1, &statement, NULL),
      SQLITE_OK);
  assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
  sqlite3_reset(statement);
  *ran = true;
}

/* SQLite removes the write-ahead log when the last connection really closes. */
static void store_closes_its_file_though_statements_are_kept(void **state) {
  (void)state;
  char dir[] = "/tmp/sure-close-XXXXXX";
  char path[64], log[64];
  assert_non_null(mkdtemp(dir));
  snprintf(path, sizeof path, "%s/db", dir);
  snprintf(log, sizeof log, "%s/db-wal", dir);
  const struct sure_sqlite_store_options options = {.path = path};
  struct sure_store *store;
  assert_int_equal(sure_sqlite_store_open(&options, &store, NULL, 0), SURE_OK);
  bool ran = false;
  assert_int_equal(store->ops->read(store, keep_a_statement, &ran), SURE_OK);
  assert_true(ran);
  assert_int_equal(access(log, F_OK), 0);
  sure_store_free(store);
  assert_int_equal(access(log, F_OK), -1);
  unlink(path);
  rmdir(dir);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(store_closes_its_file_though_statements_are_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
