#include "tests/lib/failing_allocator.h"

#include <stdlib.h>
#include <sure/base.h>

static size_t countdown;
static bool fails_all;
static bool fired;
static size_t live;
static size_t count;

static bool is_to_fail(void) {
  if (countdown > 0 && --countdown == 0) {
    fired = true;
    return true;
  }
  return fails_all;
}

static void *counting_realloc(void *user, void *memory, size_t size) {
  (void)user;
  count++;
  if (is_to_fail()) {
    return NULL;
  }
  void *block = realloc(memory, size);
  if (memory == NULL && block != NULL) {
    live++;
  }
  return block;
}

static void counting_free(void *user, void *memory) {
  (void)user;
  if (memory != NULL) {
    live--;
  }
  free(memory);
}

void failing_allocator_install(void) {
  sure_set_allocator(&(struct sure_allocator){.realloc = counting_realloc, .free = counting_free});
}

void failing_allocator_arm(size_t n) {
  countdown = n;
  fired = false;
}

void failing_allocator_fail_all(bool fail) {
  fails_all = fail;
}

bool failing_allocator_fired(void) {
  return fired;
}

size_t failing_allocator_live(void) {
  return live;
}

size_t failing_allocator_count(void) {
  return count;
}
