/* Real processes on one file: killed between handler and commit, killed between commit and reply,
 * and stopped inside a transaction. */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/conformance/world.h"

static int set_up(void **state) {
  struct world *world = malloc(sizeof *world);
  world_init(world, &sqlite_factory);
  world->store = sqlite_factory.open(world);
  assert_verdict(OPEN, verdict_of(world, op_attach(world, SESSION_A, 0)));
  world->store = sure_store_free(world->store); /* a database does not survive a fork */
  *state = world;
  return 0;
}

static int tear_down(void **state) {
  world_fini(*state);
  free(*state);
  return 0;
}

static void die(struct world *world, sqlite3 *database) {
  (void)world;
  (void)database;
  (void)raise(SIGKILL);
}

static void die_when_done(void *user, struct sure_store_op *const *ops, size_t count) {
  (void)user;
  (void)ops;
  (void)count;
  (void)raise(SIGKILL);
}

static void assert_killed(pid_t child) {
  int status;
  assert_int_equal(child, waitpid(child, &status, 0));
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void a_kill_between_handler_and_commit_leaves_nothing(void **state) {
  struct world *world = *state;
  pid_t child = fork();
  if (child == 0) {
    world->store = sqlite_factory.open(world);
    world->behaviour.then = die;
    (void)verdict_of(world, op_call(world, SESSION_A, 1));
    _exit(1);
  }
  assert_killed(child);
  world->store = sqlite_factory.open(world);
  assert_int_equal(0, world_charges(world));
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 1)));
  assert_int_equal(1, world_charges(world));
}

static void a_kill_between_commit_and_reply_loses_nothing(void **state) {
  struct world *world = *state;
  pid_t child = fork();
  if (child == 0) {
    world->store = sqlite_factory.open(world);
    struct sure_store_op op = op_call(world, SESSION_A, 1);
    struct sure_store_op *ops[] = {&op};
    world->store->ops->submit(world->store, ops, 1, die_when_done, NULL);
    _exit(1);
  }
  assert_killed(child);
  world->store = sqlite_factory.open(world);
  assert_int_equal(1, world_charges(world));
  assert_verdict(REPLAYED, verdict_of(world, op_call(world, SESSION_A, 1)));
  assert_int_equal(1, world_charges(world));
}

static void stop(struct world *world, sqlite3 *database) {
  (void)world;
  (void)database;
  (void)raise(SIGSTOP);
}

/* Starts a process that stops inside the transaction of call 1, holding the write lock. Before
 * that, opens the store here too: opening takes the lock for a moment. */
static pid_t start_stopped(struct world *world) {
  int go[2];
  assert_int_equal(0, pipe(go));
  pid_t child = fork();
  if (child == 0) {
    char byte;
    bool told = read(go[0], &byte, 1) == 1;
    world->store = sqlite_factory.open(world);
    world->behaviour.then = stop;
    bool ok = told && verdict_of(world, op_call(world, SESSION_A, 1)) == SURE_STORE_RECORDED;
    _exit(ok ? 0 : 1);
  }
  world->store = sqlite_factory.open(world);
  assert_int_equal(1, write(go[1], "!", 1));
  int status;
  assert_int_equal(child, waitpid(child, &status, WUNTRACED));
  assert_true(WIFSTOPPED(status));
  (void)close(go[0]);
  (void)close(go[1]);
  return child;
}

static void assert_busy_soon(struct world *world) {
  struct timespec before;
  struct timespec after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  assert_verdict(BUSY, verdict_of(world, op_call(world, SESSION_A, 2)));
  clock_gettime(CLOCK_MONOTONIC, &after);
  assert_in_range(after.tv_sec - before.tv_sec, 0, 10); /* the busy timeout is 200 ms */
  assert_int_equal(0, world_charges(world));            /* reading goes on */
}

