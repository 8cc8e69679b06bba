/* Stories of the client engine: sessions, acknowledgments, settling (S2, S3, S9, S10, S12). */
#include "client_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/core/client_state.h"
#include "tests/lib/failing_allocator.h"

/* Leaves one EXACTLY_ONCE call in doubt: its deadline passed in flight. */
static struct sure_call_id leave_in_doubt(struct story *story) {
  struct sure__client_call *call = story_start_with(story, &charge, 100, 0);
  uint32_t attempt = story_expect(story, SURE__REQUEST).attempt;
  assert_int_equal(attempt, 1);
  story_pass(story, 100);
  story_expect(story, SURE__CANCEL);
  struct sure__end end = story_ended(story, call);
  assert_int_equal(end.outcome, SURE_OUTCOME_UNKNOWN);
  return end.id;
}

static struct sure__client_call *settle(struct story *story, struct sure_call_id id) {
  struct sure__client_call *call = sure__client_call_new(&story->client);
  call->method = &charge;
  call->timeout_ms = 5000;
  call->settle_id = id;
  assert_null(sure__client_settle(&story->client, call, story->now_ms).text);
  story_pass(story, 0);
  return call;
}

static void watermark_rides_on_requests(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  for (uint64_t i = 1; i <= 5; i++) {
    struct sure__client_call *call = story_start(&story, &charge);
    struct sure__frame frame = story_expect(&story, SURE__REQUEST);
    assert_int_equal(frame.sequence, i);
    assert_int_equal(frame.request.watermark, i);
    story_answer(&story, i, 1, SURE_OK, SURE__RECORDED);
    story_ended(&story, call);
  }
  story_end(&story);
}

static void results_are_acked_alone_when_idle(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  story_answer(&story, 1, 1, SURE_OK, SURE__RECORDED);
  story_ended(&story, call);
  story_pass(&story, 49);
  story_expect_nothing(&story);
  story_pass(&story, 1);
  struct sure__frame ack = story_expect(&story, SURE__ACK);
  assert_int_equal(ack.ack.watermark, 2);
  assert_int_equal(ack.ack.range_count, 0);
  story_pass(&story, 1000);
  story_expect_nothing(&story);
  story_end(&story);
}

static void ranges_go_around_a_slow_call(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *slow = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  for (uint64_t i = 2; i <= 65; i++) {
    struct sure__client_call *call = story_start(&story, &charge);
    struct sure__frame frame = story_expect(&story, SURE__REQUEST);
    assert_int_equal(frame.request.watermark, 1);
    story_answer(&story, i, 1, SURE_OK, SURE__RECORDED);
    story_ended(&story, call);
  }
  struct sure__frame ack = story_expect(&story, SURE__ACK); /* the 64th: in the same write */
  assert_int_equal(ack.ack.watermark, 1);
  assert_int_equal(ack.ack.range_count, 1);
  assert_int_equal(sure__ack_range(&ack.ack, 0).first, 2);
  assert_int_equal(sure__ack_range(&ack.ack, 0).last, 65);
  story_answer(&story, 1, 1, SURE_OK, SURE__RECORDED);
  story_ended(&story, slow);
  story_pass(&story, 50);
  assert_int_equal(story_expect(&story, SURE__ACK).ack.watermark, 66);
  story_end(&story);
}

static void every_gap_between_open_calls_is_a_range(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *calls[7];
  for (int i = 1; i <= 6; i++) {
    calls[i] = story_start_with(&story, &charge, 100, 0);
    story_expect(&story, SURE__REQUEST);
  }
  for (uint64_t i = 2; i <= 6; i += 2) {
    story_answer(&story, i, 1, SURE_OK, SURE__RECORDED);
    story_ended(&story, calls[i]);
  }
  story_pass(&story, 50);
  struct sure__frame ack = story_expect(&story, SURE__ACK);
  assert_int_equal(ack.ack.watermark, 1);
  assert_int_equal(ack.ack.range_count, 3);
  assert_int_equal(sure__ack_range(&ack.ack, 1).first, 4);
  assert_int_equal(sure__ack_range(&ack.ack, 2).last, 6);
  story_end(&story);
}

