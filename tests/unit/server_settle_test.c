/* The server engine: settle (S12, protocol 7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/server_driver.h"

static struct driver driver;
static struct client a;

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

static struct sure__frame expect_settled(uint64_t nonce, enum sure__settle_verdict verdict) {
  struct sure__frame frame = client_expect(&a, SURE__SETTLED);
  assert_int_equal(nonce, frame.sequence);
  assert_int_equal(verdict, frame.settled.verdict);
  return frame;
}

static void settle_key(uint64_t nonce, uint64_t target, const char *key) {
  client_send(&a, &(struct sure__frame){
                      .type = SURE__SETTLE,
                      .sequence = nonce,
                      .settle = {.session = target == 0 ? (struct sure_session_id){{0}} : a.session,
                                 .target = target,
                                 .method = driver.methods[DRIVER_KEYED].id,
                                 .key = {(const uint8_t *)key, strlen(key)}}});
}

static void settle_of_a_done_call_is_its_record(void **state) {
  (void)state;
  client_call(&a, DRIVER_IN_STORE, 1, "charge");
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
  client_settle(&a, 70, 1);
  struct sure__frame frame = expect_settled(70, SURE__SETTLED_RECORD);
  assert_int_equal(SURE_OK, frame.settled.result.code);
  assert_int_equal(SURE__RECORDED, frame.flags);
  assert_int_equal(9, frame.payload.len);
  assert_memory_equal("re:charge", frame.payload.data, 9);
}

static void settle_of_a_running_call_waits_for_its_end(void **state) {
  (void)state;
  driver.holds_runs = true;
  client_call(&a, DRIVER_CLAIMS, 1, "charge");
  client_settle(&a, 70, 1);
  client_expect_silence(&a);
  driver_release_runs(&driver);
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
  assert_int_equal(SURE_OK, expect_settled(70, SURE__SETTLED_RECORD).settled.result.code);
}

static void settle_of_an_unknown_call_is_a_tombstone_and_the_late_attempt_gets_it(void **state) {
  (void)state;
  static const enum driver_method methods[] = {DRIVER_IN_STORE, DRIVER_CLAIMS};
  for (uint64_t i = 0; i < 2; i++) {
    client_settle(&a, 70, 1 + i);
    expect_settled(70, SURE__SETTLED_TOMBSTONE);
    client_call(&a, methods[i], 1 + i, "charge");
    client_expect_response(&a, 1 + i, SURE_ABORTED, SURE_REASON_TOMBSTONE, SURE__RECORDED);
  }
  assert_int_equal(0, driver.run_count);
}

static void settle_of_a_run_that_left_no_record_is_a_tombstone(void **state) {
  (void)state;
  driver.holds_runs = true;
  driver.code = SURE_UNAVAILABLE;
  client_call(&a, DRIVER_CLAIMS, 1, "charge");
  client_settle(&a, 70, 1);
  driver_release_runs(&driver);
  client_expect_response(&a, 1, SURE_UNAVAILABLE, 0, SURE__ROLLED_BACK);
  expect_settled(70, SURE__SETTLED_TOMBSTONE);
  driver.code = SURE_OK;
  client_retry(&a, DRIVER_CLAIMS, 1, 2, "charge");
  client_expect_response(&a, 1, SURE_ABORTED, SURE_REASON_TOMBSTONE, SURE__RECORDED);
  assert_int_equal(0, driver.apply_count);
}

static void an_attempt_and_a_settle_that_race_have_one_winner(void **state) {
  (void)state;
  driver.holds_store = true;
  client_call(&a, DRIVER_IN_STORE, 1, "charge"); /* on its way to the store */
  client_settle(&a, 70, 1);                      /* so it is parked */
  driver_release_store(&driver);
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
  expect_settled(70, SURE__SETTLED_RECORD);
  driver.holds_store = true;
  client_settle(&a, 71, 2); /* the other way round: tasks are asked first */
  client_call(&a, DRIVER_IN_STORE, 2, "charge");
  driver_release_store(&driver);
  expect_settled(71, SURE__SETTLED_TOMBSTONE);
  client_expect_response(&a, 2, SURE_ABORTED, SURE_REASON_TOMBSTONE, SURE__RECORDED);
  assert_int_equal(1, driver.apply_count);
}

static void settle_of_an_acknowledged_call_says_so(void **state) {
  (void)state;
  client_call(&a, DRIVER_IN_STORE, 1, "charge");
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
  client_ack(&a, 2, NULL, 0);
  client_settle(&a, 70, 1);
  expect_settled(70, SURE__SETTLED_ALREADY_ACKED);
}

static void settle_by_key_closes_the_key(void **state) {
  (void)state;
  client_call(&a, DRIVER_KEYED, 1, "pay-1:charge");
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
  settle_key(70, 0, "pay-1");
  assert_int_equal(12 + 3, expect_settled(70, SURE__SETTLED_RECORD).payload.len);
  settle_key(71, 0, "pay-2");
  expect_settled(71, SURE__SETTLED_TOMBSTONE);
  client_call(&a, DRIVER_KEYED, 2, "pay-2:charge");
  client_expect_response(&a, 2, SURE_ABORTED, SURE_REASON_TOMBSTONE, SURE__RECORDED);
  assert_int_equal(1, driver.run_count);
}

