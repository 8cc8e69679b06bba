/* Stories of the client engine: retries as gRPC's A6 has them, and hedging. */
#include "client_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/core/wire.h"

static const char *const three[] = {"tcp://a:1", "tcp://b:1", "tcp://c:1", NULL};

static void refuse(struct story *story, uint64_t sequence, uint32_t attempt, enum sure_code code,
                   uint32_t retry_after_ms, unsigned flags) {
  story_give(story,
             &(struct sure__frame){.type = SURE__RESPONSE,
                                   .flags = (uint16_t)flags,
                                   .sequence = sequence,
                                   .attempt = attempt,
                                   .response = {.code = code, .retry_after_ms = retry_after_ms}});
}

/* ---- transparent retries ---- */

static void untouched_attempt_is_sent_again_at_once_and_for_nothing(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start_with(&story, &charge, 10000, 2);
  story_expect_request(&story, 1, 1);
  story_refuse(&story, 1, 1, SURE_RESOURCE_EXHAUSTED, SURE_REASON_TOO_MANY_CALLS, SURE__NOT_RUN);
  story_pass(&story, 0);
  story_expect_request(&story, 1, 2);
  story_refuse(&story, 1, 2, SURE_UNAVAILABLE, SURE_REASON_NONE, SURE__ROLLED_BACK);
  story_pass(&story, 100); /* it has cost none of the two attempts */
  story_expect_request(&story, 1, 3);
  story_answer(&story, 1, 3, SURE_OK, SURE__RECORDED);
  assert_int_equal(story_ended(&story, call).attempts, 3);
  story_end(&story);
}

static void second_untouched_attempt_follows_the_policy(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  story_refuse(&story, 1, 1, SURE_RESOURCE_EXHAUSTED, SURE_REASON_TOO_MANY_CALLS, SURE__NOT_RUN);
  story_pass(&story, 0);
  story_expect_request(&story, 1, 2);
  story_refuse(&story, 1, 2, SURE_RESOURCE_EXHAUSTED, SURE_REASON_TOO_MANY_CALLS, SURE__NOT_RUN);
  struct sure__end end = story_ended(&story, call); /* whose list does not have that code */
  assert_int_equal(end.code, SURE_RESOURCE_EXHAUSTED);
  assert_int_equal(end.outcome, SURE_NOT_APPLIED);
  story_end(&story);
}

/* ---- which failures are retried ---- */

static void code_that_is_not_listed_ends_the_call(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  story_refuse(&story, 1, 1, SURE_ABORTED, SURE_REASON_NONE, SURE__ROLLED_BACK);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.code, SURE_ABORTED);
  assert_int_equal(end.attempts, 1);
  story_end(&story);
}

static void so_does_one_that_comes_after_the_server_has_accepted(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  story_give(&story, &(struct sure__frame){.type = SURE__ACCEPTED, .sequence = 1, .attempt = 1});
  story_refuse(&story, 1, 1, SURE_ABORTED, SURE_REASON_NONE, SURE__ROLLED_BACK);
  assert_int_equal(story_ended(&story, call).attempts, 1);
  story_end(&story);
}

static void policy_of_one_attempt_makes_no_retry(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start_with(&story, &charge, 10000, 1);
  story_expect_request(&story, 1, 1);
  story_refuse(&story, 1, 1, SURE_UNAVAILABLE, SURE_REASON_NONE, SURE__ROLLED_BACK);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.code, SURE_UNAVAILABLE);
  assert_int_equal(end.attempts, 1);
  story_end(&story);
}

/* Eight if it says eight: nobody makes five of them. */
static void attempts_are_as_many_as_the_policy_says(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = sure__client_call_new(&story.client);
  call->method = &charge;
  call->timeout_ms = 600000;
  call->retry =
      (struct sure_retry_policy){.attempts_max = 8, .backoff_ms_initial = 1, .backoff_ms_max = 1};
  assert_null(sure__client_start(&story.client, call, story.now_ms).text);
  story_pass(&story, 0);
  for (uint32_t attempt = 1; attempt <= 8; attempt++) {
    story_expect_request(&story, 1, attempt);
    story_refuse(&story, 1, attempt, SURE_UNAVAILABLE, SURE_REASON_NONE, SURE__ROLLED_BACK);
    story_pass(&story, 10);
  }
  assert_int_equal(story_ended(&story, call).attempts, 8);
  story_end(&story);
}

