/* Streams in the server engine (docs/protocol.md, section 12). The test is their handlers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/core/memory.h"
#include "rpc/core/server_stream.h"
#include "tests/lib/server_driver.h"

enum { UPLOAD, WATCH, CHAT, TAKE };

static const struct driver_plan plans[] = {
    [UPLOAD] = {"t.T/Upload", SURE_EXACTLY_ONCE, SURE_RUN_AUTO, .client_streams = true},
    [WATCH] = {"t.T/Watch", SURE_NO_SIDE_EFFECTS, SURE_RUN_AUTO, .server_streams = true},
    [CHAT] = {"t.T/Chat", SURE_EXACTLY_ONCE, SURE_RUN_AUTO, .client_streams = true,
              .server_streams = true},
    [TAKE] = {"t.T/Take", SURE_EXACTLY_ONCE, SURE_RUN_AUTO},
};

static struct driver driver;
static struct client a;
static struct client b;
static struct sure_call *call; /* whose handler runs */

static int begin(void **state) {
  (void)state;
  driver_init_with(&driver, &driver_config, plans, sizeof plans / sizeof plans[0]);
  driver.holds_runs = true;
  client_open(&driver, &a);
  b = (struct client){.is_closed = true};
  return 0;
}

static int end(void **state) {
  (void)state;
  client_fini(&a);
  client_fini(&b);
  driver_fini(&driver);
  return 0;
}

/* The client opens a stream, whose handler runs from now on. */
static void open_stream(int method) {
  client_call(&a, (enum driver_method)method, 1, "");
  assert_int_equal(1, client_expect(&a, SURE__ACCEPTED).attempt);
  call = sure__container_of(driver.held_runs.next, struct sure_call, link);
}

static void open_receiving(int method) {
  open_stream(method);
  struct sure__frame frame = client_expect(&a, SURE__WINDOW);
  assert_int_equal(1, frame.window.index);
  assert_int_equal(SURE__STREAM_WINDOW_LEN, frame.window.credit);
}

/* Another connection of the session, and the next attempt on it. */
static void come_back(int method, uint32_t resumes) {
  struct sure__frame frame = client_request(&a, (enum driver_method)method, 1, "");
  frame.attempt = 2;
  frame.request.resumes = resumes;
  assert_true(client_connect(&driver, &b));
  assert_int_equal(SURE__ATTACHED_OPEN, client_attach(&b, SURE__ATTACH_RESUME, &a.session));
  client_send(&b, &frame);
}

static void send_part(struct client *client, uint32_t attempt, uint64_t index, const char *text,
                      uint32_t offset, uint32_t total) {
  client_send(client,
              &(struct sure__frame){.type = SURE__DATA,
                                    .sequence = 1,
                                    .attempt = attempt,
                                    .payload = {(const uint8_t *)text, strlen(text)},
                                    .data = {.index = index, .offset = offset, .total = total}});
}

static void send_message(struct client *client, uint32_t attempt, uint64_t index,
                         const char *text) {
  send_part(client, attempt, index, text, 0, (uint32_t)strlen(text));
}

static void send_end(struct client *client, uint32_t attempt, uint64_t index) {
  client_send(client, &(struct sure__frame){.type = SURE__DATA,
                                            .flags = SURE__END,
                                            .sequence = 1,
                                            .attempt = attempt,
                                            .data = {.index = index}});
}

static void send_window(struct client *client, uint32_t attempt, struct sure__window window) {
  client_send(client,
              &(struct sure__frame){
                  .type = SURE__WINDOW, .sequence = 1, .attempt = attempt, .window = window});
}

/* ---- the handler ---- */

static void expect_read(const char *text) {
  struct sure__stream_message *message = NULL;
  assert_int_equal(SURE__STREAM_DONE,
                   sure__server_stream_read(&driver.server, call, driver.now_ms, &message));
  assert_int_equal(strlen(text), message->len);
  assert_memory_equal(text, message->data, message->len);
  sure__free(message);
  driver_work(&driver);
}

static void expect_no_read(enum sure__stream_turn turn) {
  struct sure__stream_message *message = NULL;
  assert_int_equal(turn, sure__server_stream_read(&driver.server, call, driver.now_ms, &message));
  assert_null(message);
}

static enum sure__stream_turn write_bytes(const void *bytes, size_t len) {
  struct sure__stream_message *message = sure__alloc(sizeof *message + len);
  assert_non_null(message);
  message->len = len;
  memcpy(message->data, bytes, len);
  enum sure__stream_turn turn =
      sure__server_stream_write(&driver.server, call, driver.now_ms, message);
  if (turn != SURE__STREAM_DONE) {
    sure__free(message);
  }
  driver_work(&driver);
  return turn;
}

