/* Deadlines, retries, black holes, and methods that promise less than exactly once. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "world.h"

static void deadline_shorter_than_the_backoff_ends_the_call_at_once(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  struct sure_retry_policy patient = {.backoff_ms_initial = 60000, .backoff_ms_max = 60000};
  struct sure_call_options options = {.timeout_ms = 30000, .retry = &patient};
  Sure__E2e__V1__AddRequest request = add_request(1);
  request.fail_code = SURE_UNAVAILABLE;
  uint64_t begin_ms = now_ms();
  struct end end = add(world->channel, &request, &options);
  assert_true(now_ms() - begin_ms < 10000);
  assert_end(end, SURE_UNAVAILABLE, SURE_NOT_APPLIED);
  assert_int_equal(end.attempts, 1);
  assert_account(&world->server, 0, 0);
}

static void retryable_failure_is_run_again_until_the_attempts_are_used_up(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  struct sure_retry_policy quick = {.attempts_max = 3, .backoff_ms_initial = 1};
  Sure__E2e__V1__AddRequest request = add_request(1);
  request.fail_code = SURE_UNAVAILABLE;
  struct end end = add(world->channel, &request, &(struct sure_call_options){.retry = &quick});
  assert_end(end, SURE_UNAVAILABLE, SURE_NOT_APPLIED);
  assert_int_equal(end.attempts, 3);
  assert_int_equal(account_of(&world->server).runs, 3);
  assert_account(&world->server, 0, 0);
}

static void every_code_of_a_handler_reaches_the_caller_and_has_no_effect(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  struct sure_retry_policy once = {.attempts_max = 1};
  for (unsigned code = 1; code <= SURE_CODE_MAX; code++) {
    Sure__E2e__V1__AddRequest request = add_request(1);
    request.fail_code = code;
    struct end end = add(world->channel, &request, &(struct sure_call_options){.retry = &once});
    assert_end(end, (enum sure_code)code, SURE_NOT_APPLIED);
    assert_reason(end, SURE_REASON_NONE);
  }
  assert_account(&world->server, 0, 0);
}

static void stuck_server_makes_deadline_exceeded_and_settle_tells_the_truth(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  Sure__E2e__V1__AddRequest request = add_request(3);
  request.meets = true;
  uint64_t begin_ms = now_ms();
  struct end end = add(world->channel, &request, &(struct sure_call_options){.timeout_ms = 300});
  assert_in_range(now_ms() - begin_ms, 300, 5000);
  assert_end(end, SURE_DEADLINE_EXCEEDED, SURE_OUTCOME_UNKNOWN);
  server_wait_in_handler(&world->server);
  server_let_go(&world->server);
  struct end settled = settle_call(world->channel, end.id);
  assert_end(settled, SURE_OK, SURE_APPLIED);
  assert_account(&world->server, 3, 1);
}

static void call_that_never_left_is_not_applied(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  relay_lock_out(world->relay, true);
  relay_cut(world->relay);
  struct sure_channel *channel = open_channel(relay_url(world->relay), NULL);
  Sure__E2e__V1__AddRequest request = add_request(1);
  struct end end = add(channel, &request, &(struct sure_call_options){.timeout_ms = 200});
  assert_end(end, SURE_DEADLINE_EXCEEDED, SURE_NOT_APPLIED);
  assert_int_equal(end.attempts, 0);
  assert_int_equal(end.id.epoch, 0);
  sure_channel_free(channel, 1);
}

static void black_hole_is_left_after_the_attempt_time_out(void **state) {
  struct world *world = *state;
  world_serve(world, &(struct sure_channel_options){.accept_timeout_ms = 400});
  assert_end(add_one(world->channel), SURE_OK, SURE_APPLIED);
  relay_arm(world->relay, SURE__REQUEST, RELAY_SWALLOW);
  struct end end = add_one(world->channel);
  assert_end(end, SURE_OK, SURE_APPLIED);
  assert_int_equal(end.attempts, 2);
  struct sure_channel_stats stats;
  sure_channel_get_stats(world->channel, &stats);
  assert_int_equal(stats.connects, 2);
  assert_int_equal(stats.sessions, 1);
  assert_account(&world->server, 2, 2);
}

static void black_hole_that_swallows_the_reply_is_left_too(void **state) {
  struct world *world = *state;
  /* On a busy machine ACCEPTED may have passed before: then it is keepalive that notices. */
  world_serve(world, &(struct sure_channel_options){.accept_timeout_ms = 400,
                                                    .keepalive_time_ms = 400,
                                                    .keepalive_timeout_ms = 400});
  relay_arm(world->relay, SURE__RESPONSE, RELAY_SWALLOW);
  struct end end = add_one(world->channel);
  assert_end(end, SURE_OK, SURE_APPLIED);
  assert_true(end.replayed);
  assert_account(&world->server, 1, 1);
}

