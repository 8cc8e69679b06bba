/* The server engine: what verdicts of the store become, messages in parts, and memory that does not
 * grow (protocol 2.5, 4.5, 6; S9, S20). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/failing_allocator.h"
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
  assert_int_equal(0, failing_allocator_live());
  return 0;
}

/* ---- verdicts ---- */

struct told {
  enum sure_store_verdict verdict;
  enum sure_code code;
  enum sure_reason reason;
  unsigned flags;
};

static void what_the_store_says_of_a_call_is_told(void **state) {
  (void)state;
  static const struct told cases[] = {
      {SURE_STORE_BUSY, SURE_UNAVAILABLE, SURE_REASON_STORE_BUSY, SURE__NOT_RUN},
      {SURE_STORE_FULL, SURE_RESOURCE_EXHAUSTED, SURE_REASON_OVERLOADED, SURE__NOT_RUN},
      {SURE_STORE_BROKE, SURE_INTERNAL, SURE_REASON_HANDLER_BROKE_TRANSACTION, SURE__ROLLED_BACK},
      {SURE_STORE_LOST, SURE_UNAVAILABLE, SURE_REASON_SESSION_LOST, 0},
      {SURE_STORE_STALE, SURE_FAILED_PRECONDITION, SURE_REASON_STALE, 0},
      {SURE_STORE_TOMBSTONE, SURE_ABORTED, SURE_REASON_TOMBSTONE, SURE__RECORDED},
      {SURE_STORE_IN_PROGRESS, SURE_UNAVAILABLE, SURE_REASON_IN_DOUBT, 0},
      {SURE_STORE_IN_DOUBT, SURE_UNAVAILABLE, SURE_REASON_IN_DOUBT, 0},
  };
  for (uint64_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    driver.script[SURE_STORE_CALL] = cases[i].verdict;
    driver.script[SURE_STORE_INTENT] = cases[i].verdict;
    client_call(&a, DRIVER_IN_STORE, 1 + i, "charge");
    client_expect_response(&a, 1 + i, cases[i].code, cases[i].reason, cases[i].flags);
    client_call(&a, DRIVER_CLAIMS, 1 + i, "charge");
    client_expect_response(&a, 1 + i, cases[i].code, cases[i].reason, cases[i].flags);
  }
  assert_int_equal(0, driver.run_count);
}

/* It has run, and what it did is not recorded: nothing can be said until it is. */
static void a_store_without_room_for_the_end_of_a_run_is_told_it_until_it_has(void **state) {
  (void)state;
  driver.script[SURE_STORE_COMPLETE] = SURE_STORE_FULL;
  client_call(&a, DRIVER_CLAIMS, 1, "charge");
  driver_advance(&driver, 1000);
  client_expect(&a, SURE__ACCEPTED);
  client_retry(&a, DRIVER_CLAIMS, 1, 2, "charge");
  driver_advance(&driver, 10);
  client_expect(&a,
                SURE__ACCEPTED); /* who joins does not wait for that longer than for any other */
  driver.script[SURE_STORE_COMPLETE] = SURE_STORE_PENDING;
  driver_advance(&driver, 1000);
  client_expect_response(&a, 1, SURE_OK, SURE_REASON_NONE, SURE__RECORDED);
  client_expect_response(&a, 1, SURE_OK, SURE_REASON_NONE, SURE__RECORDED | SURE__JOINED);
  assert_int_equal(1, driver.run_count);
}

static void the_end_of_a_run_is_told_a_busy_store_again(void **state) {
  (void)state;
  driver.holds_runs = true;
  client_call(&a, DRIVER_CLAIMS, 1, "charge");
  driver.holds_store = true;
  driver_release_runs(&driver);
  struct sure_call *call = sure__container_of(driver.held_calls.next, struct sure_call, link);
  sure__list_remove(&call->link);
  call->op.verdict = SURE_STORE_BUSY;
  sure__server_store_done(&driver.server, &call->op, driver.now_ms);
  client_expect_silence(&a);
  driver_release_store(&driver);
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
  assert_int_equal(1, driver.run_count);
}