static void write_text(const char *text) {
  assert_int_equal(SURE__STREAM_DONE, write_bytes(text, strlen(text)));
}

static void handler_returns(void) {
  driver.reply = "done";
  driver_release_runs(&driver);
}

static void expect_message(struct client *client, uint32_t attempt, uint64_t index,
                           const char *text) {
  struct sure__frame frame = client_expect(client, SURE__DATA);
  assert_int_equal(attempt, frame.attempt);
  assert_int_equal(index, frame.data.index);
  assert_false(frame.data.is_end);
  assert_int_equal(strlen(text), frame.payload.len);
  assert_memory_equal(text, frame.payload.data, frame.payload.len);
}

static void expect_end(struct client *client, uint64_t index) {
  struct sure__frame frame = client_expect(client, SURE__DATA);
  assert_true(frame.data.is_end);
  assert_int_equal(index, frame.data.index);
}

/* ---- tests ---- */

static void messages_of_a_client_come_in_order_and_then_their_end(void **state) {
  (void)state;
  open_receiving(UPLOAD);
  expect_no_read(SURE__STREAM_WAIT);
  send_message(&a, 1, 1, "one");
  send_part(&a, 1, 2, "tw", 0, 3);
  expect_read("one");
  expect_no_read(SURE__STREAM_WAIT);
  send_part(&a, 1, 2, "o", 2, 3);
  send_end(&a, 1, 3);
  expect_read("two");
  expect_no_read(SURE__STREAM_ENDED);
  handler_returns();
  struct sure__frame frame;
  do { /* what was read is acknowledged meanwhile */
    assert_true(client_next(&a, &frame));
  } while (frame.type == SURE__WINDOW);
  assert_int_equal(SURE__RESPONSE, frame.type);
  assert_int_equal(SURE_OK, frame.response.code);
  assert_int_equal(SURE__RECORDED, frame.flags);
}

static void messages_of_a_handler_come_before_its_result(void **state) {
  (void)state;
  open_stream(WATCH);
  write_text("one");
  write_text("two");
  expect_message(&a, 1, 1, "one");
  expect_message(&a, 1, 2, "two");
  handler_returns();
  expect_end(&a, 3);
  client_expect_response(&a, 1, SURE_OK, SURE_REASON_NONE, 0);
}

static void a_failure_comes_after_the_messages_as_well(void **state) {
  (void)state;
  open_stream(WATCH);
  driver.code = SURE_NOT_FOUND;
  write_text("one");
  handler_returns();
  expect_message(&a, 1, 1, "one");
  expect_end(&a, 2);
  client_expect_response(&a, 1, SURE_NOT_FOUND, SURE_REASON_NONE, 0);
}

/* A connection that is lost is no cancel: the handler waits for the next. */
static void a_stream_goes_on_over_another_connection_where_the_handler_stood(void **state) {
  (void)state;
  open_receiving(UPLOAD);
  send_message(&a, 1, 1, "one");
  send_part(&a, 1, 2, "tw", 0, 3);
  client_lose(&a);
  expect_read("one");
  expect_no_read(SURE__STREAM_WAIT);
  come_back(UPLOAD, 1);
  assert_int_equal(2, client_expect(&b, SURE__ACCEPTED).attempt);
  struct sure__frame frame = client_expect(&b, SURE__WINDOW);
  assert_int_equal(2, frame.window.index);
  assert_int_equal(2, frame.window.offset);
  assert_int_equal(1, frame.window.acked);
  send_part(&b, 2, 2, "o", 2, 3);
  send_end(&b, 2, 3);
  expect_read("two");
  expect_no_read(SURE__STREAM_ENDED);
  assert_int_equal(0, driver.run_count); /* the one that runs has not returned */
}

static void what_a_client_has_not_got_is_sent_again_and_no_more_than_that(void **state) {
  (void)state;
  open_stream(WATCH);
  write_text("one");
  write_text("two");
  client_lose(&a);
  write_text("three");
  come_back(WATCH, 1);
  client_expect(&b, SURE__ACCEPTED);
  client_expect_silence(&b); /* until it says where it stands */
  send_window(&b, 2, (struct sure__window){.index = 2, .credit = 1000, .acked = 1});
  expect_message(&b, 2, 2, "two");
  expect_message(&b, 2, 3, "three");
  handler_returns();
  expect_end(&b, 4);
  client_expect_response(&b, 1, SURE_OK, SURE_REASON_NONE, SURE__JOINED);
}

