/* sure-bench-instructions METHOD COUNT: so many calls between the two engines, one after the other,
 * without threads, sockets or clocks, so that what callgrind counts is the same every time. METHOD
 * is exactly_once or at_least_once; both run in the memory store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/both_ends.h"

int main(int argc, char **argv) {
  static struct ends ends;
  unsigned long count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
  bool is_exact = argc == 3 && strcmp(argv[1], "exactly_once") == 0;
  if (count == 0 || !(is_exact || strcmp(argv[1], "at_least_once") == 0)) {
    fprintf(stderr, "usage: sure-bench-instructions exactly_once|at_least_once COUNT\n");
    return 2;
  }
  ends_begin(&ends, 1);
  ends_pass(&ends, 100);
  for (unsigned long i = 0; i < count; i++) {
    size_t slot = i % ENDS_CALLS_MAX;
    ends_call(&ends, slot, is_exact ? DRIVER_IN_STORE : DRIVER_ALO_IN_STORE, false);
    ends_pass(&ends, 1);
    if (!ends.calls[slot].has_ended || ends.calls[slot].code != SURE_OK) {
      fprintf(stderr, "sure-bench-instructions: call %lu has not ended well\n", i);
      return 1;
    }
  }
  ends_end(&ends);
  return 0;
}
