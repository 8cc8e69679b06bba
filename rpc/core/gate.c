#include "rpc/core/gate.h"

#include "rpc/core/assert.h"

enum {
  LIMIT_MIN = 4,
  LIMIT_FIRST = 16,
  WINDOW_MS = 100,
  ENDED_MIN = 10, /* fewer say nothing */
  /* Calls may take so many times as long as with nobody in the way: a store that commits many at
   * once is slower with many, and does more. */
  TOLERANCE = 2,
  PROBE_FIRST = 20, /* windows */
  PROBE_EVERY = 100,
  RETRY_MS_MAX = 1000,
};

void sure__gate_init(struct sure__gate *gate, uint32_t limit_max, bool adapts) {
  *gate = (struct sure__gate){.adapts = adapts, .limit_max = limit_max, .probe_in = PROBE_FIRST};
  uint32_t first = adapts && limit_max > LIMIT_FIRST ? LIMIT_FIRST : limit_max;
  atomic_store(&gate->limit, first);
}

/* ---- finding the limit ---- */

/* About the logarithm: how many may wait in line, and the step up. */
static uint32_t slack_of(uint32_t limit) {
  uint32_t slack = 1;
  while (limit > 1) {
    limit /= 2;
    slack++;
  }
  return slack;
}

static uint32_t clamp(const struct sure__gate *gate, uint64_t limit) {
  uint64_t least = gate->limit_max < LIMIT_MIN ? gate->limit_max : LIMIT_MIN;
  if (limit < least) {
    return (uint32_t)least;
  }
  return limit < gate->limit_max ? (uint32_t)limit : gate->limit_max;
}

/* The limit that fits calls that take `latency_us`, while `at_work` of them were under way. */
static uint64_t judge(const struct sure__gate *gate, uint32_t limit, uint64_t latency_us,
                      uint64_t at_work) {
  uint64_t good_us = TOLERANCE * gate->least_us;
  uint32_t slack = slack_of(limit);
  if (latency_us <= good_us) {
    return 2 * at_work >= limit ? limit + slack : limit; /* what is not used need not grow */
  }
  uint64_t fitting = limit * good_us / latency_us;
  uint64_t waiting = limit - fitting;
  if (waiting <= slack) {
    return limit;
  }
  uint64_t next = fitting + slack;
  return next < limit / 2 ? limit / 2 : next;
}

/* The least time of a call may have changed since: now and then few are let in, to see. */
static void probe(struct sure__gate *gate) {
  gate->limit_before_probe = atomic_load(&gate->limit);
  atomic_store(&gate->limit, clamp(gate, gate->limit_before_probe / 4));
}

static void end_window(struct sure__gate *gate, uint64_t elapsed_ms, uint64_t ended, uint64_t sum) {
  uint64_t at_work = sum / ended;
  uint64_t latency_us = sum * elapsed_ms * 1000 / ended / ended;
  latency_us = latency_us == 0 ? 1 : latency_us;
  uint32_t limit = atomic_load(&gate->limit);
  if (gate->limit_before_probe != 0) {
    gate->least_us = latency_us;
    limit = gate->limit_before_probe;
    gate->limit_before_probe = 0;
    gate->probe_in = PROBE_EVERY;
  } else if (gate->least_us == 0 || latency_us < gate->least_us) {
    gate->least_us = latency_us;
  }
  atomic_store(&gate->latency_us, latency_us);
  if (!gate->adapts) {
    return;
  }
  atomic_store(&gate->limit, clamp(gate, judge(gate, limit, latency_us, at_work)));
  if (--gate->probe_in == 0) {
    probe(gate);
  }
}

/* A window ends when it is long enough and enough calls have ended in it; the others go on. */
static void look_at_time(struct sure__gate *gate, uint64_t now_ms) {
  uint64_t begin_ms = atomic_load_explicit(&gate->window_begin_ms, memory_order_relaxed);
  if (begin_ms == 0 || now_ms < begin_ms) {
    atomic_store(&gate->window_begin_ms, now_ms);
    return;
  }
  uint64_t ended = atomic_load_explicit(&gate->ended_count, memory_order_relaxed);
  if (now_ms - begin_ms < WINDOW_MS || ended < ENDED_MIN ||
      atomic_exchange(&gate->is_judging, true)) {
    return;
  }
  uint64_t sum = atomic_exchange(&gate->at_work_sum, 0);
  ended = atomic_exchange(&gate->ended_count, 0);
  if (ended >= ENDED_MIN) { /* nobody else has ended it meanwhile */
    end_window(gate, now_ms - begin_ms, ended, sum);
  }
  atomic_store(&gate->window_begin_ms, now_ms);
  atomic_store(&gate->is_judging, false);
}

/* ---- in and out ---- */

static bool is_hopeless(const struct sure__gate *gate, uint32_t at_work, uint32_t limit,
                        uint64_t time_left_ms) {
  uint64_t latency_us = atomic_load_explicit(&gate->latency_us, memory_order_relaxed);
  return 2 * at_work > limit && time_left_ms * 1000 < latency_us / 2;
}

enum sure__gate_verdict sure__gate_enter(struct sure__gate *gate, bool is_retry,
                                         uint64_t time_left_ms, uint64_t now_ms) {
  look_at_time(gate, now_ms);
  uint32_t limit = atomic_load_explicit(&gate->limit, memory_order_relaxed);
  uint32_t allowed = is_retry ? limit + limit / 4 + 1 : limit;
  uint32_t before = atomic_fetch_add(&gate->at_work, 1);
  if (before >= allowed || is_hopeless(gate, before, limit, time_left_ms)) {
    atomic_fetch_sub(&gate->at_work, 1);
    return before >= allowed ? SURE__GATE_FULL : SURE__GATE_TOO_LATE;
  }
  return SURE__GATE_OPEN;
}

void sure__gate_leave(struct sure__gate *gate) {
  uint32_t before = atomic_fetch_sub(&gate->at_work, 1);
  sure__assert(before > 0 && "who leaves was let in");
  atomic_fetch_add_explicit(&gate->at_work_sum, before, memory_order_relaxed);
  atomic_fetch_add_explicit(&gate->ended_count, 1, memory_order_relaxed);
}

void sure__gate_step_out(struct sure__gate *gate) {
  uint32_t before = atomic_fetch_sub(&gate->at_work, 1);
  sure__assert(before > 0 && "who steps out was let in");
}

void sure__gate_step_in(struct sure__gate *gate) {
  atomic_fetch_add(&gate->at_work, 1);
}

uint32_t sure__gate_retry_after_ms(const struct sure__gate *gate) {
  uint64_t ms = atomic_load_explicit(&gate->latency_us, memory_order_relaxed) / 1000 + 1;
  return ms < RETRY_MS_MAX ? (uint32_t)ms : RETRY_MS_MAX;
}
