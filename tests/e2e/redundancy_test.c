/* Two server processes on one database, and sessions that outstay their lease. */
#include <signal.h>

#include "world.h"

enum { LEASE_MS = 300, BUSY_MS = 100 };

/* Both servers run, the world's channel is attached through the relay to the first. */
static void serve_twice(struct world *world) {
  const struct server_options options = {.database = world->database, .busy_ms = BUSY_MS};
  server_start(&world->server, &options);
  server_start(&world->other, &options);
  world->relay = relay_open(world->server.url);
  world->channel = open_channel(relay_url(world->relay), NULL);
}

static void retry_on_the_other_server_gets_the_first_ones_reply(void **state) {
  struct world *world = *state;
  serve_twice(world);
  relay_arm(world->relay, SURE__RESPONSE, RELAY_HOLD);
  Sure__E2e__V1__AddRequest request = add_request(5);
  struct pending *pending = pending_add(world, world->channel, &request, NULL);
  relay_wait_fired(world->relay);
  relay_point_at(world->relay, world->other.url);
  relay_cut(world->relay);
  struct end end = pending_wait(pending);
  assert_end(end, SURE_OK, SURE_APPLIED);
  assert_true(end.replayed);
  assert_int_equal(account_of(&world->other).runs, 0);
  assert_account(&world->other, 5, 1);
  struct sure_channel_stats stats;
  sure_channel_get_stats(world->channel, &stats);
  assert_int_equal(stats.sessions, 1);
}

static void one_session_moves_back_and_forth_between_servers(void **state) {
  struct world *world = *state;
  serve_twice(world);
  for (int i = 0; i < 10; i++) {
    relay_point_at(world->relay, i % 2 == 0 ? world->other.url : world->server.url);
    relay_arm(world->relay, i % 3 == 0 ? SURE__REQUEST : SURE__RESPONSE, RELAY_CUT);
    assert_end(add_one(world->channel), SURE_OK, SURE_APPLIED);
  }
  assert_account(&world->server, 10, 10);
}

/* The first server is stopped in the middle of its transaction, with the client's call in it. The
 * other one refuses a call in bounded time. */
static struct pending *stop_in_transaction(struct world *world, struct sure_channel **out_beside) {
  serve_twice(world);
  *out_beside = open_channel(world->other.url, NULL);
  assert_end(add_one(*out_beside), SURE_OK, SURE_APPLIED);
  Sure__E2e__V1__AddRequest request = add_request(10);
  request.meets = true;
  struct pending *pending = pending_add(world, world->channel, &request,
                                        &(struct sure_call_options){.timeout_ms = 30000});
  server_wait_in_handler(&world->server);
  server_signal(&world->server, SIGSTOP);
  struct sure_retry_policy once = {.attempts_max = 1};
  Sure__E2e__V1__AddRequest small = add_request(1);
  uint64_t begin_ms = now_ms();
  struct end busy = add(*out_beside, &small, &(struct sure_call_options){.retry = &once});
  assert_true(now_ms() - begin_ms < 5000);
  assert_end(busy, SURE_UNAVAILABLE, SURE_NOT_APPLIED);
  assert_reason(busy, SURE_REASON_STORE_BUSY);
  relay_point_at(world->relay, world->other.url);
  relay_cut(world->relay);
  return pending;
}

static void server_stopped_in_its_transaction_that_goes_on_applies_once(void **state) {
  struct world *world = *state;
  struct sure_channel *beside;
  struct pending *pending = stop_in_transaction(world, &beside);
  server_let_go(&world->other); /* should the retry run there */
  server_let_go(&world->server);
  server_signal(&world->server, SIGCONT);
  assert_end(pending_wait(pending), SURE_OK, SURE_APPLIED);
  assert_account(&world->other, 11, 2);
  assert_end(add_one(beside), SURE_OK, SURE_APPLIED);
  assert_account(&world->server, 12, 3);
  sure_channel_free(beside, 0);
}

static void server_stopped_in_its_transaction_and_killed_applies_once(void **state) {
  struct world *world = *state;
  struct sure_channel *beside;
  struct pending *pending = stop_in_transaction(world, &beside);
  server_kill(&world->server);
  server_wait_in_handler(&world->other); /* the retry runs there */
  server_let_go(&world->other);
  struct end end = pending_wait(pending);
  assert_end(end, SURE_OK, SURE_APPLIED);
  assert_false(end.replayed);
  assert_account(&world->other, 11, 2);
  sure_channel_free(beside, 0);
}

/* ---- leases ---- */

