/* The n-th write or sync of the log goes wrong, for each n until none does. Whatever was answered,
 * retried calls have their effect once: the money is counted each time (S20, S21). */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/conformance/world.h"
#include "tests/lib/shim_vfs.h"

#define BATCH 4

/* A new database for each n, so that each batch does the same operations. */
static void start(struct world *world) {
  world_init(world, &sqlite_factory);
  world->vfs = SHIM_VFS_NAME;
  world->behaviour.reply_len = 3000; /* so that a batch takes several pages */
  world->store = sqlite_factory.open(world);
  assert_verdict(OPEN, verdict_of(world, op_attach(world, SESSION_A, 0)));
}

static void make_batch(struct world *world, struct sure_store_op ops[BATCH]) {
  for (uint64_t i = 0; i < BATCH; i++) {
    ops[i] = op_call(world, SESSION_A, 1 + i);
  }
}

static void submit_batch(struct world *world, struct sure_store_op ops[BATCH]) {
  struct sure_store_op *batch[BATCH];
  for (size_t i = 0; i < BATCH; i++) {
    batch[i] = &ops[i];
  }
  submit(world, batch, BATCH);
}

/* Sends each call again: what was recorded is replayed, the rest runs now. */
static void retry_batch(struct world *world, const struct sure_store_op answered[BATCH]) {
  for (uint64_t i = 0; i < BATCH; i++) {
    enum sure_store_verdict again = verdict_of(world, op_call(world, SESSION_A, 1 + i));
    switch ((int)answered[i].verdict) {
    case SURE_STORE_RECORDED:
      assert_verdict(REPLAYED, again);
      break;
    case SURE_STORE_FAILED: /* nothing was promised */
      assert_true(again == SURE_STORE_REPLAYED || again == SURE_STORE_RECORDED);
      break;
    default: /* FULL: nothing changed */
      assert_verdict(FULL, answered[i].verdict);
      assert_verdict(RECORDED, again);
      break;
    }
  }
}

/* One batch whose n-th operation goes wrong, and what came of it. Returns whether it went wrong.
 * With a reader, the log is not wound up when the writer reopens. */
static bool batch_is_once(enum shim_action action, int n, bool with_reader, bool *out_failed) {
  struct world world;
  struct sure_store_op ops[BATCH];
  start(&world);
  if (with_reader) {
    assert_int_equal(0, world_charges(&world));
  }
  make_batch(&world, ops);
  shim_arm(action, n);
  submit_batch(&world, ops);
  bool fired = shim_disarm();
  *out_failed = ops[0].verdict == SURE_STORE_FAILED;
  if (*out_failed) {
    assert_verdict(FAILED, verdict_of(&world, op_call(&world, SESSION_A, 1)));
    world_reopen(&world);
  }
  retry_batch(&world, ops);
  assert_int_equal(BATCH, world_charges(&world));
  world_reopen(&world); /* a commit that was left in the log must not come to life */
  assert_int_equal(BATCH, world_charges(&world));
  world_fini(&world);
  return fired;
}

static void each_is_once(enum shim_action action) {
  bool some_failed = false;
  for (int with_reader = 0; with_reader <= 1; with_reader++) {
    bool fired = true;
    for (int n = 0; fired; n++) {
      bool failed;
      fired = batch_is_once(action, n, with_reader, &failed);
      some_failed = some_failed || failed;
    }
  }
  assert_true(some_failed); /* a failed sync is not forgiven (S20) */
}

static void a_write_that_fails_doubles_nothing(void **state) {
  (void)state;
  each_is_once(SHIM_FAIL);
}

static void a_commit_that_succeeds_and_reports_an_error_doubles_nothing(void **state) {
  (void)state;
  each_is_once(SHIM_LIE);
}

static void a_commit_that_is_found_after_its_error_is_answered_as_recorded(void **state) {
  (void)state;
  each_is_once(SHIM_LIE_STAY);
}

static void a_write_that_is_torn_doubles_nothing(void **state) {
  (void)state;
  each_is_once(SHIM_TEAR);
}

static void a_full_disk_doubles_nothing(void **state) {
  (void)state;
  each_is_once(SHIM_FULL);
}