static void a_result_that_was_lost_is_told_again_with_the_messages_before_it(void **state) {
  (void)state;
  open_stream(WATCH);
  write_text("one");
  handler_returns();
  client_lose(&a);
  come_back(WATCH, 1);
  client_expect(&b, SURE__ACCEPTED);
  send_window(&b, 2, (struct sure__window){.index = 1, .credit = 1000});
  expect_message(&b, 2, 1, "one");
  expect_end(&b, 2);
  client_expect_response(&b, 1, SURE_OK, SURE_REASON_NONE, SURE__JOINED);
  client_ack(&b, 2, NULL, 0);
  assert_true(sure__list_is_empty(&driver.server.streams));
}

static void an_attempt_that_is_late_does_not_take_a_stream_back(void **state) {
  (void)state;
  open_stream(WATCH);
  come_back(WATCH, 0);
  client_expect(&b, SURE__ACCEPTED);
  client_call(&a, (enum driver_method)WATCH, 1, "");
  client_expect_silence(&a);
  send_window(&b, 2, (struct sure__window){.index = 1, .credit = 1000});
  write_text("one");
  expect_message(&b, 2, 1, "one");
  client_expect_silence(&a);
}

/* Found by the simulator: servers may each have a run of a call that claims nothing. */
static void a_stream_that_its_client_has_from_another_server_is_not_joined(void **state) {
  (void)state;
  open_stream(WATCH);
  struct sure__frame frame = client_request(&a, (enum driver_method)WATCH, 1, "");
  frame.attempt = 3;
  frame.request.resumes = 2;
  client_send(&a, &frame);
  client_expect_response(&a, 1, SURE_UNAVAILABLE, SURE_REASON_STREAM_LOST, 0);
}

/* Found by the simulator: it was OPEN for whoever attached, and lost for whatever he then did. */
static void a_session_that_only_a_stream_keeps_here_may_be_over(void **state) {
  (void)state;
  open_stream(WATCH);
  client_lose(&a);
  driver_advance(&driver, 4 * 3000); /* its lease, and looks for sessions to fence */
  assert_true(client_connect(&driver, &b));
  assert_int_equal(SURE__ATTACHED_FENCED, client_attach(&b, SURE__ATTACH_RESUME, &a.session));
}

static void a_stream_on_which_nothing_happens_for_too_long_is_over(void **state) {
  (void)state;
  driver.server.config.stream_idle_ms = 500;
  open_receiving(UPLOAD);
  for (uint64_t i = 1; i <= 3; i++) {
    driver_advance(&driver, 400);
    send_message(&a, 1, i, "one"); /* what comes keeps it alive */
  }
  for (unsigned i = 1; i <= 3; i++) {
    driver_advance(&driver, 400);
    expect_read("one"); /* and what is taken */
  }
  driver_advance(&driver, 499);
  expect_no_read(SURE__STREAM_WAIT);
  driver_advance(&driver, 1);
  expect_no_read(SURE__STREAM_OVER);
}

static void a_stream_that_is_gone_is_not_begun_anew_in_the_middle(void **state) {
  (void)state;
  struct sure__frame frame = client_request(&a, (enum driver_method)UPLOAD, 1, "");
  frame.attempt = 2;
  frame.request.resumes = 1;
  client_send(&a, &frame);
  client_expect_response(&a, 1, SURE_UNAVAILABLE, SURE_REASON_STREAM_LOST, 0);
  assert_int_equal(0, driver.run_count);
  frame.request.resumes = 0; /* its client has seen nothing of it, so it may */
  client_send(&a, &frame);
  assert_int_equal(2, client_expect(&a, SURE__ACCEPTED).attempt);
}

static void a_handler_is_held_back_by_what_its_client_does_not_take(void **state) {
  (void)state;
  static uint8_t bytes[40000];
  open_stream(WATCH);
  unsigned count = 0;
  while (count < 100 && write_bytes(bytes, sizeof bytes) == SURE__STREAM_DONE) {
    count++;
  }
  assert_in_range(count, 6, 7); /* the window, and one that is begun in it */
  size_t sent_len = 0;
  struct sure__frame frame;
  while (client_next(&a, &frame)) {
    sent_len += frame.payload.len;
  }
  assert_in_range(sent_len, SURE__STREAM_WINDOW_LEN - 1000, SURE__STREAM_WINDOW_LEN);
  send_window(&a, 1, (struct sure__window){.index = 4, .credit = 262144, .acked = 3});
  assert_int_equal(SURE__STREAM_DONE, write_bytes(bytes, sizeof bytes));
}

