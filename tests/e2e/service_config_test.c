/* Service configs at work: what a text says changes what a channel does, and what a call says comes
 * before it. */
#include <stdio.h>
#include <string.h>

#include "world.h"

#define ADD "{\"service\": \"sure.e2e.v1.Counter\", \"method\": \"Add\"}"

static const struct sure_service *const services[] = {&sure__e2e__v1__counter_service};

/* What the tests open: freed after the channel, which borrows it. */
static struct sure_service_config *config;

static struct sure_service_config *config_of(const struct sure_service *const *list, size_t count,
                                             const char *json) {
  char problem[256] = "";
  struct sure_service_config *parsed = NULL;
  sure_service_config_parse(json, strlen(json), list, count, &parsed, problem, sizeof problem);
  assert_string_equal(problem, "");
  return parsed;
}

static void serve_with(struct world *world, const char *json) {
  config = config_of(services, 1, json);
  world_serve(world, &(struct sure_channel_options){.service_config = config});
}

static int teardown(void **state) {
  int result = world_teardown(state);
  config = sure_service_config_free(config);
  return result;
}

static struct end add_failing(struct sure_channel *channel,
                              const struct sure_call_options *options) {
  Sure__E2e__V1__AddRequest request = add_request(1);
  request.fail_code = SURE_ABORTED;
  return add(channel, &request, options);
}

/* ---- retries ---- */

static const char retries[] =
    "{\"methodConfig\": [{\"name\": [" ADD "], \"retryPolicy\": {\"maxAttempts\": 7, "
    "\"initialBackoff\": \"0.001s\", \"maxBackoff\": \"0.002s\", \"backoffMultiplier\": 1, "
    "\"retryableStatusCodes\": [\"ABORTED\"]}}]}";

static void retry_policy_counts_and_is_not_cut_to_five(void **state) {
  struct world *world = *state;
  serve_with(world, retries);
  struct end end = add_failing(world->channel, NULL);
  assert_end(end, SURE_ABORTED, SURE_NOT_APPLIED);
  assert_int_equal(end.attempts, 7);
  assert_int_equal(account_of(&world->server).runs, 7);
}

static void policy_of_a_call_comes_before_it(void **state) {
  struct world *world = *state;
  serve_with(world, retries);
  struct sure_retry_policy own = {
      .attempts_max = 2, .backoff_ms_initial = 1, .retryable_codes = SURE_CODE_BIT(SURE_ABORTED)};
  struct sure_call_options options = {.retry = &own};
  assert_int_equal(add_failing(world->channel, &options).attempts, 2);
}

static void method_that_it_does_not_name_goes_its_own_way(void **state) {
  struct world *world = *state;
  serve_with(world, retries);
  Sure__E2e__V1__AddRequest request = add_request(1);
  Sure__E2e__V1__AddReply *reply = NULL;
  struct sure_status *status = sure_status_new();
  request.fail_code = SURE_ABORTED;
  assert_int_equal(sure__e2e__v1__counter_client__add_at_least_once(world->channel, &request, NULL,
                                                                    &reply, status),
                   SURE_ABORTED);
  assert_int_equal(sure_status_attempts(status), 1);
  sure_status_free(status);
}

static void attempt_time_out_makes_another_attempt(void **state) {
  struct world *world = *state;
  serve_with(world, "{\"methodConfig\": [{\"name\": [" ADD "], \"retryPolicy\": {\"maxAttempts\": "
                    "100, \"initialBackoff\": \"0.001s\", \"maxBackoff\": \"0.002s\", "
                    "\"backoffMultiplier\": 1, \"perAttemptRecvTimeout\": \"0.02s\"}}]}");
  Sure__E2e__V1__AddRequest request = add_request(1);
  request.meets = true;
  struct pending *pending = pending_add(world, world->channel, &request, NULL);
  relay_wait_count(world->relay, SURE__REQUEST, 2);
  server_wait_in_handler(&world->server);
  server_let_go(&world->server);
  struct end end = pending_wait(pending);
  assert_end(end, SURE_OK, SURE_APPLIED);
  assert_true(end.attempts > 1);
  assert_account(&world->server, 1, 1);
}

