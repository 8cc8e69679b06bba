/* UNKNOWN, and how it becomes certain. */
#include <stdio.h>

#include "world.h"

enum { RACE_ROUNDS = 150, LATE_ROUNDS = 15 };

/* Ends UNKNOWN: its REQUEST is held in the relay and nobody can be asked within its deadline. */
static struct end end_unknown(struct world *world) {
  Sure__E2e__V1__AddRequest request = add_request(1);
  wait_until(sure_channel_get_state(world->channel, true) == SURE_READY);
  relay_arm(world->relay, SURE__REQUEST, RELAY_HOLD);
  struct end end = add(world->channel, &request, &(struct sure_call_options){.timeout_ms = 100});
  assert_end(end, SURE_DEADLINE_EXCEEDED, SURE_OUTCOME_UNKNOWN);
  return end;
}

/* The connection that holds a REQUEST is given up by the client, and kept by the relay. */
static const struct sure_channel_options impatient = {.keepalive_time_ms = 100,
                                                      .keepalive_timeout_ms = 100};

static void settled_call_cannot_run_later(void **state) {
  struct world *world = *state;
  struct sure_retry_policy once = {.attempts_max = 1};
  world_serve(world, &(struct sure_channel_options){.accept_timeout_ms = 100});
  relay_arm(world->relay, SURE__REQUEST, RELAY_HOLD);
  Sure__E2e__V1__AddRequest request = add_request(1);
  struct end settled = add(world->channel, &request, &(struct sure_call_options){.retry = &once});
  assert_end(settled, SURE_ABORTED, SURE_NOT_APPLIED);
  assert_reason(settled, SURE_REASON_TOMBSTONE);
  assert_true(settled.settled);
  relay_release(world->relay);
  relay_wait_count(world->relay, SURE__RESPONSE, 1);
  /* The client has acknowledged the tombstone meanwhile, or it has not: refused in both cases. */
  struct relay_answer answer = relay_last_answer(world->relay);
  assert_true(answer.reason == SURE_REASON_TOMBSTONE || answer.reason == SURE_REASON_STALE);
  assert_account(&world->server, 0, 0);
  assert_int_equal(account_of(&world->server).runs, 0);
}

static void call_that_ended_unknown_and_was_settled_cannot_run_later(void **state) {
  struct world *world = *state;
  world_serve(world, &impatient);
  struct end unknown = end_unknown(world);
  struct end settled = settle_call(world->channel, unknown.id);
  assert_end(settled, SURE_ABORTED, SURE_NOT_APPLIED);
  assert_reason(settled, SURE_REASON_TOMBSTONE);
  unsigned verdicts = relay_count(world->relay, SURE__SETTLED);
  relay_release(world->relay); /* REQUEST, CANCEL and the SETTLE that came first */
  relay_wait_count(world->relay, SURE__SETTLED, verdicts + 1);
  assert_account(&world->server, 0, 0);
  assert_int_equal(account_of(&world->server).runs, 0);
}

static void unknown_that_was_applied_settles_to_its_reply(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  relay_arm(world->relay, SURE__RESPONSE, RELAY_HOLD);
  Sure__E2e__V1__AddRequest request = add_request(7);
  struct end end = add(world->channel, &request, &(struct sure_call_options){.timeout_ms = 200});
  assert_end(end, SURE_DEADLINE_EXCEEDED, SURE_OUTCOME_UNKNOWN);
  relay_cut(world->relay);
  struct end settled = settle_call(world->channel, end.id);
  assert_end(settled, SURE_OK, SURE_APPLIED);
  assert_true(settled.settled && settled.recorded);
  assert_int_equal(settled.total, 7);
  assert_account(&world->server, 7, 1);
}

static void unknown_that_was_refused_settles_to_the_refusal(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  relay_arm(world->relay, SURE__RESPONSE, RELAY_HOLD);
  Sure__E2e__V1__AddRequest request = add_request(7);
  request.fail_code = SURE_OUT_OF_RANGE;
  struct end end = add(world->channel, &request, &(struct sure_call_options){.timeout_ms = 200});
  assert_end(end, SURE_DEADLINE_EXCEEDED, SURE_OUTCOME_UNKNOWN);
  relay_cut(world->relay);
  assert_end(settle_call(world->channel, end.id), SURE_OUT_OF_RANGE, SURE_NOT_APPLIED);
  assert_account(&world->server, 0, 0);
}

static void call_in_doubt_settles_itself_within_its_deadline(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  struct sure_retry_policy once = {.attempts_max = 1};
  relay_arm(world->relay, SURE__RESPONSE, RELAY_CUT);
  Sure__E2e__V1__AddRequest request = add_request(7);
  struct end end = add(world->channel, &request, &(struct sure_call_options){.retry = &once});
  assert_end(end, SURE_OK, SURE_APPLIED);
  assert_true(end.settled);
  assert_int_equal(end.attempts, 1);
  assert_int_equal(relay_count(world->relay, SURE__REQUEST), 1);
}

