/* Many timers, the earliest first: a binary heap of timers that live inside the things they wake.
 * No clock in here: the caller says what time it is. */
#ifndef SURE_CORE_TIMERS_H
#define SURE_CORE_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SURE__TIME_NEVER UINT64_MAX

/* Zero-initialised is not set. */
struct sure__timer {
  uint64_t at_ms;
  size_t place; /* in the heap, from 1; 0: not set */
  int kind;     /* the owner's own, to tell its timers apart */
};

struct sure__timers {
  struct sure__timer **heap;
  size_t count;
  size_t capacity;
};

void sure__timers_fini(struct sure__timers *timers);
/* Make sure that `count` timers can be set at the same time; after that, setting can't fail. False
 * when memory is short. */
bool sure__timers_reserve(struct sure__timers *timers, size_t count);
/* Set or move. The room must have been reserved. */
void sure__timers_set(struct sure__timers *timers, struct sure__timer *timer, uint64_t at_ms);
static inline bool sure__timer_is_set(const struct sure__timer *timer) {
  return timer->place != 0;
}
/* Harmless on a timer that is not set. */
void sure__timers_cancel(struct sure__timers *timers, struct sure__timer *timer);
/* When the earliest is due; SURE__TIME_NEVER without any. */
uint64_t sure__timers_next(const struct sure__timers *timers);
/* Takes out one that is due at `now_ms`; NULL when none is. */
struct sure__timer *sure__timers_pop(struct sure__timers *timers, uint64_t now_ms);

#endif
