/* The server engine: from connect to ATTACHED, and who is let go when (S1, protocol 3 and 9). */
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
  return 0;
}

static int end(void **state) {
  (void)state;
  driver_fini(&driver);
  return 0;
}

static void hello(struct client *client, uint16_t version_min, uint16_t version_max) {
  client_send(client, &(struct sure__frame){.type = SURE__HELLO,
                                            .hello = {.version_min = version_min,
                                                      .version_max = version_max,
                                                      .message_len_max = 1000}});
}

static void a_captured_byte_stream_replayed_on_a_new_connection_does_nothing(void **state) {
  (void)state;
  client_open(&driver, &a);
  client_call(&a, DRIVER_IN_STORE, 1, "charge");
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
  assert_int_equal(1, driver.apply_count);

  assert_true(client_connect(&driver, &b));
  client_feed(&b, (struct sure_bytes){a.sent.data, a.sent.len});
  client_expect(&b, SURE__WELCOME);
  client_expect_closed(&b, SURE__GOAWAY_PROTOCOL_ERROR);
  assert_int_equal(1, driver.apply_count);
  assert_int_equal(1, driver.asked[SURE_STORE_ATTACH]);
  client_fini(&a);
  client_fini(&b);
}

static void no_frame_that_needs_a_session_is_taken_before_attached(void **state) {
  (void)state;
  static const uint8_t types[] = {SURE__REQUEST, SURE__CANCEL, SURE__SETTLE, SURE__CLOSE_SESSION};
  for (size_t i = 0; i < sizeof types; i++) {
    assert_true(client_connect(&driver, &a));
    hello(&a, 1, 1);
    client_expect(&a, SURE__WELCOME);
    struct sure__frame frame = client_request(&a, DRIVER_IN_STORE, 1, "charge");
    frame.type = types[i];
    if (types[i] == SURE__SETTLE) {
      frame = (struct sure__frame){.type = SURE__SETTLE, .settle = {.target = 1}};
    }
    client_send(&a, &frame);
    client_expect_closed(&a, SURE__GOAWAY_PROTOCOL_ERROR);
    client_fini(&a);
  }
  assert_true(client_connect(&driver, &a));
  hello(&a, 1, 1);
  client_expect(&a, SURE__WELCOME);
  client_ack(&a, 1, NULL, 0);
  client_expect_closed(&a, SURE__GOAWAY_PROTOCOL_ERROR);
  client_fini(&a);
  assert_int_equal(0, driver.run_count);
}

static void a_request_while_the_store_is_asked_to_attach_is_refused(void **state) {
  (void)state;
  assert_true(client_connect(&driver, &a));
  driver.holds_store = true;
  assert_int_equal(0, client_attach(&a, SURE__ATTACH_NEW, NULL));
  client_call(&a, DRIVER_IN_STORE, 1, "charge");
  client_expect_closed(&a, SURE__GOAWAY_PROTOCOL_ERROR);
  driver_release_store(&driver); /* the answer finds nobody */
  assert_int_equal(0, driver.run_count);
  client_fini(&a);
}

static void a_first_frame_that_is_not_hello_ends_the_connection_without_a_word(void **state) {
  (void)state;
  assert_true(client_connect(&driver, &a));
  client_send(&a, &(struct sure__frame){.type = SURE__PING, .sequence = 1});
  client_expect_closed(&a, 0);
  client_fini(&a);
  assert_true(client_connect(&driver, &a));
  client_feed(&a, (struct sure_bytes){(const uint8_t *)"GET / HTTP/1.1\r\n", 16});
  client_expect_closed(&a, 0);
  client_fini(&a);
}

static void versions_that_do_not_meet_end_with_goaway_version(void **state) {
  (void)state;
  assert_true(client_connect(&driver, &a));
  hello(&a, 2, 9);
  client_expect_closed(&a, SURE__GOAWAY_VERSION);
  client_fini(&a);
  assert_true(client_connect(&driver, &a));
  hello(&a, 1, 9);
  assert_int_equal(1, client_expect(&a, SURE__WELCOME).welcome.version);
  client_fini(&a);
}

