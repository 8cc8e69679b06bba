/* What only SQLite can show: handlers that spoil their transaction, reopening, files that are not
 * ours, and snapshots. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/conformance/world.h"

static int set_up(void **state) {
  struct world *world = malloc(sizeof *world);
  world_init(world, &sqlite_factory);
  world->store = sqlite_factory.open(world);
  assert_verdict(OPEN, verdict_of(world, op_attach(world, SESSION_A, 0)));
  *state = world;
  return 0;
}

/* A world whose database is not there yet. */
static int set_up_empty(void **state) {
  struct world *world = malloc(sizeof *world);
  world_init(world, &sqlite_factory);
  *state = world;
  return 0;
}

static int tear_down(void **state) {
  world_fini(*state);
  free(*state);
  return 0;
}

/* ---- handlers that misbehave (S21) ---- */

static void try_sql(sqlite3 *database, const char *sql) {
  (void)sqlite3_exec(database, sql, NULL, NULL, NULL);
}

static void raise_rollback(struct world *world, sqlite3 *database) {
  (void)world;
  try_sql(database, "INSERT INTO charges (sequence) VALUES (-1)");
}

static void insert_or_rollback(struct world *world, sqlite3 *database) {
  (void)world;
  try_sql(database, "INSERT INTO parents VALUES (1);"
                    "INSERT OR ROLLBACK INTO parents VALUES (1)");
}

/* Outside of a transaction, each statement would commit by itself. */
static void write_after_rollback(struct world *world, sqlite3 *database) {
  raise_rollback(world, database);
  try_sql(database, "INSERT INTO charges (sequence) VALUES (2)");
}

static void leave_busy(struct world *world, sqlite3 *database) {
  sqlite3_stmt *statement;
  assert_int_equal(SQLITE_OK,
                   sqlite3_prepare_v2(database, "SELECT * FROM charges", -1, &statement, NULL));
  assert_int_equal(SQLITE_ROW, sqlite3_step(statement));
  world->left = statement;
}

static void leave_early_busy(struct world *world, sqlite3 *database) {
  (void)database;
  assert_int_equal(SQLITE_ROW, sqlite3_step(world->early));
}

static void leave_deferred(struct world *world, sqlite3 *database) {
  (void)world;
  try_sql(database, "INSERT INTO children VALUES (1234)");
}

/* Calls 1, 2 and 3 in one batch, of which the second misbehaves after its charge. */
static void batch_with_culprit(struct world *world, void (*then)(struct world *, sqlite3 *)) {
  world->behaviour.then = then;
  world->behaviour.then_for = 2;
  struct sure_store_op ops[3];
  struct sure_store_op *batch[3];
  for (uint64_t i = 0; i < 3; i++) {
    ops[i] = op_call(world, SESSION_A, i + 1);
    batch[i] = &ops[i];
  }
  submit(world, batch, 3);
  assert_verdict(RECORDED, ops[0].verdict);
  assert_verdict(BROKE, ops[1].verdict);
  assert_verdict(RECORDED, ops[2].verdict);
  assert_int_equal(2, world_charges(world));
  world->behaviour.then = NULL;
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 2)));
  assert_int_equal(3, world_charges(world));
}

static void raise_rollback_fails_its_own_call_only(void **state) {
  batch_with_culprit(*state, raise_rollback);
}

static void insert_or_rollback_fails_its_own_call_only(void **state) {
  batch_with_culprit(*state, insert_or_rollback);
}

static void what_is_written_after_a_rollback_is_not_committed(void **state) {
  batch_with_culprit(*state, write_after_rollback);
}

static void a_statement_left_busy_fails_its_own_call_only(void **state) {
  struct world *world = *state;
  batch_with_culprit(world, leave_busy);
  sqlite3_finalize(world->left);
}

static void a_statement_of_the_schema_function_left_busy_fails_its_own_call_only(void **state) {
  batch_with_culprit(*state, leave_early_busy);
}

static void a_deferred_foreign_key_fails_its_own_call_only(void **state) {
  batch_with_culprit(*state, leave_deferred);
}

static int refuse_commit(void *user) {
  struct world *world = user;
  return world->behaviour.reply_len == 7; /* not zero: COMMIT becomes a rollback */
}

