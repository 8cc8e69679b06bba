/* Stories of the client engine: calls, retries, outcomes (S3, S16, S17, S19, S24). */
#include "client_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/core/wire.h"

static void call_before_the_connection_waits_for_it(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  struct sure__client_call *call = story_start(&story, &charge);
  story_expect_nothing(&story);
  story_attach(&story);
  story_expect_request(&story, 1, 1);
  story_answer(&story, 1, 1, SURE_OK, SURE__RECORDED);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.code, SURE_OK);
  assert_int_equal(end.outcome, SURE_APPLIED);
  assert_int_equal(end.attempts, 1);
  assert_int_equal(end.id.epoch, 1);
  assert_int_equal(end.id.sequence, 1);
  story_end(&story);
}

static void lost_attempt_is_sent_again_under_its_number(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  story_pass(&story, 200);
  story_lose_connection(&story);
  story_connect(&story); /* asks to resume: the session's id is in ATTACH */
  story_give_attached(&story, SURE__ATTACHED_OPEN);
  story_pass(&story, 100);
  story_expect_request(&story, 1, 2);
  story_answer(&story, 1, 2, SURE_OK, SURE__RECORDED | SURE__REPLAYED);
  struct sure__end end = story_ended(&story, call);
  assert_true(end.replayed);
  assert_int_equal(end.outcome, SURE_APPLIED);
  story_end(&story);
}

static void answers_that_nothing_ran_are_not_applied(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start_with(&story, &charge, 10000, 2);
  story_expect_request(&story, 1, 1);
  story_refuse(&story, 1, 1, SURE_UNAVAILABLE, SURE_REASON_STORE_BUSY, SURE__NOT_RUN);
  story_none_ended(&story);
  story_pass(&story, 100);
  story_expect_request(&story, 1, 2);
  story_refuse(&story, 1, 2, SURE_UNAVAILABLE, SURE_REASON_STORE_BUSY, SURE__ROLLED_BACK);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.code, SURE_UNAVAILABLE);
  assert_int_equal(end.outcome, SURE_NOT_APPLIED);
  assert_int_equal(end.reason, SURE_REASON_STORE_BUSY);
  story_end(&story);
}

static void one_loose_attempt_among_undone_ones_is_settled(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start_with(&story, &charge, 10000, 2);
  story_expect_request(&story, 1, 1);
  story_lose_connection(&story);
  story_attach(&story);
  story_pass(&story, 100);
  story_expect_request(&story, 1, 2);
  story_refuse(&story, 1, 2, SURE_UNAVAILABLE, SURE_REASON_STORE_BUSY, SURE__NOT_RUN);
  story_none_ended(&story);
  struct sure__frame settle = story_expect(&story, SURE__SETTLE);
  assert_int_equal(settle.settle.target, 1);
  assert_int_equal(settle.settle.method, charge.id);
  assert_memory_equal(&settle.settle.session, &story.session, 16);
  story_settled(&story, settle.sequence, SURE__SETTLED_TOMBSTONE, SURE_OK);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.code, SURE_ABORTED);
  assert_int_equal(end.reason, SURE_REASON_TOMBSTONE);
  assert_int_equal(end.outcome, SURE_NOT_APPLIED);
  assert_true(end.settled);
  assert_true(end.recorded);
  story_end(&story);
}

/* The key may belong to a run that ends without a record: then the loose attempt may still run. */
static void key_of_another_request_proves_nothing_of_a_loose_attempt(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start_with(&story, &charge, 10000, 2);
  story_expect_request(&story, 1, 1);
  story_lose_connection(&story);
  story_attach(&story);
  story_pass(&story, 100);
  story_expect_request(&story, 1, 2);
  story_refuse(&story, 1, 2, SURE_FAILED_PRECONDITION, SURE_REASON_KEY_REUSED, SURE__NOT_RUN);
  story_none_ended(&story);
  struct sure__frame settle = story_expect(&story, SURE__SETTLE);
  story_settled(&story, settle.sequence, SURE__SETTLED_KEY_REUSED, SURE_OK);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.reason, SURE_REASON_KEY_REUSED);
  assert_int_equal(end.outcome, SURE_NOT_APPLIED);
  story_end(&story);
}