static void ranges_are_told_again_on_the_next_connection(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  story_start(&story, &charge);
  struct sure__client_call *call = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  story_expect_request(&story, 2, 1);
  story_answer(&story, 2, 1, SURE_OK, SURE__RECORDED);
  story_ended(&story, call);
  story_pass(&story, 50);
  story_expect(&story, SURE__ACK);
  story_lose_connection(&story); /* and the ACK with it, for all we know */
  story_attach(&story);
  story_pass(&story, 200);
  story_expect_request(&story, 1, 2); /* takes the watermark along, but not the range */
  struct sure__frame ack = story_expect(&story, SURE__ACK);
  assert_int_equal(ack.ack.range_count, 1);
  story_end(&story);
}

static void unknown_call_pins_the_watermark_until_released(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure_call_id id = leave_in_doubt(&story);
  story_start(&story, &charge);
  assert_int_equal(story_expect(&story, SURE__REQUEST).request.watermark, 1);
  sure__client_release(&story.client, id, story.now_ms);
  sure__client_release(&story.client, id, story.now_ms); /* unknown ids are ignored */
  story_start(&story, &charge);
  story_pass(&story, 0);
  assert_int_equal(story_expect(&story, SURE__REQUEST).request.watermark, 2);
  assert_int_equal(story.client.unresolved_count, 0);
  story_end(&story);
}

static void unresolved_calls_are_limited(void **state) {
  (void)state;
  struct story story;
  story_begin(&story); /* at most 2 */
  story_attach(&story);
  leave_in_doubt(&story);
  struct sure_call_id last = leave_in_doubt(&story);
  struct sure__client_call *call = sure__client_call_new(&story.client);
  call->method = &charge;
  call->timeout_ms = 100;
  struct sure__refusal refusal = sure__client_start(&story.client, call, story.now_ms);
  assert_int_equal(refusal.code, SURE_RESOURCE_EXHAUSTED);
  sure__client_recycle(&story.client, call);
  story_start(&story, &read_it); /* can't become one of them */
  sure__client_release(&story.client, last, story.now_ms);
  story_start(&story, &charge);
  story_end(&story);
}

static void settled_call_frees_its_number(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure_call_id id = leave_in_doubt(&story);
  struct sure__client_call *call = settle(&story, id);
  struct sure__frame frame = story_expect(&story, SURE__SETTLE);
  assert_int_equal(frame.settle.target, id.sequence);
  story_settled(&story, frame.sequence, SURE__SETTLED_TOMBSTONE, SURE_OK);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.code, SURE_ABORTED);
  assert_int_equal(end.reason, SURE_REASON_TOMBSTONE);
  assert_int_equal(end.outcome, SURE_NOT_APPLIED);
  assert_int_equal(end.id.sequence, id.sequence);
  assert_int_equal(story.client.unresolved_count, 0);
  call = sure__client_call_new(&story.client);
  call->method = &charge;
  call->settle_id = id;
  assert_int_equal(sure__client_settle(&story.client, call, story.now_ms).reason,
                   SURE_REASON_STALE);
  sure__client_recycle(&story.client, call);
  story_end(&story);
}

static void settle_that_is_in_doubt_keeps_the_number(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure_call_id id = leave_in_doubt(&story);
  struct sure__client_call *call = settle(&story, id);
  story_settled(&story, story_expect(&story, SURE__SETTLE).sequence, SURE__SETTLED_IN_DOUBT,
                SURE_OK);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.code, SURE_UNAVAILABLE);
  assert_int_equal(end.outcome, SURE_OUTCOME_UNKNOWN);
  assert_int_equal(story.client.unresolved_count, 1);
  story_end(&story);
}

