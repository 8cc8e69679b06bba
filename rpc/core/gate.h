/* How many calls a server has at work at a time, and what it does about more: the gate between
 * arrival and admission. All shards of a server share one, so its numbers are atomic; no lock.
 *
 * The limit is fixed, or found: as TCP Vegas finds the window of a connection (Brakmo and Peterson
 * 1994; servers have done the same with calls in place of packets since), from how long calls take
 * now and how long they take with nobody in the way. How long they take comes from Little's law:
 * the mean number at work over the rate at which they end. */
#ifndef SURE_CORE_GATE_H
#define SURE_CORE_GATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sure__gate {
  bool adapts;
  uint32_t limit_max;
  atomic_uint limit;
  atomic_uint at_work;

  /* The window that is being measured. */
  _Atomic uint64_t window_begin_ms;
  _Atomic uint64_t ended_count;
  _Atomic uint64_t at_work_sum; /* as each of them ended */

  /* Whoever ends a window has these to himself until he begins the next. */
  atomic_bool is_judging;
  uint64_t least_us; /* how long calls take with nobody in the way; 0: not known */
  uint32_t probe_in; /* windows until that is measured again */
  uint32_t limit_before_probe;
  _Atomic uint64_t latency_us; /* of the last window; 0: not known */
};

enum sure__gate_verdict {
  SURE__GATE_OPEN,
  SURE__GATE_FULL,    /* as many are at work as may be */
  SURE__GATE_TOO_LATE /* it would not be done in the time that is left */
};

/* At most `limit_max` at work, not 0; or fewer, as it finds out. */
void sure__gate_init(struct sure__gate *gate, uint32_t limit_max, bool adapts);
/* One more with `time_left_ms`. OPEN: it is at work now. Retries get in a little over the limit:
 * what they ask for may be done already, and then costs next to nothing. */
enum sure__gate_verdict sure__gate_enter(struct sure__gate *gate, bool is_retry,
                                         uint64_t time_left_ms, uint64_t now_ms);
/* One that was let in is not at work any more. */
void sure__gate_leave(struct sure__gate *gate);
/* One that was let in is not at work for now, or is again, however many others are. */
void sure__gate_step_out(struct sure__gate *gate);
void sure__gate_step_in(struct sure__gate *gate);
/* When whoever was turned away may come again: 1 to 1000 ms from now. */
uint32_t sure__gate_retry_after_ms(const struct sure__gate *gate);

#endif