static void reply_that_is_too_large_is_not_asked_for_again(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &repeat);
  call->retry.retryable_codes = SURE_CODE_BIT(SURE_RESOURCE_EXHAUSTED);
  story_expect_request(&story, 1, 1);
  story_refuse(&story, 1, 1, SURE_RESOURCE_EXHAUSTED, SURE_REASON_REPLY_LOST, 0);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.code, SURE_RESOURCE_EXHAUSTED);
  assert_int_equal(end.attempts, 1);
  story_end(&story);
}

static void settle_brings_the_reply_of_the_lost_attempt(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start_with(&story, &charge, 10000, 1);
  story_expect_request(&story, 1, 1);
  story_lose_connection(&story);
  story_none_ended(&story);
  story_attach(&story);
  struct sure__frame settle = story_expect(&story, SURE__SETTLE);
  story_give(&story, &(struct sure__frame){.type = SURE__SETTLED,
                                           .sequence = settle.sequence,
                                           .settled = {.verdict = SURE__SETTLED_RECORD},
                                           .payload = sure__bytes_of("reply")});
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.code, SURE_OK);
  assert_int_equal(end.outcome, SURE_APPLIED);
  assert_int_equal(end.reply.len, 5);
  assert_int_equal(story.client.stats.settled, 1);
  story_end(&story);
}

/* Found by the simulator: the other store had no record of the key, and wrote a tombstone. */
static void settle_asks_no_other_store(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start_with(&story, &charge, 10000, 1);
  story_expect_request(&story, 1, 1);
  story_lose_connection(&story);
  story_connect(&story);
  story_give_attached(&story, SURE__ATTACHED_FENCED); /* the call is settled from here on */
  story_expect(&story, SURE__ATTACH);
  story_lose_connection(&story);
  story.store.bytes[0]++;
  story_attach(&story);
  story_expect_nothing(&story);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.code, SURE_UNAVAILABLE);
  assert_int_equal(end.reason, SURE_REASON_WRONG_STORE);
  assert_int_equal(end.outcome, SURE_OUTCOME_UNKNOWN);
  story_end(&story);
}

static void settle_asks_again_while_the_call_runs(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start_with(&story, &charge, 3000, 1);
  story_expect_request(&story, 1, 1);
  story_lose_connection(&story);
  story_attach(&story);
  struct sure__frame settle = story_expect(&story, SURE__SETTLE);
  story_settled(&story, settle.sequence, SURE__SETTLED_NOT_YET, SURE_OK);
  story_pass(&story, 100);
  story_expect(&story, SURE__SETTLE);
  story_pass(&story, 5000);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.code, SURE_DEADLINE_EXCEEDED);
  assert_int_equal(end.outcome, SURE_OUTCOME_UNKNOWN);
  story_end(&story);
}

static void record_ends_retries_whatever_the_policy_lists(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = sure__client_call_new(&story.client);
  call->method = &charge;
  call->timeout_ms = 10000;
  call->retry.retryable_codes = UINT32_MAX;
  assert_null(sure__client_start(&story.client, call, story.now_ms).text);
  story_answer(&story, 1, 1, SURE_NOT_FOUND, SURE__RECORDED);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.code, SURE_NOT_FOUND);
  assert_int_equal(end.outcome, SURE_NOT_APPLIED);
  assert_true(end.recorded);
  story_end(&story);
}