static void black_hole_in_the_handshake_is_left_after_the_connect_time_out(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  relay_wait_count(world->relay, SURE__ATTACHED, 1); /* the world's own channel is through */
  relay_arm(world->relay, SURE__HELLO, RELAY_SWALLOW);
  struct sure_channel *channel = open_channel(
      relay_url(world->relay), &(struct sure_channel_options){.connect_timeout_ms = 150});
  assert_end(add_one(channel), SURE_OK, SURE_APPLIED);
  sure_channel_free(channel, 0);
}

static void keepalive_finds_a_stopped_server(void **state) {
  struct world *world = *state;
  world_serve(world, &(struct sure_channel_options){.keepalive_time_ms = 100,
                                                    .keepalive_timeout_ms = 100,
                                                    .connect_timeout_ms = 200});
  Sure__E2e__V1__AddRequest request = add_request(5);
  request.meets = true;
  struct pending *pending = pending_add(world, world->channel, &request,
                                        &(struct sure_call_options){.timeout_ms = 30000});
  server_wait_in_handler(&world->server);
  relay_wait_count(world->relay, SURE__ACCEPTED, 1); /* no attempt time-out from here on */
  server_signal(&world->server, SIGSTOP);
  relay_wait_count(world->relay, SURE__HELLO, 2);
  server_let_go(&world->server);
  server_signal(&world->server, SIGCONT);
  struct end end = pending_wait(pending);
  assert_end(end, SURE_OK, SURE_APPLIED);
  assert_true(end.attempts > 1);
  assert_account(&world->server, 5, 1);
}

typedef enum sure_code add_fn(struct sure_channel *channel,
                              const Sure__E2e__V1__AddRequest *request,
                              const struct sure_call_options *options,
                              Sure__E2e__V1__AddReply **out_reply, struct sure_status *status);

/* One Add(1) that must fail with UNAVAILABLE and outcome UNKNOWN after one attempt. */
static void assert_lost(struct sure_channel *channel, add_fn *call) {
  struct sure_status *status = sure_status_new();
  Sure__E2e__V1__AddReply *reply = NULL;
  Sure__E2e__V1__AddRequest request = add_request(1);
  assert_int_equal(call(channel, &request, NULL, &reply, status), SURE_UNAVAILABLE);
  assert_int_equal(sure_status_outcome(status), SURE_OUTCOME_UNKNOWN);
  assert_int_equal(sure_status_attempts(status), 1);
  assert_null(reply);
  sure_status_free(status);
}

static void at_most_once_is_never_sent_twice(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  relay_arm(world->relay, SURE__RESPONSE, RELAY_CUT);
  assert_lost(world->channel, sure__e2e__v1__counter_client__add_at_most_once);
  assert_account(&world->server, 1, 1);
  relay_arm(world->relay, SURE__REQUEST, RELAY_CUT);
  assert_lost(world->channel, sure__e2e__v1__counter_client__add_at_most_once);
  assert_account(&world->server, 1, 1);
  assert_end(add_one(world->channel), SURE_OK, SURE_APPLIED); /* the channel goes on */
  assert_int_equal(relay_count(world->relay, SURE__REQUEST), 3);
}

/* What exactly once is for. */
static void at_least_once_doubles_the_effect_when_a_reply_is_lost(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  relay_arm(world->relay, SURE__RESPONSE, RELAY_CUT);
  Sure__E2e__V1__AddReply *reply = NULL;
  Sure__E2e__V1__AddRequest request = add_request(1);
  assert_int_equal(sure__e2e__v1__counter_client__add_at_least_once(world->channel, &request, NULL,
                                                                    &reply, NULL),
                   SURE_OK);
  assert_int_equal(reply->total, 2);
  sure__e2e__v1__add_reply__free_unpacked(reply, NULL);
  assert_account(&world->server, 2, 2);
}

static void calls_wait_for_a_server_that_starts_later(void **state) {
  struct world *world = *state;
  char url[128];
  world_serve(world, NULL);
  snprintf(url, sizeof url, "%s", world->server.url);
  server_signal(&world->server, SIGTERM);
  assert_int_equal(server_wait(&world->server), 0);
  struct sure_channel *channel = open_channel(url, NULL);
  Sure__E2e__V1__AddRequest request = add_request(1);
  struct pending *pending = pending_add(world, channel, &request, NULL);
  assert_false(pending_is_done(pending));
  server_start(&world->server, &(struct server_options){.database = world->database, .url = url});
  assert_end(pending_wait(pending), SURE_OK, SURE_APPLIED);
  assert_account(&world->server, 1, 1);
  sure_channel_free(channel, 0);
}

