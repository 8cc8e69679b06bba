/* How many retries a channel may make. */
#include "rpc/core/retry_budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct sure__retry_budget budget;

static void begin(struct sure_retry_budget limits, struct sure_retry_throttling throttling) {
  sure__retry_budget_init(&budget, &limits, &throttling);
}

static unsigned spend_all(uint64_t now_ms) {
  unsigned count = 0;
  while (count < 1000000 && sure__retry_budget_spend(&budget, now_ms)) {
    count++;
  }
  return count;
}

static void call(unsigned count, uint64_t now_ms) {
  for (unsigned i = 0; i < count; i++) {
    sure__retry_budget_count_call(&budget, now_ms);
  }
}

static void retries_are_a_tenth_of_the_calls_and_a_floor_by_default(void **state) {
  (void)state;
  begin((struct sure_retry_budget){0}, (struct sure_retry_throttling){0});
  call(1000, 50000);
  assert_int_equal(spend_all(50000), 100 + 10 * 10);
}

static void channel_with_few_calls_can_retry_them(void **state) {
  (void)state;
  begin((struct sure_retry_budget){.percent = 1, .floor_per_s = 2},
        (struct sure_retry_throttling){0});
  call(1, 7000);
  assert_int_equal(spend_all(7000), 20);
}

static void what_was_spent_comes_back_after_ten_seconds_and_not_before(void **state) {
  (void)state;
  begin((struct sure_retry_budget){.floor_per_s = 1}, (struct sure_retry_throttling){0});
  assert_int_equal(spend_all(1000), 10);
  assert_int_equal(spend_all(10999), 0);
  assert_int_equal(spend_all(11000), 10);
  assert_int_equal(spend_all(500000), 10); /* a pause longer than the window */
}

static void calls_of_long_ago_allow_no_retries(void **state) {
  (void)state;
  begin((struct sure_retry_budget){.percent = 100, .floor_per_s = 1},
        (struct sure_retry_throttling){0});
  call(500, 1000);
  call(7, 12000);
  assert_int_equal(spend_all(12500), 7 + 10);
}

static void clock_that_stands_still_or_goes_back_breaks_nothing(void **state) {
  (void)state;
  begin((struct sure_retry_budget){.floor_per_s = 1}, (struct sure_retry_throttling){0});
  assert_int_equal(spend_all(20000), 10);
  assert_int_equal(spend_all(19000), 0);
}

static void unlimited_budget_never_ends(void **state) {
  (void)state;
  begin((struct sure_retry_budget){.is_unlimited = true}, (struct sure_retry_throttling){0});
  assert_int_equal(spend_all(1000), 1000000);
}

/* gRPC's A6: ten tokens, no retries at five or less. */
static void throttling_stops_retries_when_the_bucket_is_half_empty(void **state) {
  (void)state;
  begin((struct sure_retry_budget){0},
        (struct sure_retry_throttling){.max_tokens = 10, .token_ratio_permille = 500});
  assert_int_equal(spend_all(1000), 4);
  for (int i = 0; i < 3; i++) {
    sure__retry_budget_count_success(&budget); /* 5 + 1.5 */
  }
  assert_true(sure__retry_budget_spend(&budget, 1000));  /* 5.5 are left */
  assert_false(sure__retry_budget_spend(&budget, 1000)); /* 4.5 */
}

static void bucket_is_never_fuller_than_full_nor_emptier_than_empty(void **state) {
  (void)state;
  begin((struct sure_retry_budget){0},
        (struct sure_retry_throttling){.max_tokens = 2, .token_ratio_permille = 1000});
  for (int i = 0; i < 5; i++) {
    sure__retry_budget_count_success(&budget);
  }
  assert_int_equal(budget.tokens_milli, 2000);
  for (int i = 0; i < 5; i++) {
    assert_false(sure__retry_budget_spend(&budget, 1000));
  }
  assert_int_equal(budget.tokens_milli, 0);
  sure__retry_budget_count_success(&budget);
  sure__retry_budget_count_success(&budget);
  assert_int_equal(budget.tokens_milli, 2000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(retries_are_a_tenth_of_the_calls_and_a_floor_by_default),
      cmocka_unit_test(channel_with_few_calls_can_retry_them),
      cmocka_unit_test(what_was_spent_comes_back_after_ten_seconds_and_not_before),
      cmocka_unit_test(calls_of_long_ago_allow_no_retries),
      cmocka_unit_test(clock_that_stands_still_or_goes_back_breaks_nothing),
      cmocka_unit_test(unlimited_budget_never_ends),
      cmocka_unit_test(throttling_stops_retries_when_the_bucket_is_half_empty),
      cmocka_unit_test(bucket_is_never_fuller_than_full_nor_emptier_than_empty),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
