/* The set of acknowledged numbers, against a plain array of booleans. */
#include "rpc/core/ranges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RUNS(...) ((const struct sure_range[]){__VA_ARGS__})

static void an_empty_set_holds_only_number_zero(void **state) {
  (void)state;
  struct sure__ranges set;
  sure__ranges_init(&set);
  assert_true(sure__ranges_contains(&set, 0));
  assert_false(sure__ranges_contains(&set, 1));
  sure__ranges_fini(&set);
}

static void touching_runs_become_one(void **state) {
  (void)state;
  struct sure__ranges set;
  sure__ranges_init(&set);
  assert_int_equal(SURE_OK, sure__ranges_union(&set, 0, RUNS({5, 6}, {9, 9}), 2));
  assert_int_equal(SURE_OK, sure__ranges_union(&set, 0, RUNS({7, 8}), 1));
  assert_int_equal(1, set.count);
  assert_int_equal(5, set.runs[0].first);
  assert_int_equal(9, set.runs[0].last);
  sure__ranges_fini(&set);
}

static void the_base_swallows_runs_that_it_reaches(void **state) {
  (void)state;
  struct sure__ranges set;
  sure__ranges_init(&set);
  assert_int_equal(SURE_OK, sure__ranges_union(&set, 0, RUNS({3, 5}, {8, 9}), 2));
  assert_int_equal(SURE_OK, sure__ranges_union(&set, 3, NULL, 0));
  assert_int_equal(6, set.base);
  assert_int_equal(1, set.count);
  assert_int_equal(SURE_OK, sure__ranges_union(&set, 2, NULL, 0));
  assert_int_equal(6, set.base);
  sure__ranges_fini(&set);
}

static void as_many_runs_as_calls_can_be_open_fit_and_no_more(void **state) {
  (void)state;
  struct sure__ranges set;
  sure__ranges_init(&set);
  for (uint64_t i = 0; i < SURE__RANGES_MAX; i++) {
    assert_int_equal(SURE_OK, sure__ranges_add(&set, 3 + 2 * i));
  }
  uint64_t next = 3 + 2 * (uint64_t)SURE__RANGES_MAX;
  assert_int_equal(SURE_RESOURCE_EXHAUSTED, sure__ranges_add(&set, next));
  assert_false(sure__ranges_contains(&set, next));
  assert_int_equal(SURE__RANGES_MAX, set.count);
  assert_int_equal(SURE_OK, sure__ranges_union(&set, 3, NULL, 0));
  assert_int_equal(SURE_OK, sure__ranges_add(&set, next));
  sure__ranges_fini(&set);
}

static void numbers_that_would_wrap_are_refused(void **state) {
  (void)state;
  struct sure__ranges set;
  sure__ranges_init(&set);
  assert_int_equal(SURE_RESOURCE_EXHAUSTED, sure__ranges_add(&set, UINT64_MAX));
  assert_int_equal(SURE_RESOURCE_EXHAUSTED, sure__ranges_union(&set, UINT64_MAX, NULL, 0));
  assert_int_equal(1, set.base);
  sure__ranges_fini(&set);
}

#define NUMBERS 64

static void check(const struct sure__ranges *set, const bool *dumb) {
  uint64_t cursor = 0;
  struct sure_range gap = {.first = UINT64_MAX, .last = 0};
  bool more = sure__ranges_next_gap(set, &cursor, NUMBERS - 1, &gap);
  for (uint64_t n = 0; n < NUMBERS; n++) {
    assert_int_equal(dumb[n], sure__ranges_contains(set, n));
    if (more && n > gap.last) {
      more = sure__ranges_next_gap(set, &cursor, NUMBERS - 1, &gap);
    }
    assert_int_equal(!dumb[n], more && gap.first <= n && n <= gap.last);
  }
}

static void behaves_as_a_plain_array_of_booleans(void **state) {
  (void)state;
  const char *text = getenv("SEED");
  unsigned seed = text != NULL ? (unsigned)strtoul(text, NULL, 10) : 1;
  print_message("SEED=%u\n", seed);
  srand(seed);
  for (int round = 0; round < 500; round++) {
    bool dumb[NUMBERS] = {true};
    struct sure__ranges set;
    sure__ranges_init(&set);
    for (int step = 0; step < 20; step++) {
      uint64_t base = rand() % 4 == 0 ? (uint64_t)(rand() % (NUMBERS / 2)) : 0;
      uint64_t first = (uint64_t)(rand() % NUMBERS);
      uint64_t last = first + (uint64_t)(rand() % 4);
      last = last < NUMBERS ? last : NUMBERS - 1;
      assert_int_equal(SURE_OK, sure__ranges_union(&set, base, RUNS({first, last}), 1));
      for (uint64_t n = 0; n < NUMBERS; n++) {
        dumb[n] = dumb[n] || n < base || (first <= n && n <= last);
      }
      check(&set, dumb);
    }
    sure__ranges_fini(&set);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_empty_set_holds_only_number_zero),
      cmocka_unit_test(touching_runs_become_one),
      cmocka_unit_test(the_base_swallows_runs_that_it_reaches),
      cmocka_unit_test(as_many_runs_as_calls_can_be_open_fit_and_no_more),
      cmocka_unit_test(numbers_that_would_wrap_are_refused),
      cmocka_unit_test(behaves_as_a_plain_array_of_booleans),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