/* A constraint that is only found at COMMIT: here a commit hook, which a handler may set. */
static void install_hook(struct world *world, sqlite3 *database) {
  world->behaviour.reply_len = 7;
  sqlite3_commit_hook(database, refuse_commit, world);
}

static void a_commit_that_is_refused_leaves_nothing(void **state) {
  struct world *world = *state;
  world->behaviour.then = install_hook;
  assert_verdict(BROKE, verdict_of(world, op_call(world, SESSION_A, 1)));
  world->behaviour = (struct behaviour){.keep = true};
  assert_int_equal(0, world_charges(world));
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 1)));
  assert_int_equal(1, world_charges(world));
}

static void denied_statements(struct world *world, sqlite3 *database) {
  static const char *const denied[] = {
      "COMMIT",
      "ROLLBACK",
      "BEGIN",
      "SAVEPOINT s",
      "RELEASE sure_call",
      "ROLLBACK TO sure_call",
      "ATTACH ':memory:' AS other",
      "DETACH main",
      "PRAGMA synchronous = OFF",
      "DELETE FROM sure_calls",
      "UPDATE sure_sessions SET fenced = 1",
      "INSERT INTO SURE_KEYS (key) VALUES (x'')",
      "DROP TABLE sure_calls",
      "ALTER TABLE sure_calls RENAME TO x",
      "CREATE INDEX i ON sure_calls (code)",
      "CREATE TRIGGER t AFTER INSERT ON sure_calls BEGIN SELECT 1; END",
  };
  (void)world;
  for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++) {
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(database, denied[i], -1, &statement, NULL);
    sqlite3_finalize(statement);
    if (code != SQLITE_AUTH) {
      fail_msg("%s: allowed", denied[i]);
    }
  }
}

static void handlers_may_not_touch_transactions_or_our_tables(void **state) {
  struct world *world = *state;
  world->behaviour.then = denied_statements;
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 1)));
}

/* ---- reopening ---- */

static void everything_survives_reopening(void **state) {
  struct world *world = *state;
  struct sure_store_id id = world->store->id;
  struct sure_range acked = {.first = 4, .last = 5};
  for (uint64_t i = 1; i <= 5; i++) {
    assert_verdict(RECORDED,
                   verdict_of(world, op_key_call(world, SESSION_A, i, i == 3 ? "k" : NULL)));
  }
  assert_verdict(DONE, verdict_of(world, op_ack(world, SESSION_A, 3, &acked, 1)));
  world_reopen(world);
  assert_memory_equal(&id, &world->store->id, sizeof id);
  assert_verdict(OPEN, verdict_of(world, op_make(world, SURE_STORE_ATTACH, SESSION_A)));
  assert_verdict(STALE, verdict_of(world, op_call(world, SESSION_A, 2)));
  assert_verdict(STALE, verdict_of(world, op_call(world, SESSION_A, 5)));
  assert_verdict(REPLAYED, verdict_of(world, op_key_call(world, SESSION_A, 3, "k")));
  assert_verdict(REPLAYED, verdict_of(world, op_settle(world, SESSION_B, 0, "k")));
  assert_int_equal(5, world_charges(world));
}

static void an_intent_of_another_opening_is_in_doubt(void **state) {
  struct world *world = *state;
  struct sure_store_op intent = op_key_call(world, SESSION_A, 1, "k");
  intent.kind = SURE_STORE_INTENT;
  assert_verdict(GRANTED, verdict_of(world, intent));
  world_reopen(world);
  assert_verdict(IN_DOUBT, verdict_of(world, intent));
  assert_verdict(IN_DOUBT, verdict_of(world, op_settle(world, SESSION_A, 1, NULL)));
  assert_verdict(IN_DOUBT, verdict_of(world, op_settle(world, SESSION_A, 0, "k")));
  intent.kind = SURE_STORE_COMPLETE; /* only its owner completes it */
  assert_verdict(DONE, verdict_of(world, intent));
  assert_verdict(IN_DOUBT, verdict_of(world, op_settle(world, SESSION_A, 1, NULL)));
}