static void deadline_shorter_than_the_backoff_ends_at_once(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = sure__client_call_new(&story.client);
  call->method = &charge;
  call->timeout_ms = 1000;
  call->retry.backoff_ms_initial = 5000;
  call->retry.backoff_ms_max = 5000;
  assert_null(sure__client_start(&story.client, call, story.now_ms).text);
  story_refuse(&story, 1, 1, SURE_UNAVAILABLE, SURE_REASON_STORE_BUSY, SURE__NOT_RUN);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.code, SURE_UNAVAILABLE);
  assert_int_equal(end.outcome, SURE_NOT_APPLIED);
  story_end(&story);
}

static void deadline_without_a_connection_is_not_applied(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  struct sure__client_call *call = story_start_with(&story, &charge, 300, 0);
  story_pass(&story, 299);
  story_none_ended(&story);
  story_pass(&story, 1);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.code, SURE_DEADLINE_EXCEEDED);
  assert_int_equal(end.outcome, SURE_NOT_APPLIED);
  assert_int_equal(end.attempts, 0);
  story_end(&story);
}

static void deadline_in_flight_cancels_and_is_unknown(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start_with(&story, &charge, 300, 0);
  story_expect_request(&story, 1, 1);
  story_pass(&story, 300);
  struct sure__frame cancel = story_expect(&story, SURE__CANCEL);
  assert_int_equal(cancel.sequence, 1);
  assert_int_equal(cancel.attempt, 1);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.code, SURE_DEADLINE_EXCEEDED);
  assert_int_equal(end.outcome, SURE_OUTCOME_UNKNOWN);
  assert_int_equal(story.client.unresolved_count, 1);
  story_end(&story);
}

static void at_most_once_is_never_sent_again(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &ping_it);
  story_expect_request(&story, 1, 1);
  story_lose_connection(&story);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.code, SURE_UNAVAILABLE);
  assert_int_equal(end.outcome, SURE_OUTCOME_UNKNOWN);
  assert_int_equal(story.client.unresolved_count, 0); /* nothing could settle it */
  struct sure__client_call *refused = story_start(&story, &ping_it);
  story_attach(&story);
  story_expect_request(&story, 2, 1);
  story_refuse(&story, 2, 1, SURE_UNAVAILABLE, SURE_REASON_DRAINING, SURE__NOT_RUN);
  end = story_ended(&story, refused);
  assert_int_equal(end.outcome, SURE_NOT_APPLIED);
  story_end(&story);
}

static void attempt_without_a_word_replaces_the_connection(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  story_pass(&story, 999);
  assert_null(story_closed(&story));
  story_pass(&story, 1);
  assert_string_equal(story_closed(&story), "the server says nothing");
  story_attach(&story);
  story_pass(&story, 100);
  story_expect_request(&story, 1, 2);
  story_answer(&story, 1, 2, SURE_OK, SURE__RECORDED);
  story_ended(&story, call);
  story_end(&story);
}

static void accepted_stops_the_attempt_timer_and_keepalive_watches(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start_with(&story, &charge, 60000, 0);
  story_expect_request(&story, 1, 1);
  story_give(&story, &(struct sure__frame){.type = SURE__ACCEPTED, .sequence = 1, .attempt = 1});
  story_pass(&story, 9999);
  story_expect_nothing(&story);
  story_pass(&story, 1);
  struct sure__frame ping = story_expect(&story, SURE__PING);
  story_pass(&story, 4000);
  story_give(&story, &(struct sure__frame){.type = SURE__PONG, .sequence = ping.sequence});
  story_pass(&story, 9999);
  story_expect_nothing(&story);
  story_pass(&story, 2);
  story_expect(&story, SURE__PING);
  story_pass(&story, 5000);
  assert_string_equal(story_closed(&story), "the server is silent");
  story_none_ended(&story);
  (void)call;
  story_end(&story);
}

/* Found by the simulator: settles that were shorter than the keepalive times went into a dead
 * connection one after the other. */