/* A bucket of two is half empty after the first failure. */
static const char throttling[] = "{\"retryThrottling\": {\"maxTokens\": 2, \"tokenRatio\": 0.1}}";

static void throttling_holds_retries_back(void **state) {
  struct world *world = *state;
  serve_with(world, throttling);
  Sure__E2e__V1__AddRequest request = add_request(1);
  request.fail_code = SURE_UNAVAILABLE;
  assert_int_equal(add(world->channel, &request, NULL).attempts, 1);
}

static void retry_budget_of_a_channel_comes_before_throttling(void **state) {
  struct world *world = *state;
  config = config_of(services, 1, throttling);
  world_serve(world, &(struct sure_channel_options){.service_config = config,
                                                    .retry_budget = {.is_unlimited = true}});
  struct sure_retry_policy own = {.attempts_max = 3, .backoff_ms_initial = 1};
  Sure__E2e__V1__AddRequest request = add_request(1);
  request.fail_code = SURE_UNAVAILABLE;
  struct sure_call_options options = {.retry = &own};
  assert_int_equal(add(world->channel, &request, &options).attempts, 3);
}

/* ---- several endpoints ---- */

static void serve_twice_with(struct world *world, const char *json,
                             const struct sure_channel_options *options) {
  const struct server_options servers = {.database = world->database};
  struct sure_channel_options all = *options;
  char target[256 + 2];
  server_start(&world->server, &servers);
  server_start(&world->other, &servers);
  snprintf(target, sizeof target, "%s,%s", world->server.url, world->other.url);
  config = config_of(services, 1, json);
  all.service_config = config;
  world->channel = open_channel(target, &all);
}

static uint64_t connects_of(struct sure_channel *channel) {
  struct sure_channel_stats stats;
  sure_channel_get_stats(channel, &stats);
  return stats.connects;
}

static void balancing_is_the_config_s(void **state) {
  struct world *world = *state;
  serve_twice_with(world, "{\"loadBalancingConfig\": [{\"round_robin\": {}}]}",
                   &(struct sure_channel_options){0});
  wait_until(connects_of(world->channel) == 2); /* pick_first would be content with one */
}

static void outlier_is_left_alone_as_the_config_says(void **state) {
  struct world *world = *state;
  serve_twice_with(world,
                   "{\"loadBalancingConfig\": [{\"outlier_detection_experimental\": {\"interval\": "
                   "\"0.02s\", \"baseEjectionTime\": \"100s\", \"failurePercentageEjection\": "
                   "{\"threshold\": 1, \"requestVolume\": 1}, \"childPolicy\": [{\"round_robin\": "
                   "{}}]}}]}",
                   &(struct sure_channel_options){0});
  struct sure_channel_stats stats;
  struct sure_retry_policy once = {.attempts_max = 1};
  struct sure_call_options options = {.retry = &once};
  Sure__E2e__V1__AddRequest request = add_request(1);
  request.fail_code = SURE_UNAVAILABLE;
  assert_int_equal(add(world->channel, &request, &options).attempts, 1);
  wait_until((sure_channel_get_stats(world->channel, &stats), stats.ejections == 1));
}

static void hedges_go_to_several_endpoints(void **state) {
  struct world *world = *state;
  serve_twice_with(world,
                   "{\"loadBalancingPolicy\": \"round_robin\", \"methodConfig\": [{\"name\": [{}], "
                   "\"hedgingPolicy\": {\"maxAttempts\": 2}}, {\"name\": [{\"service\": "
                   "\"sure.e2e.v1.Counter\", \"method\": \"AddAtMostOnce\"}]}]}",
                   &(struct sure_channel_options){0});
  wait_until(connects_of(world->channel) == 2);
  struct end end = add_one(world->channel);
  assert_end(end, SURE_OK, SURE_APPLIED);
  assert_int_equal(end.attempts, 2);
  assert_account(&world->server, 1, 1); /* once all the same */
}

/* ---- time ---- */

