/* The parts of bank-load: what the workers share. */
#ifndef BANK_LOAD_H
#define BANK_LOAD_H

#include "bank.sure.h"
#include "journal.h"

#include <stdatomic.h>
#include <stdint.h>

#define LOAD_ACCOUNT_COUNT 64

struct load_options {
  const char *server;
  const char *journal;
  const char *json;
  uint64_t charges;
  uint32_t connections;
  uint32_t outstanding; /* calls at a time on each connection */
  uint32_t timeout_ms;  /* of one call */
  uint32_t give_up_s;   /* of the whole run */
  uint64_t seed;
};

/* Counted by the workers as things happen. */
struct load_counts {
  _Atomic uint64_t applied;       /* intents booked */
  _Atomic uint64_t refused;       /* intents that the bank refused for a reason of its own */
  _Atomic uint64_t unknown_calls; /* calls whose first answer was "unknown" */
  _Atomic uint64_t settled;       /* answers that came from a settle */
  _Atomic uint64_t new_ids;       /* payment ids made after the one before was settled as never
                                     applied */
};

struct load {
  const struct load_options *options;
  FILE *journal;
  int64_t give_up_at_ms;
  _Atomic uint64_t next_intent;
  _Atomic bool journal_failed;
  struct load_counts counts;
};

/* Milliseconds of a clock that never goes back. */
int64_t load_now_ms(void);

/* Open the accounts that are charged, with deposits that outlast any run. False: not all could be
 * opened; the reason is on stderr. */
bool load_open_accounts(struct load *load, struct sure_channel *channel);

/* One worker: takes intents, one after the other, until there are none or time is up. */
struct load_worker {
  struct load *load;
  struct sure_channel *channel;
};
/* For pthread_create; `user` is a struct load_worker. Returns NULL. */
void *load_work(void *user);

#endif
