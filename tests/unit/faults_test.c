/* Client and server engine joined, and one thing that fails: each allocation of a story in turn,
 * each op of the store in turn. Nothing crashes or leaks, every call ends, nothing that is said of
 * an effect is wrong, and what is unknown can be settled once all is well again. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/both_ends.h"
#include "tests/lib/failing_allocator.h"

enum { CALLS = 4 };

static struct ends ends;

/* What happens while something may fail. */
struct story {
  enum driver_method method;
  size_t endpoint_count;
  bool is_hedged;
};

/* A call that loses its connection while it runs, one that is cancelled then, a hedged one or a
 * second plain one, and one after all that. */
static void tell(const struct story *story) {
  ends_pass(&ends, 100);
  ends.driver.holds_runs = true;
  ends_call(&ends, 0, story->method, false);
  ends_call(&ends, 1, story->method, false);
  ends_call(&ends, 2, story->method, story->is_hedged);
  ends_pass(&ends, 30);
  ends_cancel(&ends, 1);
  ends_cut(&ends);
  ends_pass(&ends, 300);
  driver_release_runs(&ends.driver);
  ends_pass(&ends, 300);
  ends_call(&ends, 3, story->method, false);
  ends_pass(&ends, 300);
}

static void check(size_t number) {
  const struct ends_call *call = &ends.calls[number];
  unsigned effects = ends.driver.effects_of['a' + number];
  assert_true(effects <= 1);
  if (call->has_ended && call->outcome == SURE_APPLIED) {
    assert_int_equal(1, effects);
  }
  if (call->has_ended && call->outcome == SURE_NOT_APPLIED) {
    assert_int_equal(0, effects);
  }
}

/* All is well from here on. */
static void end_well(const struct story *story) {
  ends_pass(&ends, 6000);
  for (size_t i = 0; i < CALLS; i++) {
    assert_null(ends.calls[i].call);
    check(i);
    ends_settle(&ends, i, story->method);
  }
  ends_pass(&ends, 6000);
  for (size_t i = 0; i < CALLS; i++) {
    assert_null(ends.calls[i].call);
    check(i);
    bool is_final = ends.calls[i].reason == SURE_REASON_STALE ||
                    ends.calls[i].reason == SURE_REASON_SESSION_LOST;
    assert_true(!ends.calls[i].has_ended || ends.calls[i].outcome != SURE_OUTCOME_UNKNOWN ||
                is_final);
  }
  ends_pass(&ends, 60000); /* nothing that was said not to have happened happens now */
  for (size_t i = 0; i < CALLS; i++) {
    check(i);
  }
}

static void survive_allocations(const struct story *story) {
  size_t n = 1;
  for (bool fired = true; fired; n++) {
    assert_int_equal(0, failing_allocator_live());
    ends_begin(&ends, story->endpoint_count);
    failing_allocator_arm(n);
    tell(story);
    fired = failing_allocator_fired();
    failing_allocator_arm(0);
    end_well(story);
    ends_end(&ends);
  }
  assert_true(n > 15); /* the story has that many allocations to fail */
}

static void calls_survive_each_allocation_that_fails_at_either_end(void **state) {
  (void)state;
  survive_allocations(&(struct story){.method = DRIVER_CLAIMS, .endpoint_count = 1});
  survive_allocations(&(struct story){.method = DRIVER_IN_STORE, .endpoint_count = 1});
}

static void keyed_calls_survive_each_allocation_that_fails_at_either_end(void **state) {
  (void)state;
  survive_allocations(&(struct story){.method = DRIVER_KEYED, .endpoint_count = 1});
}

static void hedged_calls_survive_each_allocation_that_fails_at_either_end(void **state) {
  (void)state;
  survive_allocations(
      &(struct story){.method = DRIVER_CLAIMS, .endpoint_count = 2, .is_hedged = true});
}

/* ---- the store ---- */

/* A server that was told FAILED knows nothing of its store, and ends; another follows. */
static void replace_server(void) {
  ends_cut(&ends);
  for (size_t i = 0; i < ends.pipe_count; i++) {
    client_lose(&ends.pipes[i].end);
  }
  driver_bury(&ends.driver);
  driver_restart(&ends.driver, false);
}

static void tell_with_fault(const struct story *story, unsigned n, enum sure_store_verdict fault,
                            bool comes_late) {
  ends_begin(&ends, story->endpoint_count);
  ends.driver.fault_in = n;
  ends.driver.fault = fault;
  ends.driver.fault_comes_late = comes_late;
  tell(story);
}

static void survive_store(const struct story *story, enum sure_store_verdict fault,
                          bool comes_late) {
  unsigned n = 1;
  for (bool fired = true; fired; n++) {
    tell_with_fault(story, n, fault, comes_late);
    fired = ends.driver.fault_in == 0;
    ends.driver.fault_in = 0;
    if (fired && fault == SURE_STORE_FAILED) {
      replace_server();
    }
    end_well(story);
    ends_end(&ends);
  }
  assert_true(n > 5);
}

static const struct story in_store = {.method = DRIVER_IN_STORE, .endpoint_count = 1};

static void calls_survive_a_store_that_is_busy_at_any_op(void **state) {
  (void)state;
  survive_store(&in_store, SURE_STORE_BUSY, false);
}

static void calls_survive_a_store_that_is_full_at_any_op(void **state) {
  (void)state;
  survive_store(&in_store, SURE_STORE_FULL, false);
}

static void calls_survive_a_store_that_fails_before_any_op(void **state) {
  (void)state;
  survive_store(&in_store, SURE_STORE_FAILED, false);
}

static void calls_survive_a_store_that_fails_after_any_commit(void **state) {
  (void)state;
  survive_store(&in_store, SURE_STORE_FAILED, true);
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(calls_survive_each_allocation_that_fails_at_either_end),
      cmocka_unit_test(keyed_calls_survive_each_allocation_that_fails_at_either_end),
      cmocka_unit_test(hedged_calls_survive_each_allocation_that_fails_at_either_end),
      cmocka_unit_test(calls_survive_a_store_that_is_busy_at_any_op),
      cmocka_unit_test(calls_survive_a_store_that_is_full_at_any_op),
      cmocka_unit_test(calls_survive_a_store_that_fails_before_any_op),
      cmocka_unit_test(calls_survive_a_store_that_fails_after_any_commit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
