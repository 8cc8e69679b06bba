#include "rpc/core/hlc.h"

#include "rpc/core/mutant.h"

enum { COUNT_BITS = 16 };

void sure__stamp_raise(_Atomic uint64_t *highest, uint64_t stamp) {
  uint64_t seen = atomic_load_explicit(highest, memory_order_relaxed);
  while (seen < stamp && !atomic_compare_exchange_weak(highest, &seen, stamp)) {
  }
}

void sure__hlc_set_wall(struct sure__hlc *clock, uint64_t now_ms, int64_t wall_ms) {
  atomic_store_explicit(&clock->wall_ahead_ms, wall_ms - (int64_t)now_ms, memory_order_relaxed);
}

static uint64_t wall_ms(const struct sure__hlc *clock, uint64_t now_ms) {
  int64_t ahead = atomic_load_explicit(&clock->wall_ahead_ms, memory_order_relaxed);
  int64_t wall = (int64_t)now_ms + ahead;
  return wall > 0 ? (uint64_t)wall : 0;
}

/* A full counter runs over into the milliseconds, as it should: it is ahead by one then. */
uint64_t sure__hlc_now(struct sure__hlc *clock, uint64_t now_ms) {
  uint64_t wall = wall_ms(clock, now_ms) << COUNT_BITS;
  uint64_t last = atomic_load_explicit(&clock->last, memory_order_relaxed);
  uint64_t next;
  do {
    next = wall > last ? wall : last + 1;
  } while (!atomic_compare_exchange_weak(&clock->last, &last, next));
  return next;
}

bool sure__hlc_merge(struct sure__hlc *clock, uint64_t stamp, uint32_t drift_ms_max,
                     uint64_t now_ms) {
  if (stamp >> COUNT_BITS > wall_ms(clock, now_ms) + drift_ms_max) {
    return false;
  }
  if (!SURE__MUTANT(STAMP_NOT_MERGED)) {
    sure__stamp_raise(&clock->last, stamp);
  }
  return true;
}

void sure__hlc_follow(struct sure__hlc *clock, uint64_t stamp) {
  sure__stamp_raise(&clock->last, stamp);
}