static void parts_of_streams_take_turns(void **state) {
  (void)state;
  static uint8_t bytes[40000];
  open_stream(WATCH);
  struct sure_call *first = call;
  client_call(&a, (enum driver_method)WATCH, 2, "");
  client_expect(&a, SURE__ACCEPTED);
  struct sure_call *second = sure__container_of(driver.held_runs.prev, struct sure_call, link);
  for (int i = 0; i < 2; i++) {
    struct sure__stream_message *message = sure__alloc(sizeof *message + sizeof bytes);
    assert_non_null(message);
    message->len = sizeof bytes;
    memcpy(message->data, bytes, sizeof bytes);
    assert_int_equal(
        SURE__STREAM_DONE,
        sure__server_stream_write(&driver.server, i == 0 ? first : second, driver.now_ms, message));
  }
  driver_work(&driver);
  for (uint64_t i = 0; i < 4; i++) {
    struct sure__frame frame = client_expect(&a, SURE__DATA);
    assert_int_equal(1 + i % 2, frame.sequence);
    assert_in_range(frame.payload.len, 1, SURE__STREAM_PART_LEN);
  }
}

/* So that a call's answer does not wait behind megabytes. */
static void a_connection_takes_so_much_of_streams_and_the_rest_when_that_is_sent(void **state) {
  (void)state;
  static uint8_t bytes[60000];
  enum { COUNT = 4 };
  for (uint64_t i = 1; i <= COUNT; i++) {
    client_call(&a, (enum driver_method)WATCH, i, "");
    client_expect(&a, SURE__ACCEPTED);
    call = sure__container_of(driver.held_runs.prev, struct sure_call, link);
    a.peer.unsent_len = 1000000;
    assert_int_equal(SURE__STREAM_DONE, write_bytes(bytes, sizeof bytes));
    client_expect_silence(&a);
    assert_true(a.peer.awaits_room);
  }
  sure__server_sent(&driver.server, &a.peer, 0);
  driver_work(&driver);
  assert_false(a.peer.awaits_room);
  client_expect(&a, SURE__DATA);
}

/* Else a client that never acknowledges could fill the memory with streams that are over. */
static void streams_that_linger_count_against_the_limit(void **state) {
  (void)state;
  uint64_t limit = driver_config.running_calls_max;
  driver.holds_runs = false;
  for (uint64_t i = 1; i <= limit; i++) {
    client_call(&a, (enum driver_method)WATCH, i, "");
    client_expect(&a, SURE__ACCEPTED);
    expect_end(&a, 1);
    client_expect_response(&a, i, SURE_OK, SURE_REASON_NONE, 0);
  }
  client_call(&a, (enum driver_method)WATCH, limit + 1, "");
  client_expect_response(&a, limit + 1, SURE_RESOURCE_EXHAUSTED, SURE_REASON_OVERLOADED,
                         SURE__NOT_RUN);
  client_ack(&a, 2, NULL, 0);
  client_call(&a, (enum driver_method)WATCH, limit + 2, "");
  client_expect(&a, SURE__ACCEPTED);
}

static void a_stream_out_of_its_rules_ends_the_connection_and_not_the_server(void **state) {
  (void)state;
  open_receiving(UPLOAD);
  send_message(&a, 1, 2, "the second before the first");
  client_expect_closed(&a, SURE__GOAWAY_PROTOCOL_ERROR);
  assert_int_equal(1, driver.server.stats.protocol_errors);
}

static void parts_for_a_stream_that_is_not_there_are_late_and_harmless(void **state) {
  (void)state;
  send_message(&a, 1, 1, "one");
  send_window(&a, 1, (struct sure__window){.index = 1, .credit = 1000});
  open_receiving(UPLOAD);
  send_message(&a, 7, 1, "of an attempt that nobody made");
  client_expect_silence(&a);
  expect_no_read(SURE__STREAM_WAIT);
}

static void a_handler_sees_that_its_stream_was_cancelled(void **state) {
  (void)state;
  open_receiving(CHAT);
  client_send(&a, &(struct sure__frame){.type = SURE__CANCEL, .sequence = 1, .attempt = 1});
  expect_no_read(SURE__STREAM_OVER);
  assert_int_equal(SURE__STREAM_OVER, write_bytes("x", 1));
  driver.code = SURE_CANCELLED;
  handler_returns();
  assert_true(sure__list_is_empty(&driver.server.streams));
}