static void lost_session_settles_what_may_have_run_and_renumbers_the_rest(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *loose = story_start(&story, &charge);
  struct sure__client_call *reading = story_start(&story, &read_it);
  struct sure__client_call *undone = story_start(&story, &charge);
  for (uint64_t i = 1; i <= 3; i++) {
    story_expect_request(&story, i, 1);
  }
  story_refuse(&story, 3, 1, SURE_UNAVAILABLE, SURE_REASON_STORE_BUSY, SURE__NOT_RUN);
  struct sure_session_id old = story.session;
  story_lose_connection(&story);
  story_connect(&story);
  story_give_attached(&story, SURE__ATTACHED_LOST);
  assert_int_equal(story_expect(&story, SURE__ATTACH).attach.mode, SURE__ATTACH_NEW);
  story.session.bytes[0] = 2;
  story_give_attached(&story, SURE__ATTACHED_OPEN);
  struct sure__frame frame = story_expect(&story, SURE__SETTLE);
  assert_memory_equal(&frame.settle.session, &old, 16);
  assert_int_equal(frame.settle.target, 1);
  story_settled(&story, frame.sequence, SURE__SETTLED_UNKNOWN, SURE_OK);
  struct sure__end end = story_ended(&story, loose);
  assert_int_equal(end.code, SURE_UNAVAILABLE);
  assert_int_equal(end.reason, SURE_REASON_SESSION_LOST);
  assert_int_equal(end.outcome, SURE_OUTCOME_UNKNOWN);
  assert_int_equal(story.client.unresolved_count, 0); /* nobody can ever know */
  story_pass(&story, 200);
  story_expect_request(&story, 1, 2); /* numbers of the new session */
  story_expect_request(&story, 2, 2);
  story_answer(&story, 1, 2, SURE_OK, 0);
  story_answer(&story, 2, 2, SURE_OK, SURE__RECORDED);
  assert_int_equal(sure__list_is_empty(&story.client.completed), false);
  struct sure__client_call *first =
      sure__container_of(story.client.completed.next, struct sure__client_call, link);
  story_ended(&story, first);
  story_ended(&story, first == reading ? undone : reading);
  story_end(&story);
}

static void session_lost_as_an_answer_opens_another_session(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  story_refuse(&story, 1, 1, SURE_UNAVAILABLE, SURE_REASON_SESSION_LOST, 0);
  assert_non_null(story_closed(&story));
  story_none_ended(&story);
  story_attach(&story);
  struct sure__frame frame = story_expect(&story, SURE__SETTLE);
  assert_int_equal(story.client.session->epoch, 2);
  story_settled(&story, frame.sequence, SURE__SETTLED_TOMBSTONE, SURE_OK);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.outcome, SURE_NOT_APPLIED);
  assert_int_equal(end.id.epoch, 1);
  story_end(&story);
}

static void stale_for_an_open_call_ends_the_session_unknown(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *hit = story_start(&story, &charge);
  struct sure__client_call *other = story_start(&story, &charge);
  struct sure__client_call *reading = story_start(&story, &read_it);
  for (uint64_t i = 1; i <= 3; i++) {
    story_expect_request(&story, i, 1);
  }
  story_refuse(&story, 1, 1, SURE_FAILED_PRECONDITION, SURE_REASON_STALE, 0);
  struct sure__end end = story_ended(&story, hit);
  assert_int_equal(end.reason, SURE_REASON_STALE);
  assert_int_equal(end.outcome, SURE_OUTCOME_UNKNOWN);
  end = story_ended(&story, other);
  assert_int_equal(end.reason, SURE_REASON_SEQUENCE_REUSED);
  assert_int_equal(end.outcome, SURE_OUTCOME_UNKNOWN);
  story_attach(&story); /* no RESUME: the story's ATTACH would name the session */
  story_pass(&story, 200);
  story_expect_request(&story, 1, 2);
  story_answer(&story, 1, 2, SURE_OK, 0);
  story_ended(&story, reading);
  assert_int_equal(story.client.unresolved_count, 0);
  story_end(&story);
}

