/* Calls that commit as they go, in the server engine: a stream of requests whose handler moves a
 * position in the store (docs/protocol.md, section 12). The test is the handler. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/core/memory.h"
#include "rpc/core/server_stream.h"
#include "tests/lib/server_driver.h"

static const enum driver_method IMPORT = (enum driver_method)0; /* of the plans below */

static const struct driver_plan plans[] = {
    {"t.T/Import", SURE_EXACTLY_ONCE, SURE_RUN_TX, .is_keyed = true, .client_streams = true},
};

static struct driver driver;
static struct client a;
static struct client b;
static struct sure_call *call; /* whose handler runs */
static unsigned effect_count;  /* of what was committed, or would have been */

static int begin(void **state) {
  (void)state;
  effect_count = 0;
  driver_init_with(&driver, &driver_config, plans, sizeof plans / sizeof plans[0]);
  driver.holds_runs = true;
  driver.reply = "done";
  client_open(&driver, &a);
  b = (struct client){.is_closed = true};
  return 0;
}

static int end(void **state) {
  (void)state;
  client_fini(&a);
  client_fini(&b);
  driver_release_runs(&driver);
  driver_fini(&driver);
  return 0;
}

/* ---- the client ---- */

static struct sure_call *last_run(void) {
  assert_false(sure__list_is_empty(&driver.held_runs));
  return sure__container_of(driver.held_runs.prev, struct sure_call, link);
}

/* The handler begins, and `index` is the message that it wants first. */
static void expect_begun(struct client *client, uint64_t index) {
  client_expect(client, SURE__ACCEPTED);
  struct sure__frame frame = client_expect(client, SURE__WINDOW);
  assert_int_equal(index, frame.window.index);
  assert_int_equal(index - 1, frame.window.acked);
  call = last_run();
}

static void send_message(struct client *client, uint32_t attempt, uint64_t index) {
  client_send(client, &(struct sure__frame){.type = SURE__DATA,
                                            .sequence = 1,
                                            .attempt = attempt,
                                            .payload = {(const uint8_t *)"pay", 3},
                                            .data = {.index = index, .total = 3}});
}

/* Attempt 2 of the first client's call, on another connection. */
static void come_back(uint32_t resumes) {
  struct sure__frame frame = client_request(&a, IMPORT, 1, "day1:");
  frame.attempt = 2;
  frame.request.resumes = resumes;
  assert_true(client_connect(&driver, &b));
  assert_int_equal(SURE__ATTACHED_OPEN, client_attach(&b, SURE__ATTACH_RESUME, &a.session));
  client_send(&b, &frame);
}

/* ---- the handler ---- */

static bool have_effect(void *user, struct sure_store_op *op, void *transaction,
                        struct sure_record *out_record) {
  (void)op;
  (void)transaction;
  effect_count++;
  out_record->code = *(enum sure_code *)user;
  return false;
}

static void read_one(void) {
  struct sure__stream_message *message = NULL;
  assert_int_equal(SURE__STREAM_DONE,
                   sure__server_stream_read(&driver.server, call, driver.now_ms, &message));
  sure__free(message);
  driver_work(&driver);
}

static void expect_no_read(enum sure__stream_turn turn) {
  struct sure__stream_message *message = NULL;
  assert_int_equal(turn, sure__server_stream_read(&driver.server, call, driver.now_ms, &message));
  assert_null(message);
}

static enum sure_store_verdict commit(enum sure_code code) {
  call->op.run = have_effect;
  call->op.run_user = &code;
  sure__list_remove(&call->link); /* it is the driver's as long as the handler runs */
  sure__server_stream_commit(&driver.server, call);
  driver_work(&driver);
  sure__list_append(&driver.held_runs, &call->link);
  assert_int_equal(SURE__CALL_RUNS, call->step);
  return call->op.verdict;
}

static void handler_returns(enum sure_code code) {
  driver.code = code;
  driver_release_runs(&driver);
  driver.holds_runs = true;
}

/* The client has sent `count` messages from `first` on, and they are committed. */
static void commit_messages(struct client *client, uint32_t attempt, uint64_t first,
                            unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    send_message(client, attempt, first + i);
    read_one();
  }
  assert_int_equal(SURE_STORE_DONE, commit(SURE_OK));
  struct sure__frame frame = client_expect(client, SURE__WINDOW);
  assert_int_equal(first + count - 1, frame.window.acked);
}

/* ---- tests ---- */

static void a_client_is_told_where_the_call_stands_when_the_store_has_said_so(void **state) {
  (void)state;
  driver.holds_store = true;
  client_call(&a, IMPORT, 1, "day1:");
  client_expect(&a, SURE__ACCEPTED);
  client_expect_silence(&a);
  driver.holds_store = false;
  driver_release_store(&driver);
  assert_int_equal(1, client_expect(&a, SURE__WINDOW).window.index);
}

