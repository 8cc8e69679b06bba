/* How long a connection may be silent, talkative or old, and how many sessions it may open. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/server_driver.h"

static struct driver driver;
static struct client client;

static int begin(void **state) {
  (void)state;
  struct sure__server_config config = driver_config;
  config.ping_interval_ms_min = 1000;
  config.connection_age_ms_max = 10000;
  config.connection_age_grace_ms = 3000;
  driver_init(&driver, &config);
  return 0;
}

static int end(void **state) {
  (void)state;
  client_fini(&client);
  driver_fini(&driver);
  return 0;
}

static void ping(void) {
  client_send(&client, &(struct sure__frame){.type = SURE__PING, .sequence = 5});
}

/* Answers the server's PINGs, so that nothing but age ends the connection. */
static void stay_until(uint64_t ms) {
  while (driver.now_ms < 1000 + ms && !client.is_closed) {
    driver_advance(&driver, 500);
    client_send(&client, &(struct sure__frame){.type = SURE__PONG});
  }
}

static void pings_without_a_pause_end_the_connection(void **state) {
  (void)state;
  client_open(&driver, &client);
  for (int i = 0; i < 3; i++) {
    ping();
    client_expect(&client, SURE__PONG);
  }
  ping();
  client_expect_closed(&client, SURE__GOAWAY_TOO_MANY_PINGS);
}

static void pings_with_pauses_are_answered(void **state) {
  (void)state;
  client_open(&driver, &client);
  for (int i = 0; i < 8; i++) {
    ping();
    client_expect(&client, SURE__PONG);
    driver_advance(&driver, 1000);
  }
}

static void pings_between_calls_are_answered(void **state) {
  (void)state;
  client_open(&driver, &client);
  for (uint64_t i = 1; i <= 8; i++) {
    ping();
    client_expect(&client, SURE__PONG);
    client_call(&client, DRIVER_READ, i, "x");
    client_expect(&client, SURE__RESPONSE);
  }
}

/* Of its heartbeats only; they are not what the test is about. */
static struct sure__frame next_but_pings(void) {
  struct sure__frame frame;
  do {
    assert_true(client_next(&client, &frame));
  } while (frame.type == SURE__PING);
  return frame;
}

static void an_old_connection_is_told_to_leave_and_its_calls_are_answered(void **state) {
  (void)state;
  client_open(&driver, &client);
  stay_until(8500);
  driver.holds_runs = true;
  client_call(&client, DRIVER_CLAIMS, 1, "x");
  stay_until(11500);
  assert_false(client.is_closed);
  assert_int_equal(SURE__ACCEPTED, next_but_pings().type);
  struct sure__frame frame = next_but_pings();
  assert_int_equal(SURE__GOAWAY, frame.type);
  assert_int_equal(SURE__GOAWAY_MAX_AGE, frame.goaway.reason);
  driver_release_runs(&driver);
  frame = next_but_pings();
  assert_int_equal(SURE__RESPONSE, frame.type);
  assert_int_equal(SURE_OK, frame.response.code);
}

static void an_old_connection_that_stays_is_closed(void **state) {
  (void)state;
  client_open(&driver, &client);
  stay_until(15000);
  assert_true(client.is_closed);
  assert_true(driver.now_ms >= 1000 + 9000 + 3000);
}

/* It may be one of many that came at the same time. */
static void old_connections_do_not_leave_all_at_once(void **state) {
  (void)state;
  client_open(&driver, &client);
  uint64_t at_ms = client.peer.old_at_ms;
  assert_in_range(at_ms, 1000 + 9000, 1000 + 11000);
  struct client second;
  client_open(&driver, &second); /* with another challenge */
  assert_int_not_equal(at_ms, second.peer.old_at_ms);
  client_fini(&second);
}

static void an_address_that_has_opened_its_sessions_has_to_wait(void **state) {
  (void)state;
  atomic_uint left = 1;
  client_connect(&driver, &client);
  client.peer.sessions_left = &left;
  assert_int_equal(SURE__ATTACHED_OPEN, client_attach(&client, SURE__ATTACH_NEW, NULL));
  struct sure_session_id session = client.session;
  client_fini(&client);
  client_connect(&driver, &client);
  client.peer.sessions_left = &left;
  assert_int_equal(SURE__ATTACHED_FULL, client_attach(&client, SURE__ATTACH_NEW, NULL));
  client_fini(&client);
  client_connect(&driver, &client); /* one that it has already is no new one */
  client.peer.sessions_left = &left;
  assert_int_equal(SURE__ATTACHED_OPEN, client_attach(&client, SURE__ATTACH_RESUME, &session));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(pings_without_a_pause_end_the_connection),
      TEST(pings_with_pauses_are_answered),
      TEST(pings_between_calls_are_answered),
      TEST(an_old_connection_is_told_to_leave_and_its_calls_are_answered),
      TEST(an_old_connection_that_stays_is_closed),
      TEST(old_connections_do_not_leave_all_at_once),
      TEST(an_address_that_has_opened_its_sessions_has_to_wait),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