struct settling {
  struct sure_channel *channel;
  struct sure_call_id id;
  struct end end;
};

static void *settle_in_thread(void *user) {
  struct settling *settling = user;
  settling->end = settle_call(settling->channel, settling->id);
  return NULL;
}

static void settle_waits_for_the_run_that_it_finds(void **state) {
  struct world *world = *state;
  world_serve_memory(world, NULL);
  Sure__E2e__V1__AddRequest request = add_request(7);
  request.meets = true;
  struct end end = add(world->channel, &request, &(struct sure_call_options){.timeout_ms = 200});
  assert_end(end, SURE_DEADLINE_EXCEEDED, SURE_OUTCOME_UNKNOWN);
  server_wait_in_handler(&world->server);
  struct settling settling = {.channel = world->channel, .id = end.id};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, settle_in_thread, &settling), 0);
  relay_wait_count(world->relay, SURE__SETTLE, 1);
  assert_int_equal(relay_count(world->relay, SURE__SETTLED), 0);
  server_let_go(&world->server);
  pthread_join(thread, NULL);
  assert_end(settling.end, SURE_OK, SURE_APPLIED);
  assert_account(&world->server, 7, 1);
}

/* A REQUEST that is let go at the same moment in which its call is settled. */
static void settle_that_races_with_a_late_request_is_never_contradicted(void **state) {
  struct world *world = *state;
  int64_t applied = 0;
  world_serve(world, &impatient);
  for (int round = 0; round < LATE_ROUNDS; round++) {
    struct end unknown = end_unknown(world);
    relay_release(world->relay);
    struct end settled = settle_call(world->channel, unknown.id);
    if (settled.code == SURE_OK) {
      applied++;
    } else {
      assert_end(settled, SURE_ABORTED, SURE_NOT_APPLIED);
    }
    assert_account(&world->server, applied, (uint64_t)applied);
  }
}

/* One channel calls under a key while another settles the key. */
static void settle_that_races_with_an_attempt_agrees_with_it(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  struct sure_channel *settler = open_channel(world->server.url, NULL);
  settle_key(settler, "nothing yet"); /* both are connected from here on */
  int64_t applied = 0;
  for (int round = 0; round < RACE_ROUNDS; round++) {
    char key[16];
    snprintf(key, sizeof key, "key %d", round);
    struct pending *pending = pending_add_keyed(world, world->channel, key, 1);
    struct end settled = settle_key(settler, key);
    struct end called = pending_wait(pending);
    assert_int_equal(settled.code, called.code);
    assert_int_equal(settled.outcome, called.outcome);
    assert_true(called.code == SURE_OK || called.code == SURE_ABORTED);
    applied += called.code == SURE_OK;
  }
  assert_account(&world->server, applied, (uint64_t)applied);
  sure_channel_free(settler, 0);
}

static void unresolved_calls_are_limited_until_they_are_settled_or_released(void **state) {
  struct world *world = *state;
  struct sure_channel_options options = impatient;
  options.unresolved_calls_max = 2;
  world_serve(world, &options);
  struct end first = end_unknown(world);
  relay_cut(world->relay);
  struct end second = end_unknown(world);
  relay_cut(world->relay);
  struct end refused = add_one(world->channel);
  assert_end(refused, SURE_RESOURCE_EXHAUSTED, SURE_NOT_APPLIED);
  assert_int_equal(refused.attempts, 0);
  assert_end(settle_call(world->channel, first.id), SURE_ABORTED, SURE_NOT_APPLIED);
  assert_end(add_one(world->channel), SURE_OK, SURE_APPLIED);
  sure_channel_release(world->channel, second.id);
  struct end late = settle_call(world->channel, second.id);
  assert_end(late, SURE_FAILED_PRECONDITION, SURE_OUTCOME_UNKNOWN);
  assert_reason(late, SURE_REASON_STALE);
}

static void settle_of_neither_a_call_nor_a_key_is_refused(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  assert_int_equal(settle_call(world->channel, (struct sure_call_id){0}).code,
                   SURE_INVALID_ARGUMENT);
  assert_int_equal(settle_key(world->channel, "").code, SURE_INVALID_ARGUMENT);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      E2E_TEST(settled_call_cannot_run_later),
      E2E_TEST(call_that_ended_unknown_and_was_settled_cannot_run_later),
      E2E_TEST(unknown_that_was_applied_settles_to_its_reply),
      E2E_TEST(unknown_that_was_refused_settles_to_the_refusal),
      E2E_TEST(call_in_doubt_settles_itself_within_its_deadline),
      E2E_TEST(settle_waits_for_the_run_that_it_finds),
      E2E_TEST(settle_that_races_with_a_late_request_is_never_contradicted),
      E2E_TEST(settle_that_races_with_an_attempt_agrees_with_it),
      E2E_TEST(unresolved_calls_are_limited_until_they_are_settled_or_released),
      E2E_TEST(settle_of_neither_a_call_nor_a_key_is_refused),
  };
  return e2e_run(tests, argc, argv);
}
