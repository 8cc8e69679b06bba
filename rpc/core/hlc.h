/* A hybrid logical clock (Kulkarni et al. 2014): stamps that are close to the time of day, and of
 * which a later one is larger, across machines whose clocks are not. Of a stamp's 64 bits the upper
 * 48 are Unix milliseconds, the lower 16 count (protocol 11, S25).
 *
 * One clock for a process, so that what its servers hear goes on in what its channels say. Atomic,
 * without a lock. */
#ifndef SURE_CORE_HLC_H
#define SURE_CORE_HLC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Zero-initialised is a clock that has seen nothing. */
struct sure__hlc {
  _Atomic uint64_t last;
  _Atomic int64_t wall_ahead_ms; /* of the engines' time */
};

/* At `now_ms` of the engines' time it is `wall_ms` by the system's clock; which may be set. */
void sure__hlc_set_wall(struct sure__hlc *clock, uint64_t now_ms, int64_t wall_ms);
/* A stamp for what happens now: larger than all that were given or merged before. */
uint64_t sure__hlc_now(struct sure__hlc *clock, uint64_t now_ms);
/* What is stamped so has happened before whatever comes now. A stamp more than `drift_ms_max` ahead
 * of the system's clock is not believed: false. 0 is no stamp. */
bool sure__hlc_merge(struct sure__hlc *clock, uint64_t stamp, uint32_t drift_ms_max,
                     uint64_t now_ms);
/* The same for a stamp of our own, which is believed whatever it is. */
void sure__hlc_follow(struct sure__hlc *clock, uint64_t stamp);

/* Raises `*highest` to `stamp` if it is lower. */
void sure__stamp_raise(_Atomic uint64_t *highest, uint64_t stamp);

#endif