static void assert_times_out_within(struct sure_channel *channel, uint32_t own_ms,
                                    uint64_t at_least_ms) {
  Sure__E2e__V1__AddRequest request = add_request(1);
  struct sure_call_options options = {.timeout_ms = own_ms};
  uint64_t begin_ms = now_ms();
  struct end end = add(channel, &request, &options);
  assert_int_equal(end.code, SURE_DEADLINE_EXCEEDED);
  assert_in_range(now_ms() - begin_ms, at_least_ms, 5000);
}

static void time_out_of_a_call_can_only_be_shorter(void **state) {
  struct world *world = *state;
  serve_with(world, "{\"methodConfig\": [{\"name\": [" ADD "], \"timeout\": \"0.3s\"}]}");
  relay_lock_out(world->relay, true);
  relay_cut(world->relay);
  assert_times_out_within(world->channel, 0, 300);
  assert_times_out_within(world->channel, 60000, 300);
  uint64_t begin_ms = now_ms();
  assert_times_out_within(world->channel, 20, 20);
  assert_true(now_ms() - begin_ms < 300);
}

static void call_fails_fast_when_the_config_says_so_unless_it_waits(void **state) {
  struct world *world = *state;
  config =
      config_of(services, 1, "{\"methodConfig\": [{\"name\": [{}], \"waitForReady\": false}]}");
  world->channel =
      open_channel("tcp://127.0.0.1:1", &(struct sure_channel_options){.service_config = config});
  struct end end = add_one(world->channel);
  assert_end(end, SURE_UNAVAILABLE, SURE_NOT_APPLIED);
  assert_int_equal(end.attempts, 0);
  Sure__E2e__V1__AddRequest request = add_request(1);
  struct sure_call_options waits = {.timeout_ms = 100, .waits_for_ready = true};
  assert_end(add(world->channel, &request, &waits), SURE_DEADLINE_EXCEEDED, SURE_NOT_APPLIED);
  struct sure_call_options both = {.waits_for_ready = true, .is_fail_fast = true};
  assert_end(add(world->channel, &request, &both), SURE_INVALID_ARGUMENT, SURE_NOT_APPLIED);
}

static void waiting_is_what_calls_do_when_the_config_says_so(void **state) {
  struct world *world = *state;
  config = config_of(services, 1, "{\"methodConfig\": [{\"name\": [{}], \"waitForReady\": true}]}");
  world->channel =
      open_channel("tcp://127.0.0.1:1", &(struct sure_channel_options){.service_config = config});
  Sure__E2e__V1__AddRequest request = add_request(1);
  struct sure_call_options options = {.timeout_ms = 100};
  assert_end(add(world->channel, &request, &options), SURE_DEADLINE_EXCEEDED, SURE_NOT_APPLIED);
  options.is_fail_fast = true;
  assert_end(add(world->channel, &request, &options), SURE_UNAVAILABLE, SURE_NOT_APPLIED);
}

/* ---- sizes ---- */

static struct end add_sized(struct sure_channel *channel, size_t request_len, uint32_t reply_len) {
  static uint8_t ballast[4096];
  Sure__E2e__V1__AddRequest request = add_request(1);
  request.ballast = (ProtobufCBinaryData){request_len, ballast};
  request.reply_len = reply_len;
  return add(channel, &request, NULL);
}

/* Amount, and ballast of up to 127 or 16 383 bytes with its tag and length. */
enum { AMOUNT_LEN = 2, BALLAST_HEAD_LEN = 3, LIMIT = 1000 };

static void request_is_sent_up_to_the_config_s_limit(void **state) {
  struct world *world = *state;
  serve_with(world,
             "{\"methodConfig\": [{\"name\": [" ADD "], \"maxRequestMessageBytes\": 1000}]}");
  size_t most = LIMIT - AMOUNT_LEN - BALLAST_HEAD_LEN;
  assert_end(add_sized(world->channel, most, 0), SURE_OK, SURE_APPLIED);
  struct end end = add_sized(world->channel, most + 1, 0);
  assert_end(end, SURE_RESOURCE_EXHAUSTED, SURE_NOT_APPLIED);
  assert_int_equal(end.attempts, 0);
  assert_account(&world->server, 1, 1);
}