static void keys_past_their_retention_are_swept(void **state) {
  struct world *world = *state;
  world->limits.key_retention_ms = 1;
  world_reopen(world);
  assert_verdict(RECORDED, verdict_of(world, op_key_call(world, SESSION_A, 1, "k")));
  struct sure_store_op late = op_settle(world, SESSION_B, 0, "k");
  do { /* until the clock has moved */
    assert_verdict(DONE, verdict_of(world, op_sweep(world, 0)));
    late = answer_of(world, late);
  } while (late.verdict == SURE_STORE_REPLAYED);
  assert_verdict(TOMBSTONE, late.verdict);
}

static void leases_of_a_clock_that_went_back_start_afresh(void **state) {
  struct world *world = *state;
  assert_verdict(OPEN, verdict_of(world, op_attach(world, SESSION_A, 1000000)));
  assert_int_equal(0, answer_of(world, op_sweep(world, 5)).swept_count);
  assert_int_equal(1, answer_of(world, op_sweep(world, 106)).swept_count);
}

/* ---- reading ---- */

static void write_in_snapshot(void *user, void *transaction) {
  *(int *)user = sqlite3_exec(transaction, "DELETE FROM charges", NULL, NULL, NULL);
}

static void a_snapshot_can_not_write(void **state) {
  struct world *world = *state;
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 1)));
  int code = SQLITE_OK;
  assert_int_equal(SURE_OK, world->store->ops->read(world->store, write_in_snapshot, &code));
  assert_int_equal(SQLITE_READONLY, code);
  assert_int_equal(1, world_charges(world));
}

static int count_in(sqlite3 *database) {
  sqlite3_stmt *statement;
  assert_int_equal(SQLITE_OK, sqlite3_prepare_v2(database, "SELECT count(*) FROM charges", -1,
                                                 &statement, NULL));
  assert_int_equal(SQLITE_ROW, sqlite3_step(statement));
  int count = sqlite3_column_int(statement, 0);
  sqlite3_finalize(statement);
  return count;
}

static void write_meanwhile(void *user, void *transaction) {
  struct world *world = user;
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 1)));
  assert_int_equal(0, count_in(transaction));
}

static void a_snapshot_is_taken_before_the_reader_looks(void **state) {
  struct world *world = *state;
  assert_int_equal(SURE_OK, world->store->ops->read(world->store, write_meanwhile, world));
  assert_int_equal(1, world_charges(world));
}

/* ---- files that are not ours ---- */

static uint8_t *read_file(const char *path, size_t *out_len) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  assert_true(fd >= 0);
  struct stat status;
  assert_int_equal(0, fstat(fd, &status));
  *out_len = (size_t)status.st_size;
  uint8_t *bytes = malloc(*out_len + 1);
  assert_int_equal(*out_len, read(fd, bytes, *out_len));
  close(fd);
  return bytes;
}

static void assert_refused(struct world *world, enum sure_code expected) {
  size_t before_len;
  size_t after_len;
  uint8_t *before = read_file(world->path, &before_len);
  struct sure_sqlite_store_options options = {.path = world->path};
  struct sure_store *sentinel = (struct sure_store *)world;
  struct sure_store *store = sentinel;
  char text[256] = "";
  assert_int_equal(expected, sure_sqlite_store_open(&options, &store, text, sizeof text));
  assert_ptr_equal(sentinel, store);
  assert_non_null(strstr(text, world->path));
  assert_null(strchr(text, '\n'));
  uint8_t *after = read_file(world->path, &after_len);
  assert_int_equal(before_len, after_len);
  assert_memory_equal(before, after, after_len);
  free(before);
  free(after);
  char log[128];
  (void)snprintf(log, sizeof log, "%s-wal", world->path);
  assert_int_equal(-1, access(log, F_OK));
}

static void execute(const char *path, const char *sql) {
  sqlite3 *database;
  assert_int_equal(SQLITE_OK, sqlite3_open(path, &database));
  assert_int_equal(SQLITE_OK, sqlite3_exec(database, sql, NULL, NULL, NULL));
  assert_int_equal(SQLITE_OK, sqlite3_close(database));
}