static void what_comes_before_that_breaks_the_protocol(void **state) {
  (void)state;
  driver.holds_store = true;
  client_call(&a, IMPORT, 1, "day1:");
  client_expect(&a, SURE__ACCEPTED);
  send_message(&a, 1, 1);
  client_expect_closed(&a, SURE__GOAWAY_PROTOCOL_ERROR);
  driver.holds_store = false;
  driver_release_store(&driver);
}

static void
messages_are_acknowledged_when_they_are_committed_and_not_when_they_are_read(void **state) {
  (void)state;
  client_call(&a, IMPORT, 1, "day1:");
  expect_begun(&a, 1);
  send_message(&a, 1, 1);
  read_one();
  client_expect_silence(&a);
  assert_true(sure__server_stream_is_ahead(call));
  assert_int_equal(SURE_STORE_DONE, commit(SURE_OK));
  assert_int_equal(1, client_expect(&a, SURE__WINDOW).window.acked);
  assert_false(sure__server_stream_is_ahead(call));
}

static void what_could_not_be_committed_is_wanted_again(void **state) {
  (void)state;
  client_call(&a, IMPORT, 1, "day1:");
  expect_begun(&a, 1);
  commit_messages(&a, 1, 1, 2);
  send_message(&a, 1, 3);
  read_one();
  assert_int_equal(SURE_STORE_UNRECORDED, commit(SURE_NOT_FOUND));
  driver.script[SURE_STORE_ADVANCE] = SURE_STORE_BUSY;
  assert_int_equal(SURE_STORE_BUSY, commit(SURE_OK));
  client_expect_silence(&a);
  handler_returns(SURE_UNAVAILABLE);
  client_expect_response(&a, 1, SURE_UNAVAILABLE, SURE_REASON_NONE, 0);
  client_retry(&a, IMPORT, 1, 2, "day1:");
  expect_begun(&a, 3);
}

static void another_process_goes_on_behind_what_is_committed(void **state) {
  (void)state;
  client_call(&a, IMPORT, 1, "day1:");
  expect_begun(&a, 1);
  commit_messages(&a, 1, 1, 3);
  send_message(&a, 1, 4);
  read_one(); /* and is lost with the process */
  driver.is_dead = true;
  client_lose(&a);
  driver_bury(&driver);
  driver_restart(&driver, false);
  driver.holds_runs = true;
  come_back(1);
  expect_begun(&b, 4);
  commit_messages(&b, 2, 4, 1);
  handler_returns(SURE_OK);
  client_expect_response(&b, 1, SURE_OK, SURE_REASON_NONE, SURE__RECORDED);
  assert_int_equal(2, effect_count);
}

static void another_client_with_the_key_takes_the_call_over(void **state) {
  (void)state;
  client_call(&a, IMPORT, 1, "day1:");
  expect_begun(&a, 1);
  commit_messages(&a, 1, 1, 2);
  struct sure_call *first = call;
  client_open(&driver, &b);
  client_call(&b, IMPORT, 1, "day1:");
  expect_begun(&b, 3);
  struct sure_call *second = call;
  call = first;
  send_message(&a, 1, 3);
  read_one();
  assert_int_equal(SURE_STORE_TAKEN_OVER, commit(SURE_OK));
  expect_no_read(SURE__STREAM_OVER);
  assert_int_equal(1, effect_count);
  call = second;
  commit_messages(&b, 1, 3, 1);
  assert_int_equal(2, effect_count);
  handler_returns(SURE_OK); /* both do */
  client_expect_response(&a, 1, SURE_ABORTED, SURE_REASON_TAKEN_OVER, 0);
  client_expect_response(&b, 1, SURE_OK, SURE_REASON_NONE, SURE__RECORDED);
}

static void a_run_that_its_client_has_gone_on_from_elsewhere_ends(void **state) {
  (void)state;
  client_call(&a, IMPORT, 1, "day1:");
  expect_begun(&a, 1);
  struct sure__frame frame = client_request(&a, IMPORT, 1, "day1:");
  frame.attempt = 3;
  frame.request.resumes = 2;
  client_send(&a, &frame);
  client_expect_response(&a, 1, SURE_UNAVAILABLE, SURE_REASON_TAKEN_OVER, 0);
  expect_no_read(SURE__STREAM_OVER);
}

