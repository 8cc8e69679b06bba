/* Everything that runs: the bank server, the clients that charge without end, and what lies between
 * them. A client that has made its charges is followed by a new one. */
#ifndef CHAOS_STAGE_H
#define CHAOS_STAGE_H

#include "network.h"
#include "results.h"

#include <stdint.h>

struct counts {
  unsigned kills; /* SIGKILLs to the server */
  unsigned client_kills;
  unsigned partitions;
  unsigned stops;
  unsigned fulls;
  unsigned readonly;
  unsigned limits; /* on files or memory */
  unsigned exits;  /* the server ended by itself, in good order, because of a fault */
};

struct stage {
  struct cast cast;
  struct network network;
  bool has_disk;
  uint64_t random;
  int64_t started_ms;
  unsigned numbers[LOADS]; /* of the loads that run */
  unsigned load_count;     /* started so far: the next load's number */
  bool is_closing;         /* no more loads are started */
  struct counts counts;
  struct results results;
  const char *why; /* it failed; NULL: it did not */
};

/* Start everything. Each function below that returns false has said why in `stage->why`. */
bool stage_open(struct stage *stage);
void stage_close(struct stage *stage);

/* Let things run for `ms`. */
bool stage_run(struct stage *stage, int64_t ms);

bool stage_kill_server(struct stage *stage);
/* Start it, if it does not run. `is_hampered`: it may refuse to start, in good order; then that is
 * counted as an exit. */
bool stage_start_server(struct stage *stage, bool is_hampered);
/* Does the server run? One that ended by itself, in good order, is counted as an exit. */
bool stage_reap_server(struct stage *stage, bool *out_runs);
bool stage_kill_client(struct stage *stage);

/* Payments that clients were told are booked, so far. A killed client's are counted once it has
 * told them again. */
uint64_t stage_applied(const struct stage *stage);

/* No more new clients: wait until those that run have come to their end. */
bool stage_finish(struct stage *stage);

/* A number from `min` to `max`. */
uint64_t stage_dice(struct stage *stage, uint64_t min, uint64_t max);
int64_t stage_now_ms(void);
bool stage_fail(struct stage *stage, const char *why);

#endif
