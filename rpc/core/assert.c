#include "rpc/core/assert.h"

#include <stdio.h>
#include <stdlib.h>

/* The one place where the library writes and ends the process: there is no caller left to tell. */
void sure__assert_failed(const char *fact, const char *file, int line, const char *function) {
  fprintf(stderr, "%s:%d: %s: broken invariant: %s\n", file, line, function, fact);
  abort();
}
