/* One call of a client's interface, from the side of an application: made, at times cancelled, and
 * watched so that it ends by its deadline. What it is about, and what follows when it has ended, is
 * its owner's, who has it as the first member of something larger. */
#ifndef SURE_TESTS_SIM_ERRAND_H
#define SURE_TESTS_SIM_ERRAND_H

#include "tests/sim/client.h"

struct errand;
typedef void errand_ended_fn(struct errand *errand, const struct sure__client_call *done);

struct errand {
  struct errand *next; /* all of the run, the newest first */
  struct client_node *node;
  uint32_t life; /* of the client */
  errand_ended_fn *ended;
  char about[32]; /* for the story */
  uint64_t handle;
  bool is_open;
  unsigned tries;
};

/* `size` zeroed bytes that begin with an errand. They stay until errands_clear. */
void *errand_new(size_t size, struct client_node *node, errand_ended_fn *ended);
/* A call to fill in, for errand_make. */
struct sure__client_call *errand_call(struct errand *errand);
/* Start it, or the settle that it is. Refused by the engine: nothing happened. */
struct sure__refusal errand_make(struct errand *errand, struct sure__client_call *call,
                                 bool is_settle);
/* Perhaps have it cancelled before its deadline. */
void errand_perhaps_cancel(struct errand *errand, uint32_t timeout_ms);
uint32_t errand_timeout_ms(void);

/* What its end says, as the checkers want to know it. */
struct answer errand_answer(const struct errand *errand, const struct sure__client_call *done);

/* A call of that client has ended: its owner hears of it. */
void errand_completed(struct client_node *node, const struct sure__client_call *done);
/* The client's process is gone. */
void errands_crash(struct client_node *node);
void errands_check_end(void);
/* Calls of all runs. */
uint64_t errand_call_count(void);
void errands_clear(void);

#endif