/* In a child: one batch with a kill at the n-th operation. Returns whether it was killed. */
static bool run_and_die(struct world *world, enum shim_action action, int n) {
  world->store = sure_store_free(world->store); /* a database does not survive a fork */
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    struct sure_store_op ops[BATCH];
    world->store = sqlite_factory.open(world);
    make_batch(world, ops);
    shim_arm(action, n);
    submit_batch(world, ops);
    _exit(0);
  }
  int status;
  assert_int_equal(child, waitpid(child, &status, 0));
  world->store = sqlite_factory.open(world);
  return WIFSIGNALED(status);
}

static void each_is_once_after_death(enum shim_action action) {
  bool killed = true;
  for (int n = 0; killed; n++) {
    struct world world;
    start(&world);
    killed = run_and_die(&world, action, n);
    int survived = world_charges(&world);
    assert_true(survived == 0 || survived == BATCH); /* a batch is there as a whole or not */
    for (uint64_t i = 0; i < BATCH; i++) {
      enum sure_store_verdict again = verdict_of(&world, op_call(&world, SESSION_A, 1 + i));
      assert_int_equal(survived == 0 ? SURE_STORE_RECORDED : SURE_STORE_REPLAYED, again);
    }
    assert_int_equal(BATCH, world_charges(&world));
    world_fini(&world);
  }
}

static void a_kill_before_a_write_doubles_nothing(void **state) {
  (void)state;
  each_is_once_after_death(SHIM_KILL);
}

static void a_kill_after_a_write_doubles_nothing(void **state) {
  (void)state;
  each_is_once_after_death(SHIM_KILL_AFTER);
}

static void execute(sqlite3 *database, const char *sql) {
  assert_int_equal(SQLITE_OK, sqlite3_exec(database, sql, NULL, NULL, NULL));
}

static void insert_many_rows(struct world *world, sqlite3 *database) {
  (void)world;
  execute(database, "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 20000)"
                    " INSERT INTO charges (sequence) SELECT x FROM n");
}

static void change_all_rows(struct world *world, sqlite3 *database) {
  (void)world;
  execute(database, "UPDATE charges SET sequence = sequence + 1");
}

/* SQLite would remember the pages that a savepoint covers in a temporary file. */
static void a_call_that_changes_many_pages_opens_no_file(void **state) {
  (void)state;
  struct world world;
  start(&world);
  world.behaviour.then = insert_many_rows;
  assert_verdict(RECORDED, verdict_of(&world, op_call(&world, SESSION_A, 1)));
  world.behaviour.then = change_all_rows;
  shim_set_opening(SHIM_OPEN_NOTHING);
  assert_verdict(RECORDED, verdict_of(&world, op_call(&world, SESSION_A, 2)));
  shim_set_opening(SHIM_OPEN);
  world_fini(&world);
}

static void a_read_only_file_is_refused_by_name_and_cause(void **state) {
  (void)state;
  struct world world;
  char why[256] = "";
  struct sure_store *store = NULL;
  start(&world);
  world_reopen(&world);
  world.store = sure_store_free(world.store);
  const struct sure_sqlite_store_options options = {.path = world.path, .vfs = SHIM_VFS_NAME};
  shim_set_opening(SHIM_OPEN_READONLY);
  enum sure_code code = sure_sqlite_store_open(&options, &store, why, sizeof why);
  shim_set_opening(SHIM_OPEN);
  assert_int_equal(SURE_PERMISSION_DENIED, code);
  assert_null(store);
  assert_non_null(strstr(why, world.path));
  assert_non_null(strstr(why, "readonly"));
  world_fini(&world);
}

int main(void) {
  shim_register();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_write_that_fails_doubles_nothing),
      cmocka_unit_test(a_commit_that_succeeds_and_reports_an_error_doubles_nothing),
      cmocka_unit_test(a_commit_that_is_found_after_its_error_is_answered_as_recorded),
      cmocka_unit_test(a_write_that_is_torn_doubles_nothing),
      cmocka_unit_test(a_full_disk_doubles_nothing),
      cmocka_unit_test(a_kill_before_a_write_doubles_nothing),
      cmocka_unit_test(a_kill_after_a_write_doubles_nothing),
      cmocka_unit_test(a_call_that_changes_many_pages_opens_no_file),
      cmocka_unit_test(a_read_only_file_is_refused_by_name_and_cause),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