static void settles_given_up_unanswered_replace_the_connection(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start_with(&story, &charge, 3000, 1);
  story_expect_request(&story, 1, 1);
  story_lose_connection(&story);
  story_attach(&story);
  story_expect(&story, SURE__SETTLE);
  story_pass(&story, 3000);
  assert_int_equal(story_ended(&story, call).outcome, SURE_OUTCOME_UNKNOWN);
  story_pass(&story, 8000);
  story_expect(&story, SURE__PING);
  story_pass(&story, 6000);
  assert_non_null(story_closed(&story));
  story_end(&story);
}

static void idle_channel_sends_no_pings(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  story_pass(&story, 100000);
  story_expect_nothing(&story);
  story_end(&story);
}

static struct sure__client_call *cancel_one(struct story *story) {
  struct sure__client_call *call = story_start(story, &charge);
  story_expect_request(story, 1, 1);
  sure__client_cancel(&story->client, call->handle, story->now_ms);
  story_pass(story, 0);
  story_expect(story, SURE__CANCEL);
  return call;
}

static void call_cancelled_before_it_left_is_not_applied(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  struct sure__client_call *queued = story_start(&story, &charge);
  sure__client_cancel(&story.client, queued->handle, story.now_ms);
  struct sure__end end = story_ended(&story, queued);
  assert_int_equal(end.code, SURE_CANCELLED);
  assert_int_equal(end.outcome, SURE_NOT_APPLIED);
  story_end(&story);
}

/* The answer to the attempt may come meanwhile; only that to SETTLE counts. */
static void cancelled_call_that_had_committed_is_applied(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = cancel_one(&story);
  struct sure__frame settle = story_expect(&story, SURE__SETTLE);
  story_answer(&story, 1, 1, SURE_OK, SURE__RECORDED);
  story_none_ended(&story);
  story_settled(&story, settle.sequence, SURE__SETTLED_RECORD, SURE_OK);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.code, SURE_CANCELLED);
  assert_int_equal(end.outcome, SURE_APPLIED);
  story_end(&story);
}

static void cancelled_call_that_had_not_run_never_will(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = cancel_one(&story);
  struct sure__frame settle = story_expect(&story, SURE__SETTLE);
  story_settled(&story, settle.sequence, SURE__SETTLED_TOMBSTONE, SURE_OK);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.code, SURE_CANCELLED);
  assert_int_equal(end.outcome, SURE_NOT_APPLIED);
  story_end(&story);
}

static void cancel_waits_no_longer_than_a_server_has_to_say_a_word(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = cancel_one(&story);
  uint64_t handle = call->handle;
  story_pass(&story, 999);
  story_none_ended(&story);
  story_pass(&story, 1);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.code, SURE_CANCELLED);
  assert_int_equal(end.outcome, SURE_OUTCOME_UNKNOWN);
  sure__client_cancel(&story.client, handle, story.now_ms); /* an unknown handle by now */
  assert_null(story_closed(&story));
  story_none_ended(&story);
  story_end(&story);
}

static void retry_after_takes_the_place_of_the_delay(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  struct sure__frame frame = {.type = SURE__RESPONSE,
                              .flags = SURE__NOT_RUN,
                              .sequence = 1,
                              .attempt = 1,
                              .response = {.code = SURE_UNAVAILABLE, .retry_after_ms = 700}};
  story_give(&story, &frame);
  story_pass(&story, 699);
  story_expect_nothing(&story);
  story_pass(&story, 1);
  story_expect_request(&story, 1, 2);
  frame.attempt = 2;
  frame.response.retry_after_ms = SURE__RETRY_AFTER_NEVER_MS;
  story_give(&story, &frame);
  assert_int_equal(story_ended(&story, call).outcome, SURE_NOT_APPLIED);
  story_end(&story);
}

