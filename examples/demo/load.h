/* Rounds of load while the server is killed, and the sums of what happened in them. */
#ifndef DEMO_LOAD_H
#define DEMO_LOAD_H

#include "cast.h"
#include <stdint.h>

struct sums {
  uint64_t charges; /* payments that were intended */
  uint64_t kills;   /* SIGKILLs to the server while calls were under way */
  uint64_t replayed;
  uint64_t joined;
  uint64_t settled;
  uint64_t reconnects;
};

/* One round: all loads run to their end while the server is killed and started again. False if
 * something failed that should not; then `*out_why` says what. */
bool load_run_round(struct cast *cast, unsigned round, struct sums *sums, const char **out_why);

/* Write the journals of `rounds` rounds as one. Each load numbers its intents from 0, so they are
 * numbered anew. False if that fails. */
bool load_join_journals(unsigned rounds, const char *path);

int64_t load_now_ms(void);

#endif
