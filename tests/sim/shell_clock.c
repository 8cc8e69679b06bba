/* In place of rpc/net/clock.c, entropy.c and start.c, and of the system's entropy: the virtual
 * clock, and chance. */
#include "rpc/net/clock.h"

#include <stdlib.h>
#include <sys/random.h>

#include "rpc/net/entropy.h"
#include "rpc/net/start.h"
#include "tests/sim/sim.h"

/* The real clock is never 0, and no wall clock begins in 1970. */
static const uint64_t MONOTONIC_START_MS = 1000;
static const int64_t WALL_START_MS = INT64_C(1700000000000);

uint64_t sure__clock_ms(void) {
  return MONOTONIC_START_MS + sim.now_ms;
}

int64_t sure__clock_lease_ms(void) {
  int64_t skew_ms = sim.current == NULL ? 0 : sim.current->wall_skew_ms;
  return WALL_START_MS + (int64_t)sim.now_ms + skew_ms;
}

struct sure__hlc *sure__clock_hlc(void) {
  static struct sure__hlc nobodys;
  return sim.current == NULL ? &nobodys : &sim.current->clock;
}

void sure__clock_look_at_wall(void) {
  sure__hlc_set_wall(sure__clock_hlc(), sure__clock_ms(), sure__clock_lease_ms());
}

int sure__condition_init(pthread_cond_t *condition) {
  return pthread_cond_init(condition, NULL);
}

void sure__condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t at_ms) {
  (void)condition;
  (void)mutex;
  (void)at_ms;
  abort(); /* nothing waits in a single thread */
}

bool sure__entropy(void *out, size_t len) {
  uint8_t *bytes = out;
  for (size_t i = 0; i < len; i++) {
    bytes[i] = (uint8_t)chance_below(256);
  }
  return true;
}

/* In place of the C library's, for the stores' ids. */
int getentropy(void *__buffer, size_t __length) {
  return sure__entropy(__buffer, __length) ? 0 : -1;
}

bool sure__net_start(void) {
  return true;
}

int sure__thread_start(pthread_t *thread, void *(*run)(void *user), void *user) {
  (void)thread;
  (void)run;
  (void)user;
  abort();
}