static bool is_fenced(const struct world *world) {
  return world_query(world, "SELECT count(*) FROM sure_sessions WHERE fenced <> 0") > 0;
}

static void session_past_its_lease_is_refused_and_its_call_not_executed(void **state) {
  struct world *world = *state;
  server_start(&world->server,
               &(struct server_options){.database = world->database, .lease_ms = LEASE_MS});
  world->relay = relay_open(world->server.url);
  world->channel = open_channel(relay_url(world->relay), NULL);
  assert_end(add_one(world->channel), SURE_OK, SURE_APPLIED);
  relay_arm(world->relay, SURE__REQUEST, RELAY_CUT);
  relay_lock_out(world->relay, true);
  Sure__E2e__V1__AddRequest request = add_request(100);
  struct pending *pending = pending_add(world, world->channel, &request, NULL);
  wait_until(is_fenced(world));
  relay_lock_out(world->relay, false);
  struct end end = pending_wait(pending);
  assert_end(end, SURE_ABORTED, SURE_NOT_APPLIED); /* settled: it can't have run, and never will */
  assert_reason(end, SURE_REASON_TOMBSTONE);
  assert_account(&world->server, 1, 1);
  assert_end(add_one(world->channel), SURE_OK, SURE_APPLIED); /* in a new session */
  struct sure_channel_stats stats;
  sure_channel_get_stats(world->channel, &stats);
  assert_int_equal(stats.sessions, 2);
}

/* The record outlives the lease: a call that was applied before is not lost with its session. */
static void reply_that_was_lost_is_still_there_after_the_lease(void **state) {
  struct world *world = *state;
  server_start(&world->server,
               &(struct server_options){.database = world->database, .lease_ms = LEASE_MS});
  world->relay = relay_open(world->server.url);
  world->channel = open_channel(relay_url(world->relay), NULL);
  Sure__E2e__V1__AddRequest request = add_request(100);
  relay_wait_count(world->relay, SURE__ATTACHED, 1);
  relay_lock_out(world->relay, true);
  relay_arm(world->relay, SURE__RESPONSE, RELAY_CUT);
  struct pending *pending = pending_add(world, world->channel, &request, NULL);
  wait_until(is_fenced(world));
  relay_lock_out(world->relay, false);
  struct end end = pending_wait(pending);
  assert_end(end, SURE_OK, SURE_APPLIED);
  assert_int_equal(end.total, 100);
  assert_account(&world->server, 100, 1);
}

/* A server that slept through the end of the lease believes that the session is open; only the
 * transaction knows better. */
static void late_request_at_a_server_that_slept_through_the_lease_is_not_executed(void **state) {
  struct world *world = *state;
  const struct server_options options = {.database = world->database, .lease_ms = LEASE_MS};
  server_start(&world->server, &options);
  server_start(&world->other, &options);
  world->relay = relay_open(world->server.url);
  world->channel = open_channel(relay_url(world->relay), NULL);
  assert_end(add_one(world->channel), SURE_OK, SURE_APPLIED);
  relay_arm(world->relay, SURE__REQUEST, RELAY_HOLD);
  Sure__E2e__V1__AddRequest request = add_request(100);
  struct pending *pending = pending_add(world, world->channel, &request, NULL);
  relay_wait_fired(world->relay);
  server_signal(&world->server, SIGSTOP);
  wait_until(is_fenced(world)); /* by the other one */
  unsigned answers = relay_count(world->relay, SURE__RESPONSE);
  relay_release(world->relay);
  server_signal(&world->server, SIGCONT);
  relay_wait_count(world->relay, SURE__RESPONSE, answers + 1);
  assert_int_equal(relay_last_answer(world->relay).reason, SURE_REASON_SESSION_LOST);
  struct end end = pending_wait(pending);
  assert_int_equal(end.outcome, SURE_NOT_APPLIED);
  assert_account(&world->server, 1, 1);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      E2E_TEST(retry_on_the_other_server_gets_the_first_ones_reply),
      E2E_TEST(one_session_moves_back_and_forth_between_servers),
      E2E_TEST(server_stopped_in_its_transaction_that_goes_on_applies_once),
      E2E_TEST(server_stopped_in_its_transaction_and_killed_applies_once),
      E2E_TEST(session_past_its_lease_is_refused_and_its_call_not_executed),
      E2E_TEST(reply_that_was_lost_is_still_there_after_the_lease),
      E2E_TEST(late_request_at_a_server_that_slept_through_the_lease_is_not_executed),
  };
  return e2e_run(tests, argc, argv);
}
