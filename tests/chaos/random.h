/* Numbers that only a seed decides. */
#ifndef CHAOS_RANDOM_H
#define CHAOS_RANDOM_H

#include <stdint.h>

/* A number from `min` to `max`; splitmix64. */
static inline uint64_t random_between(uint64_t *state, uint64_t min, uint64_t max) {
  uint64_t x = *state += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return min + (x ^ (x >> 31)) % (max - min + 1);
}

#endif
