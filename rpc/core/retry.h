/* Retry policies: defaults and delays (sure/method.h says what the fields mean). */
#ifndef SURE_CORE_RETRY_H
#define SURE_CORE_RETRY_H

#include <sure/method.h>

/* A pause that grows by a factor up to a limit. */
struct sure__backoff {
  uint32_t initial_ms;
  uint32_t max_ms;
  uint32_t multiplier_permille;
};

/* The n-th pause, n from 1, with jitter drawn from `random`. */
uint64_t sure__backoff_ms(const struct sure__backoff *backoff, uint32_t n, uint64_t *random);

/* `policy` with its zeros replaced. attempts_max stays 0 for "no limit". */
struct sure_retry_policy sure__retry_defaults(const struct sure_retry_policy *policy);
/* The pause after the attempt `attempt`, counted from 1. */
uint64_t sure__retry_delay_ms(const struct sure_retry_policy *policy, uint32_t attempt,
                              uint64_t *random);

#endif
