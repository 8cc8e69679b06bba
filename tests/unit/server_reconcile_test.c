/* Calls in doubt, in the server engine: how they get there, and who gets them out (S15). */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/server_driver.h"

enum { RECONCILE_MS = 500 };

static struct driver driver;
static struct client client;

static int begin(void **state) {
  (void)state;
  struct sure__server_config config = driver_config;
  config.reconcile_ms = RECONCILE_MS;
  driver_init(&driver, &config);
  client_open(&driver, &client);
  return 0;
}

static int end(void **state) {
  (void)state;
  client_fini(&client);
  driver_fini(&driver);
  return 0;
}

/* Call 1 is in doubt. */
static void fail_call(void) {
  driver.code = SURE_INTERNAL;
  client_call(&client, DRIVER_EXTERNAL, 1, "charge");
  client_expect_response(&client, 1, SURE_UNAVAILABLE, SURE_REASON_IN_DOUBT, 0);
  driver.code = SURE_OK;
}

static void reconcile(enum sure_resolution resolution) {
  driver.resolution = resolution;
  driver.reply = "found";
  sure__server_begin_reconciling(&driver.server, driver.now_ms);
  driver_advance(&driver, 1);
}

static void a_failure_that_had_no_effect_is_a_result_as_any_other(void **state) {
  (void)state;
  driver.code = SURE_NOT_FOUND;
  driver.has_not_applied = true;
  client_call(&client, DRIVER_EXTERNAL, 1, "charge");
  client_expect_response(&client, 1, SURE_NOT_FOUND, SURE_REASON_NONE, SURE__RECORDED);
  client_retry(&client, DRIVER_EXTERNAL, 1, 2, "charge");
  client_expect_response(&client, 1, SURE_NOT_FOUND, SURE_REASON_NONE,
                         SURE__RECORDED | SURE__REPLAYED);
  assert_int_equal(1, driver.run_count);
}

static void a_transient_failure_that_had_no_effect_may_be_tried_again(void **state) {
  (void)state;
  driver.code = SURE_UNAVAILABLE;
  driver.has_not_applied = true;
  client_call(&client, DRIVER_EXTERNAL, 1, "charge");
  client_expect_response(&client, 1, SURE_UNAVAILABLE, SURE_REASON_NONE, SURE__ROLLED_BACK);
  driver.code = SURE_OK;
  client_retry(&client, DRIVER_EXTERNAL, 1, 2, "charge");
  client_expect_response(&client, 1, SURE_OK, SURE_REASON_NONE, SURE__RECORDED);
  assert_int_equal(2, driver.run_count);
}

static void what_a_reconciler_says_was_applied_is_replayed_and_never_run(void **state) {
  (void)state;
  fail_call();
  reconcile(SURE_RESOLVE_APPLIED);
  client_retry(&client, DRIVER_EXTERNAL, 1, 2, "charge");
  struct sure__frame frame = client_expect_response(&client, 1, SURE_OK, SURE_REASON_NONE,
                                                    SURE__RECORDED | SURE__REPLAYED);
  assert_memory_equal("found", frame.payload.data, 5);
  assert_int_equal(1, driver.run_count);
  assert_int_equal(1, driver.reconcile_count);
}

static void what_a_reconciler_says_was_not_applied_can_never_be(void **state) {
  (void)state;
  fail_call();
  reconcile(SURE_RESOLVE_NOT_APPLIED);
  client_retry(&client, DRIVER_EXTERNAL, 1, 2, "charge");
  client_expect_response(&client, 1, SURE_ABORTED, SURE_REASON_TOMBSTONE, SURE__RECORDED);
  assert_int_equal(1, driver.run_count);
}

static void a_reconciler_that_does_not_know_is_asked_again_later(void **state) {
  (void)state;
  fail_call();
  reconcile(SURE_RESOLVE_LATER);
  client_retry(&client, DRIVER_EXTERNAL, 1, 2, "charge");
  client_expect_response(&client, 1, SURE_UNAVAILABLE, SURE_REASON_IN_DOUBT, 0);
  driver_advance(&driver, RECONCILE_MS - 2);
  assert_int_equal(1, driver.reconcile_count);
  driver_advance(&driver, 2 * RECONCILE_MS);
  assert_int_equal(3, driver.reconcile_count);
}

/* Its handler may be at it still. */
static void nobody_asks_about_a_call_that_runs(void **state) {
  (void)state;
  driver.holds_runs = true;
  client_call(&client, DRIVER_EXTERNAL, 1, "charge");
  reconcile(SURE_RESOLVE_NOT_APPLIED);
  driver_advance(&driver, 3 * RECONCILE_MS);
  assert_int_equal(0, driver.reconcile_count);
  client_expect(&client, SURE__ACCEPTED);
  driver_release_runs(&driver);
  client_expect_response(&client, 1, SURE_OK, SURE_REASON_NONE, SURE__RECORDED);
}

