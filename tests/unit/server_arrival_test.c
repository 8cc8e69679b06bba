/* The server engine: who a peer is, and attempts that interceptors look at first (S5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/server_driver.h"

static struct driver driver;
static struct client ada;
static struct client bob;

static int begin(void **state) {
  (void)state;
  struct sure__server_config config = driver_config;
  config.authenticates = true;
  config.intercepts = true;
  driver_init(&driver, &config);
  return 0;
}

static int end(void **state) {
  (void)state;
  client_fini(&ada);
  client_fini(&bob);
  driver_fini(&driver);
  return 0;
}

static int attach(struct client *client, const char *name, enum sure__attach_mode mode,
                  const struct sure_session_id *session) {
  assert_true(client_connect(&driver, client));
  client->credentials = name;
  return client_attach(client, mode, session);
}

static void open(struct client *client, const char *name) {
  assert_int_equal(SURE__ATTACHED_OPEN, attach(client, name, SURE__ATTACH_NEW, NULL));
}

/* ---- who it is ---- */

static void who_is_turned_away_gets_the_code_and_no_session(void **state) {
  (void)state;
  driver.door_code = SURE_PERMISSION_DENIED;
  assert_true(client_connect(&driver, &bob));
  assert_int_equal(SURE__ATTACHED_REFUSED, client_attach(&bob, SURE__ATTACH_NEW, NULL));
  assert_true(bob.is_closed);
  assert_int_equal(0, driver.asked[SURE_STORE_ATTACH]);
  driver.door_code = SURE_OK;
  open(&ada, NULL);
}

static void a_live_session_is_not_resumed_by_somebody_else(void **state) {
  (void)state;
  open(&ada, "ada");
  driver.holds_runs = true;
  client_call(&ada, DRIVER_CLAIMS, 1, "charge");
  assert_int_equal(SURE__ATTACHED_LOST, attach(&bob, "bob", SURE__ATTACH_RESUME, &ada.session));
  client_fini(&bob);
  assert_int_equal(SURE__ATTACHED_OPEN, attach(&bob, "ada", SURE__ATTACH_RESUME, &ada.session));
}

static void a_session_in_the_store_is_not_resumed_by_somebody_else(void **state) {
  (void)state;
  open(&ada, "ada");
  client_call(&ada, DRIVER_IN_STORE, 1, "charge");
  struct sure_session_id session = ada.session;
  client_lose(&ada);
  assert_int_equal(SURE__ATTACHED_LOST, attach(&bob, "bob", SURE__ATTACH_RESUME, &session));
  client_fini(&bob);
  assert_int_equal(SURE__ATTACHED_OPEN, attach(&bob, "ada", SURE__ATTACH_RESUME, &session));
  client_retry(&bob, DRIVER_IN_STORE, 1, 2, "charge");
  client_expect_response(&bob, 1, SURE_OK, 0, SURE__RECORDED | SURE__REPLAYED);
}

static void a_call_is_not_settled_by_somebody_else(void **state) {
  (void)state;
  open(&ada, "ada");
  open(&bob, "bob");
  client_call(&ada, DRIVER_IN_STORE, 1, "charge");
  client_expect_response(&ada, 1, SURE_OK, 0, SURE__RECORDED);
  struct sure__frame settle = {
      .type = SURE__SETTLE, .sequence = 9, .settle = {.session = ada.session, .target = 1}};
  client_send(&bob, &settle);
  assert_int_equal(SURE__SETTLED_UNKNOWN, client_expect(&bob, SURE__SETTLED).settled.verdict);
  client_send(&ada, &settle);
  assert_int_equal(SURE__SETTLED_RECORD, client_expect(&ada, SURE__SETTLED).settled.verdict);
}

static void the_same_key_of_two_principals_names_two_calls(void **state) {
  (void)state;
  open(&ada, "ada");
  open(&bob, "bob");
  client_call(&ada, DRIVER_KEYED, 1, "rent:ada pays");
  client_expect_response(&ada, 1, SURE_OK, 0, SURE__RECORDED);
  client_call(&bob, DRIVER_KEYED, 1, "rent:bob pays");
  client_expect_response(&bob, 1, SURE_OK, 0, SURE__RECORDED);
  assert_int_equal(2, driver.apply_count);
  client_call(&ada, DRIVER_KEYED, 2, "rent:ada pays");
  client_expect_response(&ada, 2, SURE_OK, 0, SURE__RECORDED | SURE__REPLAYED);
  assert_int_equal(2, driver.apply_count);
}

