/* The server engine when memory is short: each allocation of a story fails in turn. Nothing may
 * crash or leak, no answer may say what is not so, and once memory is back the retried call has its
 * effect exactly once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/failing_allocator.h"
#include "tests/lib/server_driver.h"

static struct driver driver;
static struct client a;
static struct client b;
static struct sure_session_id session;
static bool has_session;

/* What the answers to call 1 say must fit what has happened by then. */
static void check_answers(struct client *client) {
  struct sure__frame frame;
  while (client_next(client, &frame)) {
    if (frame.type == SURE__RESPONSE && frame.sequence == 1) {
      bool is_recorded = (frame.flags & SURE__RECORDED) != 0;
      bool is_applied =
          frame.response.code == SURE_OK || frame.response.reason == SURE_REASON_REPLY_LOST;
      assert_true(!is_recorded || is_applied); /* the handler never refuses */
      assert_true(!is_recorded || driver.effects[1] == 1);
      assert_true((frame.flags & SURE__ROLLED_BACK) == 0 || driver.effects[1] == 0);
    }
    if (frame.type == SURE__SETTLED) {
      bool is_tombstone = frame.settled.verdict == SURE__SETTLED_TOMBSTONE;
      assert_true(!is_tombstone || driver.effects[1] == 0);
    }
  }
}

static bool attach(struct client *client) {
  if (!client_connect(&driver, client)) {
    return false;
  }
  enum sure__attach_mode mode = has_session ? SURE__ATTACH_RESUME : SURE__ATTACH_NEW;
  if (client_attach(client, mode, has_session ? &session : NULL) != SURE__ATTACHED_OPEN) {
    return false;
  }
  session = client->session;
  has_session = true;
  return true;
}

/* A call with a duplicate that joins, another that is replayed, a settle, an ACK of others, and a
 * message of several frames. */
static void tell_story(enum driver_method method) {
  static char large[140001];
  memset(large, 'm', sizeof large - 1);
  bool is_a = attach(&a);
  bool is_b = attach(&b);
  driver.holds_runs = true;
  if (is_a) {
    client_call(&a, method, 1, "pay-1:charge");
  }
  if (is_b) {
    client_retry(&b, method, 1, 2, "pay-1:charge");
  }
  if (is_a) {
    client_settle(&a, 70, 1);
    client_call(&a, DRIVER_ALO, 2, large);
  }
  driver_release_runs(&driver);
  if (is_a) {
    client_retry(&a, method, 1, 3, "pay-1:charge");
    client_ack(&a, 1, &(struct sure_range){2, 3}, 1);
  }
  driver_advance(&driver, 1500);
}

/* With all the memory that there is. */
static void tell_the_end(enum driver_method method) {
  struct client c;
  if (!has_session) {
    client_open(&driver, &c);
  } else {
    assert_true(client_connect(&driver, &c));
    assert_int_equal(SURE__ATTACHED_OPEN, client_attach(&c, SURE__ATTACH_RESUME, &session));
  }
  client_retry(&c, method, 1, 9, "pay-1:charge");
  struct sure__frame frame = client_expect(&c, SURE__RESPONSE);
  assert_true(frame.flags & SURE__RECORDED);
  if (frame.response.reason == SURE_REASON_TOMBSTONE) {
    assert_int_equal(0, driver.effects[1]); /* settled before it could run */
  } else {
    assert_true(frame.response.code == SURE_OK || frame.response.reason == SURE_REASON_REPLY_LOST);
    assert_int_equal(1, driver.effects[1]);
  }
  client_fini(&c);
}

static void survive(enum driver_method method) {
  size_t n = 1;
  for (bool fired = true; fired; n++) {
    assert_int_equal(0, failing_allocator_live());
    has_session = false;
    driver_init(&driver, &driver_config);
    failing_allocator_arm(n);
    tell_story(method);
    fired = failing_allocator_fired();
    failing_allocator_arm(0);
    check_answers(&a);
    check_answers(&b);
    client_fini(&a);
    client_fini(&b);
    tell_the_end(method);
    driver_fini(&driver);
  }
  print_message("%zu allocations failed in turn\n", n - 2);
  assert_true(n > 20);
}

static void calls_in_the_store_survive_each_allocation_that_fails(void **state) {
  (void)state;
  survive(DRIVER_IN_STORE);
}

static void calls_with_an_intent_survive_each_allocation_that_fails(void **state) {
  (void)state;
  survive(DRIVER_CLAIMS);
}

static void keyed_calls_survive_each_allocation_that_fails(void **state) {
  (void)state;
  survive(DRIVER_KEYED);
}

static void without_any_memory_nothing_runs(void **state) {
  (void)state;
  driver_init(&driver, &driver_config);
  client_open(&driver, &a);
  static char large[60001];
  memset(large, 'm', sizeof large - 1);
  assert_true(sure__buffer_reserve(&a.sent, 50 * 65536)); /* that is the client's own memory */
  failing_allocator_fail_all(true);
  for (uint64_t i = 1; i < 50; i++) {
    client_call(&a, DRIVER_CLAIMS, i, large);
  }
  failing_allocator_fail_all(false);
  assert_int_equal(0, driver.run_count);
  assert_true(a.is_closed || a.out.len > 0);
  client_fini(&a);
  driver_fini(&driver);
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(calls_in_the_store_survive_each_allocation_that_fails),
      cmocka_unit_test(calls_with_an_intent_survive_each_allocation_that_fails),
      cmocka_unit_test(keyed_calls_survive_each_allocation_that_fails),
      cmocka_unit_test(without_any_memory_nothing_runs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
