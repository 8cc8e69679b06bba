/* How many calls a server has at work at a time, against servers that are a few lines long. */
#include "rpc/core/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct sure__gate gate;

static bool enter(void) {
  return sure__gate_enter(&gate, false, 60000, 1000) == SURE__GATE_OPEN;
}

static void a_fixed_limit_lets_in_as_many_as_it_says(void **state) {
  (void)state;
  sure__gate_init(&gate, 3, false);
  assert_true(enter() && enter() && enter());
  assert_int_equal(SURE__GATE_FULL, sure__gate_enter(&gate, false, 60000, 1000));
  sure__gate_leave(&gate);
  assert_true(enter());
}

static void retries_are_let_in_a_little_over_the_limit(void **state) {
  (void)state;
  sure__gate_init(&gate, 8, false);
  for (int i = 0; i < 8; i++) {
    assert_true(enter());
  }
  assert_false(enter());
  for (int i = 0; i < 3; i++) {
    assert_int_equal(SURE__GATE_OPEN, sure__gate_enter(&gate, true, 60000, 1000));
  }
  assert_int_equal(SURE__GATE_FULL, sure__gate_enter(&gate, true, 60000, 1000));
}

/* ---- a server that does `capacity` calls at a time, each in `service_ms`, in their order ---- */

enum { QUEUE_MAX = 100000 };

struct line {
  unsigned capacity;
  unsigned service_ms;
  uint64_t ends_ms[QUEUE_MAX]; /* of those that are in, in their order */
  size_t first;
  size_t count;
  uint64_t done; /* since the last look */
  uint64_t now_ms;
};

static struct line line;

static void begin(unsigned capacity, unsigned service_ms) {
  line = (struct line){.capacity = capacity, .service_ms = service_ms, .now_ms = 1000};
  sure__gate_init(&gate, 10000, true);
}

static void let_in(void) {
  if (sure__gate_enter(&gate, false, 60000, line.now_ms) != SURE__GATE_OPEN) {
    return;
  }
  size_t at = line.first + line.count++;
  assert_true(at < QUEUE_MAX);
  uint64_t free_ms = line.now_ms;
  if (line.count > line.capacity && line.ends_ms[at - line.capacity] > free_ms) {
    free_ms = line.ends_ms[at - line.capacity];
  }
  line.ends_ms[at] = free_ms + line.service_ms;
}

/* `offered` calls come each millisecond. */
static void pass(uint64_t ms, unsigned offered) {
  for (uint64_t end_ms = line.now_ms + ms; line.now_ms < end_ms; line.now_ms++) {
    while (line.count > 0 && line.ends_ms[line.first] <= line.now_ms) {
      line.first++;
      line.count--;
      line.done++;
      sure__gate_leave(&gate);
    }
    if (line.first > QUEUE_MAX / 2) {
      for (size_t i = 0; i < line.count; i++) {
        line.ends_ms[i] = line.ends_ms[line.first + i];
      }
      line.first = 0;
    }
    for (unsigned i = 0; i < offered; i++) {
      let_in();
    }
  }
}

/* 20 at a time in 10 ms each are 2 a millisecond. */
static void the_limit_that_is_found_keeps_the_server_busy_and_the_line_short(void **state) {
  (void)state;
  begin(20, 10);
  pass(2000, 1); /* half of it */
  pass(3000, 6); /* three times as much */
  line.done = 0;
  pass(5000, 6);
  assert_in_range(line.done, 9000, 10100); /* of 10 000; the probes cost some */
  assert_in_range(atomic_load(&gate.limit), 20, 80);
  assert_in_range(atomic_load(&gate.latency_us), 10000, 40000);
}

static void the_limit_grows_when_the_server_can_do_more(void **state) {
  (void)state;
  begin(10, 10);
  pass(5000, 4);
  assert_in_range(atomic_load(&gate.limit), 4, 60);
  line.capacity = 200;
  pass(20000, 30);
  line.done = 0;
  pass(2000, 30);
  assert_in_range(line.done, 36000, 41000); /* of 40 000 */
}

static void a_server_with_little_to_do_keeps_its_limit(void **state) {
  (void)state;
  begin(100, 1);
  pass(10000, 2);
  assert_in_range(atomic_load(&gate.limit), 16, 64);
  assert_int_equal(2, line.count);
}

static void what_would_not_be_done_in_time_is_turned_away(void **state) {
  (void)state;
  begin(20, 100);
  pass(5000, 2);
  assert_int_equal(SURE__GATE_TOO_LATE, sure__gate_enter(&gate, true, 5, line.now_ms));
  assert_in_range(sure__gate_retry_after_ms(&gate), 50, 1000);
}

static void nobody_is_turned_away_for_want_of_time_while_there_is_room(void **state) {
  (void)state;
  begin(20, 100);
  pass(5000, 2);
  pass(5000, 0);
  assert_int_equal(SURE__GATE_OPEN, sure__gate_enter(&gate, false, 5, line.now_ms));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_fixed_limit_lets_in_as_many_as_it_says),
      cmocka_unit_test(retries_are_let_in_a_little_over_the_limit),
      cmocka_unit_test(the_limit_that_is_found_keeps_the_server_busy_and_the_line_short),
      cmocka_unit_test(the_limit_grows_when_the_server_can_do_more),
      cmocka_unit_test(a_server_with_little_to_do_keeps_its_limit),
      cmocka_unit_test(what_would_not_be_done_in_time_is_turned_away),
      cmocka_unit_test(nobody_is_turned_away_for_want_of_time_while_there_is_room),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