/* Or the first ones would keep all others from being asked about. */
static void every_call_in_doubt_is_asked_about_in_its_turn(void **state) {
  (void)state;
  enum { COUNT = 2 * SURE_DOUBTS_MAX + 3 };
  driver.code = SURE_INTERNAL;
  for (uint64_t i = 1; i <= COUNT; i++) {
    client_call(&client, DRIVER_EXTERNAL, i, "charge");
    client_expect_response(&client, i, SURE_UNAVAILABLE, SURE_REASON_IN_DOUBT, 0);
  }
  reconcile(SURE_RESOLVE_LATER);
  driver_advance(&driver, 2 * RECONCILE_MS);
  assert_int_equal(COUNT, driver.reconcile_count);
  driver.resolution = SURE_RESOLVE_NOT_APPLIED;
  driver_advance(&driver, 3 * RECONCILE_MS);
  assert_int_equal(2 * COUNT, driver.reconcile_count);
  driver_advance(&driver, 3 * RECONCILE_MS);
  assert_int_equal(2 * COUNT, driver.reconcile_count);
}

static void a_store_that_is_busy_has_the_call_asked_about_again(void **state) {
  (void)state;
  fail_call();
  driver.script[SURE_STORE_RESOLVE] = SURE_STORE_BUSY;
  reconcile(SURE_RESOLVE_APPLIED);
  client_retry(&client, DRIVER_EXTERNAL, 1, 2, "charge");
  client_expect_response(&client, 1, SURE_UNAVAILABLE, SURE_REASON_IN_DOUBT, 0);
  driver.script[SURE_STORE_RESOLVE] = SURE_STORE_PENDING;
  driver_advance(&driver, RECONCILE_MS);
  client_retry(&client, DRIVER_EXTERNAL, 1, 3, "charge");
  client_expect_response(&client, 1, SURE_OK, SURE_REASON_NONE, SURE__RECORDED | SURE__REPLAYED);
}

/* Found by the simulator: the intent stayed for ever with a process that lived, so that it was
 * neither in doubt nor in progress, and a client asked again and again. */
static void an_end_that_the_store_can_not_write_is_written_when_it_can(void **state) {
  (void)state;
  driver.script[SURE_STORE_COMPLETE] = SURE_STORE_FULL;
  client_call(&client, DRIVER_EXTERNAL, 1, "charge");
  driver_advance(&driver, 300);
  client_expect(&client, SURE__ACCEPTED);
  client_expect_silence(&client);
  driver.script[SURE_STORE_COMPLETE] = SURE_STORE_PENDING;
  driver_advance(&driver, 100);
  client_expect_response(&client, 1, SURE_OK, SURE_REASON_NONE, SURE__RECORDED);
  assert_int_equal(1, driver.run_count);
}

static void a_server_that_drains_does_not_wait_for_a_store_that_can_not_write(void **state) {
  (void)state;
  driver.script[SURE_STORE_COMPLETE] = SURE_STORE_FULL;
  client_call(&client, DRIVER_EXTERNAL, 1, "charge");
  sure__server_drain(&driver.server);
  driver_advance(&driver, 200);
  client_expect(&client, SURE__ACCEPTED);
  client_expect(&client, SURE__GOAWAY);
  client_expect_response(&client, 1, SURE_UNAVAILABLE, SURE_REASON_IN_DOUBT, 0);
  assert_true(sure__server_is_idle(&driver.server));
}

static void a_server_that_drains_asks_no_more(void **state) {
  (void)state;
  fail_call();
  reconcile(SURE_RESOLVE_LATER);
  sure__server_drain(&driver.server);
  driver_work(&driver);
  driver_advance(&driver, 3 * RECONCILE_MS);
  assert_int_equal(1, driver.reconcile_count);
  assert_true(sure__server_is_idle(&driver.server));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_failure_that_had_no_effect_is_a_result_as_any_other),
      TEST(a_transient_failure_that_had_no_effect_may_be_tried_again),
      TEST(what_a_reconciler_says_was_applied_is_replayed_and_never_run),
      TEST(what_a_reconciler_says_was_not_applied_can_never_be),
      TEST(a_reconciler_that_does_not_know_is_asked_again_later),
      TEST(nobody_asks_about_a_call_that_runs),
      TEST(every_call_in_doubt_is_asked_about_in_its_turn),
      TEST(a_store_that_is_busy_has_the_call_asked_about_again),
      TEST(an_end_that_the_store_can_not_write_is_written_when_it_can),
      TEST(a_server_that_drains_does_not_wait_for_a_store_that_can_not_write),
      TEST(a_server_that_drains_asks_no_more),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
