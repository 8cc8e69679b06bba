/* The server engine: a call and its duplicates (protocol 4; S3, S7, S16, S24). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/server_driver.h"

static struct driver driver;
static struct client a;
static struct client b;

static int begin(void **state) {
  (void)state;
  driver_init(&driver, &driver_config);
  client_open(&driver, &a);
  return 0;
}

static int end(void **state) {
  (void)state;
  client_fini(&a);
  driver_fini(&driver);
  return 0;
}

/* A second connection of a's session. */
static void open_second(void) {
  assert_true(client_connect(&driver, &b));
  assert_int_equal(SURE__ATTACHED_OPEN, client_attach(&b, SURE__ATTACH_RESUME, &a.session));
}

static void expect_text(struct sure_bytes bytes, const char *text) {
  assert_int_equal(strlen(text), bytes.len);
  assert_memory_equal(text, bytes.data, bytes.len);
}

static void cancel(struct client *client, uint64_t sequence, uint32_t attempt) {
  client_send(client, &(struct sure__frame){
                          .type = SURE__CANCEL, .sequence = sequence, .attempt = attempt});
}

/* ---- once ---- */

static void a_duplicate_of_a_running_call_joins_it_and_both_get_the_reply(void **state) {
  (void)state;
  open_second();
  driver.holds_runs = true;
  client_call(&a, DRIVER_CLAIMS, 1, "charge");
  client_retry(&b, DRIVER_CLAIMS, 1, 2, "charge");
  client_expect_silence(&a);
  client_expect_silence(&b);
  driver_release_runs(&driver);
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
  struct sure__frame frame =
      client_expect_response(&b, 1, SURE_OK, 0, SURE__RECORDED | SURE__JOINED);
  expect_text(frame.payload, "re:charge");
  assert_int_equal(2, frame.attempt);
  assert_int_equal(1, driver.run_count);
  client_fini(&b);
}

static void a_call_is_not_done_before_its_commit(void **state) {
  (void)state;
  static const enum driver_method methods[] = {DRIVER_IN_STORE, DRIVER_CLAIMS};
  open_second();
  for (uint64_t i = 0; i < 2; i++) {
    driver.holds_store = true;
    client_call(&a, methods[i], 1 + i, "charge");
    client_retry(&b, methods[i], 1 + i, 2, "charge");
    client_expect_silence(&a);
    client_expect_silence(&b);
    driver_release_store(&driver);
    client_expect_response(&a, 1 + i, SURE_OK, 0, SURE__RECORDED);
    client_expect_response(&b, 1 + i, SURE_OK, 0, SURE__RECORDED | SURE__JOINED);
  }
  assert_int_equal(2, driver.run_count);
  client_fini(&b);
}

static void a_duplicate_of_a_done_call_is_replayed_and_not_run_again(void **state) {
  (void)state;
  static const enum driver_method methods[] = {DRIVER_IN_STORE, DRIVER_CLAIMS};
  for (uint64_t i = 0; i < 2; i++) {
    client_call(&a, methods[i], 1 + i, "charge");
    client_expect_response(&a, 1 + i, SURE_OK, 0, SURE__RECORDED);
    client_retry(&a, methods[i], 1 + i, 2, "charge");
    struct sure__frame frame =
        client_expect_response(&a, 1 + i, SURE_OK, 0, SURE__RECORDED | SURE__REPLAYED);
    expect_text(frame.payload, "re:charge");
  }
  assert_int_equal(2, driver.run_count);
  assert_int_equal(2, driver.server.stats.runs);
  assert_int_equal(2, driver.server.stats.replayed);
}

static void a_recorded_refusal_is_replayed_too(void **state) {
  (void)state;
  driver.code = SURE_FAILED_PRECONDITION;
  client_call(&a, DRIVER_CLAIMS, 1, "charge");
  client_expect_response(&a, 1, SURE_FAILED_PRECONDITION, 0, SURE__RECORDED);
  driver.code = SURE_OK;
  client_retry(&a, DRIVER_CLAIMS, 1, 2, "charge");
  client_expect_response(&a, 1, SURE_FAILED_PRECONDITION, 0, SURE__RECORDED | SURE__REPLAYED);
  assert_int_equal(0, driver.apply_count);
}

