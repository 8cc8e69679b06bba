/* Numbers for jitter: SplitMix64 (Steele, Lea, Flood 2014). The state is seeded by the shell, or by
 * a test that wants the same story twice. Not for secrets. */
#ifndef SURE_CORE_RANDOM_H
#define SURE_CORE_RANDOM_H

#include <stdint.h>

static inline uint64_t sure__random_next(uint64_t *state) {
  *state += UINT64_C(0x9E3779B97F4A7C15);
  uint64_t z = *state;
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}

/* `ms` times a factor from 0.8 to 1.2, so that clients that failed together do not come back
 * together. */
static inline uint64_t sure__random_jitter(uint64_t *state, uint64_t ms) {
  uint64_t permille = 800 + sure__random_next(state) % 401;
  return ms * permille / 1000;
}

#endif
