#include "rpc/core/retry.h"

#include <sure/status.h>

#include "rpc/core/random.h"

uint64_t sure__backoff_ms(const struct sure__backoff *backoff, uint32_t n, uint64_t *random) {
  uint64_t ms = backoff->initial_ms;
  for (uint32_t i = 1; i < n && ms < backoff->max_ms; i++) {
    uint64_t grown = ms * backoff->multiplier_permille / 1000;
    if (grown == ms) {
      break; /* a factor of one, or a pause too small to grow */
    }
    ms = grown;
  }
  return sure__random_jitter(random, ms < backoff->max_ms ? ms : backoff->max_ms);
}

static uint32_t or_default(uint32_t value, uint32_t fallback) {
  return value == 0 ? fallback : value;
}

struct sure_retry_policy sure__retry_defaults(const struct sure_retry_policy *policy) {
  struct sure_retry_policy full = {
      .attempts_max = policy->attempts_max,
      .backoff_ms_initial = or_default(policy->backoff_ms_initial, 50),
      .backoff_ms_max = or_default(policy->backoff_ms_max, 2000),
      .backoff_multiplier_permille = or_default(policy->backoff_multiplier_permille, 1600),
      .retryable_codes = or_default(policy->retryable_codes, SURE_CODE_BIT(SURE_UNAVAILABLE)),
  };
  if (full.backoff_multiplier_permille < 1000) {
    full.backoff_multiplier_permille = 1000;
  }
  return full;
}

uint64_t sure__retry_delay_ms(const struct sure_retry_policy *policy, uint32_t attempt,
                              uint64_t *random) {
  struct sure__backoff backoff = {.initial_ms = policy->backoff_ms_initial,
                                  .max_ms = policy->backoff_ms_max,
                                  .multiplier_permille = policy->backoff_multiplier_permille};
  return sure__backoff_ms(&backoff, attempt, random);
}