static void reply_over_the_config_s_limit_leaves_its_effect_applied(void **state) {
  struct world *world = *state;
  serve_with(world,
             "{\"methodConfig\": [{\"name\": [" ADD "], \"maxResponseMessageBytes\": 1000}]}");
  uint32_t most = LIMIT - AMOUNT_LEN - BALLAST_HEAD_LEN;
  struct end end = add_sized(world->channel, 0, most);
  assert_end(end, SURE_OK, SURE_APPLIED);
  assert_int_equal(end.ballast_len, most);
  end = add_sized(world->channel, 0, most + 1);
  assert_end(end, SURE_RESOURCE_EXHAUSTED, SURE_APPLIED);
  assert_reason(end, SURE_REASON_REPLY_LOST);
  assert_true(end.recorded);
  assert_account(&world->server, 2, 2);
}

static void completion_is_told_of_a_reply_over_the_limit_too(void **state) {
  struct world *world = *state;
  serve_with(world, "{\"methodConfig\": [{\"name\": [" ADD "], \"maxResponseMessageBytes\": 0}]}");
  Sure__E2e__V1__AddRequest request = add_request(1);
  struct end end = pending_wait(pending_add(world, world->channel, &request, NULL));
  assert_end(end, SURE_RESOURCE_EXHAUSTED, SURE_APPLIED);
  assert_reason(end, SURE_REASON_REPLY_LOST);
  assert_int_equal(end.total, 0);
}

/* ---- methods that the parser did not know ---- */

static const char for_all[] =
    "{\"methodConfig\": [{\"name\": [{}], \"retryPolicy\": {\"maxAttempts\": 2, "
    "\"initialBackoff\": \"0.001s\", \"maxBackoff\": \"0.001s\", \"backoffMultiplier\": 1, "
    "\"retryableStatusCodes\": [\"ABORTED\"]}}]}";

static void what_it_says_of_all_methods_counts_for_unknown_ones(void **state) {
  struct world *world = *state;
  config = config_of(NULL, 0, for_all);
  world_serve(world, &(struct sure_channel_options){.service_config = config});
  assert_int_equal(add_failing(world->channel, NULL).attempts, 2);
}

static void unknown_at_most_once_method_is_refused_and_not_sent_again(void **state) {
  struct world *world = *state;
  config = config_of(NULL, 0, for_all);
  world_serve(world, &(struct sure_channel_options){.service_config = config});
  Sure__E2e__V1__AddRequest request = add_request(1);
  Sure__E2e__V1__AddReply *reply = NULL;
  struct sure_status *status = sure_status_new();
  assert_int_equal(sure__e2e__v1__counter_client__add_at_most_once(world->channel, &request, NULL,
                                                                   &reply, status),
                   SURE_INVALID_ARGUMENT);
  assert_int_equal(sure_status_outcome(status), SURE_NOT_APPLIED);
  sure_status_free(status);
  assert_account(&world->server, 0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, teardown)

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      TEST(retry_policy_counts_and_is_not_cut_to_five),
      TEST(policy_of_a_call_comes_before_it),
      TEST(method_that_it_does_not_name_goes_its_own_way),
      TEST(attempt_time_out_makes_another_attempt),
      TEST(throttling_holds_retries_back),
      TEST(retry_budget_of_a_channel_comes_before_throttling),
      TEST(balancing_is_the_config_s),
      TEST(outlier_is_left_alone_as_the_config_says),
      TEST(hedges_go_to_several_endpoints),
      TEST(time_out_of_a_call_can_only_be_shorter),
      TEST(call_fails_fast_when_the_config_says_so_unless_it_waits),
      TEST(waiting_is_what_calls_do_when_the_config_says_so),
      TEST(request_is_sent_up_to_the_config_s_limit),
      TEST(reply_over_the_config_s_limit_leaves_its_effect_applied),
      TEST(completion_is_told_of_a_reply_over_the_limit_too),
      TEST(what_it_says_of_all_methods_counts_for_unknown_ones),
      TEST(unknown_at_most_once_method_is_refused_and_not_sent_again),
  };
  return e2e_run(tests, argc, argv);
}
