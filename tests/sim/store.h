/* A store for simulated servers: the real one, in memory that outlives them if it is to be durable,
 * behind a door that is at times shut. */
#ifndef SURE_TESTS_SIM_STORE_H
#define SURE_TESTS_SIM_STORE_H

#include <sure/store.h>

#include "tests/sim/sim.h"

struct sim_store {
  struct sure_store base;
  struct sure_store *inner;
  struct process memory; /* what the store's memory belongs to */
  uint64_t number;       /* names this life of it; never the same twice */
};

/* NULL is never returned. */
struct sim_store *sim_store_open(bool is_durable);
struct sim_store *sim_store_close(struct sim_store *store);
/* The number of the store with that id; 0: there was none. */
uint64_t sim_store_number(const struct sure_store_id *id);
/* Rows of calls that the session has; -1: the store has no such session. */
long sim_store_row_count(const struct sim_store *store, const struct sure_session_id *session);
/* Whether the call's row is there, or the session is not. */
bool sim_store_knows(const struct sim_store *store, const struct sure_session_id *session,
                     uint64_t sequence);

#endif