static void a_failure_closes_a_call_only_before_its_first_effect(void **state) {
  (void)state;
  client_call(&a, IMPORT, 1, "day1:");
  expect_begun(&a, 1);
  handler_returns(SURE_INVALID_ARGUMENT);
  client_expect_response(&a, 1, SURE_INVALID_ARGUMENT, SURE_REASON_NONE, SURE__RECORDED);
  client_call(&a, IMPORT, 2, "day2:");
  expect_begun(&a, 1);
  struct sure__frame frame = {.type = SURE__DATA,
                              .sequence = 2,
                              .attempt = 1,
                              .payload = {(const uint8_t *)"pay", 3},
                              .data = {.index = 1, .total = 3}};
  client_send(&a, &frame);
  read_one();
  assert_int_equal(SURE_STORE_DONE, commit(SURE_OK));
  client_expect(&a, SURE__WINDOW);
  handler_returns(SURE_INVALID_ARGUMENT);
  client_expect_response(&a, 2, SURE_INVALID_ARGUMENT, SURE_REASON_NONE, 0);
  client_call(&a, IMPORT, 3, "day2:");
  expect_begun(&a, 2);
}

static void a_failure_before_any_effect_is_undone_if_it_is_not_recorded(void **state) {
  (void)state;
  client_call(&a, IMPORT, 1, "day1:");
  expect_begun(&a, 1);
  handler_returns(SURE_UNAVAILABLE);
  client_expect_response(&a, 1, SURE_UNAVAILABLE, SURE_REASON_NONE, SURE__ROLLED_BACK);
}

static void a_server_that_drains_does_not_wait_for_its_client(void **state) {
  (void)state;
  client_call(&a, IMPORT, 1, "day1:");
  expect_begun(&a, 1);
  commit_messages(&a, 1, 1, 1);
  send_message(&a, 1, 2);
  sure__server_drain(&driver.server);
  driver_work(&driver);
  expect_no_read(SURE__STREAM_OVER); /* another one will have it */
  client_expect(&a, SURE__GOAWAY);
  handler_returns(SURE_UNAVAILABLE);
  client_expect_response(&a, 1, SURE_UNAVAILABLE, SURE_REASON_NONE, 0);
}

static void a_run_whose_client_stays_away_ends_and_leaves_the_rest_to_the_next(void **state) {
  (void)state;
  client_call(&a, IMPORT, 1, "day1:");
  expect_begun(&a, 1);
  commit_messages(&a, 1, 1, 2);
  client_lose(&a);
  driver_advance(&driver, driver_config.session_lease_ms - 1);
  expect_no_read(SURE__STREAM_WAIT);
  driver_advance(&driver, 1);
  expect_no_read(SURE__STREAM_OVER);
  handler_returns(SURE_UNAVAILABLE);
  client_open(&driver, &b);
  client_call(&b, IMPORT, 1, "day1:");
  expect_begun(&b, 3);
}

static void a_client_that_is_away_for_less_than_a_lease_finds_its_run(void **state) {
  (void)state;
  client_call(&a, IMPORT, 1, "day1:");
  expect_begun(&a, 1);
  commit_messages(&a, 1, 1, 2);
  client_lose(&a);
  driver_advance(&driver, driver_config.session_lease_ms - 1);
  expect_no_read(SURE__STREAM_WAIT);
  come_back(1);
  client_expect(&b, SURE__ACCEPTED);
  assert_int_equal(3, client_expect(&b, SURE__WINDOW).window.index);
  commit_messages(&b, 2, 3, 1);
}

static void a_result_that_was_lost_is_replayed(void **state) {
  (void)state;
  client_call(&a, IMPORT, 1, "day1:");
  expect_begun(&a, 1);
  commit_messages(&a, 1, 1, 1);
  client_lose(&a);
  handler_returns(SURE_OK);
  assert_int_equal(0, driver.server.stream_count); /* nothing has to be kept for its client */
  come_back(1);
  client_expect(&b, SURE__ACCEPTED);
  client_expect_response(&b, 1, SURE_OK, SURE_REASON_NONE, SURE__RECORDED | SURE__REPLAYED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_client_is_told_where_the_call_stands_when_the_store_has_said_so),
      TEST(what_comes_before_that_breaks_the_protocol),
      TEST(messages_are_acknowledged_when_they_are_committed_and_not_when_they_are_read),
      TEST(what_could_not_be_committed_is_wanted_again),
      TEST(another_process_goes_on_behind_what_is_committed),
      TEST(another_client_with_the_key_takes_the_call_over),
      TEST(a_run_that_its_client_has_gone_on_from_elsewhere_ends),
      TEST(a_failure_closes_a_call_only_before_its_first_effect),
      TEST(a_failure_before_any_effect_is_undone_if_it_is_not_recorded),
      TEST(a_server_that_drains_does_not_wait_for_its_client),
      TEST(a_run_whose_client_stays_away_ends_and_leaves_the_rest_to_the_next),
      TEST(a_client_that_is_away_for_less_than_a_lease_finds_its_run),
      TEST(a_result_that_was_lost_is_replayed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
