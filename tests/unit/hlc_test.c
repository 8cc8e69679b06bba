/* The hybrid logical clock. */
#include "rpc/core/hlc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct sure__hlc clock_;

static uint64_t stamp_of(uint64_t ms, uint64_t count) {
  return ms << 16 | count;
}

static int begin(void **state) {
  (void)state;
  clock_ = (struct sure__hlc){0};
  sure__hlc_set_wall(&clock_, 1000, 1700000000000);
  return 0;
}

static void stamps_follow_the_time_of_day(void **state) {
  (void)state;
  assert_int_equal(stamp_of(1700000000000, 0), sure__hlc_now(&clock_, 1000));
  assert_int_equal(stamp_of(1700000000005, 0), sure__hlc_now(&clock_, 1005));
}

static void stamps_of_one_millisecond_count(void **state) {
  (void)state;
  uint64_t first = sure__hlc_now(&clock_, 1000);
  assert_int_equal(first + 1, sure__hlc_now(&clock_, 1000));
  assert_int_equal(first + 2, sure__hlc_now(&clock_, 1000));
}

static void a_clock_that_is_set_back_gives_no_smaller_stamp(void **state) {
  (void)state;
  uint64_t before = sure__hlc_now(&clock_, 1000);
  sure__hlc_set_wall(&clock_, 1001, 1600000000000);
  assert_int_equal(before + 1, sure__hlc_now(&clock_, 1001));
}

static void what_was_heard_comes_before_what_is_said(void **state) {
  (void)state;
  uint64_t heard = stamp_of(1700000000400, 7);
  assert_true(sure__hlc_merge(&clock_, heard, 500, 1000));
  assert_int_equal(heard + 1, sure__hlc_now(&clock_, 1000));
  assert_true(sure__hlc_merge(&clock_, stamp_of(1600000000000, 0), 500, 1000)); /* an old one */
  assert_int_equal(heard + 2, sure__hlc_now(&clock_, 1000));
}

static void a_stamp_too_far_ahead_is_not_believed(void **state) {
  (void)state;
  assert_false(sure__hlc_merge(&clock_, stamp_of(1700000000501, 0), 500, 1000));
  assert_int_equal(stamp_of(1700000000000, 0), sure__hlc_now(&clock_, 1000));
  assert_true(sure__hlc_merge(&clock_, stamp_of(1700000000500, 0), 500, 1000));
  sure__hlc_follow(&clock_, stamp_of(1800000000000, 0)); /* but for one's own */
  assert_int_equal(stamp_of(1800000000000, 1), sure__hlc_now(&clock_, 1000));
}

static void a_full_counter_runs_over_into_the_next_millisecond(void **state) {
  (void)state;
  sure__hlc_follow(&clock_, stamp_of(1700000000000, 0xFFFF));
  assert_int_equal(stamp_of(1700000000001, 0), sure__hlc_now(&clock_, 1000));
}

static void no_stamp_changes_nothing(void **state) {
  (void)state;
  assert_true(sure__hlc_merge(&clock_, 0, 500, 1000));
  assert_int_equal(stamp_of(1700000000000, 0), sure__hlc_now(&clock_, 1000));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(stamps_follow_the_time_of_day, begin),
      cmocka_unit_test_setup(stamps_of_one_millisecond_count, begin),
      cmocka_unit_test_setup(a_clock_that_is_set_back_gives_no_smaller_stamp, begin),
      cmocka_unit_test_setup(what_was_heard_comes_before_what_is_said, begin),
      cmocka_unit_test_setup(a_stamp_too_far_ahead_is_not_believed, begin),
      cmocka_unit_test_setup(a_full_counter_runs_over_into_the_next_millisecond, begin),
      cmocka_unit_test_setup(no_stamp_changes_nothing, begin),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