static void a_file_that_is_no_database_is_refused(void **state) {
  struct world *world = *state;
  FILE *file = fopen(world->path, "w");
  for (int i = 0; i < 1000; i++) {
    fprintf(file, "garbage %d\n", i);
  }
  fclose(file);
  assert_refused(world, SURE_DATA_LOSS);
}

static void a_database_of_another_program_is_refused(void **state) {
  struct world *world = *state;
  execute(world->path, "CREATE TABLE theirs (x)");
  assert_refused(world, SURE_FAILED_PRECONDITION);
  execute(world->path, "PRAGMA application_id = 77; PRAGMA journal_mode = WAL");
  assert_refused(world, SURE_FAILED_PRECONDITION);
}

static void tables_of_the_first_version_are_brought_up_to_date_with_what_is_in_them(void **state) {
  struct world *world = *state;
  world_reopen(world);
  assert_verdict(OPEN, verdict_of(world, op_attach(world, SESSION_A, 0)));
  assert_verdict(RECORDED, verdict_of(world, op_key_call(world, SESSION_A, 1, "k")));
  world->store = sure_store_free(world->store);
  execute(world->path, "DROP INDEX sure_calls_owned;"
                       "ALTER TABLE sure_calls DROP COLUMN method;"
                       "ALTER TABLE sure_calls DROP COLUMN key;"
                       "ALTER TABLE sure_calls DROP COLUMN metadata;"
                       "ALTER TABLE sure_keys DROP COLUMN metadata;"
                       "ALTER TABLE sure_keys DROP COLUMN claim;"
                       "ALTER TABLE sure_keys DROP COLUMN position;"
                       "DELETE FROM sure_meta WHERE name = 'claim_last';"
                       "UPDATE sure_meta SET value = 1 WHERE name = 'schema_version'");
  for (int i = 0; i < 2; i++) {
    world_reopen(world);
    assert_verdict(REPLAYED, verdict_of(world, op_key_call(world, SESSION_A, 1, "k")));
    assert_verdict(REPLAYED, verdict_of(world, op_settle(world, SESSION_A, 0, "k")));
  }
  struct sure_store_op next = answer_of(world, op_key_call(world, SESSION_A, 2, "l"));
  assert_verdict(RECORDED, next.verdict);
  next = answer_of(world, op_key_call(world, SESSION_A, 2, "l"));
  assert_int_equal(6, next.record.metadata.len);
  assert_int_equal(2, world_charges(world));
}

static void a_newer_schema_is_refused(void **state) {
  struct world *world = *state;
  world_reopen(world);
  world->store = sure_store_free(world->store);
  execute(world->path, "UPDATE sure_meta SET value = 99 WHERE name = 'schema_version'");
  assert_refused(world, SURE_FAILED_PRECONDITION);
}

static void copy_file(const char *from, const char *to) {
  size_t len;
  uint8_t *bytes = read_file(from, &len);
  FILE *file = fopen(to, "w");
  assert_non_null(file);
  assert_int_equal(len, fwrite(bytes, 1, len, file));
  assert_int_equal(0, fclose(file));
  free(bytes);
}

/* As a crashed process leaves it: what makes the schema newer is in the log only. */
static void a_newer_schema_in_the_log_is_refused_and_the_log_left_alone(void **state) {
  struct world *world = *state;
  struct world crashed;
  char log[128];
  char crashed_log[128];
  world_init(&crashed, &sqlite_factory);
  (void)snprintf(log, sizeof log, "%s-wal", world->path);
  (void)snprintf(crashed_log, sizeof crashed_log, "%s-wal", crashed.path);
  world_reopen(world);
  assert_int_equal(0, world_charges(world)); /* holds the log open, so that it stays */
  execute(world->path, "UPDATE sure_meta SET value = 99 WHERE name = 'schema_version'");
  copy_file(world->path, crashed.path);
  copy_file(log, crashed_log);
  size_t before_len;
  size_t after_len;
  uint8_t *before = read_file(crashed_log, &before_len);
  struct sure_sqlite_store_options options = {.path = crashed.path};
  struct sure_store *store = NULL;
  assert_int_equal(SURE_FAILED_PRECONDITION, sure_sqlite_store_open(&options, &store, NULL, 0));
  uint8_t *after = read_file(crashed_log, &after_len);
  assert_int_equal(before_len, after_len);
  assert_memory_equal(before, after, after_len);
  free(before);
  free(after);
  world_fini(&crashed);
}