static void a_second_hello_or_attach_is_a_protocol_error(void **state) {
  (void)state;
  client_open(&driver, &a);
  hello(&a, 1, 1);
  client_expect_closed(&a, SURE__GOAWAY_PROTOCOL_ERROR);
  client_fini(&a);
  client_open(&driver, &a);
  client_send(
      &a, &(struct sure__frame){.type = SURE__ATTACH,
                                .attach = {.mode = SURE__ATTACH_NEW, .challenge = a.challenge}});
  client_expect_closed(&a, SURE__GOAWAY_PROTOCOL_ERROR);
  client_fini(&a);
}

static void frames_that_only_servers_send_are_refused(void **state) {
  (void)state;
  static const uint8_t types[] = {SURE__WELCOME, SURE__ATTACHED, SURE__ACCEPTED, SURE__RESPONSE,
                                  SURE__SETTLED};
  for (size_t i = 0; i < sizeof types; i++) {
    client_open(&driver, &a);
    struct sure__frame frame = {.type = types[i], .sequence = 1, .attempt = 1};
    frame.attached.state = types[i] == SURE__ATTACHED ? SURE__ATTACHED_OPEN : 0;
    if (types[i] == SURE__SETTLED) {
      frame.settled.verdict = SURE__SETTLED_RECORD;
    }
    client_send(&a, &frame);
    client_expect_closed(&a, SURE__GOAWAY_PROTOCOL_ERROR);
    client_fini(&a);
  }
}

static void a_session_that_is_not_known_is_lost_and_a_new_one_may_follow(void **state) {
  (void)state;
  struct sure_session_id unknown = {{1, 2, 3}};
  assert_true(client_connect(&driver, &a));
  assert_int_equal(SURE__ATTACHED_LOST, client_attach(&a, SURE__ATTACH_RESUME, &unknown));
  client_send(
      &a, &(struct sure__frame){.type = SURE__ATTACH,
                                .attach = {.mode = SURE__ATTACH_NEW, .challenge = a.challenge}});
  assert_int_equal(SURE__ATTACHED_OPEN, client_expect(&a, SURE__ATTACHED).attached.state);
  client_fini(&a);
}

static void a_session_id_is_the_servers_and_never_the_clients(void **state) {
  (void)state;
  struct sure_session_id wish = {{7}};
  assert_true(client_connect(&driver, &a));
  assert_int_equal(SURE__ATTACHED_OPEN, client_attach(&a, SURE__ATTACH_NEW, &wish));
  assert_memory_not_equal(wish.bytes, a.session.bytes, sizeof wish.bytes);
  client_fini(&a);
}

static void what_the_store_says_of_an_attach_is_told(void **state) {
  (void)state;
  static const struct {
    enum sure_store_verdict verdict;
    int attached;
  } cases[] = {{SURE_STORE_BUSY, SURE__ATTACHED_BUSY},
               {SURE_STORE_FULL, SURE__ATTACHED_FULL},
               {SURE_STORE_FENCED, SURE__ATTACHED_FENCED},
               {SURE_STORE_FAILED, SURE__ATTACHED_BUSY}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    driver.script[SURE_STORE_ATTACH] = cases[i].verdict;
    assert_true(client_connect(&driver, &a));
    assert_int_equal(cases[i].attached, client_attach(&a, SURE__ATTACH_NEW, NULL));
    client_call(&a, DRIVER_IN_STORE, 1, "charge");
    client_expect_closed(&a, SURE__GOAWAY_PROTOCOL_ERROR);
    client_fini(&a);
  }
  assert_int_equal(0, driver.run_count);
}