/* ---- cancellation ---- */

static void call_cancelled_in_the_pause_before_a_retry_sends_no_more(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  story_refuse(&story, 1, 1, SURE_UNAVAILABLE, SURE_REASON_NONE, SURE__ROLLED_BACK);
  sure__client_cancel(&story.client, call->handle, story.now_ms);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.code, SURE_CANCELLED);
  assert_int_equal(end.outcome, SURE_NOT_APPLIED);
  story_pass(&story, 40); /* more than the pause, less than an ACK alone waits */
  story_expect_nothing(&story);
  story_end(&story);
}

static void call_cancelled_in_its_second_attempt_cancels_that_one(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  story_refuse(&story, 1, 1, SURE_UNAVAILABLE, SURE_REASON_NONE, SURE__ROLLED_BACK);
  story_pass(&story, 100);
  story_expect_request(&story, 1, 2);
  sure__client_cancel(&story.client, call->handle, story.now_ms);
  story_pass(&story, 0);
  assert_int_equal(story_expect(&story, SURE__CANCEL).attempt, 2);
  struct sure__frame settle = story_expect(&story, SURE__SETTLE);
  story_settled(&story, settle.sequence, SURE__SETTLED_TOMBSTONE, SURE_OK);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.code, SURE_CANCELLED);
  assert_int_equal(end.outcome, SURE_NOT_APPLIED);
  story_end(&story);
}

/* ---- answers that do not come whole ---- */

/* The first frame of an answer that takes several. */
static void give_first_part(struct story *story, const struct sure__frame *answer) {
  struct sure__buffer bytes = {0};
  assert_true(sure__frame_encode(&bytes, answer));
  size_t len = sure__get_u32(bytes.data);
  assert_true(len < bytes.len);
  sure__client_receive(&story->client, story->links[story->at].link,
                       (struct sure_bytes){bytes.data, len}, story->now_ms);
  sure__buffer_fini(&bytes);
}

/* gRPC commits to an attempt with its first bytes; here the record makes that unnecessary. */
static void call_of_whose_unrecorded_reply_a_part_came_is_made_again(void **state) {
  (void)state;
  static const uint8_t big[100 * 1024];
  struct sure__frame answer = {
      .type = SURE__RESPONSE, .sequence = 1, .attempt = 1, .payload = {big, sizeof big}};
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &read_it);
  story_expect_request(&story, 1, 1);
  story_pass(&story, 200);
  give_first_part(&story, &answer);
  story_lose_connection(&story);
  story_attach(&story);
  story_pass(&story, 200);
  struct sure__frame request = story_expect(&story, SURE__REQUEST);
  assert_int_equal(2, request.attempt);
  assert_int_equal(0, request.flags);
  answer.attempt = 2;
  story_give(&story, &answer);
  assert_int_equal(call->end.reply.len, sizeof big);
  assert_int_equal(story_ended(&story, call).code, SURE_OK);
  story_end(&story);
}

/* ---- pushback ---- */

static void invitation_is_taken_whatever_the_policy_lists(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  refuse(&story, 1, 1, SURE_RESOURCE_EXHAUSTED, 300, SURE__NOT_RUN);
  story_pass(&story, 299);
  story_expect_nothing(&story);
  story_pass(&story, 1);
  story_expect_request(&story, 1, 2);
  story_answer(&story, 1, 2, SURE_OK, SURE__RECORDED);
  story_ended(&story, call);
  story_end(&story);
}

static void never_means_never(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  refuse(&story, 1, 1, SURE_UNAVAILABLE, SURE__RETRY_AFTER_NEVER_MS, SURE__ROLLED_BACK);
  assert_int_equal(story_ended(&story, call).code, SURE_UNAVAILABLE);
  story_end(&story);
}

