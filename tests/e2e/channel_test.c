/* Channels used by many threads, from completions, in a forked child, and freed too early. */
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "world.h"

enum { THREADS = 64, CALLS_EACH = 20, CHAIN_LEN = 100, OPEN_CALLS = 10, CHILD_S_MAX = 20 };

struct caller {
  pthread_t thread;
  struct sure_channel *channel;
  int ok_count;
};

static void *call_often(void *user) {
  struct caller *caller = user;
  for (int i = 0; i < CALLS_EACH; i++) {
    struct end end = add_one(caller->channel);
    caller->ok_count += end.code == SURE_OK && end.outcome == SURE_APPLIED;
  }
  return NULL;
}

static void many_threads_block_over_one_channel_while_connections_break(void **state) {
  struct world *world = *state;
  struct caller callers[THREADS];
  world_serve(world, NULL);
  for (int i = 0; i < THREADS; i++) {
    callers[i] = (struct caller){.channel = world->channel};
    assert_int_equal(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
  }
  for (unsigned cut = 1; cut <= 3; cut++) {
    relay_wait_count(world->relay, SURE__RESPONSE, cut * THREADS);
    relay_cut(world->relay);
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(callers[i].thread, NULL);
    assert_int_equal(callers[i].ok_count, CALLS_EACH);
  }
  assert_account(&world->server, THREADS * CALLS_EACH, THREADS * CALLS_EACH);
}

/* ---- completions ---- */

struct chain {
  struct sure_channel *channel;
  atomic_int ok_count;
  atomic_int failure_count;
  enum sure_code blocking_code;
  enum sure_outcome blocking_outcome;
};

static void start_next(struct chain *chain);

static void on_link(void *user, const struct sure_status *status,
                    const Sure__E2e__V1__AddReply *reply) {
  struct chain *chain = user;
  (void)reply;
  if (sure_status_code(status) != SURE_OK) {
    atomic_fetch_add(&chain->failure_count, 1);
  } else if (atomic_fetch_add(&chain->ok_count, 1) + 1 < CHAIN_LEN) {
    start_next(chain);
  }
}

static void start_next(struct chain *chain) {
  Sure__E2e__V1__AddRequest request = add_request(1);
  if (sure__e2e__v1__counter_client__add__async(chain->channel, &request, NULL, on_link, chain,
                                                NULL) != SURE_OK) {
    atomic_fetch_add(&chain->failure_count, 1);
  }
}

static void completion_may_start_the_next_call(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  struct chain chain = {.channel = world->channel};
  start_next(&chain);
  wait_until(atomic_load(&chain.ok_count) + atomic_load(&chain.failure_count) >= CHAIN_LEN);
  assert_int_equal(atomic_load(&chain.ok_count), CHAIN_LEN);
  assert_account(&world->server, CHAIN_LEN, CHAIN_LEN);
}

static void block_in_completion(void *user, const struct sure_status *status,
                                const Sure__E2e__V1__AddReply *reply) {
  struct chain *chain = user;
  (void)status;
  (void)reply;
  struct end end = add_one(chain->channel);
  chain->blocking_code = end.code;
  chain->blocking_outcome = end.outcome;
  atomic_store(&chain->ok_count, 1);
}

static void blocking_call_in_a_completion_is_refused(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  struct chain chain = {.channel = world->channel};
  Sure__E2e__V1__AddRequest request = add_request(1);
  assert_int_equal(sure__e2e__v1__counter_client__add__async(world->channel, &request, NULL,
                                                             block_in_completion, &chain, NULL),
                   SURE_OK);
  wait_until(atomic_load(&chain.ok_count) == 1);
  assert_int_equal(chain.blocking_code, SURE_FAILED_PRECONDITION);
  assert_int_equal(chain.blocking_outcome, SURE_NOT_APPLIED);
  assert_account(&world->server, 1, 1);
}

/* ---- the end of calls and channels ---- */

static void cancelled_call_completes_as_cancelled_and_the_others_go_on(void **state) {
  struct world *world = *state;
  world_serve_memory(world, NULL);
  Sure__E2e__V1__AddRequest request = add_request(1);
  request.meets = true;
  struct pending *pending = pending_add(world, world->channel, &request, NULL);
  server_wait_in_handler(&world->server);
  sure_channel_cancel(world->channel, pending->handle);
  struct end end = pending_wait(pending);
  assert_end(end, SURE_CANCELLED, SURE_OUTCOME_UNKNOWN);
  server_let_go(&world->server);
  assert_end(settle_call(world->channel, end.id), SURE_OK, SURE_APPLIED);
  assert_end(add_one(world->channel), SURE_OK, SURE_APPLIED);
}

static void free_with_calls_open_completes_them_as_cancelled(void **state) {
  struct world *world = *state;
  struct pending *pending[OPEN_CALLS];
  world_serve(world, NULL);
  Sure__E2e__V1__AddRequest request = add_request(1);
  relay_arm(world->relay, SURE__REQUEST, RELAY_HOLD);
  for (int i = 0; i < OPEN_CALLS; i++) {
    pending[i] = pending_add(world, world->channel, &request, NULL);
  }
  relay_wait_fired(world->relay);
  world->channel = sure_channel_free(world->channel, 1);
  for (int i = 0; i < OPEN_CALLS; i++) {
    assert_true(pending_is_done(pending[i])); /* before free has returned */
    assert_int_equal(pending[i]->end.code, SURE_CANCELLED);
  }
  assert_account(&world->server, 0, 0);
}

static void free_without_a_server_returns_in_time(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  server_kill(&world->server);
  Sure__E2e__V1__AddRequest request = add_request(1);
  struct pending *pending = pending_add(world, world->channel, &request, NULL);
  uint64_t begin_ms = now_ms();
  world->channel = sure_channel_free(world->channel, 100);
  assert_true(now_ms() - begin_ms < 5000);
  assert_int_equal(pending->end.code, SURE_CANCELLED);
}

/* ---- fork ---- */

static void never_called(void *user, const struct sure_status *status,
                         const Sure__E2e__V1__AddReply *reply) {
  (void)user;
  (void)status;
  (void)reply;
  _exit(9);
}

/* In the child. The exit status names what went wrong; 0: nothing. */
static int use_channel_of_parent(struct sure_channel *channel) {
  Sure__E2e__V1__AddRequest request = add_request(1000);
  struct end end = add(channel, &request, NULL);
  if (end.code != SURE_FAILED_PRECONDITION || end.outcome != SURE_NOT_APPLIED) {
    return 1;
  }
  if (sure__e2e__v1__counter_client__add__async(channel, &request, NULL, never_called, NULL,
                                                NULL) != SURE_FAILED_PRECONDITION) {
    return 2;
  }
  if (settle_call(channel, (struct sure_call_id){1, 1}).code != SURE_FAILED_PRECONDITION) {
    return 3;
  }
  return sure_channel_free(channel, 0) == NULL ? 0 : 4;
}

static void forked_child_is_refused_and_the_parent_unharmed(void **state) {
  struct world *world = *state;
  int status = 0;
  world_serve(world, NULL);
  assert_end(add_one(world->channel), SURE_OK, SURE_APPLIED);
  pid_t child = fork();
  if (child == 0) {
    alarm(CHILD_S_MAX); /* that of the parent is not inherited */
    _exit(use_channel_of_parent(world->channel));
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  assert_end(add_one(world->channel), SURE_OK, SURE_APPLIED);
  assert_account(&world->server, 2, 2);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      E2E_TEST(many_threads_block_over_one_channel_while_connections_break),
      E2E_TEST(completion_may_start_the_next_call),
      E2E_TEST(blocking_call_in_a_completion_is_refused),
      E2E_TEST(cancelled_call_completes_as_cancelled_and_the_others_go_on),
      E2E_TEST(free_with_calls_open_completes_them_as_cancelled),
      E2E_TEST(free_without_a_server_returns_in_time),
      E2E_TEST(forked_child_is_refused_and_the_parent_unharmed),
  };
  return e2e_run(tests, argc, argv);
}
