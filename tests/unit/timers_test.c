/* The heap of timers, against a plain array. */
#include "rpc/core/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/failing_allocator.h"

enum { COUNT = 60 };

static struct sure__timer timers_of[COUNT];

/* When the earliest of the array is due. */
static uint64_t earliest(const uint64_t *at_ms) {
  uint64_t least = SURE__TIME_NEVER;
  for (size_t i = 0; i < COUNT; i++) {
    least = at_ms[i] < least ? at_ms[i] : least;
  }
  return least;
}

static void behaves_as_a_plain_array(void **state) {
  (void)state;
  const char *text = getenv("SEED");
  unsigned seed = text != NULL ? (unsigned)strtoul(text, NULL, 10) : 1;
  print_message("SEED=%u\n", seed);
  srand(seed);
  uint64_t at_ms[COUNT];
  memset(at_ms, 0xFF, sizeof at_ms); /* never */
  struct sure__timers timers = {0};
  assert_true(sure__timers_reserve(&timers, COUNT));
  for (int step = 0; step < 100000; step++) {
    size_t i = (size_t)rand() % COUNT;
    uint64_t time_ms = (uint64_t)(rand() % 100);
    switch (rand() % 3) {
    case 0:
      sure__timers_set(&timers, &timers_of[i], time_ms);
      at_ms[i] = time_ms;
      break;
    case 1:
      sure__timers_cancel(&timers, &timers_of[i]);
      at_ms[i] = SURE__TIME_NEVER;
      break;
    default: {
      uint64_t due_ms = earliest(at_ms);
      struct sure__timer *timer = sure__timers_pop(&timers, time_ms);
      assert_int_equal(due_ms <= time_ms, timer != NULL);
      if (timer != NULL) {
        assert_int_equal(due_ms, timer->at_ms);
        at_ms[timer - timers_of] = SURE__TIME_NEVER;
      }
    }
    }
    assert_int_equal(at_ms[i] != SURE__TIME_NEVER, sure__timer_is_set(&timers_of[i]));
    assert_true(earliest(at_ms) == sure__timers_next(&timers));
  }
  sure__timers_fini(&timers);
  assert_int_equal(0, failing_allocator_live());
}

static void without_memory_no_room_is_promised(void **state) {
  (void)state;
  struct sure__timers timers = {0};
  failing_allocator_fail_all(true);
  assert_false(sure__timers_reserve(&timers, 1));
  failing_allocator_fail_all(false);
  assert_true(sure__timers_next(&timers) == SURE__TIME_NEVER);
  assert_null(sure__timers_pop(&timers, UINT64_MAX));
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(behaves_as_a_plain_array),
      cmocka_unit_test(without_memory_no_room_is_promised),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
