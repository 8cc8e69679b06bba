/* The hash table of things that carry their link, against a plain array. */
#include "rpc/core/index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/failing_allocator.h"

enum { THINGS = 2000, KEYS = 300 };

static struct sure__index_link links[THINGS];
static bool is_in[THINGS];
static uint64_t key_of[THINGS];

static unsigned seed_of(void) {
  const char *text = getenv("SEED");
  unsigned seed = text != NULL ? (unsigned)strtoul(text, NULL, 10) : 1;
  print_message("SEED=%u\n", seed);
  return seed;
}

static void check_key(const struct sure__index *index, uint64_t key) {
  size_t expected = 0;
  size_t found = 0;
  for (size_t i = 0; i < THINGS; i++) {
    expected += is_in[i] && key_of[i] == key;
  }
  for (struct sure__index_link *l = sure__index_find(index, key); l != NULL;
       l = sure__index_next(l)) {
    size_t i = (size_t)(l - links);
    assert_true(is_in[i] && key_of[i] == key);
    found++;
  }
  assert_int_equal(expected, found);
}

static void compare(bool memory_is_short) {
  srand(seed_of());
  memset(is_in, 0, sizeof is_in);
  struct sure__index index;
  sure__index_init(&index);
  size_t count = 0;
  failing_allocator_fail_all(memory_is_short);
  for (int step = 0; step < 20000; step++) {
    size_t i = (size_t)rand() % THINGS;
    if (is_in[i]) {
      sure__index_remove(&index, &links[i]);
      count--;
    } else {
      key_of[i] = (uint64_t)(rand() % KEYS);
      sure__index_add(&index, &links[i], key_of[i]);
      count++;
    }
    is_in[i] = !is_in[i];
    assert_int_equal(count, index.count);
    if (step % 20 == 0) {
      check_key(&index, (uint64_t)(rand() % KEYS));
    }
  }
  failing_allocator_fail_all(false);
  struct sure__index_link *link;
  while ((link = sure__index_any(&index)) != NULL) {
    sure__index_remove(&index, link);
    count--;
  }
  assert_int_equal(0, count);
  sure__index_fini(&index);
  assert_int_equal(0, failing_allocator_live());
}

static void behaves_as_a_plain_array(void **state) {
  (void)state;
  compare(false);
}

static void behaves_as_a_plain_array_without_memory_to_grow(void **state) {
  (void)state;
  compare(true);
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(behaves_as_a_plain_array),
      cmocka_unit_test(behaves_as_a_plain_array_without_memory_to_grow),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