static void pauses_begin_anew_after_a_pushback(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = sure__client_call_new(&story.client);
  call->method = &charge;
  call->timeout_ms = 60000;
  call->retry = (struct sure_retry_policy){
      .backoff_ms_initial = 100, .backoff_ms_max = 10000, .backoff_multiplier_permille = 10000};
  assert_null(sure__client_start(&story.client, call, story.now_ms).text);
  const struct {
    uint32_t retry_after_ms;
    uint64_t least_ms;
    uint64_t most_ms;
  } steps[] = {{0, 80, 120}, {0, 800, 1200}, {500, 500, 500}, {0, 80, 120}};
  for (uint32_t i = 0; i < 4; i++) {
    refuse(&story, 1, i + 1, SURE_UNAVAILABLE, steps[i].retry_after_ms, SURE__ROLLED_BACK);
    uint64_t pause_ms = call->timer.at_ms - story.now_ms;
    assert_in_range(pause_ms, steps[i].least_ms, steps[i].most_ms);
    story_pass(&story, pause_ms);
    assert_int_equal(call->phase, SURE__CALL_SENT);
  }
  story_end(&story);
}

static void pauses_begin_anew_when_an_attempt_goes_on_where_one_was_cut(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = sure__client_call_new(&story.client);
  call->method = &charge;
  call->request = sure__bytes_of("abcdefgh");
  call->timeout_ms = 60000;
  call->retry = (struct sure_retry_policy){
      .backoff_ms_initial = 100, .backoff_ms_max = 10000, .backoff_multiplier_permille = 10000};
  assert_null(sure__client_start(&story.client, call, story.now_ms).text);
  for (uint32_t i = 0; i < 4; i++) {
    story_lose_connection(&story);
    uint64_t pause_ms = call->timer.at_ms - story.now_ms;
    assert_in_range(pause_ms, 80, 120);
    story_connect(&story);
    uint8_t held[SURE__HELD_LEN];
    sure__held_put(held, (struct sure__held){1, i + 1});
    story_give(&story, &(struct sure__frame){
                           .type = SURE__ATTACHED,
                           .attached = {.session = story.session, .state = SURE__ATTACHED_OPEN},
                           .payload = {held, sizeof held}});
    story_pass(&story, pause_ms);
    assert_int_equal(call->phase, SURE__CALL_SENT);
  }
  story_end(&story);
}

/* ---- the attempt's own time ---- */

static struct sure__client_call *start_with_attempt_timeout(struct story *story, uint32_t ms,
                                                            uint32_t attempts_max) {
  struct sure__client_call *call = sure__client_call_new(&story->client);
  call->method = &charge;
  call->timeout_ms = 10000;
  call->attempt_timeout_ms = ms;
  call->retry.attempts_max = attempts_max;
  assert_null(sure__client_start(&story->client, call, story->now_ms).text);
  story_pass(story, 0);
  return call;
}

static void attempt_that_takes_too_long_is_cancelled_and_made_again(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = start_with_attempt_timeout(&story, 200, 0);
  story_expect_request(&story, 1, 1);
  story_give(&story, &(struct sure__frame){.type = SURE__ACCEPTED, .sequence = 1, .attempt = 1});
  story_pass(&story, 199);
  story_expect_nothing(&story);
  story_pass(&story, 1);
  struct sure__frame cancel = story_expect(&story, SURE__CANCEL);
  assert_int_equal(cancel.attempt, 1);
  story_pass(&story, 70);
  story_expect_request(&story, 1, 2);
  story_answer(&story, 1, 1, SURE_OK, SURE__RECORDED); /* of the attempt that was given up */
  story_none_ended(&story);
  story_answer(&story, 1, 2, SURE_OK, SURE__RECORDED);
  story_ended(&story, call);
  assert_null(story_closed(&story)); /* the connection has done nothing wrong */
  story_end(&story);
}

static void last_attempt_that_takes_too_long_ends_the_call_when_it_is_settled(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = start_with_attempt_timeout(&story, 200, 1);
  story_expect_request(&story, 1, 1);
  story_pass(&story, 200);
  story_expect(&story, SURE__CANCEL);
  struct sure__frame settle = story_expect(&story, SURE__SETTLE);
  story_settled(&story, settle.sequence, SURE__SETTLED_TOMBSTONE, SURE_OK);
  assert_int_equal(story_ended(&story, call).outcome, SURE_NOT_APPLIED);
  story_end(&story);
}