static void a_status_that_is_not_recorded_lets_the_next_attempt_run(void **state) {
  (void)state;
  static const enum sure_code codes[] = {SURE_UNAVAILABLE, SURE_ABORTED, SURE_RESOURCE_EXHAUSTED,
                                         SURE_CANCELLED, SURE_DEADLINE_EXCEEDED};
  uint32_t attempt = 1;
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    driver.code = codes[i];
    client_retry(&a, DRIVER_CLAIMS, 1, attempt++, "charge");
    client_expect_response(&a, 1, codes[i], 0, SURE__ROLLED_BACK);
  }
  driver.code = SURE_OK;
  client_retry(&a, DRIVER_CLAIMS, 1, attempt, "charge");
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
  assert_int_equal(1, driver.apply_count);
}

static void a_number_below_the_watermark_is_stale(void **state) {
  (void)state;
  client_call(&a, DRIVER_IN_STORE, 1, "charge");
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
  struct sure__frame next = client_request(&a, DRIVER_IN_STORE, 2, "charge");
  next.request.watermark = 2;
  client_send(&a, &next);
  client_expect_response(&a, 2, SURE_OK, 0, SURE__RECORDED);
  client_retry(&a, DRIVER_IN_STORE, 1, 2, "charge");
  client_expect_response(&a, 1, SURE_FAILED_PRECONDITION, SURE_REASON_STALE, 0);
  client_retry(&a, DRIVER_ALO, 1, 3, "charge");
  client_expect_response(&a, 1, SURE_FAILED_PRECONDITION, SURE_REASON_STALE, 0);
  assert_int_equal(2, driver.run_count);
}

static void a_late_duplicate_of_a_selectively_acked_call_is_stale(void **state) {
  (void)state;
  client_call(&a, DRIVER_IN_STORE, 2, "charge");
  client_expect_response(&a, 2, SURE_OK, 0, SURE__RECORDED);
  client_ack(&a, 1, &(struct sure_range){2, 3}, 1);
  client_retry(&a, DRIVER_IN_STORE, 2, 2, "charge");
  client_expect_response(&a, 2, SURE_FAILED_PRECONDITION, SURE_REASON_STALE, 0);
  client_call(&a, DRIVER_IN_STORE, 3, "never seen");
  client_expect_response(&a, 3, SURE_FAILED_PRECONDITION, SURE_REASON_STALE, 0);
  client_call(&a, DRIVER_IN_STORE, 1, "still open");
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
  assert_int_equal(2, driver.run_count);
}

static void another_request_under_a_used_number_is_refused(void **state) {
  (void)state;
  driver.holds_runs = true;
  client_call(&a, DRIVER_CLAIMS, 1, "charge 5");
  client_retry(&a, DRIVER_CLAIMS, 1, 2, "charge 6");
  client_expect_response(&a, 1, SURE_FAILED_PRECONDITION, SURE_REASON_SEQUENCE_REUSED, 0);
  client_retry(&a, DRIVER_IN_STORE, 1, 3, "charge 5");
  client_expect_response(&a, 1, SURE_FAILED_PRECONDITION, SURE_REASON_SEQUENCE_REUSED, 0);
  driver_release_runs(&driver);
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
  client_retry(&a, DRIVER_CLAIMS, 1, 4, "charge 6");
  client_expect_response(&a, 1, SURE_FAILED_PRECONDITION, SURE_REASON_SEQUENCE_REUSED, 0);
  assert_int_equal(1, driver.run_count);
}

static void a_fenced_session_runs_nothing_new_and_still_replays(void **state) {
  (void)state;
  client_call(&a, DRIVER_IN_STORE, 1, "charge");
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
  client_send(&a, &(struct sure__frame){.type = SURE__CLOSE_SESSION});
  client_call(&a, DRIVER_IN_STORE, 2, "charge");
  client_expect_response(&a, 2, SURE_UNAVAILABLE, SURE_REASON_SESSION_LOST, 0);
  client_call(&a, DRIVER_CLAIMS, 3, "charge");
  client_expect_response(&a, 3, SURE_UNAVAILABLE, SURE_REASON_SESSION_LOST, 0);
  client_retry(&a, DRIVER_IN_STORE, 1, 2, "charge");
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED | SURE__REPLAYED);
  assert_int_equal(1, driver.run_count);
}

static void two_sessions_one_key_run_once(void **state) {
  (void)state;
  client_open(&driver, &b);
  client_call(&a, DRIVER_KEYED, 1, "pay-1:charge");
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
  client_call(&b, DRIVER_KEYED, 1, "pay-1:charge");
  client_expect_response(&b, 1, SURE_OK, 0, SURE__RECORDED | SURE__REPLAYED);
  client_call(&b, DRIVER_KEYED, 2, "pay-1:another");
  client_expect_response(&b, 2, SURE_FAILED_PRECONDITION, SURE_REASON_KEY_REUSED, SURE__NOT_RUN);
  assert_int_equal(1, driver.run_count);
  client_fini(&b);
}