static void a_directory_that_is_not_there_is_refused(void **state) {
  (void)state;
  struct sure_sqlite_store_options options = {.path = "/tmp/sure-is-not-here/bank.db"};
  struct sure_store *store = NULL;
  assert_int_equal(SURE_NOT_FOUND, sure_sqlite_store_open(&options, &store, NULL, 0));
  options.path = NULL;
  assert_int_equal(SURE_INVALID_ARGUMENT, sure_sqlite_store_open(&options, &store, NULL, 0));
}

/* Without its log SQLite's commit is not durable the way we count on, and readers block (S22). */
static void a_store_that_can_not_keep_a_log_is_refused(void **state) {
  struct world *world = *state;
  struct sure_sqlite_store_options options = {.path = ":memory:"};
  struct sure_store *store = NULL;
  char text[256];
  assert_int_equal(SURE_FAILED_PRECONDITION,
                   sure_sqlite_store_open(&options, &store, text, sizeof text));
  assert_non_null(strstr(text, "write-ahead log"));
  options.path = world->path;
  options.vfs = "unix-dotfile"; /* has no shared memory */
  assert_int_equal(SURE_FAILED_PRECONDITION, sure_sqlite_store_open(&options, &store, NULL, 0));
  assert_null(store);
}

static enum sure_code refuse_schema(void *user, sqlite3 *database, bool is_new,
                                    const char **out_message) {
  assert_true(is_new);
  try_sql(database, "CREATE TABLE half (x)");
  *out_message = "not today";
  return *(const enum sure_code *)user;
}

static void a_schema_function_that_fails_leaves_no_tables(void **state) {
  struct world *world = *state;
  enum sure_code codes[] = {SURE_ABORTED, SURE_FAILED_PRECONDITION};
  for (size_t i = 0; i < 2; i++) { /* the second open finds the file new again */
    struct sure_sqlite_store_options options = {
        .path = world->path, .schema = refuse_schema, .schema_user = &codes[i]};
    struct sure_store *store = NULL;
    char text[256] = "";
    assert_int_equal(codes[i], sure_sqlite_store_open(&options, &store, text, sizeof text));
    assert_non_null(strstr(text, "not today"));
  }
}

#define TEST(name)       cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_EMPTY(name) cmocka_unit_test_setup_teardown(name, set_up_empty, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(raise_rollback_fails_its_own_call_only),
      TEST(insert_or_rollback_fails_its_own_call_only),
      TEST(what_is_written_after_a_rollback_is_not_committed),
      TEST(a_statement_left_busy_fails_its_own_call_only),
      TEST(a_statement_of_the_schema_function_left_busy_fails_its_own_call_only),
      TEST(a_deferred_foreign_key_fails_its_own_call_only),
      TEST(a_commit_that_is_refused_leaves_nothing),
      TEST(handlers_may_not_touch_transactions_or_our_tables),
      TEST(everything_survives_reopening),
      TEST(an_intent_of_another_opening_is_in_doubt),
      TEST(keys_past_their_retention_are_swept),
      TEST(leases_of_a_clock_that_went_back_start_afresh),
      TEST(a_snapshot_can_not_write),
      TEST(a_snapshot_is_taken_before_the_reader_looks),
      TEST_EMPTY(a_file_that_is_no_database_is_refused),
      TEST_EMPTY(a_database_of_another_program_is_refused),
      TEST_EMPTY(tables_of_the_first_version_are_brought_up_to_date_with_what_is_in_them),
      TEST_EMPTY(a_newer_schema_is_refused),
      TEST_EMPTY(a_newer_schema_in_the_log_is_refused_and_the_log_left_alone),
      TEST_EMPTY(a_directory_that_is_not_there_is_refused),
      TEST_EMPTY(a_store_that_can_not_keep_a_log_is_refused),
      TEST_EMPTY(a_schema_function_that_fails_leaves_no_tables),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