static void request_over_the_servers_limit_is_never_sent(void **state) {
  (void)state;
  static uint8_t big[150 * 1024];
  struct story story;
  story_begin(&story);
  struct sure__client_call *call = sure__client_call_new(&story.client);
  call->method = &charge;
  call->timeout_ms = 1000;
  call->request = (struct sure_bytes){big, sizeof big};
  assert_null(sure__client_start(&story.client, call, story.now_ms).text);
  story_attach(&story); /* only now the server says that it takes less */
  story_expect_nothing(&story);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.code, SURE_RESOURCE_EXHAUSTED);
  assert_int_equal(end.outcome, SURE_NOT_APPLIED);
  call = sure__client_call_new(&story.client);
  call->method = &charge;
  call->request = (struct sure_bytes){big, sizeof big};
  assert_int_equal(sure__client_start(&story.client, call, story.now_ms).code,
                   SURE_RESOURCE_EXHAUSTED);
  sure__client_recycle(&story.client, call);
  story_end(&story);
}

static void reply_in_parts_is_put_together(void **state) {
  (void)state;
  static uint8_t big[180 * 1024];
  for (size_t i = 0; i < sizeof big; i++) {
    big[i] = (uint8_t)(i * 7 >> 3);
  }
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &charge);
  story_give(&story, &(struct sure__frame){.type = SURE__RESPONSE,
                                           .flags = SURE__RECORDED,
                                           .sequence = 1,
                                           .attempt = 1,
                                           .payload = {big, sizeof big}});
  assert_int_equal(call->end.reply.len, sizeof big);
  assert_memory_equal(call->end.reply.data, big, sizeof big);
  assert_int_equal(story_ended(&story, call).outcome, SURE_APPLIED);
  story_end(&story);
}

/* All but the last frame of what the server says. */
static void give_all_but_the_last(struct story *story, const struct sure__frame *frame) {
  struct sure__buffer bytes = {0};
  assert_true(sure__frame_encode(&bytes, frame));
  size_t len = 0;
  size_t frame_len = 0;
  do {
    len += frame_len;
    frame_len = sure__get_u32(bytes.data + len);
  } while (len + frame_len < bytes.len);
  sure__client_receive(&story->client, story->links[story->at].link,
                       (struct sure_bytes){bytes.data, len}, story->now_ms);
  sure__buffer_fini(&bytes);
}

static void rest_of_a_recorded_reply_is_asked_for_and_the_request_not_sent_again(void **state) {
  (void)state;
  static uint8_t big[180 * 1024];
  for (size_t i = 0; i < sizeof big; i++) {
    big[i] = (uint8_t)(i * 7 >> 3);
  }
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  give_all_but_the_last(&story, &(struct sure__frame){.type = SURE__RESPONSE,
                                                      .flags = SURE__RECORDED,
                                                      .sequence = 1,
                                                      .attempt = 1,
                                                      .payload = {big, sizeof big}});
  story_lose_connection(&story);
  story_attach(&story);
  struct sure__frame settle = story_expect(&story, SURE__SETTLE);
  uint32_t held = settle.settle.reply_held;
  assert_int_equal(1, settle.settle.target);
  assert_true(held > 65536 && held < sizeof big);
  struct sure__frame rest = {
      .type = SURE__SETTLED,
      .flags = SURE__RECORDED | SURE__RESUMED,
      .sequence = settle.sequence,
      .settled = {.verdict = SURE__SETTLED_RECORD, .result.held = held},
      .payload = {big + held, sizeof big - held},
  };
  story_give(&story, &rest);
  assert_int_equal(call->end.reply.len, sizeof big);
  assert_memory_equal(call->end.reply.data, big, sizeof big);
  assert_int_equal(story_ended(&story, call).outcome, SURE_APPLIED);
  story_expect_nothing(&story);
  story_end(&story);
}