static void what_is_not_recorded_runs_for_every_attempt(void **state) {
  (void)state;
  client_call(&a, DRIVER_ALO, 1, "x");
  client_expect_response(&a, 1, SURE_OK, 0, 0);
  client_retry(&a, DRIVER_ALO, 1, 2, "x");
  client_expect_response(&a, 1, SURE_OK, 0, 0);
  assert_int_equal(2, driver.run_count);
  driver.code = SURE_UNAVAILABLE;
  client_retry(&a, DRIVER_ALO, 1, 3, "x");
  client_expect_response(&a, 1, SURE_UNAVAILABLE, 0, 0); /* nothing was rolled back */
}

static void two_unrecorded_attempts_at_once_are_a_protocol_error(void **state) {
  (void)state;
  driver.holds_runs = true;
  client_call(&a, DRIVER_ALO, 1, "x");
  client_retry(&a, DRIVER_ALO, 1, 2, "x");
  client_expect_closed(&a, SURE__GOAWAY_PROTOCOL_ERROR);
}

/* ---- refusals ---- */

static void an_unknown_method_is_unimplemented(void **state) {
  (void)state;
  struct sure__frame frame = client_request(&a, DRIVER_IN_STORE, 1, "x");
  frame.request.method++;
  client_send(&a, &frame);
  client_expect_response(&a, 1, SURE_UNIMPLEMENTED, SURE_REASON_NO_METHOD, SURE__NOT_RUN);
}

static void a_request_that_does_not_parse_is_internal_and_not_run(void **state) {
  (void)state;
  client_call(&a, DRIVER_IN_STORE, 1, "unparsable");
  client_expect_response(&a, 1, SURE_INTERNAL, SURE_REASON_UNPARSABLE, SURE__NOT_RUN);
  client_call(&a, DRIVER_IN_STORE, 1, "charge"); /* and has taken nothing */
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
}

static void an_unknown_encoding_is_unimplemented(void **state) {
  (void)state;
  struct sure__frame frame = client_request(&a, DRIVER_IN_STORE, 1, "x");
  frame.request.encoding = 1;
  client_send(&a, &frame);
  client_expect_response(&a, 1, SURE_UNIMPLEMENTED, 0, SURE__NOT_RUN);
}

static void a_deadline_that_has_passed_is_expired_and_not_run(void **state) {
  (void)state;
  struct sure__frame frame = client_request(&a, DRIVER_IN_STORE, 1, "x");
  frame.request.timeout_ms = 0;
  client_send(&a, &frame);
  client_expect_response(&a, 1, SURE_DEADLINE_EXCEEDED, SURE_REASON_EXPIRED, SURE__NOT_RUN);
  assert_int_equal(0, driver.run_count);
}

static void a_connection_has_so_many_calls_and_no_more(void **state) {
  (void)state;
  uint64_t max = driver_config.connection_calls_max;
  driver.holds_runs = true;
  for (uint64_t i = 1; i <= max; i++) {
    client_call(&a, DRIVER_CLAIMS, i, "x");
  }
  client_expect_silence(&a);
  client_call(&a, DRIVER_CLAIMS, max + 1, "x");
  client_expect_response(&a, max + 1, SURE_RESOURCE_EXHAUSTED, SURE_REASON_TOO_MANY_CALLS,
                         SURE__NOT_RUN);
  driver_release_runs(&driver);
  assert_int_equal(max, driver.run_count);
}

static void a_shard_runs_so_many_calls_and_no_more(void **state) {
  (void)state;
  struct client many[3];
  driver.holds_runs = true;
  for (uint64_t i = 0; i < driver_config.running_calls_max; i++) {
    if (i % 4 == 0) {
      client_open(&driver, &many[i / 4]);
    }
    client_call(&many[i / 4], DRIVER_CLAIMS, 1 + i, "x");
    client_expect_silence(&many[i / 4]);
  }
  client_call(&a, DRIVER_CLAIMS, 1, "x");
  client_expect_response(&a, 1, SURE_RESOURCE_EXHAUSTED, SURE_REASON_OVERLOADED, SURE__NOT_RUN);
  driver_release_runs(&driver);
  client_retry(&a, DRIVER_CLAIMS, 1, 2, "x");
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
  client_fini(&many[0]);
  client_fini(&many[1]);
}

/* The shell stops its writer when nothing is asked any more: nothing may be asked after that. */
static void a_draining_server_asks_the_store_for_no_sweep(void **state) {
  (void)state;
  sure__server_drain(&driver.server);
  driver_work(&driver);
  driver_advance(&driver, 2 * (uint64_t)driver_config.session_lease_ms);
  assert_int_equal(0, driver.asked[SURE_STORE_SWEEP]);
}

