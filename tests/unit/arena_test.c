/* Memory that is given back all at once. */
#include "rpc/core/arena.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/failing_allocator.h"

static void every_piece_is_aligned_and_apart(void **state) {
  (void)state;
  struct sure__arena arena = {0};
  uint8_t *pieces[500];
  for (size_t i = 0; i < 500; i++) {
    pieces[i] = sure__arena_alloc(&arena, i);
    assert_non_null(pieces[i]);
    assert_int_equal(0, (uintptr_t)pieces[i] % alignof(max_align_t));
    memset(pieces[i], (int)i, i);
  }
  for (size_t i = 0; i < 500; i++) {
    for (size_t k = 0; k < i; k++) {
      assert_int_equal((uint8_t)i, pieces[i][k]);
    }
  }
  sure__arena_fini(&arena);
  assert_int_equal(0, failing_allocator_live());
}

static void the_bound_is_kept_and_one_byte_more_is_refused(void **state) {
  (void)state;
  struct sure__arena arena = {.len_max = 4096};
  assert_non_null(sure__arena_alloc(&arena, 4000));
  assert_null(sure__arena_alloc(&arena, 97));
  assert_true(arena.is_short);
  assert_non_null(sure__arena_alloc(&arena, 96));
  assert_null(sure__arena_alloc(&arena, 1));
  sure__arena_reset(&arena);
  assert_false(arena.is_short);
  assert_non_null(sure__arena_alloc(&arena, 4096));
  assert_null(sure__arena_alloc(&arena, SIZE_MAX));
  assert_null(sure__arena_alloc(&arena, SIZE_MAX - 8));
  sure__arena_fini(&arena);
}

static void after_a_reset_the_first_chunk_is_used_again(void **state) {
  (void)state;
  struct sure__arena arena = {0};
  void *first = sure__arena_alloc(&arena, 100);
  for (int i = 0; i < 100; i++) {
    assert_non_null(sure__arena_alloc(&arena, 1000));
  }
  sure__arena_reset(&arena);
  assert_int_equal(1, failing_allocator_live());
  size_t count = failing_allocator_count();
  assert_ptr_equal(first, sure__arena_alloc(&arena, 100));
  assert_int_equal(count, failing_allocator_count());
  sure__arena_fini(&arena);
}

static void a_large_first_chunk_is_given_back(void **state) {
  (void)state;
  struct sure__arena arena = {0};
  assert_non_null(sure__arena_alloc(&arena, 1000000));
  sure__arena_reset(&arena);
  assert_int_equal(0, failing_allocator_live());
  assert_non_null(sure__arena_alloc(&arena, 1));
  sure__arena_fini(&arena);
}

static void a_copy_is_ones_own(void **state) {
  (void)state;
  struct sure__arena arena = {0};
  struct sure_bytes copy = {(const uint8_t *)"x", 1};
  assert_true(sure__arena_copy(&arena, (struct sure_bytes){NULL, 0}, &copy));
  assert_int_equal(0, copy.len);
  assert_true(sure__arena_copy(&arena, (struct sure_bytes){(const uint8_t *)"abc", 3}, &copy));
  assert_memory_equal("abc", copy.data, 3);
  struct sure_bytes before = copy;
  static const uint8_t large[5000];
  failing_allocator_fail_all(true);
  assert_false(sure__arena_copy(&arena, (struct sure_bytes){large, sizeof large}, &copy));
  failing_allocator_fail_all(false);
  assert_ptr_equal(before.data, copy.data);
  assert_true(arena.is_short);
  sure__arena_fini(&arena);
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_piece_is_aligned_and_apart),
      cmocka_unit_test(the_bound_is_kept_and_one_byte_more_is_refused),
      cmocka_unit_test(after_a_reset_the_first_chunk_is_used_again),
      cmocka_unit_test(a_large_first_chunk_is_given_back),
      cmocka_unit_test(a_copy_is_ones_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