static void what_the_server_has_of_a_request_is_left_out(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  for (unsigned i = 1; i <= 3; i++) {
    story_start(&story, &charge); /* "abc" */
    story_expect_request(&story, i, 1);
  }
  story_lose_connection(&story);
  story_connect(&story);
  uint8_t held[3 * SURE__HELD_LEN];
  sure__held_put(held, (struct sure__held){2, 2});
  sure__held_put(held + SURE__HELD_LEN, (struct sure__held){3, 3}); /* then it was another one */
  sure__held_put(held + 2 * SURE__HELD_LEN, (struct sure__held){99, 1});
  story_give(&story, &(struct sure__frame){
                         .type = SURE__ATTACHED,
                         .attached = {.session = story.session, .state = SURE__ATTACHED_OPEN},
                         .payload = {held, sizeof held}});
  story_pass(&story, 100);
  for (unsigned i = 0; i < 3; i++) {
    struct sure__frame request = story_expect(&story, SURE__REQUEST);
    bool goes_on = request.sequence == 2;
    assert_int_equal(goes_on ? SURE__RESUMED : 0, request.flags);
    assert_int_equal(goes_on ? 2 : 0, request.request.resumed.held);
    assert_int_equal(goes_on ? 1 : 3, request.payload.len);
    assert_int_equal(3, request.request.message_len);
  }
  story_refuse(&story, 2, 2, SURE_UNAVAILABLE, SURE_REASON_NONE, SURE__NOT_RUN);
  story_pass(&story, 100);
  struct sure__frame request = story_expect(&story, SURE__REQUEST);
  assert_int_equal(0, request.flags); /* it was told once, and has asked for it */
  assert_int_equal(3, request.payload.len);
  story_end(&story);
}

static void rest_of_a_reply_that_does_not_add_up_ends_the_connection(void **state) {
  (void)state;
  static uint8_t big[180 * 1024];
  struct story story;
  story_begin(&story);
  story_attach(&story);
  story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  give_all_but_the_last(&story, &(struct sure__frame){.type = SURE__RESPONSE,
                                                      .flags = SURE__RECORDED,
                                                      .sequence = 1,
                                                      .attempt = 1,
                                                      .payload = {big, sizeof big}});
  story_lose_connection(&story);
  story_attach(&story);
  struct sure__frame settle = story_expect(&story, SURE__SETTLE);
  uint32_t held = settle.settle.reply_held;
  story_give(&story, &(struct sure__frame){
                         .type = SURE__SETTLED,
                         .flags = SURE__RECORDED | SURE__RESUMED,
                         .sequence = settle.sequence,
                         .settled = {.verdict = SURE__SETTLED_RECORD, .result.held = held + 1},
                         .payload = {big + held + 1, sizeof big - held - 1},
                     });
  assert_non_null(story_closed(&story));
  story_none_ended(&story);
  story_end(&story);
}

static void record_of_a_method_that_has_none_is_not_believed(void **state) {
  (void)state;
  static uint8_t big[180 * 1024];
  struct story story;
  story_begin(&story);
  story_attach(&story);
  story_start(&story, &read_it);
  story_expect_request(&story, 1, 1);
  story_start(&story, &charge);
  story_expect_request(&story, 2, 1);
  give_all_but_the_last(&story, &(struct sure__frame){.type = SURE__RESPONSE,
                                                      .flags = SURE__RECORDED,
                                                      .sequence = 1,
                                                      .attempt = 1,
                                                      .payload = {big, sizeof big}});
  story_refuse(&story, 2, 1, SURE_UNAVAILABLE, SURE_REASON_SESSION_LOST, 0);
  story_attach(&story);
  story_pass(&story, 500);
  story_none_ended(&story);
  story_end(&story);
}