static void after_a_failed_store_nobody_is_answered_and_connections_close(void **state) {
  (void)state;
  static const enum sure_store_op_kind kinds[] = {SURE_STORE_CALL, SURE_STORE_INTENT,
                                                  SURE_STORE_COMPLETE};
  static const enum driver_method methods[] = {DRIVER_IN_STORE, DRIVER_CLAIMS, DRIVER_CLAIMS};
  struct client b;
  for (size_t i = 0; i < 3; i++) {
    struct sure_session_id session = a.session;
    assert_true(client_connect(&driver, &b));
    assert_int_equal(SURE__ATTACHED_OPEN, client_attach(&b, SURE__ATTACH_RESUME, &session));
    driver.script[kinds[i]] = SURE_STORE_FAILED;
    driver.holds_store = true;
    client_call(&a, methods[i], 1 + i, "charge");
    client_retry(&b, methods[i], 1 + i, 2, "charge");
    client_settle(&b, 70, 1 + i);
    driver_release_store(&driver);
    client_expect_closed(&a, 0);
    client_expect_closed(&b, 0);
    driver.script[kinds[i]] = SURE_STORE_PENDING;
    client_fini(&a);
    client_fini(&b);
    client_open(&driver, &a);
  }
}

static void an_external_effect_that_failed_stays_in_doubt(void **state) {
  (void)state;
  driver.code = SURE_UNAVAILABLE;
  client_call(&a, DRIVER_EXTERNAL, 1, "charge");
  client_expect_response(&a, 1, SURE_UNAVAILABLE, SURE_REASON_IN_DOUBT, 0);
  client_retry(&a, DRIVER_EXTERNAL, 1, 2, "charge");
  client_expect_response(&a, 1, SURE_UNAVAILABLE, SURE_REASON_IN_DOUBT, 0);
  assert_int_equal(1, driver.run_count);
}

/* ---- messages in parts ---- */

static char text[200002];

static const char *text_of(size_t len) {
  memset(text, 'm', len);
  text[len] = '\0';
  return text;
}

/* Where the i-th frame of what `frame` becomes begins in `bytes`. */
static size_t part_at(const struct sure__buffer *bytes, unsigned i) {
  size_t at = 0;
  for (; i > 0; i--) {
    uint32_t len;
    memcpy(&len, bytes->data + at, sizeof len);
    at += len;
  }
  return at;
}

static void a_message_of_several_frames_is_put_together(void **state) {
  (void)state;
  driver.reply = "ok";
  client_call(&a, DRIVER_IN_STORE, 1, text_of(140000));
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
  client_retry(&a, DRIVER_IN_STORE, 1, 2, text_of(140000));
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED | SURE__REPLAYED);
  assert_int_equal(1, driver.run_count);
}

static void a_message_at_the_limit_is_taken_and_one_past_it_is_a_protocol_error(void **state) {
  (void)state;
  driver.reply = "ok";
  client_call(&a, DRIVER_IN_STORE, 1, text_of(driver_config.message_len_max));
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
  client_call(&a, DRIVER_IN_STORE, 2, text_of(driver_config.message_len_max + 1));
  client_expect_closed(&a, SURE__GOAWAY_PROTOCOL_ERROR);
}

static void a_message_that_is_longer_than_announced_is_a_protocol_error(void **state) {
  (void)state;
  struct sure__buffer bytes = {0};
  struct sure__frame frame = client_request(&a, DRIVER_IN_STORE, 1, text_of(140000));
  assert_true(sure__frame_encode(&bytes, &frame));
  size_t second = part_at(&bytes, 1);
  size_t third = part_at(&bytes, 2);
  client_feed(&a, (struct sure_bytes){bytes.data, third});
  client_feed(&a, (struct sure_bytes){bytes.data + second, third - second});
  client_expect_closed(&a, SURE__GOAWAY_PROTOCOL_ERROR);
  assert_int_equal(0, driver.run_count);
  sure__buffer_fini(&bytes);
}

