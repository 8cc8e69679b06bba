/* Growable bytes. */
#include "rpc/core/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/failing_allocator.h"

static void what_is_appended_is_there_in_order(void **state) {
  (void)state;
  struct sure__buffer buffer = {0};
  for (int i = 0; i < 5000; i++) {
    assert_true(sure__buffer_append(&buffer, &i, sizeof i));
  }
  for (int i = 0; i < 5000; i++) {
    assert_memory_equal(&i, buffer.data + (size_t)i * sizeof i, sizeof i);
  }
  assert_int_equal(5000 * sizeof(int), buffer.len);
  sure__buffer_fini(&buffer);
  assert_int_equal(0, failing_allocator_live());
}

static void nothing_changes_when_memory_is_short(void **state) {
  (void)state;
  struct sure__buffer buffer = {0};
  assert_true(sure__buffer_append(&buffer, "abc", 3));
  struct sure__buffer before = buffer;
  static const uint8_t large[10000];
  failing_allocator_fail_all(true);
  assert_false(sure__buffer_reserve(&buffer, sizeof large));
  assert_null(sure__buffer_extend(&buffer, sizeof large));
  assert_false(sure__buffer_append(&buffer, large, sizeof large));
  assert_true(sure__buffer_append(&buffer, "def", 3)); /* for that there is room */
  failing_allocator_fail_all(false);
  assert_ptr_equal(before.data, buffer.data);
  assert_memory_equal("abcdef", buffer.data, 6);
  sure__buffer_fini(&buffer);
}

static void lengths_that_would_wrap_are_refused(void **state) {
  (void)state;
  struct sure__buffer buffer = {0};
  assert_true(sure__buffer_append(&buffer, "abc", 3));
  assert_false(sure__buffer_reserve(&buffer, SIZE_MAX));
  assert_false(sure__buffer_reserve(&buffer, SIZE_MAX - 2));
  assert_false(sure__buffer_reserve(&buffer, SIZE_MAX / 2));
  sure__buffer_fini(&buffer);
}

static void clear_keeps_little_and_gives_much_back(void **state) {
  (void)state;
  struct sure__buffer buffer = {0};
  assert_true(sure__buffer_append(&buffer, "abc", 3));
  sure__buffer_clear(&buffer, buffer.capacity);
  assert_non_null(buffer.data);
  assert_int_equal(0, buffer.len);
  sure__buffer_clear(&buffer, buffer.capacity - 1);
  assert_null(buffer.data);
  assert_int_equal(0, failing_allocator_live());
}

static void swap_exchanges_the_contents(void **state) {
  (void)state;
  struct sure__buffer a = {0};
  struct sure__buffer b = {0};
  assert_true(sure__buffer_append(&a, "abc", 3));
  sure__buffer_swap(&a, &b);
  assert_int_equal(0, a.len);
  assert_memory_equal("abc", b.data, 3);
  sure__buffer_fini(&b);
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_appended_is_there_in_order),
      cmocka_unit_test(nothing_changes_when_memory_is_short),
      cmocka_unit_test(lengths_that_would_wrap_are_refused),
      cmocka_unit_test(clear_keeps_little_and_gives_much_back),
      cmocka_unit_test(swap_exchanges_the_contents),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
