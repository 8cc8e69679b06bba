/* One measurement, from the client's side. */
#ifndef SURE_BENCH_PEERS_RUN_H
#define SURE_BENCH_PEERS_RUN_H

#include <pthread.h>

#include "histogram.h"
#include "peer.h"

struct peer_run {
  const char *scenario;
  uint8_t *payload;
  size_t payload_len;
  uint64_t end_ns;  /* no call begins after that */
  uint64_t last_ns; /* when a call ended last */
  struct histogram latencies;

  /* Of run.c. */
  uint64_t *begun_at_ns; /* of the call in each slot */
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  unsigned open_count;
  bool is_paced;    /* the next call begins when it is due */
  unsigned *unused; /* slots without a call */
  unsigned unused_count;
};

/* Loads the server at the address as the scenario says, until the end. */
bool run_scenario(struct peer_run *run, const char *address, unsigned count);

#endif
