/* What the loads came to: the sums of their results, and their journals as one. */
#ifndef DEMO_RESULTS_H
#define DEMO_RESULTS_H

#include "cast.h"

#include <stdint.h>

struct results {
  uint64_t charges; /* payments that were intended */
  uint64_t replayed;
  uint64_t joined;
  uint64_t settled;
  uint64_t reconnects;
};

/* Wait for the end of a load and add what it printed. False if it could not bring all its payments
 * to an end; then `*out_why` says so. */
bool results_add(struct child *load, struct results *results, const char **out_why);

/* Write the journals of the loads 0 to `count` - 1 as one. Each load numbers its intents from 0, so
 * they are numbered anew. False if that fails. */
bool results_join_journals(unsigned count, const char *path);

#endif