static void settle_by_call_and_key_closes_both_and_the_key_answers(void **state) {
  (void)state;
  client_call(&a, DRIVER_KEYED, 1, "pay-1:charge");
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
  settle_key(70, 5, "pay-1"); /* another call of the same payment */
  expect_settled(70, SURE__SETTLED_RECORD);
  client_call(&a, DRIVER_IN_STORE, 5, "charge");
  client_expect_response(&a, 5, SURE_ABORTED, SURE_REASON_TOMBSTONE, SURE__RECORDED);
}

static void settle_of_a_key_that_runs_elsewhere_is_not_yet_known(void **state) {
  (void)state;
  driver.holds_runs = true;
  client_call(&a, DRIVER_KEYED, 1, "pay-1:charge");
  settle_key(70, 0, "pay-1");
  assert_int_not_equal(0, expect_settled(70, SURE__SETTLED_NOT_YET).settled.result.retry_after_ms);
  driver_release_runs(&driver);
}

static void settle_of_a_forgotten_session_is_unknown(void **state) {
  (void)state;
  client_send(&a, &(struct sure__frame){.type = SURE__SETTLE,
                                        .sequence = 70,
                                        .settle = {.session = {{9}}, .target = 1}});
  expect_settled(70, SURE__SETTLED_UNKNOWN);
}

static void a_session_may_settle_the_calls_of_another(void **state) {
  (void)state;
  struct client b;
  client_open(&driver, &b);
  client_call(&b, DRIVER_IN_STORE, 1, "charge");
  client_send(&a, &(struct sure__frame){.type = SURE__SETTLE,
                                        .sequence = 70,
                                        .settle = {.session = b.session, .target = 1}});
  expect_settled(70, SURE__SETTLED_RECORD);
  client_fini(&b);
}

static void a_settle_whose_client_is_gone_harms_nobody(void **state) {
  (void)state;
  driver.holds_runs = true;
  client_call(&a, DRIVER_CLAIMS, 1, "charge");
  client_settle(&a, 70, 1);
  client_lose(&a);
  driver_release_runs(&driver);
  assert_int_equal(1, driver.run_count);
}

static void verdicts_that_are_not_final_ask_to_come_again(void **state) {
  (void)state;
  static const enum sure_store_verdict verdicts[] = {SURE_STORE_BUSY, SURE_STORE_FULL,
                                                     SURE_STORE_IN_PROGRESS};
  for (uint64_t i = 0; i < 3; i++) {
    driver.script[SURE_STORE_SETTLE] = verdicts[i];
    client_settle(&a, 70 + i, 1);
    expect_settled(70 + i, SURE__SETTLED_NOT_YET);
  }
  driver.script[SURE_STORE_SETTLE] = SURE_STORE_IN_DOUBT;
  client_settle(&a, 80, 1);
  expect_settled(80, SURE__SETTLED_IN_DOUBT);
  driver.script[SURE_STORE_SETTLE] = SURE_STORE_FAILED;
  client_settle(&a, 81, 1);
  client_expect_closed(&a, 0);
}

/* What a client asks while the store does not answer is bounded. */
static void a_connection_has_so_many_settles_and_no_more(void **state) {
  (void)state;
  enum { MAX = 256 };
  driver.holds_store = true;
  for (uint64_t i = 0; i < MAX; i++) {
    client_settle(&a, i, 1 + i);
  }
  client_expect_silence(&a);
  client_settle(&a, MAX, 1 + MAX);
  expect_settled(MAX, SURE__SETTLED_NOT_YET);
  client_ack(&a, 1, NULL, 0);
  client_send(&a, &(struct sure__frame){.type = SURE__CLOSE_SESSION});
  assert_int_equal(MAX, driver.server.task_count);
  driver_release_store(&driver);
  for (uint64_t i = 0; i < MAX; i++) {
    expect_settled(i, SURE__SETTLED_TOMBSTONE);
  }
  client_settle(&a, MAX, 1 + MAX);
  expect_settled(MAX, SURE__SETTLED_TOMBSTONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(settle_of_a_done_call_is_its_record),
      TEST(settle_of_a_running_call_waits_for_its_end),
      TEST(settle_of_an_unknown_call_is_a_tombstone_and_the_late_attempt_gets_it),
      TEST(settle_of_a_run_that_left_no_record_is_a_tombstone),
      TEST(an_attempt_and_a_settle_that_race_have_one_winner),
      TEST(settle_of_an_acknowledged_call_says_so),
      TEST(settle_by_key_closes_the_key),
      TEST(settle_by_call_and_key_closes_both_and_the_key_answers),
      TEST(settle_of_a_key_that_runs_elsewhere_is_not_yet_known),
      TEST(settle_of_a_forgotten_session_is_unknown),
      TEST(a_session_may_settle_the_calls_of_another),
      TEST(a_settle_whose_client_is_gone_harms_nobody),
      TEST(verdicts_that_are_not_final_ask_to_come_again),
      TEST(a_connection_has_so_many_settles_and_no_more),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