static void attempts_given_up_early_do_not_hide_a_dead_connection(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = start_with_attempt_timeout(&story, 200, 0);
  story_pass(&story, 999);
  assert_null(story_closed(&story));
  story_pass(&story, 1);
  assert_string_equal(story_closed(&story), "the server says nothing");
  assert_true(call->sent > 2);
  story_end(&story);
}

/* The first attempt's silence must not be held against one that was sent just now. */
static void attempt_sent_late_has_its_full_time_when_others_are_answered(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *early = story_start(&story, &charge);
  story_pass(&story, 900);
  struct sure__client_call *late = story_start(&story, &charge);
  story_pass(&story, 50);
  story_answer(&story, 1, 1, SURE_OK, SURE__RECORDED);
  story_ended(&story, early);
  story_pass(&story, 949);
  assert_null(story_closed(&story));
  story_pass(&story, 1);
  assert_string_equal(story_closed(&story), "the server says nothing");
  (void)late;
  story_end(&story);
}

/* ---- budget ---- */

static void retries_end_when_the_budget_is_used_up(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  unsigned given_up = 0;
  uint64_t sequence = 0;
  for (int i = 0; i < 150; i++) {
    struct sure__client_call *call = story_start(&story, &charge);
    sequence++;
    story_refuse(&story, sequence, 1, SURE_UNAVAILABLE, SURE_REASON_NONE, SURE__ROLLED_BACK);
    if (call->phase == SURE__CALL_ENDED) {
      assert_int_equal(story_ended(&story, call).outcome, SURE_NOT_APPLIED);
      given_up++;
    } else {
      assert_int_equal(call->phase, SURE__CALL_BACKOFF);
    }
  }
  assert_in_range(given_up, 30, 50); /* a hundred, and a tenth of the calls, go on */
  story_end(&story);
}

static void retries_after_a_lost_connection_cost_nothing(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  for (int i = 0; i < 500; i++) {
    story_start(&story, &charge);
  }
  story_lose_connection(&story);
  story_none_ended(&story);
  assert_true(sure__retry_budget_spend(&story.client.budget, story.now_ms));
  story_end(&story);
}

/* ---- hedging ---- */

static void hedge(struct story *story, uint32_t attempts_max, uint32_t delay_ms,
                  struct sure__client_call **out_call) {
  struct sure__client_call *call = sure__client_call_new(&story->client);
  call->method = &charge;
  call->timeout_ms = 10000;
  call->hedging = (struct sure_hedging_policy){.attempts_max = attempts_max,
                                               .delay_ms = delay_ms,
                                               .non_fatal_codes = SURE_CODE_BIT(SURE_UNAVAILABLE)};
  assert_null(sure__client_start(&story->client, call, story->now_ms).text);
  *out_call = call;
}

static void begin_hedged(struct story *story, uint32_t attempts_max, uint32_t delay_ms,
                         struct sure__client_call **out_call) {
  story_begin_with(story, SURE_ROUND_ROBIN, three);
  for (int i = 0; i < 3; i++) {
    story_attach(story);
  }
  hedge(story, attempts_max, delay_ms, out_call);
  story_pass(story, 0);
}

static void expect_at(struct story *story, size_t at, uint32_t attempt) {
  story->at = at;
  story_expect_request(story, 1, attempt);
}

static void hedges_go_out_one_after_the_other_each_to_another_endpoint(void **state) {
  (void)state;
  struct story story;
  struct sure__client_call *call;
  begin_hedged(&story, 3, 40, &call);
  expect_at(&story, 0, 1);
  story_pass(&story, 39);
  story.at = 1;
  story_expect_nothing(&story);
  story_pass(&story, 1);
  expect_at(&story, 1, 2);
  story_pass(&story, 40);
  expect_at(&story, 2, 3);
  story_pass(&story, 400);
  for (story.at = 0; story.at < 3; story.at++) {
    story_expect_nothing(&story); /* no more than three */
  }
  story_end(&story);
}