static void a_session_at_work_is_attached_again_without_waiting_for_the_store(void **state) {
  (void)state;
  client_open(&driver, &a);
  size_t asked = driver.asked[SURE_STORE_ATTACH];
  driver.script[SURE_STORE_ATTACH] = SURE_STORE_BUSY; /* the store would say so */
  assert_true(client_connect(&driver, &b));
  assert_int_equal(SURE__ATTACHED_OPEN, client_attach(&b, SURE__ATTACH_RESUME, &a.session));
  assert_int_equal(asked, driver.asked[SURE_STORE_ATTACH]);
  driver.script[SURE_STORE_ATTACH] = SURE_STORE_PENDING;
  client_fini(&b);
  client_fini(&a);
}

static void without_a_session_only_methods_without_side_effects_are_served(void **state) {
  (void)state;
  assert_true(client_connect(&driver, &a));
  assert_int_equal(SURE__ATTACHED_NONE, client_attach(&a, SURE__ATTACH_NONE, NULL));
  client_call(&a, DRIVER_READ, 1, "x");
  client_expect_response(&a, 1, SURE_OK, 0, 0);
  static const enum driver_method refused[] = {DRIVER_IN_STORE, DRIVER_CLAIMS, DRIVER_ALO};
  for (uint64_t i = 0; i < 3; i++) {
    client_call(&a, refused[i], 2 + i, "x");
    client_expect_response(&a, 2 + i, SURE_FAILED_PRECONDITION, SURE_REASON_SESSION_LOST,
                           SURE__NOT_RUN);
  }
  client_ack(&a, 2, NULL, 0);
  client_send(&a, &(struct sure__frame){.type = SURE__CLOSE_SESSION});
  client_expect_silence(&a);
  assert_int_equal(1, driver.run_count);
  assert_int_equal(0, driver.asked[SURE_STORE_ACK]);
  client_fini(&a);
}

static void who_does_not_attach_in_time_is_let_go(void **state) {
  (void)state;
  assert_true(client_connect(&driver, &a));
  driver_advance(&driver, driver_config.handshake_ms_max / 2);
  hello(&a, 1, 1);
  client_expect(&a, SURE__WELCOME);
  driver_advance(&driver, driver_config.handshake_ms_max / 2 - 1);
  client_expect_silence(&a);
  driver_advance(&driver, 1);
  client_expect_closed(&a, SURE__GOAWAY_IDLE);
  client_fini(&a);
}

static void the_silent_are_pinged_and_then_closed(void **state) {
  (void)state;
  client_open(&driver, &a);
  driver_advance(&driver, driver_config.keepalive_time_ms);
  client_expect(&a, SURE__PING);
  client_send(&a, &(struct sure__frame){.type = SURE__PONG});
  driver_advance(&driver, driver_config.keepalive_time_ms);
  client_expect(&a, SURE__PING);
  client_expect_silence(&a);
  driver_advance(&driver, driver_config.keepalive_timeout_ms);
  client_expect_closed(&a, SURE__GOAWAY_IDLE);
  client_fini(&a);
}

/* Found by the simulator: with a handshake limit over both keepalive times, and after a pause of
 * the process, clients were closed as silent that nobody had asked. */
static void nobody_is_silent_who_was_not_pinged(void **state) {
  (void)state;
  client_open(&driver, &a);
  driver.now_ms += driver_config.keepalive_time_ms + driver_config.keepalive_timeout_ms;
  driver_advance(&driver, 0);
  client_expect(&a, SURE__PING);
  client_expect_silence(&a);
  client_send(&a, &(struct sure__frame){.type = SURE__PONG});
  driver_advance(&driver, driver_config.keepalive_timeout_ms);
  client_expect_silence(&a);
  client_fini(&a);
}

static void a_ping_is_answered_with_its_number(void **state) {
  (void)state;
  client_open(&driver, &a);
  client_send(&a, &(struct sure__frame){.type = SURE__PING, .sequence = 77});
  assert_int_equal(77, client_expect(&a, SURE__PONG).sequence);
  client_fini(&a);
}