static void nothing_is_served_while_nobody_knows_who_it_is(void **state) {
  (void)state;
  assert_true(client_connect(&driver, &ada));
  struct sure__frame hello = {.type = SURE__HELLO, .hello = {1, 1, .message_len_max = 1000}};
  client_send(&ada, &hello);
  struct sure__challenge challenge = client_expect(&ada, SURE__WELCOME).welcome.challenge;
  struct sure__frame attach_frame = {.type = SURE__ATTACH,
                                     .attach = {.mode = SURE__ATTACH_NEW, .challenge = challenge}};
  sure__server_frame(&driver.server, &ada.peer, &attach_frame, driver.now_ms);
  client_call(&ada, DRIVER_IN_STORE, 1, "charge"); /* before the door is looked at */
  client_expect_closed(&ada, SURE__GOAWAY_PROTOCOL_ERROR);
  assert_int_equal(0, driver.run_count);
  assert_int_equal(0, driver.asked[SURE_STORE_ATTACH]);
}

/* ---- attempts ---- */

static void a_refused_attempt_has_not_run(void **state) {
  (void)state;
  open(&ada, "ada");
  driver.arrival_code = SURE_PERMISSION_DENIED;
  client_call(&ada, DRIVER_IN_STORE, 1, "charge");
  client_expect_response(&ada, 1, SURE_PERMISSION_DENIED, SURE_REASON_REFUSED, SURE__NOT_RUN);
  assert_int_equal(0, driver.run_count);
  driver.arrival_code = SURE_OK;
  client_retry(&ada, DRIVER_IN_STORE, 1, 2, "charge");
  client_expect_response(&ada, 1, SURE_OK, 0, SURE__RECORDED);
}

/* An interceptor that says no to a duplicate takes nothing back. */
static void a_refused_duplicate_leaves_the_run_and_its_record(void **state) {
  (void)state;
  open(&ada, "ada");
  driver.holds_runs = true;
  client_call(&ada, DRIVER_CLAIMS, 1, "charge");
  driver.arrival_code = SURE_PERMISSION_DENIED;
  client_retry(&ada, DRIVER_CLAIMS, 1, 2, "charge");
  client_expect_response(&ada, 1, SURE_PERMISSION_DENIED, SURE_REASON_REFUSED, SURE__NOT_RUN);
  driver_release_runs(&driver);
  client_expect_response(&ada, 1, SURE_OK, 0, SURE__RECORDED);
}

static void an_attempt_whose_client_has_gone_while_it_arrives_does_not_run(void **state) {
  (void)state;
  open(&ada, "ada");
  driver.holds_arrivals = true;
  client_call(&ada, DRIVER_IN_STORE, 1, "charge");
  assert_false(sure__server_is_idle(&driver.server));
  client_lose(&ada);
  driver_release_arrivals(&driver);
  assert_true(sure__server_is_idle(&driver.server));
  assert_int_equal(0, driver.run_count);
}

static void an_attempt_that_is_cancelled_while_it_arrives_does_not_run(void **state) {
  (void)state;
  open(&ada, "ada");
  driver.holds_arrivals = true;
  client_call(&ada, DRIVER_IN_STORE, 1, "charge");
  client_call(&ada, DRIVER_IN_STORE, 2, "charge");
  client_send(&ada, &(struct sure__frame){.type = SURE__CANCEL, .sequence = 1, .attempt = 1});
  driver_release_arrivals(&driver);
  client_expect_response(&ada, 2, SURE_OK, 0, SURE__RECORDED);
  client_expect_silence(&ada);
  assert_int_equal(1, driver.run_count);
}

static void attempts_that_arrive_count_as_calls_of_their_connection(void **state) {
  (void)state;
  open(&ada, "ada");
  driver.holds_arrivals = true;
  uint32_t max = driver_config.connection_calls_max;
  for (uint32_t i = 1; i <= max; i++) {
    client_call(&ada, DRIVER_IN_STORE, i, "charge");
  }
  client_expect_silence(&ada);
  client_call(&ada, DRIVER_IN_STORE, max + 1, "charge");
  client_expect_response(&ada, max + 1, SURE_RESOURCE_EXHAUSTED, SURE_REASON_TOO_MANY_CALLS,
                         SURE__NOT_RUN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(who_is_turned_away_gets_the_code_and_no_session),
      TEST(a_live_session_is_not_resumed_by_somebody_else),
      TEST(a_session_in_the_store_is_not_resumed_by_somebody_else),
      TEST(a_call_is_not_settled_by_somebody_else),
      TEST(the_same_key_of_two_principals_names_two_calls),
      TEST(nothing_is_served_while_nobody_knows_who_it_is),
      TEST(a_refused_attempt_has_not_run),
      TEST(a_refused_duplicate_leaves_the_run_and_its_record),
      TEST(an_attempt_whose_client_has_gone_while_it_arrives_does_not_run),
      TEST(an_attempt_that_is_cancelled_while_it_arrives_does_not_run),
      TEST(attempts_that_arrive_count_as_calls_of_their_connection),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