static void unix_sockets_serve_as_well(void **state) {
  struct world *world = *state;
  char url[128];
  snprintf(url, sizeof url, "ipc://%s/socket", world->directory);
  struct server_options options = {.database = world->database, .url = url};
  server_start(&world->server, &options);
  world->channel = open_channel(url, NULL);
  assert_end(add_one(world->channel), SURE_OK, SURE_APPLIED);
  server_kill(&world->server);
  server_start(&world->server, &options); /* the socket's file of the dead server is in its way */
  assert_end(add_one(world->channel), SURE_OK, SURE_APPLIED);
  assert_account(&world->server, 2, 2);
}

static void wrong_targets_are_refused_when_the_channel_is_opened(void **state) {
  (void)state;
  static const char *const targets[] = {NULL, "", "localhost:5001", "http://localhost:5001",
                                        "tcp:/127.0.0.1:5001"};
  for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
    struct sure_channel *channel = (struct sure_channel *)state;
    assert_int_equal(
        sure_channel_open(&(struct sure_channel_options){.target = targets[i]}, &channel),
        SURE_INVALID_ARGUMENT);
    assert_ptr_equal(channel, state); /* untouched */
  }
}

static void method_that_the_server_does_not_know_is_unimplemented(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  struct sure_status *status = sure_status_new();
  Sure__E2e__V1__AddReply *reply = NULL;
  Sure__E2e__V1__AddRequest request = add_request(1);
  assert_int_equal(sure__e2e__v1__newer_client__add(world->channel, &request, NULL, &reply, status),
                   SURE_UNIMPLEMENTED);
  assert_int_equal(sure_status_outcome(status), SURE_NOT_APPLIED);
  assert_int_equal(sure_status_reason(status), SURE_REASON_NO_METHOD);
  sure_status_free(status);
}

/* A client whose .proto has a number where the server's has text. */
static void request_that_does_not_parse_is_internal_and_not_applied(void **state) {
  struct world *world = *state;
  world_serve(world, NULL);
  struct sure_method other = sure__e2e__v1__counter_service.methods[1];
  assert_string_equal(other.full_name, "sure.e2e.v1.Counter/AddKeyed");
  other.request = &sure__e2e__v1__add_reply__descriptor;
  other.key_field = 0;
  struct sure_status *status = sure_status_new();
  ProtobufCMessage *reply = NULL;
  Sure__E2e__V1__AddReply request = SURE__E2E__V1__ADD_REPLY__INIT;
  request.total = 1;
  assert_int_equal(sure_channel_call(world->channel, &other, &request.base, NULL, &reply, status),
                   SURE_INTERNAL);
  assert_int_equal(sure_status_outcome(status), SURE_NOT_APPLIED);
  assert_int_equal(sure_status_reason(status), SURE_REASON_UNPARSABLE);
  sure_status_free(status);
  assert_account(&world->server, 0, 0);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      E2E_TEST(deadline_shorter_than_the_backoff_ends_the_call_at_once),
      E2E_TEST(retryable_failure_is_run_again_until_the_attempts_are_used_up),
      E2E_TEST(every_code_of_a_handler_reaches_the_caller_and_has_no_effect),
      E2E_TEST(stuck_server_makes_deadline_exceeded_and_settle_tells_the_truth),
      E2E_TEST(call_that_never_left_is_not_applied),
      E2E_TEST(black_hole_is_left_after_the_attempt_time_out),
      E2E_TEST(black_hole_that_swallows_the_reply_is_left_too),
      E2E_TEST(black_hole_in_the_handshake_is_left_after_the_connect_time_out),
      E2E_TEST(keepalive_finds_a_stopped_server),
      E2E_TEST(at_most_once_is_never_sent_twice),
      E2E_TEST(at_least_once_doubles_the_effect_when_a_reply_is_lost),
      E2E_TEST(calls_wait_for_a_server_that_starts_later),
      E2E_TEST(unix_sockets_serve_as_well),
      E2E_TEST(wrong_targets_are_refused_when_the_channel_is_opened),
      E2E_TEST(method_that_the_server_does_not_know_is_unimplemented),
      E2E_TEST(request_that_does_not_parse_is_internal_and_not_applied),
  };
  return e2e_run(tests, argc, argv);
}