static void first_answer_ends_the_call_and_cancels_the_others(void **state) {
  (void)state;
  struct story story;
  struct sure__client_call *call;
  begin_hedged(&story, 3, 0, &call); /* all at once */
  for (size_t i = 0; i < 3; i++) {
    expect_at(&story, i, (uint32_t)i + 1);
  }
  story.at = 1;
  story_answer(&story, 1, 2, SURE_OK, SURE__RECORDED);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.outcome, SURE_APPLIED);
  assert_int_equal(end.attempts, 3);
  story_expect_nothing(&story);
  story.at = 0;
  assert_int_equal(story_expect(&story, SURE__CANCEL).attempt, 1);
  story.at = 2;
  assert_int_equal(story_expect(&story, SURE__CANCEL).attempt, 3);
  story_answer(&story, 1, 3, SURE_OK, SURE__RECORDED | SURE__REPLAYED); /* late, and no error */
  story_none_ended(&story);
  story_end(&story);
}

static void hedge_that_fails_without_harm_brings_the_next_one_at_once(void **state) {
  (void)state;
  struct story story;
  struct sure__client_call *call;
  begin_hedged(&story, 3, 1000, &call);
  expect_at(&story, 0, 1);
  story_refuse(&story, 1, 1, SURE_UNAVAILABLE, SURE_REASON_NONE, SURE__ROLLED_BACK);
  story_none_ended(&story);
  story_pass(&story, 0);
  expect_at(&story, 1, 2);
  story_answer(&story, 1, 2, SURE_OK, SURE__RECORDED);
  story_ended(&story, call);
  story_end(&story);
}

/* The one that is still under way may have its effect yet: the call is settled before it ends. */
static void fatal_answer_ends_a_hedged_call_when_the_others_are_settled(void **state) {
  (void)state;
  struct story story;
  struct sure__client_call *call;
  begin_hedged(&story, 2, 0, &call);
  expect_at(&story, 0, 1);
  expect_at(&story, 1, 2);
  story_refuse(&story, 1, 2, SURE_ABORTED, SURE_REASON_NONE, SURE__ROLLED_BACK);
  story_none_ended(&story);
  assert_int_equal(call->phase, SURE__CALL_SETTLING);
  story.at = 0;
  story_expect(&story, SURE__CANCEL);
  story_end(&story);
}

static void pushback_of_never_stops_further_hedges(void **state) {
  (void)state;
  struct story story;
  struct sure__client_call *call;
  begin_hedged(&story, 3, 50, &call);
  story_pass(&story, 50);
  expect_at(&story, 0, 1);
  expect_at(&story, 1, 2);
  refuse(&story, 1, 2, SURE_UNAVAILABLE, SURE__RETRY_AFTER_NEVER_MS, SURE__ROLLED_BACK);
  story_pass(&story, 500);
  story.at = 2;
  story_expect_nothing(&story);
  story.at = 0;
  story_answer(&story, 1, 1, SURE_OK, SURE__RECORDED);
  story_ended(&story, call);
  story_end(&story);
}

static void channel_with_one_endpoint_does_not_hedge(void **state) {
  (void)state;
  struct story story;
  struct sure__client_call *call;
  story_begin(&story);
  story_attach(&story);
  hedge(&story, 3, 5, &call);
  story_pass(&story, 0);
  story_expect_request(&story, 1, 1);
  story_pass(&story, 900);
  story_expect_nothing(&story);
  story_answer(&story, 1, 1, SURE_OK, SURE__RECORDED);
  story_ended(&story, call);
  story_end(&story);
}