static void types_of_a_later_version_are_ignored_if_they_may_be(void **state) {
  (void)state;
  uint8_t frame[SURE__FRAME_HEADER_LEN] = {SURE__FRAME_HEADER_LEN, 0, 0, 0, 0x95};
  client_open(&driver, &a);
  client_feed(&a, (struct sure_bytes){frame, sizeof frame});
  client_expect_silence(&a);
  frame[4] = 0x15;
  client_feed(&a, (struct sure_bytes){frame, sizeof frame});
  client_expect_closed(&a, SURE__GOAWAY_PROTOCOL_ERROR);
  client_fini(&a);
}

static void draining_refuses_new_sessions_and_closes_those_who_are_not_attached(void **state) {
  (void)state;
  assert_true(client_connect(&driver, &a));
  client_open(&driver, &b);
  sure__server_drain(&driver.server);
  driver_work(&driver);
  client_expect_closed(&a, SURE__GOAWAY_DRAINING);
  assert_int_equal(SURE__GOAWAY_DRAINING, client_expect(&b, SURE__GOAWAY).goaway.reason);
  client_expect_silence(&b);
  client_fini(&a);
  assert_true(client_connect(&driver, &a));
  assert_int_equal(0, client_attach(&a, SURE__ATTACH_NEW, NULL));
  assert_true(a.is_closed);
  client_fini(&a);
  client_fini(&b);
}

static void attached_sessions_are_renewed_and_abandoned_ones_are_fenced(void **state) {
  (void)state;
  client_open(&driver, &a);
  client_open(&driver, &b);
  client_call(&b, DRIVER_IN_STORE, 1, "charge");
  struct sure_session_id left = b.session;
  client_fini(&b);
  for (int i = 0; i < 10; i++) { /* 10 s: three leases, and less than lease and retention */
    driver_advance(&driver, 1000);
    client_send(&a, &(struct sure__frame){.type = SURE__PING});
  }
  client_call(&a, DRIVER_IN_STORE, 1, "charge");
  assert_int_equal(2, driver.apply_count);
  assert_true(client_connect(&driver, &b));
  assert_int_equal(SURE__ATTACHED_FENCED, client_attach(&b, SURE__ATTACH_RESUME, &left));
  client_fini(&b);
  for (int i = 0; i < 20; i++) { /* past the retention */
    driver_advance(&driver, 1000);
    client_send(&a, &(struct sure__frame){.type = SURE__PING});
  }
  assert_true(client_connect(&driver, &b));
  assert_int_equal(SURE__ATTACHED_LOST, client_attach(&b, SURE__ATTACH_RESUME, &left));
  client_fini(&b);
  client_fini(&a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_captured_byte_stream_replayed_on_a_new_connection_does_nothing),
      TEST(no_frame_that_needs_a_session_is_taken_before_attached),
      TEST(a_request_while_the_store_is_asked_to_attach_is_refused),
      TEST(a_first_frame_that_is_not_hello_ends_the_connection_without_a_word),
      TEST(versions_that_do_not_meet_end_with_goaway_version),
      TEST(a_second_hello_or_attach_is_a_protocol_error),
      TEST(frames_that_only_servers_send_are_refused),
      TEST(a_session_that_is_not_known_is_lost_and_a_new_one_may_follow),
      TEST(a_session_id_is_the_servers_and_never_the_clients),
      TEST(what_the_store_says_of_an_attach_is_told),
      TEST(a_session_at_work_is_attached_again_without_waiting_for_the_store),
      TEST(without_a_session_only_methods_without_side_effects_are_served),
      TEST(who_does_not_attach_in_time_is_let_go),
      TEST(the_silent_are_pinged_and_then_closed),
      TEST(nobody_is_silent_who_was_not_pinged),
      TEST(a_ping_is_answered_with_its_number),
      TEST(types_of_a_later_version_are_ignored_if_they_may_be),
      TEST(draining_refuses_new_sessions_and_closes_those_who_are_not_attached),
      TEST(attached_sessions_are_renewed_and_abandoned_ones_are_fenced),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