/* A call that its application has released; only its watermark was told, with a call that leaves
 * no record. */
static void an_acknowledged_number_is_stale_though_the_store_was_not_told(void **state) {
  (void)state;
  open_second();
  struct sure__frame read = client_request(&b, DRIVER_READ, 2, "read");
  read.request.watermark = 2;
  client_send(&b, &read);
  client_expect_response(&b, 2, SURE_OK, 0, 0);
  client_call(&a, DRIVER_IN_STORE, 1, "charge");
  client_expect_response(&a, 1, SURE_FAILED_PRECONDITION, SURE_REASON_STALE, 0);
  assert_int_equal(0, driver.effects[1]);
  assert_int_equal(1, driver.server.stats.stale);
  client_fini(&b);
}

static void draining_refuses_new_calls_and_answers_running_ones(void **state) {
  (void)state;
  open_second();
  driver.holds_runs = true;
  client_call(&a, DRIVER_CLAIMS, 1, "charge");
  sure__server_drain(&driver.server);
  driver_work(&driver);
  client_expect(&a, SURE__GOAWAY);
  client_expect(&b, SURE__GOAWAY);
  client_call(&a, DRIVER_CLAIMS, 2, "charge");
  client_expect_response(&a, 2, SURE_UNAVAILABLE, SURE_REASON_DRAINING, SURE__NOT_RUN);
  client_retry(&b, DRIVER_CLAIMS, 1, 2, "charge");
  assert_false(sure__server_is_idle(&driver.server));
  driver_release_runs(&driver);
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
  client_expect_response(&b, 1, SURE_OK, 0, SURE__RECORDED | SURE__JOINED);
  assert_true(sure__server_is_idle(&driver.server));
  client_fini(&b);
}

/* ---- waiting ---- */

static void accepted_comes_after_the_ack_delay_and_once(void **state) {
  (void)state;
  driver.holds_runs = true;
  client_call(&a, DRIVER_CLAIMS, 1, "charge");
  driver_advance(&driver, 9);
  client_expect_silence(&a);
  driver_advance(&driver, 1);
  assert_int_equal(1, client_expect(&a, SURE__ACCEPTED).sequence);
  driver_advance(&driver, 100);
  client_expect_silence(&a);
  driver_release_runs(&driver);
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
}

static void an_attempt_that_joins_late_is_accepted_as_well(void **state) {
  (void)state;
  open_second();
  driver.holds_runs = true;
  client_call(&a, DRIVER_CLAIMS, 1, "charge");
  driver_advance(&driver, 100);
  client_expect(&a, SURE__ACCEPTED);
  client_retry(&b, DRIVER_CLAIMS, 1, 2, "charge");
  driver_advance(&driver, 10);
  assert_int_equal(2, client_expect(&b, SURE__ACCEPTED).attempt);
  client_expect_silence(&a);
  driver_release_runs(&driver);
  client_fini(&b);
}

static void a_quick_reply_comes_without_accepted(void **state) {
  (void)state;
  client_call(&a, DRIVER_CLAIMS, 1, "charge");
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
  driver_advance(&driver, 100);
  client_expect_silence(&a);
}

static bool is_cancelled(void) {
  struct sure_call *call = sure__container_of(driver.held_runs.next, struct sure_call, link);
  return call->is_cancelled;
}

static void cancel_of_one_waiter_of_two_does_not_cancel_the_run(void **state) {
  (void)state;
  open_second();
  driver.holds_runs = true;
  client_call(&a, DRIVER_CLAIMS, 1, "charge");
  client_retry(&b, DRIVER_CLAIMS, 1, 2, "charge");
  cancel(&a, 1, 1);
  assert_false(is_cancelled());
  cancel(&b, 1, 1); /* not its attempt */
  assert_false(is_cancelled());
  cancel(&b, 1, 2);
  assert_true(is_cancelled());
  driver_release_runs(&driver);
  client_expect_silence(&a);
  client_expect_silence(&b);
  client_fini(&b);
}

static void an_attempt_that_joins_a_cancelled_run_wants_it_again(void **state) {
  (void)state;
  driver.holds_runs = true;
  client_call(&a, DRIVER_CLAIMS, 1, "charge");
  cancel(&a, 1, 1);
  client_retry(&a, DRIVER_CLAIMS, 1, 2, "charge");
  assert_false(is_cancelled());
  driver_release_runs(&driver);
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED | SURE__JOINED);
  assert_int_equal(1, driver.run_count);
}