static void a_message_that_is_shorter_than_announced_is_a_protocol_error(void **state) {
  (void)state;
  struct sure__buffer bytes = {0};
  struct sure__frame frame = client_request(&a, DRIVER_IN_STORE, 1, text_of(140000));
  assert_true(sure__frame_encode(&bytes, &frame));
  size_t second = part_at(&bytes, 1);
  size_t third = part_at(&bytes, 2);
  client_feed(&a, (struct sure_bytes){bytes.data, second});
  client_feed(&a, (struct sure_bytes){bytes.data + third, bytes.len - third}); /* the last */
  client_expect_closed(&a, SURE__GOAWAY_PROTOCOL_ERROR);
  assert_int_equal(0, driver.run_count);
  sure__buffer_fini(&bytes);
}

/* The first part of a message of the greatest length. */
static void begin_message(uint64_t sequence) {
  struct sure__buffer bytes = {0};
  struct sure__frame frame =
      client_request(&a, DRIVER_IN_STORE, sequence, text_of(driver_config.message_len_max));
  assert_true(sure__frame_encode(&bytes, &frame));
  client_feed(&a, (struct sure_bytes){bytes.data, part_at(&bytes, 1)});
  sure__buffer_fini(&bytes);
}

static void a_message_that_is_given_up_in_the_middle_leaves_room_for_others(void **state) {
  (void)state;
  struct sure__server_config config = driver_config;
  config.connection_calls_max = 100;
  driver.server.config = config;
  for (uint64_t i = 1; i <= 4; i++) {
    begin_message(i);
  }
  client_send(&a, &(struct sure__frame){.type = SURE__CANCEL, .sequence = 2, .attempt = 1});
  begin_message(5);
  client_expect_silence(&a); /* otherwise it would be one too many */
  assert_int_equal(0, driver.run_count);
}

static void too_many_unfinished_messages_are_refused(void **state) {
  (void)state;
  struct sure__server_config config = driver_config;
  config.connection_calls_max = 100;
  driver.server.config = config;
  for (uint64_t i = 1; i <= 4; i++) {
    begin_message(i);
  }
  client_expect_silence(&a);
  begin_message(5);
  client_expect_response(&a, 5, SURE_RESOURCE_EXHAUSTED, SURE_REASON_OVERLOADED, SURE__NOT_RUN);
  client_call(&a, DRIVER_IN_STORE, 6, "a small one");
  client_expect_response(&a, 6, SURE_OK, 0, SURE__RECORDED);
}

static void unfinished_messages_go_with_their_connection(void **state) {
  (void)state;
  begin_message(1);
  begin_message(2);
  client_lose(&a); /* leaks are looked for at the end */
  assert_int_equal(0, driver.run_count);
}

/* ---- memory ---- */

static void forget_what_was_said(struct client *client) {
  sure__buffer_clear(&client->out, 1 << 20);
  sure__buffer_clear(&client->sent, 1 << 20);
  client->heard_len = 0;
}

static void records_are_freed_as_acks_advance(void **state) {
  (void)state;
  size_t live = 0;
  for (uint64_t i = 1; i <= 1000000; i++) {
    struct sure__frame frame = client_request(&a, DRIVER_IN_STORE, i, "charge");
    frame.request.watermark = i;
    client_send(&a, &frame);
    client_expect_response(&a, i, SURE_OK, 0, SURE__RECORDED);
    forget_what_was_said(&a);
    if (i == 100) {
      live = failing_allocator_live();
    }
    assert_true(i < 100 || failing_allocator_live() <= live);
  }
  assert_int_equal(1000000, driver.apply_count);
}

