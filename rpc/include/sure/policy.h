/* What a channel does about failures that are about more than one call: how many retries it makes
 * in all, to which endpoint a call goes, and which endpoints it leaves alone for a while.
 *
 * Zero in any field means the default that is named beside it. docs/options.md has each option with
 * its name in a .proto and in a service config. */
#ifndef SURE_POLICY_H
#define SURE_POLICY_H

#include <sure/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The budget for retries of a channel: of the last 10 seconds, at most `percent` of the calls, and
 * `floor_per_s` retries a second besides, so that a channel with few calls can retry them. A retry
 * after a lost connection does not count: the pause between connects is what holds it back. */
struct sure_retry_budget {
  uint32_t percent;     /* 10; at most 1000 */
  uint32_t floor_per_s; /* 10; at most 1 000 000 */
  bool is_unlimited;    /* only attempts_max and the deadline of each call count */
};

/* gRPC's way of the same (proposal A6), in place of the budget when max_tokens is set: a bucket
 * starts full, each failure that could be retried takes a token out, each success puts
 * token_ratio_permille thousandths of one back, and there are no retries while it is half empty or
 * less. */
struct sure_retry_throttling {
  uint32_t max_tokens;           /* 1 to 1000; 0: not used */
  uint32_t token_ratio_permille; /* 100, that is 0.1; at most 1 000 000 */
};

/* Which of the endpoints that are ready gets the next attempt. */
enum sure_balancing {
  /* The first that can be reached, in the order of the target; no connections to the others. */
  SURE_PICK_FIRST = 0,
  /* All are kept connected; one after the other. */
  SURE_ROUND_ROBIN = 1,
  /* All are kept connected; of two taken at random, the one with fewer attempts under way
   * (the power of two choices, Mitzenmacher 2001). */
  SURE_LEAST_OUTSTANDING = 2,
};

/* Leaving endpoints alone that fail more than others do (gRPC's proposal A50, whose names these
 * are). What counts as a failure of an endpoint: an attempt that was lost with its connection, ran
 * into its attempt time-out, or was answered UNAVAILABLE. With a single endpoint nothing is
 * ejected. */
struct sure_outlier_detection {
  uint32_t interval_ms;          /* how often failure shares are looked at: 10 000 */
  uint32_t base_ejection_ms;     /* first ejection; the n-th lasts n times that: 30 000 */
  uint32_t max_ejection_ms;      /* but no longer than this: 300 000 */
  uint32_t max_ejection_percent; /* of the endpoints at most, but one may always be: 10 */
  uint32_t consecutive_failures; /* so many in a row eject at once: 5 */
  uint32_t failure_percent;      /* of an interval's attempts eject: 85 */
  uint32_t request_volume;       /* with fewer attempts in an interval its share says nothing: 50 */
  bool is_disabled;
};

/* Whether a channel can be used, as in gRPC. */
enum sure_connectivity {
  SURE_IDLE = 0,              /* no connection, and nobody wants one */
  SURE_CONNECTING = 1,        /* the first try, or the one after a connection that worked */
  SURE_READY = 2,             /* at least one endpoint takes calls */
  SURE_TRANSIENT_FAILURE = 3, /* every endpoint has failed; they are tried again and again */
  SURE_SHUTDOWN = 4,          /* the channel is being freed */
};

/* "READY" for SURE_READY, "?" for a number outside the list. Static. */
SURE_API const char *sure_connectivity_name(enum sure_connectivity state);

#ifdef __cplusplus
}
#endif

#endif
