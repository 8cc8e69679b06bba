/* The gate in the server engine: who is turned away, and who never is. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/server_driver.h"

static struct driver driver;
static struct sure__gate gate;
static struct client client;

static int begin(void **state) {
  (void)state;
  struct sure__server_config config = driver_config;
  sure__gate_init(&gate, 2, false);
  config.gate = &gate;
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

/* Two calls that run until they are released. */
static void fill_up(void) {
  driver.holds_runs = true;
  client_call(&client, DRIVER_CLAIMS, 1, "a");
  client_call(&client, DRIVER_CLAIMS, 2, "b");
  assert_int_equal(2, atomic_load(&gate.at_work));
}

static void a_call_over_the_limit_is_not_run_and_may_come_again(void **state) {
  (void)state;
  fill_up();
  client_call(&client, DRIVER_CLAIMS, 3, "c");
  struct sure__frame frame = client_expect_response(&client, 3, SURE_RESOURCE_EXHAUSTED,
                                                    SURE_REASON_OVERLOADED, SURE__NOT_RUN);
  assert_in_range(frame.response.retry_after_ms, 1, 1000);
  assert_int_equal(1, driver.server.stats.shed);
  driver_release_runs(&driver);
  assert_int_equal(0, atomic_load(&gate.at_work));
  client_expect_response(&client, 1, SURE_OK, SURE_REASON_NONE, SURE__RECORDED);
  client_expect_response(&client, 2, SURE_OK, SURE_REASON_NONE, SURE__RECORDED);
  client_retry(&client, DRIVER_CLAIMS, 3, 2, "c");
  client_expect_response(&client, 3, SURE_OK, SURE_REASON_NONE, SURE__RECORDED);
}

static void reads_are_turned_away_as_well(void **state) {
  (void)state;
  fill_up();
  client_call(&client, DRIVER_READ, 3, "c");
  client_expect_response(&client, 3, SURE_RESOURCE_EXHAUSTED, SURE_REASON_OVERLOADED,
                         SURE__NOT_RUN);
}

static void an_attempt_that_joins_always_passes(void **state) {
  (void)state;
  fill_up();
  client_retry(&client, DRIVER_CLAIMS, 1, 2, "a");
  client_expect_silence(&client);
  driver_release_runs(&driver);
  client_expect_response(&client, 1, SURE_OK, SURE_REASON_NONE, SURE__RECORDED);
  client_expect_response(&client, 1, SURE_OK, SURE_REASON_NONE, SURE__RECORDED | SURE__JOINED);
}

/* So the record of a call whose reply was lost can be had from a server that is at its limit. */
static void a_retry_of_what_has_run_passes_at_the_limit(void **state) {
  (void)state;
  client_call(&client, DRIVER_IN_STORE, 3, "done");
  client_expect_response(&client, 3, SURE_OK, SURE_REASON_NONE, SURE__RECORDED);
  fill_up();
  client_retry(&client, DRIVER_IN_STORE, 3, 2, "done");
  client_expect_response(&client, 3, SURE_OK, SURE_REASON_NONE, SURE__RECORDED | SURE__REPLAYED);
}

static void acks_and_settles_pass_at_the_limit(void **state) {
  (void)state;
  client_call(&client, DRIVER_IN_STORE, 3, "done");
  client_expect_response(&client, 3, SURE_OK, SURE_REASON_NONE, SURE__RECORDED);
  fill_up();
  client_settle(&client, 70, 3);
  assert_int_equal(SURE__SETTLED_RECORD, client_expect(&client, SURE__SETTLED).settled.verdict);
  client_ack(&client, 1, &(struct sure_range){3, 3}, 1);
  assert_int_equal(1, driver.asked[SURE_STORE_ACK]);
}

static void calls_that_are_refused_or_lost_do_not_stay_at_work(void **state) {
  (void)state;
  client_call(&client, DRIVER_IN_STORE, 1, "unparsable");
  client_expect_response(&client, 1, SURE_INTERNAL, SURE_REASON_UNPARSABLE, SURE__NOT_RUN);
  assert_int_equal(0, atomic_load(&gate.at_work));
  fill_up();
  client_lose(&client);
  driver_release_runs(&driver);
  assert_int_equal(0, atomic_load(&gate.at_work));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_call_over_the_limit_is_not_run_and_may_come_again),
      TEST(reads_are_turned_away_as_well),
      TEST(an_attempt_that_joins_always_passes),
      TEST(a_retry_of_what_has_run_passes_at_the_limit),
      TEST(acks_and_settles_pass_at_the_limit),
      TEST(calls_that_are_refused_or_lost_do_not_stay_at_work),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