static void cancel_while_the_rest_of_a_reply_comes_cuts_nobody_off(void **state) {
  (void)state;
  static uint8_t big[199 * 1024];
  for (size_t i = 0; i < sizeof big; i++) {
    big[i] = (uint8_t)(i * 7 >> 3);
  }
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  struct sure__buffer bytes = {0};
  struct sure__frame response = {.type = SURE__RESPONSE,
                                 .flags = SURE__RECORDED,
                                 .sequence = 1,
                                 .attempt = 1,
                                 .payload = {big, sizeof big}};
  assert_true(sure__frame_encode(&bytes, &response));
  sure__client_receive(&story.client, story.links[story.at].link,
                       (struct sure_bytes){bytes.data, sure__get_u32(bytes.data)}, story.now_ms);
  sure__buffer_fini(&bytes);
  story_lose_connection(&story);
  story_attach(&story);
  struct sure__client_call *other = story_start(&story, &charge);
  struct sure__frame settle = story_expect(&story, SURE__SETTLE);
  story_expect_request(&story, 2, 1);
  uint32_t held = settle.settle.reply_held;
  struct sure__frame rest = {
      .type = SURE__SETTLED,
      .flags = SURE__RECORDED | SURE__RESUMED,
      .sequence = settle.sequence,
      .settled = {.verdict = SURE__SETTLED_RECORD, .result.held = held},
      .payload = {big + held, sizeof big - held},
  };
  assert_true(sure__frame_encode(&bytes, &rest));
  size_t first = sure__get_u32(bytes.data);
  sure__client_receive(&story.client, story.links[story.at].link,
                       (struct sure_bytes){bytes.data, first}, story.now_ms);
  sure__client_cancel(&story.client, call->handle, story.now_ms);
  sure__client_receive(&story.client, story.links[story.at].link,
                       (struct sure_bytes){bytes.data + first, bytes.len - first}, story.now_ms);
  sure__buffer_fini(&bytes);
  story_pass(&story, 1);
  assert_null(story_closed(&story));
  assert_int_equal(story_ended(&story, call).outcome, SURE_APPLIED);
  story_answer(&story, 2, 1, SURE_OK, SURE__RECORDED);
  story_ended(&story, other);
  story_end(&story);
}

static void parts_that_are_gone_cost_no_attempt(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  story_start_with(&story, &charge, 10000, 2);
  story_expect_request(&story, 1, 1);
  story_lose_connection(&story);
  story_connect(&story);
  uint8_t held[SURE__HELD_LEN];
  sure__held_put(held, (struct sure__held){1, 2});
  story_give(&story, &(struct sure__frame){
                         .type = SURE__ATTACHED,
                         .attached = {.session = story.session, .state = SURE__ATTACHED_OPEN},
                         .payload = {held, sizeof held}});
  story_pass(&story, 100);
  struct sure__frame request = story_expect(&story, SURE__REQUEST);
  assert_int_equal(SURE__RESUMED, request.flags);
  story_give(&story, &(struct sure__frame){.type = SURE__RESPONSE,
                                           .flags = SURE__NOT_RUN,
                                           .sequence = 1,
                                           .attempt = 2,
                                           .response = {.code = SURE_RESOURCE_EXHAUSTED,
                                                        .reason = SURE_REASON_PARTS_GONE}});
  request = story_expect(&story, SURE__REQUEST); /* the last of two, and at once */
  assert_int_equal(0, request.flags);
  assert_int_equal(3, request.payload.len);
  story_end(&story);
}

static void reply_over_our_limit_ends_the_connection(void **state) {
  (void)state;
  static uint8_t big[200 * 1024 + 1];
  struct story story;
  story_begin(&story);
  story_attach(&story);
  story_start(&story, &charge);
  story_give(&story, &(struct sure__frame){.type = SURE__RESPONSE,
                                           .flags = SURE__RECORDED,
                                           .sequence = 1,
                                           .attempt = 1,
                                           .payload = {big, sizeof big}});
  assert_non_null(story_closed(&story));
  story_none_ended(&story);
  story_end(&story);
}

static void draining_server_gets_no_new_call(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *running = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  story_give(&story, &(struct sure__frame){.type = SURE__GOAWAY,
                                           .goaway = {.reason = SURE__GOAWAY_DRAINING}});
  struct sure__client_call *late = story_start(&story, &charge);
  story_expect_nothing(&story);
  assert_null(story_closed(&story));
  story_answer(&story, 1, 1, SURE_OK, SURE__RECORDED);
  story_ended(&story, running);
  assert_non_null(story_closed(&story));
  story_attach(&story);
  story_expect_request(&story, 2, 1);
  story_answer(&story, 2, 1, SURE_OK, SURE__RECORDED);
  story_ended(&story, late);
  story_end(&story);
}

