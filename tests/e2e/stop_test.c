/* Servers that are asked to stop, and what a store in memory can't promise across a restart. */
#include <signal.h>

#include "world.h"

enum { EXIT_DRAINED = 0, EXIT_CUT_SHORT = 3 };

static struct pending *start_call_that_waits(struct world *world) {
  Sure__E2e__V1__AddRequest request = add_request(5);
  request.meets = true;
  struct pending *pending = pending_add(world, world->channel, &request, NULL);
  server_wait_in_handler(&world->server);
  return pending;
}

static void sigterm_answers_the_running_calls_and_exits_with_0(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  struct pending *pending = start_call_that_waits(world);
  server_signal(&world->server, SIGTERM);
  relay_wait_count(world->relay, SURE__GOAWAY, 1);
  server_let_go(&world->server);
  struct end end = pending_wait(pending);
  assert_end(end, SURE_OK, SURE_APPLIED);
  assert_int_equal(end.attempts, 1);
  assert_int_equal(server_wait(&world->server), EXIT_DRAINED);
  world_restart(world);
  assert_account(&world->server, 5, 1);
}

static void idle_server_exits_with_0_on_sigterm_and_on_sigint(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  assert_end(add_one(world->channel), SURE_OK, SURE_APPLIED);
  server_signal(&world->server, SIGTERM);
  assert_int_equal(server_wait(&world->server), EXIT_DRAINED);
  world_restart(world);
  assert_end(add_one(world->channel), SURE_OK, SURE_APPLIED);
  server_signal(&world->server, SIGINT);
  assert_int_equal(server_wait(&world->server), EXIT_DRAINED);
}

static void call_that_comes_during_the_drain_is_applied_by_the_next_server(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  struct pending *running = start_call_that_waits(world);
  server_signal(&world->server, SIGTERM);
  relay_wait_count(world->relay, SURE__GOAWAY, 1);
  Sure__E2e__V1__AddRequest request = add_request(1);
  struct pending *late = pending_add(world, world->channel, &request, NULL);
  server_let_go(&world->server);
  assert_end(pending_wait(running), SURE_OK, SURE_APPLIED);
  assert_int_equal(server_wait(&world->server), EXIT_DRAINED);
  world_restart(world);
  assert_end(pending_wait(late), SURE_OK, SURE_APPLIED);
  assert_account(&world->server, 6, 2);
}

static void second_signal_cuts_the_drain_short_and_the_retry_makes_it_once(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  struct pending *pending = start_call_that_waits(world);
  server_signal(&world->server, SIGTERM);
  relay_wait_count(world->relay, SURE__GOAWAY, 1);
  relay_lock_out(world->relay, true);
  server_signal(&world->server, SIGTERM);
  wait_until(relay_is_empty(world->relay)); /* the connection was closed under the call */
  server_let_go(&world->server);
  assert_int_equal(server_wait(&world->server), EXIT_CUT_SHORT);
  world_restart(world);
  relay_lock_out(world->relay, false);
  struct end end = pending_wait(pending);
  assert_end(end, SURE_OK, SURE_APPLIED);
  assert_true(end.replayed); /* the handler was let finish, and its effect committed */
  assert_account(&world->server, 5, 1);
}

static void restarted_memory_store_makes_calls_that_may_have_run_unknown(void **state) {
  struct world *world = *state;
  world_serve_memory(world, NULL);
  assert_end(add_one(world->channel), SURE_OK, SURE_APPLIED);
  relay_arm(world->relay, SURE__RESPONSE, RELAY_HOLD);
  Sure__E2e__V1__AddRequest request = add_request(5);
  struct pending *pending = pending_add(world, world->channel, &request, NULL);
  relay_wait_fired(world->relay);
  server_start(&world->server, &(struct server_options){0}); /* after SIGKILL */
  relay_point_at(world->relay, world->server.url);
  relay_cut(world->relay);
  struct end end = pending_wait(pending);
  assert_int_equal(end.outcome, SURE_OUTCOME_UNKNOWN);
  assert_true(end.code != SURE_OK);
  assert_account(&world->server, 0, 0); /* never sent to another store (S2) */
  assert_end(add_one(world->channel), SURE_OK, SURE_APPLIED);
  assert_account(&world->server, 1, 1);
  struct sure_channel_stats stats;
  sure_channel_get_stats(world->channel, &stats);
  assert_int_equal(stats.sessions, 2);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      E2E_TEST(sigterm_answers_the_running_calls_and_exits_with_0),
      E2E_TEST(idle_server_exits_with_0_on_sigterm_and_on_sigint),
      E2E_TEST(call_that_comes_during_the_drain_is_applied_by_the_next_server),
      E2E_TEST(second_signal_cuts_the_drain_short_and_the_retry_makes_it_once),
      E2E_TEST(restarted_memory_store_makes_calls_that_may_have_run_unknown),
  };
  return e2e_run(tests, argc, argv);
}
