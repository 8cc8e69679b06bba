/* One trial: a number of charges, offered with one kind of retry, over one rate of loss. */
#ifndef TWO_GENERALS_TRIAL_H
#define TWO_GENERALS_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

enum retry_kind { RETRY_AT_LEAST_ONCE, RETRY_AT_MOST_ONCE, RETRY_EXACTLY_ONCE };
#define RETRY_KIND_COUNT 3

struct trial {
  enum retry_kind kind;
  double loss; /* probability of a fault at each request and at each reply */
  uint64_t seed;
  uint32_t intents;     /* charges that customers want, each once */
  char directory[4096]; /* an empty one, for the ledger and the socket */
};

/* What happened. Intents are counted; `applied + lost = intents`. */
struct tally {
  uint64_t calls;    /* made for the intents; one that was surely not applied is called again */
  uint64_t attempts; /* transmissions of these calls */
  /* By the ledger, after everything has come to rest: */
  uint64_t applied; /* intents with at least one line */
  uint64_t lost;    /* intents without a line: the caller gave up, or was told a falsehood */
  uint64_t doubled; /* intents with more than one line */
  /* By what the callers were told in the end: */
  uint64_t unknown;  /* intents that nobody could tell them of */
  uint64_t settled;  /* calls whose result came from SETTLE */
  uint64_t replayed; /* calls whose result an earlier attempt had made */
  uint64_t wrong;    /* told "applied" without a line, or "not applied" with one: must be 0 */
  /* By the proxy: */
  uint64_t faults;
  uint64_t replays;        /* captured streams that came again by themselves */
  uint64_t replay_answers; /* frames that this brought out of the server: must be 0 */
};

/* Runs server, proxy and callers, stops them, and counts. False if it could not be run; then a line
 * on stderr says why. Main thread only. */
bool trial_run(const struct trial *trial, struct tally *out_tally);

#endif