static void a_process_stopped_in_its_transaction_makes_others_busy_until_it_goes_on(void **state) {
  struct world *world = *state;
  pid_t child = start_stopped(world);
  assert_busy_soon(world);
  assert_int_equal(0, kill(child, SIGCONT));
  int status;
  assert_int_equal(child, waitpid(child, &status, 0));
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  assert_verdict(REPLAYED, verdict_of(world, op_call(world, SESSION_A, 1)));
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 2)));
  assert_int_equal(2, world_charges(world));
}

static void a_process_killed_in_its_transaction_lets_others_go_on(void **state) {
  struct world *world = *state;
  pid_t child = start_stopped(world);
  assert_busy_soon(world);
  assert_int_equal(0, kill(child, SIGKILL));
  assert_killed(child);
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 1)));
  assert_verdict(RECORDED, verdict_of(world, op_call(world, SESSION_A, 2)));
  assert_int_equal(2, world_charges(world));
}

/* ---- intents of another process (S15) ---- */

static struct sure_store_op op_intent(struct world *world) {
  struct sure_store_op op = op_key_call(world, SESSION_A, 1, "k");
  op.kind = SURE_STORE_INTENT;
  return op;
}

static struct sure_store_op op_resolve(struct world *world) {
  struct sure_store_op op = op_key_call(world, SESSION_A, 1, "k");
  op.kind = SURE_STORE_RESOLVE;
  return op;
}

/* Starts a process that stops once it has an intent. */
static pid_t start_with_intent(struct world *world) {
  pid_t child = fork();
  if (child == 0) {
    world->store = sqlite_factory.open(world);
    bool ok = verdict_of(world, op_intent(world)) == SURE_STORE_GRANTED;
    (void)raise(SIGSTOP);
    _exit(ok ? 0 : 1);
  }
  int status;
  assert_int_equal(child, waitpid(child, &status, WUNTRACED));
  assert_true(WIFSTOPPED(status));
  world->store = sqlite_factory.open(world);
  return child;
}

static void an_intent_is_in_progress_while_its_process_lives_however_slowly(void **state) {
  struct world *world = *state;
  pid_t child = start_with_intent(world);
  assert_verdict(IN_PROGRESS, verdict_of(world, op_intent(world)));
  assert_verdict(IN_PROGRESS, verdict_of(world, op_settle(world, SESSION_A, 1, "k")));
  struct sure_store_op list = answer_of(world, op_make(world, SURE_STORE_DOUBTS, SESSION_A));
  assert_int_equal(0, list.doubt_count);
  assert_verdict(STALE, verdict_of(world, op_resolve(world)));
  assert_int_equal(0, kill(child, SIGKILL));
  assert_killed(child);
}

static void an_intent_is_in_doubt_once_its_process_is_dead_and_can_be_resolved(void **state) {
  struct world *world = *state;
  pid_t child = start_with_intent(world);
  assert_int_equal(0, kill(child, SIGKILL));
  assert_killed(child);
  assert_verdict(IN_DOUBT, verdict_of(world, op_intent(world)));
  struct sure_store_op list = answer_of(world, op_make(world, SURE_STORE_DOUBTS, SESSION_A));
  assert_int_equal(1, list.doubt_count);
  assert_verdict(DONE, verdict_of(world, op_resolve(world)));
  assert_verdict(REPLAYED, verdict_of(world, op_intent(world)));
  assert_verdict(REPLAYED, verdict_of(world, op_settle(world, SESSION_A, 0, "k")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_kill_between_handler_and_commit_leaves_nothing),
      TEST(a_kill_between_commit_and_reply_loses_nothing),
      TEST(a_process_stopped_in_its_transaction_makes_others_busy_until_it_goes_on),
      TEST(a_process_killed_in_its_transaction_lets_others_go_on),
      TEST(an_intent_is_in_progress_while_its_process_lives_however_slowly),
      TEST(an_intent_is_in_doubt_once_its_process_is_dead_and_can_be_resolved),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