/* It was: the policy of a call is not checked by the generator, as that of a .proto is. */
static void at_most_once_is_not_hedged(void **state) {
  (void)state;
  struct story story;
  story_begin_with(&story, SURE_ROUND_ROBIN, three);
  for (int i = 0; i < 3; i++) {
    story_attach(&story);
  }
  struct sure__client_call *call = sure__client_call_new(&story.client);
  call->method = &ping_it;
  call->timeout_ms = 10000;
  call->hedging = (struct sure_hedging_policy){.attempts_max = 2};
  assert_int_equal(sure__client_start(&story.client, call, story.now_ms).code,
                   SURE_INVALID_ARGUMENT);
  sure__client_recycle(&story.client, call);
  story_pass(&story, 0);
  for (story.at = 0; story.at < 3; story.at++) {
    story_expect_nothing(&story);
  }
  story_end(&story);
}

static void lost_hedge_leaves_the_call_to_the_others(void **state) {
  (void)state;
  struct story story;
  struct sure__client_call *call;
  begin_hedged(&story, 2, 0, &call);
  expect_at(&story, 0, 1);
  expect_at(&story, 1, 2);
  story_lose_connection(&story);
  story_none_ended(&story);
  story.at = 0;
  story_answer(&story, 1, 1, SURE_OK, SURE__RECORDED);
  story_ended(&story, call);
  story_end(&story);
}

static void hedge_with_a_reply_in_parts_is_put_together(void **state) {
  (void)state;
  static char text[100000];
  struct story story;
  struct sure__client_call *call;
  begin_hedged(&story, 2, 0, &call);
  memset(text, 'x', sizeof text - 1);
  story.at = 1;
  story_give(&story, &(struct sure__frame){.type = SURE__RESPONSE,
                                           .flags = SURE__RECORDED,
                                           .sequence = 1,
                                           .attempt = 2,
                                           .payload = sure__bytes_of(text)});
  assert_int_equal(call->end.reply.len, sizeof text - 1);
  assert_memory_equal(call->end.reply.data, text, sizeof text - 1);
  story_ended(&story, call);
  story_end(&story);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(untouched_attempt_is_sent_again_at_once_and_for_nothing),
      cmocka_unit_test(second_untouched_attempt_follows_the_policy),
      cmocka_unit_test(code_that_is_not_listed_ends_the_call),
      cmocka_unit_test(so_does_one_that_comes_after_the_server_has_accepted),
      cmocka_unit_test(policy_of_one_attempt_makes_no_retry),
      cmocka_unit_test(attempts_are_as_many_as_the_policy_says),
      cmocka_unit_test(call_cancelled_in_the_pause_before_a_retry_sends_no_more),
      cmocka_unit_test(call_cancelled_in_its_second_attempt_cancels_that_one),
      cmocka_unit_test(call_of_whose_unrecorded_reply_a_part_came_is_made_again),
      cmocka_unit_test(invitation_is_taken_whatever_the_policy_lists),
      cmocka_unit_test(never_means_never),
      cmocka_unit_test(pauses_begin_anew_after_a_pushback),
      cmocka_unit_test(pauses_begin_anew_when_an_attempt_goes_on_where_one_was_cut),
      cmocka_unit_test(attempt_that_takes_too_long_is_cancelled_and_made_again),
      cmocka_unit_test(last_attempt_that_takes_too_long_ends_the_call_when_it_is_settled),
      cmocka_unit_test(attempts_given_up_early_do_not_hide_a_dead_connection),
      cmocka_unit_test(attempt_sent_late_has_its_full_time_when_others_are_answered),
      cmocka_unit_test(retries_end_when_the_budget_is_used_up),
      cmocka_unit_test(retries_after_a_lost_connection_cost_nothing),
      cmocka_unit_test(hedges_go_out_one_after_the_other_each_to_another_endpoint),
      cmocka_unit_test(first_answer_ends_the_call_and_cancels_the_others),
      cmocka_unit_test(hedge_that_fails_without_harm_brings_the_next_one_at_once),
      cmocka_unit_test(fatal_answer_ends_a_hedged_call_when_the_others_are_settled),
      cmocka_unit_test(pushback_of_never_stops_further_hedges),
      cmocka_unit_test(channel_with_one_endpoint_does_not_hedge),
      cmocka_unit_test(at_most_once_is_not_hedged),
      cmocka_unit_test(lost_hedge_leaves_the_call_to_the_others),
      cmocka_unit_test(hedge_with_a_reply_in_parts_is_put_together),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