static void a_lost_connection_is_no_cancel(void **state) {
  (void)state;
  open_second();
  driver.holds_runs = true;
  client_call(&a, DRIVER_CLAIMS, 1, "charge");
  client_lose(&a);
  assert_false(is_cancelled());
  client_retry(&b, DRIVER_CLAIMS, 1, 2, "charge");
  driver_release_runs(&driver);
  client_expect_response(&b, 1, SURE_OK, 0, SURE__RECORDED | SURE__JOINED);
  assert_int_equal(1, driver.run_count);
  client_fini(&b);
}

static void a_run_outlives_all_connections_of_its_session(void **state) {
  (void)state;
  driver.holds_runs = true;
  client_call(&a, DRIVER_CLAIMS, 1, "charge");
  struct sure_session_id session = a.session;
  client_fini(&a);
  driver_release_runs(&driver);
  assert_true(client_connect(&driver, &a));
  assert_int_equal(SURE__ATTACHED_OPEN, client_attach(&a, SURE__ATTACH_RESUME, &session));
  client_retry(&a, DRIVER_CLAIMS, 1, 2, "charge");
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED | SURE__REPLAYED);
  assert_int_equal(1, driver.run_count);
}

/* Found by the simulator: a volatile store can't roll back, and the client was told NOT_APPLIED. */
static void an_unrecorded_effect_whose_reply_is_lost_is_not_rolled_back(void **state) {
  (void)state;
  driver.code = SURE_RESOURCE_EXHAUSTED;
  driver.reason = SURE_REASON_REPLY_LOST;
  client_call(&a, DRIVER_ALO_IN_STORE, 1, "charge");
  client_expect_response(&a, 1, SURE_RESOURCE_EXHAUSTED, SURE_REASON_REPLY_LOST, 0);
}

static void a_reply_over_the_clients_limit_is_lost_and_says_so(void **state) {
  (void)state;
  static char large[150002];
  memset(large, 'x', sizeof large - 1);
  driver.reply = large;
  client_call(&a, DRIVER_CLAIMS, 1, "charge");
  client_expect_response(&a, 1, SURE_RESOURCE_EXHAUSTED, SURE_REASON_REPLY_LOST, SURE__RECORDED);
  large[150000] = '\0';
  client_call(&a, DRIVER_CLAIMS, 2, "charge");
  client_expect(&a, SURE__ACCEPTED); /* as it is long, and may wait for its turn */
  client_expect_response(&a, 2, SURE_OK, 0, SURE__RECORDED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_duplicate_of_a_running_call_joins_it_and_both_get_the_reply),
      TEST(a_call_is_not_done_before_its_commit),
      TEST(a_duplicate_of_a_done_call_is_replayed_and_not_run_again),
      TEST(a_recorded_refusal_is_replayed_too),
      TEST(a_status_that_is_not_recorded_lets_the_next_attempt_run),
      TEST(a_number_below_the_watermark_is_stale),
      TEST(a_late_duplicate_of_a_selectively_acked_call_is_stale),
      TEST(another_request_under_a_used_number_is_refused),
      TEST(a_fenced_session_runs_nothing_new_and_still_replays),
      TEST(two_sessions_one_key_run_once),
      TEST(what_is_not_recorded_runs_for_every_attempt),
      TEST(two_unrecorded_attempts_at_once_are_a_protocol_error),
      TEST(an_unknown_method_is_unimplemented),
      TEST(a_request_that_does_not_parse_is_internal_and_not_run),
      TEST(an_unknown_encoding_is_unimplemented),
      TEST(a_deadline_that_has_passed_is_expired_and_not_run),
      TEST(a_connection_has_so_many_calls_and_no_more),
      TEST(a_shard_runs_so_many_calls_and_no_more),
      TEST(a_draining_server_asks_the_store_for_no_sweep),
      TEST(an_acknowledged_number_is_stale_though_the_store_was_not_told),
      TEST(draining_refuses_new_calls_and_answers_running_ones),
      TEST(accepted_comes_after_the_ack_delay_and_once),
      TEST(an_attempt_that_joins_late_is_accepted_as_well),
      TEST(a_quick_reply_comes_without_accepted),
      TEST(cancel_of_one_waiter_of_two_does_not_cancel_the_run),
      TEST(an_attempt_that_joins_a_cancelled_run_wants_it_again),
      TEST(a_lost_connection_is_no_cancel),
      TEST(a_run_outlives_all_connections_of_its_session),
      TEST(an_unrecorded_effect_whose_reply_is_lost_is_not_rolled_back),
      TEST(a_reply_over_the_clients_limit_is_lost_and_says_so),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