static void another_store_gets_no_attempt_of_a_sent_call(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *sent = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  story_lose_connection(&story);
  struct sure__client_call *fresh = story_start(&story, &charge);
  story.store.bytes[0] = 8;
  story.session.bytes[0] = 2;
  story_attach(&story);
  struct sure__end end = story_ended(&story, sent);
  assert_int_equal(end.reason, SURE_REASON_WRONG_STORE);
  assert_int_equal(end.outcome, SURE_OUTCOME_UNKNOWN);
  story_expect_request(&story, 1, 1);
  story_answer(&story, 1, 1, SURE_OK, SURE__RECORDED);
  story_ended(&story, fresh);
  story_expect_nothing(&story);
  story_end(&story);
}

static void busy_server_is_asked_again_on_the_same_connection(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_connect(&story);
  story_give(&story, &(struct sure__frame){
                         .type = SURE__ATTACHED,
                         .attached = {.state = SURE__ATTACHED_BUSY, .retry_after_ms = 300}});
  story_pass(&story, 299);
  story_expect_nothing(&story);
  story_pass(&story, 1);
  story_expect(&story, SURE__ATTACH);
  story_give_attached(&story, SURE__ATTACHED_OPEN);
  story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  story_end(&story);
}

static void keyed_call_settles_with_its_key(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = sure__client_call_new(&story.client);
  call->method = &charge;
  call->timeout_ms = 10000;
  call->retry.attempts_max = 1;
  call->key = sure__bytes_of("payment-1");
  assert_null(sure__client_start(&story.client, call, story.now_ms).text);
  story_pass(&story, 0);
  assert_int_equal(story_expect(&story, SURE__REQUEST).request.key.len, 0); /* in the payload */
  story_lose_connection(&story);
  story_attach(&story);
  struct sure__frame frame = story_expect(&story, SURE__SETTLE);
  assert_int_equal(frame.settle.key.len, 9);
  assert_memory_equal(frame.settle.key.data, "payment-1", 9);
  story_end(&story);
}

static void shut_down_acknowledges_and_closes_the_session(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  story_answer(&story, 1, 1, SURE_OK, SURE__RECORDED);
  story_ended(&story, call);
  struct sure__client_call *open = story_start(&story, &charge);
  story_expect_request(&story, 2, 1);
  sure__client_shut_down(&story.client, story.now_ms);
  assert_int_equal(story_ended(&story, open).code, SURE_CANCELLED);
  story_pass(&story, 0);
  story_expect(&story, SURE__CANCEL);
  assert_int_equal(story_expect(&story, SURE__ACK).ack.watermark, 2); /* 2 is in doubt */
  story_expect(&story, SURE__CLOSE_SESSION);
  struct sure__frame ping = story_expect(&story, SURE__PING);
  assert_false(story.client.parted);
  story_give(&story, &(struct sure__frame){.type = SURE__PONG, .sequence = ping.sequence});
  assert_true(story.client.parted);
  story_end(&story);
}

/* Found by fuzzing: refused by one store, the call went to another when its session was lost. */
static void another_store_gets_no_attempt_after_the_session_is_lost(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = story_start(&story, &charge);
  story_expect_request(&story, 1, 1);
  story_answer(&story, 1, 1, SURE_UNAVAILABLE, SURE__NOT_RUN);
  story_lose_connection(&story);
  story_connect(&story);
  story_give_attached(&story, SURE__ATTACHED_LOST); /* it asks for a new session */
  story_expect(&story, SURE__ATTACH);
  story_lose_connection(&story);
  story.store.bytes[0]++;
  story_attach(&story);
  story_pass(&story, 1000);
  story_expect_nothing(&story);
  struct sure__end end = story_ended(&story, call);
  assert_int_equal(end.reason, SURE_REASON_WRONG_STORE);
  assert_int_equal(end.outcome, SURE_NOT_APPLIED); /* its only attempt was not run */
  story_end(&story);
}