static void a_handler_whose_client_does_not_come_back_is_let_go_at_the_deadline(void **state) {
  (void)state;
  open_receiving(UPLOAD);
  client_lose(&a);
  expect_no_read(SURE__STREAM_WAIT);
  driver_advance(&driver, 60000);
  expect_no_read(SURE__STREAM_OVER);
  driver.code = SURE_DEADLINE_EXCEEDED;
  handler_returns();
  assert_true(sure__server_is_idle(&driver.server));
  driver_advance(&driver, 1);
  assert_true(sure__list_is_empty(&driver.server.streams));
}

static void handlers_wait_for_nobody_when_the_server_ends(void **state) {
  (void)state;
  open_receiving(CHAT);
  client_lose(&a);
  expect_no_read(SURE__STREAM_WAIT);
  sure__server_end_streams(&driver.server);
  assert_false(sure__list_is_empty(&driver.server.actions.woken));
  expect_no_read(SURE__STREAM_OVER);
  assert_int_equal(SURE__STREAM_OVER, write_bytes("x", 1));
}

static void what_lingers_does_not_hold_up_a_drain(void **state) {
  (void)state;
  open_stream(WATCH);
  handler_returns();
  expect_end(&a, 1);
  client_expect_response(&a, 1, SURE_OK, SURE_REASON_NONE, 0);
  assert_false(sure__list_is_empty(&driver.server.streams));
  assert_true(sure__server_is_idle(&driver.server));
}

static void a_handler_whose_client_is_away_keeps_nobody_from_work(void **state) {
  (void)state;
  struct sure__gate gate;
  sure__gate_init(&gate, 1, false);
  driver.server.config.gate = &gate;
  open_receiving(UPLOAD);
  client_call(&a, (enum driver_method)TAKE, 2, "x");
  client_expect_response(&a, 2, SURE_RESOURCE_EXHAUSTED, SURE_REASON_OVERLOADED, SURE__NOT_RUN);
  client_lose(&a);
  assert_int_equal(0, atomic_load(&gate.at_work));
  come_back(UPLOAD, 1); /* whether there is room or not */
  assert_int_equal(1, atomic_load(&gate.at_work));
  client_call(&b, (enum driver_method)TAKE, 3, "x");
  assert_int_equal(2, client_expect(&b, SURE__ACCEPTED).attempt);
  client_expect(&b, SURE__WINDOW);
  client_expect_response(&b, 3, SURE_RESOURCE_EXHAUSTED, SURE_REASON_OVERLOADED, SURE__NOT_RUN);
  driver_release_runs(&driver);
  assert_int_equal(0, atomic_load(&gate.at_work));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(messages_of_a_client_come_in_order_and_then_their_end),
      TEST(messages_of_a_handler_come_before_its_result),
      TEST(a_failure_comes_after_the_messages_as_well),
      TEST(a_stream_goes_on_over_another_connection_where_the_handler_stood),
      TEST(what_a_client_has_not_got_is_sent_again_and_no_more_than_that),
      TEST(a_result_that_was_lost_is_told_again_with_the_messages_before_it),
      TEST(an_attempt_that_is_late_does_not_take_a_stream_back),
      TEST(a_stream_that_its_client_has_from_another_server_is_not_joined),
      TEST(a_session_that_only_a_stream_keeps_here_may_be_over),
      TEST(a_stream_on_which_nothing_happens_for_too_long_is_over),
      TEST(a_stream_that_is_gone_is_not_begun_anew_in_the_middle),
      TEST(a_handler_is_held_back_by_what_its_client_does_not_take),
      TEST(parts_of_streams_take_turns),
      TEST(a_connection_takes_so_much_of_streams_and_the_rest_when_that_is_sent),
      TEST(streams_that_linger_count_against_the_limit),
      TEST(a_stream_out_of_its_rules_ends_the_connection_and_not_the_server),
      TEST(parts_for_a_stream_that_is_not_there_are_late_and_harmless),
      TEST(a_handler_sees_that_its_stream_was_cancelled),
      TEST(a_handler_whose_client_does_not_come_back_is_let_go_at_the_deadline),
      TEST(a_handler_whose_client_is_away_keeps_nobody_from_work),
      TEST(handlers_wait_for_nobody_when_the_server_ends),
      TEST(what_lingers_does_not_hold_up_a_drain),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