static void broken_frames_end_the_connection_and_nothing_else(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  story_answer(&story, 77, 1, SURE_OK, SURE__RECORDED); /* never made */
  assert_non_null(story_closed(&story));
  story_attach(&story);
  story_pass(&story, 100);
  story_expect_request(&story, 1, 2);
  story_answer(&story, 1, 2, SURE_OK, SURE__NOT_RUN);
  assert_non_null(story_closed(&story));
  story_none_ended(&story);
  (void)call;
  story_end(&story);
}

static void reconnects_back_off_with_a_limit(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_pass(&story, 0);
  for (int i = 0; i < 20; i++) {
    assert_true(story_wants_connection(&story));
    story_refuse_connection(&story);
    uint64_t pause_ms = sure__client_next_ms(&story.client) - story.now_ms;
    assert_in_range(pause_ms, i == 0 ? 40 : 50, i == 0 ? 60 : 2400);
    story_pass(&story, pause_ms);
  }
  story_end(&story);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(call_before_the_connection_waits_for_it),
      cmocka_unit_test(lost_attempt_is_sent_again_under_its_number),
      cmocka_unit_test(answers_that_nothing_ran_are_not_applied),
      cmocka_unit_test(one_loose_attempt_among_undone_ones_is_settled),
      cmocka_unit_test(key_of_another_request_proves_nothing_of_a_loose_attempt),
      cmocka_unit_test(reply_that_is_too_large_is_not_asked_for_again),
      cmocka_unit_test(settle_brings_the_reply_of_the_lost_attempt),
      cmocka_unit_test(settle_asks_no_other_store),
      cmocka_unit_test(settle_asks_again_while_the_call_runs),
      cmocka_unit_test(record_ends_retries_whatever_the_policy_lists),
      cmocka_unit_test(deadline_shorter_than_the_backoff_ends_at_once),
      cmocka_unit_test(deadline_without_a_connection_is_not_applied),
      cmocka_unit_test(deadline_in_flight_cancels_and_is_unknown),
      cmocka_unit_test(at_most_once_is_never_sent_again),
      cmocka_unit_test(attempt_without_a_word_replaces_the_connection),
      cmocka_unit_test(accepted_stops_the_attempt_timer_and_keepalive_watches),
      cmocka_unit_test(settles_given_up_unanswered_replace_the_connection),
      cmocka_unit_test(idle_channel_sends_no_pings),
      cmocka_unit_test(call_cancelled_before_it_left_is_not_applied),
      cmocka_unit_test(cancelled_call_that_had_committed_is_applied),
      cmocka_unit_test(cancelled_call_that_had_not_run_never_will),
      cmocka_unit_test(cancel_waits_no_longer_than_a_server_has_to_say_a_word),
      cmocka_unit_test(retry_after_takes_the_place_of_the_delay),
      cmocka_unit_test(request_over_the_servers_limit_is_never_sent),
      cmocka_unit_test(reply_in_parts_is_put_together),
      cmocka_unit_test(rest_of_a_recorded_reply_is_asked_for_and_the_request_not_sent_again),
      cmocka_unit_test(record_of_a_method_that_has_none_is_not_believed),
      cmocka_unit_test(cancel_while_the_rest_of_a_reply_comes_cuts_nobody_off),
      cmocka_unit_test(what_the_server_has_of_a_request_is_left_out),
      cmocka_unit_test(parts_that_are_gone_cost_no_attempt),
      cmocka_unit_test(rest_of_a_reply_that_does_not_add_up_ends_the_connection),
      cmocka_unit_test(reply_over_our_limit_ends_the_connection),
      cmocka_unit_test(draining_server_gets_no_new_call),
      cmocka_unit_test(broken_frames_end_the_connection_and_nothing_else),
      cmocka_unit_test(reconnects_back_off_with_a_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