/* Found by fuzzing: any server's word about a settle that no server was asked for was taken. */
static void settled_before_it_was_asked_for_is_a_protocol_error(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure_call_id id = leave_in_doubt(&story);
  story_start(&story, &charge); /* keeps the connection while it drains */
  story_give(&story, &(struct sure__frame){.type = SURE__GOAWAY,
                                           .goaway = {.reason = SURE__GOAWAY_DRAINING}});
  struct sure__client_call *call = settle(&story, id); /* waits for another connection */
  story_settled(&story, call->handle, SURE__SETTLED_TOMBSTONE, SURE_OK);
  assert_string_equal("SETTLED that nobody asked for", story_closed(&story));
  story_none_ended(&story);
  story_end(&story);
}

/* Found by failing each allocation: without memory for a copy its key was forgotten. */
static void unresolved_call_keeps_its_key_when_memory_is_short(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  struct sure__client_call *call = sure__client_call_new(&story.client);
  call->method = &charge;
  call->timeout_ms = 100;
  assert_true(sure__arena_copy(&call->arena, sure__bytes_of("abc"), &call->request));
  assert_true(sure__arena_copy(&call->arena, sure__bytes_of("pay-1"), &call->key));
  assert_null(sure__client_start(&story.client, call, story.now_ms).text);
  story_pass(&story, 0);
  story_expect_request(&story, 1, 1);
  story_pass(&story, 100);
  story_expect(&story, SURE__CANCEL);
  failing_allocator_fail_all(true);
  struct sure_call_id id = story_ended(&story, call).id;
  failing_allocator_fail_all(false);
  settle(&story, id);
  struct sure__frame frame = story_expect(&story, SURE__SETTLE);
  assert_int_equal(5, frame.settle.key.len);
  assert_memory_equal("pay-1", frame.settle.key.data, 5);
  story_end(&story);
}

static void steady_calls_reuse_their_memory(void **state) {
  (void)state;
  struct story story;
  story_begin(&story);
  story_attach(&story);
  for (uint64_t i = 1; i <= 1000; i++) {
    struct sure__client_call *call = story_start(&story, &charge);
    story_expect_request(&story, i, 1);
    story_answer(&story, i, 1, SURE_OK, SURE__RECORDED);
    story_ended(&story, call);
  }
  assert_ptr_equal(story.client.pool.next, story.client.pool.prev); /* one object did it all */
  assert_int_equal(story.client.session->by_sequence.count, 0);
  story_end(&story);
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(watermark_rides_on_requests),
      cmocka_unit_test(results_are_acked_alone_when_idle),
      cmocka_unit_test(ranges_go_around_a_slow_call),
      cmocka_unit_test(every_gap_between_open_calls_is_a_range),
      cmocka_unit_test(ranges_are_told_again_on_the_next_connection),
      cmocka_unit_test(unknown_call_pins_the_watermark_until_released),
      cmocka_unit_test(unresolved_calls_are_limited),
      cmocka_unit_test(settled_call_frees_its_number),
      cmocka_unit_test(settle_that_is_in_doubt_keeps_the_number),
      cmocka_unit_test(lost_session_settles_what_may_have_run_and_renumbers_the_rest),
      cmocka_unit_test(session_lost_as_an_answer_opens_another_session),
      cmocka_unit_test(stale_for_an_open_call_ends_the_session_unknown),
      cmocka_unit_test(another_store_gets_no_attempt_of_a_sent_call),
      cmocka_unit_test(another_store_gets_no_attempt_after_the_session_is_lost),
      cmocka_unit_test(settled_before_it_was_asked_for_is_a_protocol_error),
      cmocka_unit_test(unresolved_call_keeps_its_key_when_memory_is_short),
      cmocka_unit_test(busy_server_is_asked_again_on_the_same_connection),
      cmocka_unit_test(keyed_call_settles_with_its_key),
      cmocka_unit_test(shut_down_acknowledges_and_closes_the_session),
      cmocka_unit_test(steady_calls_reuse_their_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
