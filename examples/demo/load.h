/* Rounds of load while the server is killed, and the sums of what happened in them. */
#ifndef DEMO_LOAD_H
#define DEMO_LOAD_H

#include "results.h"

struct sums {
  struct results results;
  uint64_t kills; /* SIGKILLs to the server while calls were under way */
};

/* One round: all loads run to their end while the server is killed and started again. False if
 * something failed that should not; then `*out_why` says what. */
bool load_run_round(struct cast *cast, unsigned round, struct sums *sums, const char **out_why);

int64_t load_now_ms(void);

#endif
