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
  bool is_broken;        /* the last batch failed: what became of it is not known */
  uint64_t number;       /* names this life of it; never the same twice */
};

/* Of the kind that the plan says. NULL is never returned. */
struct sim_store *sim_store_open(void);
struct sim_store *sim_store_close(struct sim_store *store);
/* The number of the store with that id; 0: there was none. */
uint64_t sim_store_number(const struct sure_store_id *id);

#endif