static void records_are_freed_while_one_slow_call_pins_the_watermark(void **state) {
  (void)state;
  size_t live = 0;
  driver.holds_runs = true;
  client_call(&a, DRIVER_CLAIMS, 1, "slow");
  driver.holds_runs = false;
  for (uint64_t i = 2; i <= 1000000; i++) {
    client_call(&a, DRIVER_IN_STORE, i, "charge");
    client_expect_response(&a, i, SURE_OK, 0, SURE__RECORDED);
    client_ack(&a, 1, &(struct sure_range){2, i}, 1);
    forget_what_was_said(&a);
    if (i == 100) {
      live = failing_allocator_live();
    }
    assert_true(i < 100 || failing_allocator_live() <= live);
  }
  client_retry(&a, DRIVER_IN_STORE, 500000, 2, "charge");
  client_expect_response(&a, 500000, SURE_FAILED_PRECONDITION, SURE_REASON_STALE, 0);
  driver_release_runs(&driver);
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
}

static void an_ack_that_a_busy_store_refused_is_told_again(void **state) {
  (void)state;
  client_call(&a, DRIVER_IN_STORE, 1, "charge");
  client_expect_response(&a, 1, SURE_OK, 0, SURE__RECORDED);
  driver.script[SURE_STORE_ACK] = SURE_STORE_BUSY;
  client_ack(&a, 2, NULL, 0);
  driver.script[SURE_STORE_ACK] = SURE_STORE_PENDING;
  struct sure__frame frame = client_request(&a, DRIVER_IN_STORE, 3, "charge");
  frame.request.watermark = 3;
  client_send(&a, &frame);
  client_expect_response(&a, 3, SURE_OK, 0, SURE__RECORDED);
  client_settle(&a, 70, 1);
  assert_int_equal(SURE__SETTLED_ALREADY_ACKED, client_expect(&a, SURE__SETTLED).settled.verdict);
}

static void a_session_that_is_closed_with_all_acknowledged_is_forgotten(void **state) {
  (void)state;
  struct client b;
  struct sure__buffer batch = {0};
  client_call(&a, DRIVER_IN_STORE, 1, "charge");
  struct sure__frame frame = client_request(&a, DRIVER_READ, 2, "x");
  frame.request.watermark = 2; /* takes the acknowledgment along */
  assert_true(sure__frame_encode(&batch, &frame));
  assert_true(sure__frame_encode(&batch, &(struct sure__frame){.type = SURE__CLOSE_SESSION}));
  client_feed(&a, (struct sure_bytes){batch.data, batch.len});
  sure__buffer_fini(&batch);
  assert_true(client_connect(&driver, &b));
  assert_int_equal(SURE__ATTACHED_LOST, client_attach(&b, SURE__ATTACH_RESUME, &a.session));
  client_fini(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      TEST(what_the_store_says_of_a_call_is_told),
      TEST(a_store_without_room_for_the_end_of_a_run_is_told_it_until_it_has),
      TEST(the_end_of_a_run_is_told_a_busy_store_again),
      TEST(after_a_failed_store_nobody_is_answered_and_connections_close),
      TEST(an_external_effect_that_failed_stays_in_doubt),
      TEST(a_message_of_several_frames_is_put_together),
      TEST(a_message_at_the_limit_is_taken_and_one_past_it_is_a_protocol_error),
      TEST(a_message_that_is_longer_than_announced_is_a_protocol_error),
      TEST(a_message_that_is_shorter_than_announced_is_a_protocol_error),
      TEST(a_message_that_is_given_up_in_the_middle_leaves_room_for_others),
      TEST(too_many_unfinished_messages_are_refused),
      TEST(unfinished_messages_go_with_their_connection),
      TEST(records_are_freed_as_acks_advance),
      TEST(records_are_freed_while_one_slow_call_pins_the_watermark),
      TEST(an_ack_that_a_busy_store_refused_is_told_again),
      TEST(a_session_that_is_closed_with_all_acknowledged_is_forgotten),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
